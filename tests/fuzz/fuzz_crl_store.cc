// CrlStore over lists that say anything, signed by anybody, damaged anywhere, one after the other:
// no crash, what was revoked once stays revoked, and GOOD needs a list of the right scope in force.
// Before that any text as the manifest. (Octets that are no CRL: fuzz_crl.)
#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>

#include "lib/base/check.h"
#include "lib/revocation/crl_store.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace {

using namespace musubi;
using fakes::KeyKind;
using fakes::TestKey;
using pki::RevocationOutcome;

constexpr char kFile[] = "auth-01-99001.crl";

// Keeps the last event.
class LastEvent final : public revocation::Observer {
 public:
  void OnScope(const revocation::ScopeEvent& event) override { outcome_ = event.outcome; }
  revocation::ScopeOutcome outcome() const { return outcome_; }

 private:
  revocation::ScopeOutcome outcome_ = revocation::ScopeOutcome::kUnspecified;
};

struct World {
  World() { directory.Expect("auth-01", point, kFile); }

  fakes::TestCa ca{{.key_kind = KeyKind::kRsa2048}};
  const TestKey& stranger = TestKey::Get(KeyKind::kRsa2048, 1);
  const base::Bytes point = fakes::DistributionPointName("Mihon-shi");
  pki::Certificate issuer = ca.certificate();
  pki::Certificate card =
      fakes::ParseCertificate(ca.Issue(ca.CardSpec(TestKey::Get(KeyKind::kRsa2048, 2))));
  fakes::CrlDirectory directory, manifests;

  absl::StatusOr<std::unique_ptr<revocation::CrlStore>> Open(const base::Clock& clock,
                                                             revocation::Observer& observer,
                                                             const std::string& path) const {
    return revocation::CrlStore::Create({clock, observer},
                                        {.directory = path, .issuers = {{"auth-01", issuer}}});
  }
};

// Not atomically: nobody else reads, and fsync would be most of the time.
void Write(const std::string& path, base::ByteView octets) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << base::AsText(octets);
}

bool OneIn(FuzzedDataProvider& data, int n) { return data.ConsumeIntegralInRange(1, n) == 1; }

fakes::CrlSpec TakeSpec(FuzzedDataProvider& data, const World& world, absl::Time now,
                        bool& lists_card) {
  const bool ours = !OneIn(data, 6);
  fakes::CrlSpec spec =
      fakes::MakeCrlSpec(world.ca, ours ? world.point : fakes::DistributionPointName("Rei-shi"),
                         data.ConsumeIntegralInRange<uint64_t>(0, 6),
                         now + absl::Minutes(data.ConsumeIntegralInRange(-6000, 20)));
  if (OneIn(data, 6)) spec.next_update.reset();
  for (int i = data.ConsumeIntegralInRange(0, 4); i > 0; --i) {
    base::Bytes serial = data.ConsumeBytes<uint8_t>(data.ConsumeIntegralInRange<size_t>(1, 4));
    if (serial.empty()) serial = {1};
    if (OneIn(data, 3)) {
      serial = base::ToBytes(world.card.serial());
      lists_card = true;
    }
    spec.Revoke(serial, now - absl::Hours(1), data.ConsumeIntegralInRange<uint64_t>(0, 12));
  }
  return spec;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* octets, size_t size) {
  static World world;
  fakes::SimulatedClock clock;
  LastEvent event;
  FuzzedDataProvider data(octets, size);
  if (data.ConsumeBool()) {
    const std::string manifest = data.ConsumeRemainingBytesAsString();
    Write(world.manifests.path() + "/scopes.json", base::AsBytes(manifest));
    (void)world.Open(clock, event, world.manifests.path());
    return 0;
  }
  world.directory.Remove(kFile);
  const auto store = world.Open(clock, event, world.directory.path()).value();
  bool loaded = false, revoked = false;
  for (int i = data.ConsumeIntegralInRange(1, 4); i > 0; --i) {
    bool lists_card = false;
    const fakes::CrlSpec spec = TakeSpec(data, world, clock.Now(), lists_card);
    const bool by_ca = !OneIn(data, 6);
    base::Bytes crl = fakes::IssueCrl(spec, by_ca ? world.ca.key() : world.stranger);
    const bool damaged = OneIn(data, 4);
    if (damaged) {
      crl[data.ConsumeIntegralInRange<size_t>(0, crl.size() - 1)] ^=
          data.ConsumeIntegralInRange<uint8_t>(1, 255);
    }
    Write(world.directory.path() + "/" + kFile, crl);
    MUSUBI_CHECK(store->Reload().ok(), "the manifest is good");
    const bool taken = event.outcome() == revocation::ScopeOutcome::kLoaded;
    MUSUBI_CHECK(!taken || (by_ca && !damaged), "only what the CA signed is put in force");
    loaded = loaded || taken;
    revoked = revoked || (taken && lists_card);
    clock.Advance(absl::Hours(data.ConsumeIntegralInRange(0, 60)));
    const auto found = store->Lookup(world.card, world.issuer, clock.Now()).outcome;
    MUSUBI_CHECK((found == RevocationOutcome::kRevoked) == revoked, "once revoked, always revoked");
    MUSUBI_CHECK(found != RevocationOutcome::kGood || loaded, "GOOD needs a list");
  }
  return 0;
}
