// OCSP (RFC 6960): the request for one certificate, and the judgement of a response to it. No I/O,
// no clock, no randomness: bytes, time and nonce are arguments. Caches nothing.
#ifndef MUSUBI_LIB_PKI_OCSP_H_
#define MUSUBI_LIB_PKI_OCSP_H_

#include <functional>
#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/certificate.h"
#include "lib/pki/verdict.h"

namespace musubi::pki {

// Largest response that is looked at. One answer with one delegate certificate is about 2.5 KB.
inline constexpr size_t kMaxOcspResponseSize = 64 * 1024;

// What hashes the issuer in a CertID. SHA-1 names the issuer there and proves nothing.
enum class CertIdHash { kSha1, kSha256 };

// RFC 8954. Sent unless kNone.
enum class NoncePolicy {
  kNone,      // Not sent; ignored in a response.
  kOptional,  // Must be right if the responder echoes one.
  kRequired,  // Must be echoed: no pre-signed response passes.
};

enum class OcspCertStatus { kGood, kRevoked, kUnknown };

// OcspOutcome says whether a response may be believed, and if not, why. Numbers label metrics:
// never renumber.
enum class OcspOutcome {
  kUnspecified = 0,
  kAnswered = 1,  // Authentic, current and about this certificate: see OcspResult::cert_status.
  kTooLarge = 2,
  kMalformed = 3,
  kErrorStatus = 4,  // tryLater and the like: unsigned, so it says nothing about the certificate.
  kResponseTypeNotSupported = 5,  // Not id-pkix-ocsp-basic.
  kVersionNotSupported = 6,
  kUnknownCriticalExtension = 7,
  kNoMatchingAnswer = 8,  // No SingleResponse about this certificate of this issuer.
  kSeveralAnswers = 9,
  // The status "unauthorized": of a responder that does not speak for this certificate (RFC 6960
  // section 2.3), unsigned too.
  kUnauthorized = 10,
  // Who signed.
  kResponderUnknown = 20,  // ResponderID fits neither the issuer nor an enclosed certificate.
  kDelegateOfAnotherIssuer = 21,  // Not signed by the key that signed the target.
  kDelegateNotAuthorised = 22,    // No explicit id-kp-OCSPSigning.
  kDelegateKeyUsage = 23,         // keyUsage present, without digitalSignature.
  kDelegateNotValid = 24,         // Outside its validity at producedAt or now.
  kDelegateRevoked = 25,
  kDelegateUnchecked = 26,    // Neither id-pkix-ocsp-nocheck nor a usable CRL.
  kAlgorithmNotAllowed = 27,  // SHA-1, for one.
  kBadSignature = 28,
  // When.
  kNonceMissing = 40,
  kWrongNonce = 41,
  kNotYetValid = 42,  // thisUpdate or producedAt in the future, beyond the skew.
  kStale = 43,        // nextUpdate has passed, or the maximum age without one.
};

std::string_view Name(OcspOutcome outcome);

// BuildOcspRequest asks about `target`, issued by `issuer`. No nonce if `nonce` is empty; at most
// 32 octets (RFC 8954).
base::Bytes BuildOcspRequest(const Certificate& target, const Certificate& issuer, CertIdHash hash,
                             base::ByteView nonce);

struct OcspPolicy {
  NoncePolicy nonce = NoncePolicy::kOptional;
  // Age of thisUpdate up to which an answer without nextUpdate is current.
  absl::Duration max_age = absl::Hours(1);
  // How far the responder's clock may be ahead of ours.
  absl::Duration skew = absl::Minutes(5);
  // DelegateCheck says whether a delegate without id-pkix-ocsp-nocheck is revoked. Without one,
  // such a delegate is refused. Only kGood passes.
  std::function<RevocationOutcome(const Certificate& delegate, const Certificate& issuer)>
      delegate_check;
};

struct OcspResult {
  OcspOutcome outcome = OcspOutcome::kUnspecified;
  // Set if and only if outcome is kAnswered, as are the times after it.
  std::optional<OcspCertStatus> cert_status;
  absl::Time produced_at = absl::InfinitePast();
  absl::Time this_update = absl::InfinitePast();
  // Until when the answer may be used: nextUpdate, or thisUpdate plus the maximum age.
  absl::Time usable_until = absl::InfinitePast();
  std::optional<absl::Time> next_update;
  std::optional<absl::Time> revoked_at;
  CrlReason reason = CrlReason::kNotGiven;
};

// CheckOcspResponse judges `response` (a DER OCSPResponse) as the answer to a request about
// `target` with `nonce` (what BuildOcspRequest was given). `issuer` must be the trusted certificate
// whose key signed `target`.
OcspResult CheckOcspResponse(base::ByteView response, const Certificate& target,
                             const Certificate& issuer, base::ByteView nonce,
                             const OcspPolicy& policy, absl::Time now);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_OCSP_H_
