#include "sandbox/name_statement.h"

#include "lib/crypto/hash.h"

namespace musubi::sandbox {
namespace {

void AppendLengthPrefixed(base::Bytes& out, base::ByteView part) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<uint8_t>(part.size() >> shift));
  }
  base::Append(out, part);
}

}  // namespace

base::Bytes NameStatementOctets(std::string_view name, const base::Hash256& challenge_hash,
                                const base::Hash256& certificate_hash) {
  base::Bytes out = base::ToBytes("MUSUBI-NAME-STATEMENT");
  out.push_back(1);
  AppendLengthPrefixed(out, base::AsBytes(name));
  AppendLengthPrefixed(out, challenge_hash);
  AppendLengthPrefixed(out, certificate_hash);
  return out;
}

NameStatement SignNameStatement(const NameIssuer& issuer, std::string_view name,
                                base::ByteView challenge, base::ByteView certificate) {
  const base::Bytes octets =
      NameStatementOctets(name, crypto::Sha256(challenge), crypto::Sha256(certificate));
  return {.name = std::string(name), .issuer_id = issuer.id, .signature = issuer.key.Sign(octets)};
}

}  // namespace musubi::sandbox
