#include "bench/country.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/pki/der.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::bench {
namespace {

namespace der = fakes::der;
using base::Bytes;

Bytes SerialOctets(uint32_t serial) {
  return {static_cast<uint8_t>(serial >> 24), static_cast<uint8_t>(serial >> 16),
          static_cast<uint8_t>(serial >> 8), static_cast<uint8_t>(serial)};
}

// Entries of 37 octets, of every `step`th number from `first` on.
Bytes MakeList(const World& world, base::ByteView point, uint64_t number, int first, int count,
               int step) {
  fakes::CrlSpec spec = fakes::MakeCrlSpec(world.ca, point, number, world.start);
  Bytes entry = der::Sequence(
      {der::Tlv(0x02, {SerialOctets(SerialOf(0))}), der::UtcTime(world.start),
       der::Sequence(
           {der::Sequence({der::Oid("2.5.29.21"), der::OctetString(der::Enumerated(4))})})});
  MUSUBI_CHECK(entry.size() == 37, "an entry of 37 octets");
  Bytes entries;
  entries.reserve(static_cast<size_t>(count) * entry.size());
  for (int i = 0; i < count; ++i) {
    const uint32_t n = static_cast<uint32_t>(first + i * step);
    std::ranges::copy(SerialOctets(SerialOf(n)), entry.begin() + 4);
    // Times that differ: the last digits of day, minute and second of the UTCTime.
    entry[14] = '1';
    entry[15] = static_cast<uint8_t>('0' + n % 10);
    entry[19] = static_cast<uint8_t>('0' + n / 10 % 10);
    entry[21] = static_cast<uint8_t>('0' + n / 100 % 10);
    base::Append(entries, entry);
  }
  Bytes extensions;
  for (const auto& extension : spec.extensions) {
    base::Append(extensions, der::Sequence({der::Oid(extension.oid),
                                            extension.critical ? der::Boolean(true) : Bytes(),
                                            der::OctetString(extension.value)}));
  }
  const Bytes algorithm = world.ca.key().CertificateAlgorithmDer();
  const Bytes tbs =
      der::Sequence({der::Integer(1), algorithm, spec.issuer, der::UtcTime(spec.this_update),
                     der::UtcTime(*spec.next_update), der::Sequence({entries}),
                     der::Context(0, {der::Sequence({extensions})})});
  return der::Sequence({tbs, algorithm, der::BitString(world.ca.key().SignCertificate(tbs))});
}

}  // namespace

uint32_t SerialOf(uint32_t i) { return 0x10000000u + ((i * 2654435761u) & 0x3fffffffu); }

Country::Country(const World& world, int entries, int parts)
    : world_(world), entries_(entries), full_(parts == 1) {
  for (int i = 0; i < parts; ++i) {
    points_.push_back(fakes::DistributionPointName(absl::StrCat("Mihon-", i)));
    const Bytes value = fakes::CrlDistributionPointsValue(points_.back());
    crldps_.push_back(base::ToBytes(pki::ReadSingle(value, pki::der_tag::kSequence)->content));
  }
  WriteLists(1);
  std::string manifest = R"({"version":1,"scopes":[)";
  for (int i = 0; i < parts; ++i) {
    absl::StrAppend(&manifest, i > 0 ? "," : "", R"({"anchor":"a","distribution_point":")",
                    full_ ? "full" : base::Base64Encode(points_[static_cast<size_t>(i)]),
                    R"(","file":")", i, R"("})");
  }
  std::ofstream(directory_.File("scopes.json")) << manifest << "]}";
}

void Country::WriteLists(uint64_t number) const {
  const int parts = static_cast<int>(points_.size());
  for (int i = 0; i < parts; ++i) {
    const Bytes list = MakeList(world_, full_ ? Bytes() : points_[static_cast<size_t>(i)], number,
                                i, (entries_ - i + parts - 1) / parts, parts);
    std::ofstream(File(i), std::ios::binary) << base::AsText(list);
  }
}
absl::StatusOr<std::unique_ptr<revocation::CrlStore>> Country::Open() const {
  return revocation::CrlStore::Create(
      {clock_, observer_},
      {.directory = directory_.path(), .issuers = {{"a", world_.ca.certificate()}}});
}

}  // namespace musubi::bench
