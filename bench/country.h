// CRLs of a country as files, for benchmarks: one list, or as many as there are municipalities, of
// numbered cards. Measures nothing.
#ifndef MUSUBI_BENCH_COUNTRY_H_
#define MUSUBI_BENCH_COUNTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/revocation/crl_store.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"

namespace musubi::bench {

// The issuer, and when its lists begin to be in force.
struct World {
  fakes::TestCa ca;
  absl::Time start = base::RealClock().Now() - absl::Hours(1);
};

// The serial of card number i: four octets, all different, in no order.
uint32_t SerialOf(uint32_t i);

// One directory of lists, and what a card of each municipality says of its list. Cards with numbers
// below entries() are listed.
class Country {
 public:
  // Writes `entries` entries of 37 octets into `parts` lists; 1: a full list.
  Country(const World& world, int entries, int parts);

  // Writes all lists anew, under this CRL number.
  void WriteLists(uint64_t number) const;
  absl::StatusOr<std::unique_ptr<revocation::CrlStore>> Open() const;

  std::string File(int i) const { return directory_.File(std::to_string(i)); }
  int entries() const { return entries_; }
  // The content of cRLDistributionPoints of card number n.
  base::ByteView Crldp(uint32_t n) const { return crldps_[n % crldps_.size()]; }

 private:
  const World& world_;
  const int entries_;
  const bool full_;
  std::vector<base::Bytes> points_, crldps_;
  fakes::TempDir directory_;
  base::RealClock clock_;
  mutable revocation::Observer observer_;
};

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_COUNTRY_H_
