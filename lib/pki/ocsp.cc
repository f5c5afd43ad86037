#include "lib/pki/ocsp.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/same_octets.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/signature.h"
#include "lib/pki/algorithm_identifier.h"
#include "lib/pki/der.h"
#include "lib/pki/extensions.h"
#include "lib/pki/name.h"

namespace musubi::pki {
namespace {

using base::Bytes;
using base::ByteView;

constexpr std::string_view kNonceOid = "1.3.6.1.5.5.7.48.1.2";
constexpr std::string_view kNocheckOid = "1.3.6.1.5.5.7.48.1.5";
constexpr std::string_view kOcspSigningOid = "1.3.6.1.5.5.7.3.9";
// Content octets of id-pkix-ocsp-basic, id-pkix-ocsp-nonce, id-sha1 and id-sha256.
constexpr std::string_view kBasicOidDer("\x2b\x06\x01\x05\x05\x07\x30\x01\x01", 9);
constexpr std::string_view kNonceOidDer("\x2b\x06\x01\x05\x05\x07\x30\x01\x02", 9);
constexpr std::string_view kSha1OidDer("\x2b\x0e\x03\x02\x1a", 5);
constexpr std::string_view kSha256OidDer("\x60\x86\x48\x01\x65\x03\x04\x02\x01", 9);

// RFC 8954 section 2.1.
constexpr size_t kMaxNonceSize = 32;
// Certificates and answers that one response may hold: each certificate may cost a signature check.
constexpr size_t kMaxEnclosedCertificates = 8;
constexpr size_t kMaxAnswers = 64;

// What a delegate's critical extensions may be: keyUsage, basicConstraints, extKeyUsage,
// certificatePolicies, nocheck. The first three are acted upon; policies restrict nobody here.
constexpr std::array<std::string_view, 5> kDelegateExtensions = {
    "2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.32", kNocheckOid};

Bytes Sha1(ByteView data) {
  Bytes digest(20);
  unsigned int size = 0;
  MUSUBI_CHECK(EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1,
               "SHA-1 failed");
  return digest;
}

Bytes HashFor(CertIdHash hash, ByteView data) {
  if (hash == CertIdHash::kSha1) return Sha1(data);
  const base::Hash256 digest = crypto::Sha256(data);
  return Bytes(digest.begin(), digest.end());
}

// Element writes one DER element.
Bytes Element(uint8_t tag, ByteView content) {
  Bytes out{tag};
  const size_t size = content.size();
  MUSUBI_CHECK(size <= 0xffff, "an OCSP request is small");
  if (size >= 0x100) {
    out.insert(out.end(), {0x82, static_cast<uint8_t>(size >> 8)});
  } else if (size >= 0x80) {
    out.push_back(0x81);
  }
  out.push_back(static_cast<uint8_t>(size));
  base::Append(out, content);
  return out;
}

Bytes Sequence(std::initializer_list<Bytes> parts) {
  Bytes content;
  for (const Bytes& part : parts) base::Append(content, part);
  return Element(der_tag::kSequence, content);
}

// The value of the nonce extension: RFC 8954 wraps the nonce into an OCTET STRING of its own.
Bytes NonceValue(ByteView nonce) { return Element(der_tag::kOctetString, nonce); }

// RFC 6960 section 4.2.1, SingleResponse.
struct SingleAnswer {
  OcspCertStatus status = OcspCertStatus::kUnknown;
  absl::Time this_update;
  std::optional<absl::Time> next_update;
  std::optional<absl::Time> revoked_at;
  CrlReason reason = CrlReason::kNotGiven;
};

struct BasicResponse {
  ByteView tbs;
  ByteView algorithm;
  ByteView signature;
  ByteView responder_name;      // Of the two one is empty.
  ByteView responder_key_hash;  // SHA-1 of the key.
  absl::Time produced_at;
  std::optional<ByteView> nonce_value;
  std::vector<SingleAnswer> matching;
  std::vector<Certificate> certificates;
};

std::optional<absl::Time> ReadTime(DerReader& reader) {
  const auto element = reader.Read(der_tag::kGeneralizedTime);
  return element ? ParseTime(*element) : std::nullopt;
}

// Is this CertID the one of `target`, computed from our own issuer? Nothing if malformed.
std::optional<bool> MatchesCertId(ByteView content, const Certificate& target,
                                  const Certificate& issuer) {
  DerReader reader(content);
  const auto algorithm = reader.Read(der_tag::kSequence);
  const auto name_hash = reader.Read(der_tag::kOctetString);
  const auto key_hash = reader.Read(der_tag::kOctetString);
  const auto serial = reader.Read(der_tag::kInteger);
  if (!algorithm || !IsAlgorithmIdentifier(*algorithm) || !name_hash || !key_hash || !serial ||
      !reader.done()) {
    return std::nullopt;
  }
  DerReader parts(algorithm->content);
  const auto oid = parts.Read(der_tag::kOid);
  if (!parts.done() && (!parts.Read(der_tag::kNull) || !parts.done())) return false;
  CertIdHash hash;
  if (base::AsText(oid->content) == kSha1OidDer) {
    hash = CertIdHash::kSha1;
  } else if (base::AsText(oid->content) == kSha256OidDer) {
    hash = CertIdHash::kSha256;
  } else {
    return false;
  }
  return base::SameOctets(serial->content, target.serial()) &&
         base::SameOctets(name_hash->content, HashFor(hash, issuer.subject_der())) &&
         base::SameOctets(key_hash->content, HashFor(hash, issuer.public_key_bits()));
}

// An optional [n] EXPLICIT Extensions. Calls `take` for each; kAnswered if all is understood.
template <typename Take>
OcspOutcome ReadTaggedExtensions(DerReader& reader, int number, Take take) {
  if (!reader.Next(der_tag::Constructed(number))) return OcspOutcome::kAnswered;
  const auto tagged = reader.Read();
  const auto list = tagged ? ReadSingle(tagged->content, der_tag::kSequence) : std::nullopt;
  const auto extensions = list ? ReadExtensions(list->content) : std::nullopt;
  if (!extensions) return OcspOutcome::kMalformed;
  for (const Extension& extension : *extensions) {
    if (!take(extension) && extension.critical) return OcspOutcome::kUnknownCriticalExtension;
  }
  return OcspOutcome::kAnswered;
}

// RevokedInfo, the content of [1] IMPLICIT.
bool ParseRevokedInfo(ByteView content, SingleAnswer& answer) {
  DerReader reader(content);
  answer.status = OcspCertStatus::kRevoked;
  answer.revoked_at = ReadTime(reader);
  if (!answer.revoked_at) return false;
  if (reader.Next(der_tag::Constructed(0))) {
    const auto tagged = reader.Read();
    const auto reason = tagged ? ReadSingle(tagged->content, der_tag::kEnumerated) : std::nullopt;
    // 7 is not used. removeFromCRL would take a revocation back; "revoked" stands all the same.
    if (!reason || reason->content.size() != 1 || reason->content[0] > 10 ||
        reason->content[0] == 7) {
      return false;
    }
    answer.reason = static_cast<CrlReason>(reason->content[0] + 1);
  }
  return reader.done();
}

OcspOutcome ParseSingleResponse(ByteView content, const Certificate& target,
                                const Certificate& issuer, BasicResponse& out) {
  DerReader reader(content);
  const auto cert_id = reader.Read(der_tag::kSequence);
  const auto matches = cert_id ? MatchesCertId(cert_id->content, target, issuer) : std::nullopt;
  const auto status = reader.Read();
  if (!matches || !status) return OcspOutcome::kMalformed;
  SingleAnswer answer;
  if (status->tag == der_tag::Primitive(0) && status->content.empty()) {
    answer.status = OcspCertStatus::kGood;
  } else if (status->tag == der_tag::Primitive(2) && status->content.empty()) {
    answer.status = OcspCertStatus::kUnknown;
  } else if (status->tag != der_tag::Constructed(1) || !ParseRevokedInfo(status->content, answer)) {
    return OcspOutcome::kMalformed;
  }
  const auto this_update = ReadTime(reader);
  if (!this_update) return OcspOutcome::kMalformed;
  answer.this_update = *this_update;
  if (reader.Next(der_tag::Constructed(0))) {
    const auto tagged = reader.Read();
    const auto time =
        tagged ? ReadSingle(tagged->content, der_tag::kGeneralizedTime) : std::nullopt;
    answer.next_update = time ? ParseTime(*time) : std::nullopt;
    if (!answer.next_update) return OcspOutcome::kMalformed;
  }
  const OcspOutcome extensions =
      ReadTaggedExtensions(reader, 1, [](const Extension&) { return false; });
  if (extensions != OcspOutcome::kAnswered) return extensions;
  if (!reader.done()) return OcspOutcome::kMalformed;
  if (*matches) out.matching.push_back(answer);
  return OcspOutcome::kAnswered;
}

// RFC 6960 section 4.2.1, ResponseData.
OcspOutcome ParseResponseData(ByteView content, const Certificate& target,
                              const Certificate& issuer, BasicResponse& out) {
  DerReader reader(content);
  if (reader.Next(der_tag::Constructed(0))) {
    // v1 is the default, which DER leaves out, but some responders write.
    const auto tagged = reader.Read();
    const auto version = tagged ? ReadSingle(tagged->content, der_tag::kInteger) : std::nullopt;
    if (!version) return OcspOutcome::kMalformed;
    if (ToUint64(version->content) != 0) return OcspOutcome::kVersionNotSupported;
  }
  const auto responder = reader.Read();
  if (!responder) return OcspOutcome::kMalformed;
  if (responder->tag == der_tag::Constructed(1)) {
    const auto name = ReadSingle(responder->content, der_tag::kSequence);
    if (!name || !IsCommonName(name->whole)) return OcspOutcome::kMalformed;
    out.responder_name = name->whole;
  } else {
    const auto key_hash = responder->tag == der_tag::Constructed(2)
                              ? ReadSingle(responder->content, der_tag::kOctetString)
                              : std::nullopt;
    if (!key_hash || key_hash->content.empty()) return OcspOutcome::kMalformed;
    out.responder_key_hash = key_hash->content;
  }
  const auto produced_at = ReadTime(reader);
  const auto responses = reader.Read(der_tag::kSequence);
  if (!produced_at || !responses) return OcspOutcome::kMalformed;
  out.produced_at = *produced_at;
  DerReader answers(responses->content);
  for (size_t count = 0; !answers.done(); ++count) {
    if (count == kMaxAnswers) return OcspOutcome::kTooLarge;
    const auto answer = answers.Read(der_tag::kSequence);
    if (!answer) return OcspOutcome::kMalformed;
    const OcspOutcome outcome = ParseSingleResponse(answer->content, target, issuer, out);
    if (outcome != OcspOutcome::kAnswered) return outcome;
  }
  const OcspOutcome extensions = ReadTaggedExtensions(reader, 1, [&](const Extension& extension) {
    if (extension.oid != kNonceOid) return false;
    out.nonce_value = extension.value;
    return true;
  });
  if (extensions != OcspOutcome::kAnswered) return extensions;
  return reader.done() ? OcspOutcome::kAnswered : OcspOutcome::kMalformed;
}

// RFC 6960 section 4.2.1, BasicOCSPResponse.
OcspOutcome ParseBasicResponse(ByteView der, const Certificate& target, const Certificate& issuer,
                               BasicResponse& out) {
  const auto sequence = ReadSingle(der, der_tag::kSequence);
  if (!sequence || !IsStrictDer(der)) return OcspOutcome::kMalformed;
  DerReader reader(sequence->content);
  const auto tbs = reader.Read(der_tag::kSequence);
  const auto algorithm = reader.Read(der_tag::kSequence);
  const auto signature = reader.Read(der_tag::kBitString);
  if (!tbs || !algorithm || !IsAlgorithmIdentifier(*algorithm) || !signature ||
      signature->content[0] != 0) {
    return OcspOutcome::kMalformed;
  }
  out.tbs = tbs->whole;
  out.algorithm = algorithm->whole;
  out.signature = signature->content.subspan(1);
  if (reader.Next(der_tag::Constructed(0))) {
    const auto tagged = reader.Read();
    const auto list = tagged ? ReadSingle(tagged->content, der_tag::kSequence) : std::nullopt;
    if (!list) return OcspOutcome::kMalformed;
    DerReader certificates(list->content);
    while (!certificates.done()) {
      if (out.certificates.size() == kMaxEnclosedCertificates) return OcspOutcome::kTooLarge;
      const auto element = certificates.Read(der_tag::kSequence);
      if (!element) return OcspOutcome::kMalformed;
      auto certificate = Certificate::Parse(element->whole);
      if (!certificate.ok()) return OcspOutcome::kMalformed;
      out.certificates.push_back(*std::move(certificate));
    }
  }
  if (!reader.done()) return OcspOutcome::kMalformed;
  return ParseResponseData(tbs->content, target, issuer, out);
}

constexpr uint8_t kUnauthorizedStatus = 6;

// RFC 6960 section 4.2.1, OCSPResponse, down to the octets of the BasicOCSPResponse.
OcspOutcome Unwrap(ByteView response, ByteView& basic) {
  if (response.size() > kMaxOcspResponseSize) return OcspOutcome::kTooLarge;
  const auto sequence = ReadSingle(response, der_tag::kSequence);
  if (!sequence || !IsStrictDer(response)) return OcspOutcome::kMalformed;
  DerReader reader(sequence->content);
  const auto status = reader.Read(der_tag::kEnumerated);
  if (!status) return OcspOutcome::kMalformed;
  // None of RFC 6960 is longer. One of a single octet that is unknown is an error like the others.
  if (status->content.size() != 1) return OcspOutcome::kMalformed;
  if (status->content[0] != 0) {
    if (!reader.done()) return OcspOutcome::kMalformed;
    return status->content[0] == kUnauthorizedStatus ? OcspOutcome::kUnauthorized
                                                     : OcspOutcome::kErrorStatus;
  }
  const auto tagged = reader.Read(der_tag::Constructed(0));
  const auto bytes = tagged ? ReadSingle(tagged->content, der_tag::kSequence) : std::nullopt;
  if (!bytes || !reader.done()) return OcspOutcome::kMalformed;
  DerReader parts(bytes->content);
  const auto type = parts.Read(der_tag::kOid);
  const auto octets = parts.Read(der_tag::kOctetString);
  if (!type || !octets || !parts.done()) return OcspOutcome::kMalformed;
  if (base::AsText(type->content) != kBasicOidDer) return OcspOutcome::kResponseTypeNotSupported;
  basic = octets->content;
  return OcspOutcome::kAnswered;
}

bool IsResponder(const BasicResponse& response, const Certificate& certificate) {
  if (!response.responder_name.empty()) {
    return SameName(response.responder_name, certificate.subject_der());
  }
  return base::SameOctets(response.responder_key_hash, Sha1(certificate.public_key_bits()));
}

OcspOutcome CheckSignedBy(const BasicResponse& response, const Certificate& signer) {
  const auto algorithm = crypto::SignatureAlgorithmOf(response.algorithm);
  const auto key = signer.key_type();
  if (!algorithm || !key) return OcspOutcome::kAlgorithmNotAllowed;
  return crypto::VerifySignature(crypto::ForKey(*algorithm, *key), signer.spki_der(), response.tbs,
                                 response.signature)
             ? OcspOutcome::kAnswered
             : OcspOutcome::kBadSignature;
}

// RFC 6960 section 4.2.2.2. The issuer's key decides, not its name: every generation of a CA has
// the same name.
OcspOutcome CheckDelegate(const BasicResponse& response, const Certificate& delegate,
                          const Certificate& issuer, const OcspPolicy& policy, absl::Time now) {
  if (!SameName(delegate.issuer_der(), issuer.subject_der())) {
    return OcspOutcome::kDelegateOfAnotherIssuer;
  }
  const auto algorithm = delegate.signature_algorithm();
  const auto key = issuer.key_type();
  if (!algorithm || !key) return OcspOutcome::kAlgorithmNotAllowed;
  if (!crypto::VerifySignature(crypto::ForKey(*algorithm, *key), issuer.spki_der(),
                               delegate.tbs_der(), delegate.signature())) {
    return OcspOutcome::kDelegateOfAnotherIssuer;
  }
  const auto& usages = delegate.extended_key_usage();
  if (!usages || std::ranges::find(*usages, kOcspSigningOid) == usages->end()) {
    return OcspOutcome::kDelegateNotAuthorised;
  }
  if (delegate.key_usage().has_value() && !delegate.HasKeyUsage(KeyUsage::kDigitalSignature)) {
    return OcspOutcome::kDelegateKeyUsage;
  }
  for (const std::string& oid : delegate.critical_extensions()) {
    if (std::ranges::find(kDelegateExtensions, oid) == kDelegateExtensions.end()) {
      return OcspOutcome::kUnknownCriticalExtension;
    }
  }
  for (const absl::Time time : {response.produced_at, now}) {
    if (time < delegate.not_before() || time > delegate.not_after()) {
      return OcspOutcome::kDelegateNotValid;
    }
  }
  const OcspOutcome signed_by = CheckSignedBy(response, delegate);
  if (signed_by != OcspOutcome::kAnswered) return signed_by;
  if (delegate.HasExtension(std::string(kNocheckOid))) return OcspOutcome::kAnswered;
  if (!policy.delegate_check) return OcspOutcome::kDelegateUnchecked;
  switch (policy.delegate_check(delegate, issuer)) {
    case RevocationOutcome::kGood:
      return OcspOutcome::kAnswered;
    case RevocationOutcome::kRevoked:
      return OcspOutcome::kDelegateRevoked;
    default:
      return OcspOutcome::kDelegateUnchecked;
  }
}

// Tries everybody whom the ResponderID fits: by name, the issuer and a delegate may share it.
OcspOutcome CheckSigner(const BasicResponse& response, const Certificate& issuer,
                        const OcspPolicy& policy, absl::Time now) {
  OcspOutcome outcome = OcspOutcome::kResponderUnknown;
  if (IsResponder(response, issuer)) {
    outcome = CheckSignedBy(response, issuer);
    if (outcome == OcspOutcome::kAnswered) return outcome;
  }
  for (const Certificate& certificate : response.certificates) {
    // The issuer's own certificate may be enclosed; its key was tried already.
    if (!IsResponder(response, certificate) ||
        base::SameOctets(certificate.spki_der(), issuer.spki_der())) {
      continue;
    }
    outcome = CheckDelegate(response, certificate, issuer, policy, now);
    if (outcome == OcspOutcome::kAnswered) return outcome;
  }
  return outcome;
}

OcspOutcome CheckNonce(const BasicResponse& response, ByteView nonce, NoncePolicy policy) {
  if (policy == NoncePolicy::kNone) return OcspOutcome::kAnswered;
  if (!response.nonce_value) {
    return policy == NoncePolicy::kRequired ? OcspOutcome::kNonceMissing : OcspOutcome::kAnswered;
  }
  return !nonce.empty() && base::ConstantTimeEqual(*response.nonce_value, NonceValue(nonce))
             ? OcspOutcome::kAnswered
             : OcspOutcome::kWrongNonce;
}

}  // namespace

Bytes BuildOcspRequest(const Certificate& target, const Certificate& issuer, CertIdHash hash,
                       ByteView nonce) {
  MUSUBI_CHECK(nonce.size() <= kMaxNonceSize, "an OCSP nonce has at most 32 octets");
  const std::string_view oid = hash == CertIdHash::kSha1 ? kSha1OidDer : kSha256OidDer;
  const Bytes algorithm =
      Sequence({Element(der_tag::kOid, base::AsBytes(oid)), Element(der_tag::kNull, {})});
  const Bytes cert_id =
      Sequence({algorithm, Element(der_tag::kOctetString, HashFor(hash, issuer.subject_der())),
                Element(der_tag::kOctetString, HashFor(hash, issuer.public_key_bits())),
                Element(der_tag::kInteger, target.serial())});
  const Bytes requests = Sequence({Sequence({cert_id})});
  Bytes extensions;
  if (!nonce.empty()) {
    const Bytes extension = Sequence({Element(der_tag::kOid, base::AsBytes(kNonceOidDer)),
                                      Element(der_tag::kOctetString, NonceValue(nonce))});
    extensions = Element(der_tag::Constructed(2), Sequence({extension}));
  }
  return Sequence({Sequence({requests, extensions})});
}

OcspResult CheckOcspResponse(ByteView response, const Certificate& target,
                             const Certificate& issuer, ByteView nonce, const OcspPolicy& policy,
                             absl::Time now) {
  auto refuse = [](OcspOutcome outcome) {
    OcspResult result;
    result.outcome = outcome;
    return result;
  };
  ByteView octets;
  BasicResponse basic;
  OcspOutcome outcome = Unwrap(response, octets);
  if (outcome == OcspOutcome::kAnswered) {
    outcome = ParseBasicResponse(octets, target, issuer, basic);
  }
  if (outcome == OcspOutcome::kAnswered) outcome = CheckSigner(basic, issuer, policy, now);
  if (outcome == OcspOutcome::kAnswered) outcome = CheckNonce(basic, nonce, policy.nonce);
  if (outcome != OcspOutcome::kAnswered) return refuse(outcome);
  if (basic.matching.empty()) return refuse(OcspOutcome::kNoMatchingAnswer);
  if (basic.matching.size() > 1) return refuse(OcspOutcome::kSeveralAnswers);

  const SingleAnswer& answer = basic.matching.front();
  const absl::Time usable_until = answer.next_update.value_or(answer.this_update + policy.max_age);
  if (basic.produced_at > now + policy.skew || answer.this_update > now + policy.skew) {
    return refuse(OcspOutcome::kNotYetValid);
  }
  if (usable_until < now) return refuse(OcspOutcome::kStale);
  OcspResult result;
  result.outcome = OcspOutcome::kAnswered;
  result.cert_status = answer.status;
  result.produced_at = basic.produced_at;
  result.this_update = answer.this_update;
  result.usable_until = usable_until;
  result.next_update = answer.next_update;
  result.revoked_at = answer.revoked_at;
  result.reason = answer.reason;
  return result;
}

std::string_view Name(OcspOutcome outcome) {
  switch (outcome) {
    case OcspOutcome::kUnspecified:
      return "UNSPECIFIED";
    case OcspOutcome::kAnswered:
      return "ANSWERED";
    case OcspOutcome::kTooLarge:
      return "TOO_LARGE";
    case OcspOutcome::kMalformed:
      return "MALFORMED";
    case OcspOutcome::kErrorStatus:
      return "ERROR_STATUS";
    case OcspOutcome::kResponseTypeNotSupported:
      return "RESPONSE_TYPE_NOT_SUPPORTED";
    case OcspOutcome::kVersionNotSupported:
      return "VERSION_NOT_SUPPORTED";
    case OcspOutcome::kUnknownCriticalExtension:
      return "UNKNOWN_CRITICAL_EXTENSION";
    case OcspOutcome::kNoMatchingAnswer:
      return "NO_MATCHING_ANSWER";
    case OcspOutcome::kSeveralAnswers:
      return "SEVERAL_ANSWERS";
    case OcspOutcome::kUnauthorized:
      return "UNAUTHORIZED";
    case OcspOutcome::kResponderUnknown:
      return "RESPONDER_UNKNOWN";
    case OcspOutcome::kDelegateOfAnotherIssuer:
      return "DELEGATE_OF_ANOTHER_ISSUER";
    case OcspOutcome::kDelegateNotAuthorised:
      return "DELEGATE_NOT_AUTHORISED";
    case OcspOutcome::kDelegateKeyUsage:
      return "DELEGATE_KEY_USAGE";
    case OcspOutcome::kDelegateNotValid:
      return "DELEGATE_NOT_VALID";
    case OcspOutcome::kDelegateRevoked:
      return "DELEGATE_REVOKED";
    case OcspOutcome::kDelegateUnchecked:
      return "DELEGATE_UNCHECKED";
    case OcspOutcome::kAlgorithmNotAllowed:
      return "ALGORITHM_NOT_ALLOWED";
    case OcspOutcome::kBadSignature:
      return "BAD_SIGNATURE";
    case OcspOutcome::kNonceMissing:
      return "NONCE_MISSING";
    case OcspOutcome::kWrongNonce:
      return "WRONG_NONCE";
    case OcspOutcome::kNotYetValid:
      return "NOT_YET_VALID";
    case OcspOutcome::kStale:
      return "STALE";
  }
  return "UNSPECIFIED";
}

}  // namespace musubi::pki
