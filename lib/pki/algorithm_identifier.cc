#include "lib/pki/algorithm_identifier.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "lib/base/same_octets.h"

namespace musubi::pki {

using base::ByteView;

bool IsAlgorithmIdentifier(const DerElement& sequence) {
  DerReader reader(sequence.content);
  const auto oid = reader.Read(der_tag::kOid);
  if (!oid || !IsOid(oid->content)) return false;
  if (reader.done()) return true;
  const auto parameters = reader.Read();
  return parameters && reader.done() && IsStrictDer(parameters->whole);
}

bool HasRsaParameters(const DerElement& sequence) {
  static constexpr uint8_t kPkcs1Arc[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01};
  DerReader reader(sequence.content);
  const ByteView id = reader.Read(der_tag::kOid)->content;
  if (id.size() != std::size(kPkcs1Arc) + 1 ||
      !base::SameOctets(id.first(std::size(kPkcs1Arc)), kPkcs1Arc)) {
    return true;
  }
  // 1 rsaEncryption, 2 to 5 and 11 to 16 signatures with a hash; 7 to 10 are OAEP, MGF1 and PSS.
  const int last = id.back();
  return (last >= 7 && last <= 10) || reader.Next(der_tag::kNull);
}

}  // namespace musubi::pki
