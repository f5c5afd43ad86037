#include "tests/fakes/test_revocation.h"

#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "lib/crypto/hash.h"
#include "tests/fakes/der_writer.h"

namespace musubi::fakes {
namespace {

using base::Bytes;
using base::ByteView;

Bytes ExtensionList(const std::vector<ExtensionSpec>& extensions) {
  Bytes content;
  for (const ExtensionSpec& extension : extensions) {
    const Bytes critical = extension.critical ? der::Boolean(true) : Bytes();
    base::Append(content, der::Sequence({der::Oid(extension.oid), critical,
                                         der::OctetString(extension.value)}));
  }
  return der::Sequence({content});
}

// [n] EXPLICIT Extensions; nothing if there are none.
Bytes TaggedExtensions(int n, const std::vector<ExtensionSpec>& extensions) {
  return extensions.empty() ? Bytes() : der::Context(n, {ExtensionList(extensions)});
}

Bytes Hash(pki::CertIdHash hash, ByteView data) {
  if (hash == pki::CertIdHash::kSha256) {
    const base::Hash256 digest = crypto::Sha256(data);
    return Bytes(digest.begin(), digest.end());
  }
  Bytes digest(SHA_DIGEST_LENGTH);
  SHA1(data.data(), data.size(), digest.data());
  return digest;
}

}  // namespace

Bytes Sha1WithRsaAlgorithm() {
  return der::Sequence({der::Oid("1.2.840.113549.1.1.5"), der::Null()});
}

void SetExtension(std::vector<ExtensionSpec>& extensions, std::string_view oid, bool critical,
                  Bytes value) {
  for (ExtensionSpec& extension : extensions) {
    if (extension.oid != oid) continue;
    extension.critical = critical;
    extension.value = std::move(value);
    return;
  }
  extensions.push_back({std::string(oid), critical, std::move(value)});
}

void RemoveExtension(std::vector<ExtensionSpec>& extensions, std::string_view oid) {
  std::erase_if(extensions, [&](const ExtensionSpec& extension) { return extension.oid == oid; });
}

CrlSpec& CrlSpec::Set(std::string_view oid, bool critical, Bytes value) {
  SetExtension(extensions, oid, critical, std::move(value));
  return *this;
}

CrlSpec& CrlSpec::Revoke(ByteView serial, absl::Time at, std::optional<uint64_t> reason) {
  CrlEntrySpec entry{base::ToBytes(serial), at};
  if (reason) {
    entry.extensions.push_back({std::string(kReasonCodeOid), false, der::Enumerated(*reason)});
  }
  entries.push_back(std::move(entry));
  return *this;
}

CrlSpec MakeCrlSpec(const TestCa& ca, ByteView distribution_point, uint64_t number,
                    absl::Time this_update) {
  CrlSpec spec;
  spec.issuer = ca.name();
  spec.this_update = this_update;
  spec.next_update = this_update + absl::Hours(48);
  spec.Set(kAuthorityKeyIdentifierOid, false,
           AuthorityKeyIdentifierValue(ca.key_identifier(), std::nullopt, std::nullopt));
  spec.Set(kCrlNumberOid, false, der::Integer(number));
  if (!distribution_point.empty()) {
    spec.Set(kIssuingDistributionPointOid, true, IdpValue({IdpDirectoryName(distribution_point)}));
  }
  return spec;
}

Bytes IssueCrl(const CrlSpec& spec, const TestKey& signer) {
  Bytes entries;
  for (const CrlEntrySpec& entry : spec.entries) {
    base::Append(
        entries,
        der::Sequence({der::Tlv(0x02, {entry.serial}), der::Time(entry.revoked_at),
                       entry.extensions.empty() ? Bytes() : ExtensionList(entry.extensions)}));
  }
  const Bytes algorithm = signer.CertificateAlgorithmDer();
  const Bytes tbs = der::Sequence(
      {spec.version ? der::Integer(*spec.version) : Bytes(),
       spec.inner_algorithm.value_or(algorithm), spec.issuer, der::Time(spec.this_update),
       spec.next_update ? der::Time(*spec.next_update) : Bytes(),
       entries.empty() ? Bytes() : der::Sequence({entries}), TaggedExtensions(0, spec.extensions)});
  return der::Sequence({tbs, spec.outer_algorithm.value_or(algorithm),
                        der::BitString(spec.signed_with ? signer.Sign(*spec.signed_with, tbs)
                                                        : signer.SignCertificate(tbs))});
}

Bytes IdpValue(std::initializer_list<ByteView> parts) { return der::Sequence(parts); }

Bytes IdpDirectoryName(ByteView name) {
  return der::Context(0, {der::Context(0, {der::Context(4, {name})})});
}

CertificateSpec OcspDelegateSpec(const TestCa& ca, const TestKey& key) {
  CertificateSpec spec = ca.CardSpec(key, 0x00c0ffee);
  spec.subject = der::Name({{"C", "JP"}, {"O", "JPKI-SIM"}, {"CN", "OCSP responder 1"}});
  spec.not_after = ca.certificate().not_after();
  spec.extensions.clear();
  spec.Set(kKeyUsageOid, true,
           KeyUsageValue(static_cast<uint16_t>(pki::KeyUsage::kDigitalSignature)));
  spec.Set(kExtendedKeyUsageOid, false, ExtendedKeyUsageValue({kOcspSigningOid}));
  spec.Set(kNocheckOid, false, der::Null());
  return spec;
}

Bytes CertIdDer(const pki::Certificate& issuer, ByteView serial, pki::CertIdHash hash) {
  const std::string_view oid =
      hash == pki::CertIdHash::kSha1 ? "1.3.14.3.2.26" : "2.16.840.1.101.3.4.2.1";
  return der::Sequence({der::Sequence({der::Oid(oid), der::Null()}),
                        der::OctetString(Hash(hash, issuer.subject_der())),
                        der::OctetString(Hash(hash, issuer.public_key_bits())),
                        der::Tlv(0x02, {serial})});
}

Bytes ResponderByName(const pki::Certificate& responder) {
  return der::Context(1, {responder.subject_der()});
}

Bytes ResponderByKey(const TestKey& key) {
  return der::Context(2, {der::OctetString(key.KeyIdentifier())});
}

Bytes OcspGood() { return der::ContextPrimitive(0, {}); }
Bytes OcspUnknown() { return der::ContextPrimitive(2, {}); }
Bytes OcspRevoked(absl::Time at, std::optional<uint64_t> reason) {
  return der::Context(1, {der::GeneralizedTime(at),
                          reason ? der::Context(0, {der::Enumerated(*reason)}) : Bytes()});
}

OcspSpec& OcspSpec::Nonce(ByteView nonce) {
  SetExtension(extensions, kOcspNonceOid, false, der::OctetString(nonce));
  return *this;
}

Bytes IssueOcsp(const OcspSpec& spec, const TestKey& signer) {
  if (spec.response_status != 0) return der::Sequence({der::Enumerated(spec.response_status)});
  Bytes answers;
  for (const OcspAnswerSpec& answer : spec.answers) {
    base::Append(
        answers,
        der::Sequence({answer.cert_id, answer.status, der::GeneralizedTime(answer.this_update),
                       answer.next_update
                           ? der::Context(0, {der::GeneralizedTime(*answer.next_update)})
                           : Bytes(),
                       TaggedExtensions(1, answer.extensions)}));
  }
  const Bytes tbs =
      der::Sequence({spec.version ? der::Context(0, {der::Integer(*spec.version)}) : Bytes(),
                     spec.responder, der::GeneralizedTime(spec.produced_at),
                     der::Sequence({answers}), TaggedExtensions(1, spec.extensions)});
  Bytes certificates;
  for (const Bytes& certificate : spec.certificates) base::Append(certificates, certificate);
  const Bytes basic = der::Sequence(
      {tbs, spec.algorithm.value_or(signer.CertificateAlgorithmDer()),
       der::BitString(spec.signed_with ? signer.Sign(*spec.signed_with, tbs)
                                       : signer.SignCertificate(tbs)),
       certificates.empty() ? Bytes() : der::Context(0, {der::Sequence({certificates})})});
  return der::Sequence(
      {der::Enumerated(0),
       der::Context(0, {der::Sequence({der::Oid(spec.response_type), der::OctetString(basic)})})});
}

Bytes NonceOfRequest(ByteView request) {
  // The extension's OID, and then two OCTET STRINGs of short length, one inside the other.
  const Bytes oid = der::Oid(kOcspNonceOid);
  const auto found = std::search(request.begin(), request.end(), oid.begin(), oid.end());
  if (found == request.end()) return {};
  const auto nonce = found + static_cast<ptrdiff_t>(oid.size()) + 4;
  return Bytes(nonce, nonce + *(nonce - 1));
}

}  // namespace musubi::fakes
