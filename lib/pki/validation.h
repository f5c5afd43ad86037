// One call for everything that can be said about a certificate from what a caller has at hand:
// path, possession and revocation, in the published order of failures. What `musubictl validate`
// and the suites of others use. Fetches nothing and remembers nothing: a service's CRL snapshots,
// OCSP client and prepared issuers are elsewhere (lib/revocation, lib/jpki).
#ifndef MUSUBI_LIB_PKI_VALIDATION_H_
#define MUSUBI_LIB_PKI_VALIDATION_H_

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"
#include "lib/pki/crl.h"
#include "lib/pki/path_revocation.h"
#include "lib/pki/path_validator.h"
#include "lib/pki/trust_store.h"
#include "lib/pki/verdict.h"

namespace musubi::pki {

// Most CRLs of one validation: two for each certificate of the longest path, and again as many that
// turn out to be of no use. Beyond it the verdict is INVALID, TOO_COMPLEX.
inline constexpr size_t kMaxGivenCrls = 32;

// Which certificates of the path must be known not to be revoked. Never the anchor.
enum class RevocationScope { kNone, kTarget, kWholePath };

// A signature that shows that the target's key is at hand. Views must outlive the call.
struct PossessionProof {
  crypto::SignatureAlgorithm algorithm;
  base::ByteView message;
  base::ByteView signature;
};

// Views must outlive the call.
struct ValidationRequest {
  base::ByteView target;  // DER.
  // DER, in any order; certificates of those who sign CRLs may be among them.
  std::span<const base::Bytes> intermediates;
  std::span<const base::Bytes> crls;  // DER. One that cannot be used says nothing.
  // Where many validations use the same lists: beside `crls`, parsed with CrlForms::kAll, and what
  // is known of their signatures.
  std::span<const Crl> parsed_crls;
  CrlSignatures* crl_signatures = nullptr;
  std::optional<base::ByteView> ocsp_response;  // DER, about the target; a nonce is not looked at.
  RevocationScope revocation = RevocationScope::kWholePath;
  // Age beyond which a CRL is not in force, whatever its nextUpdate; nothing: its nextUpdate alone
  // decides, and one without never is in force.
  std::optional<absl::Duration> max_crl_age;
  // For the whole validation: CRLs and the OCSP response must be in force then.
  absl::Time validation_time;
  PathInputs inputs;
  std::optional<PossessionProof> proof;
};

struct ValidationResult {
  // VALID only if everything that the request asks for holds. `revocation` is about the target, or
  // about the certificate whose revocation decided.
  Verdict verdict;
  std::vector<std::string> user_constrained_policies;  // See PathResult; empty if not VALID.
  std::string anchor_id;  // Of the path; empty unless path and proof hold.
};

// Validator is immutable; thread-safe.
class Validator {
 public:
  Validator(std::vector<TrustAnchor> anchors, ValidationProfile profile);

  // Validate answers REVOKED before REVOCATION_UNAVAILABLE, whatever comes first in the path.
  ValidationResult Validate(const ValidationRequest& request) const;

  // AddRevocation asks about the certificates of a path that holds, as Validate does, and makes a
  // verdict that was VALID what follows from it.
  void AddRevocation(const ValidatedPath& path, const ValidationRequest& request,
                     Verdict& verdict) const;

  const ValidationProfile& profile() const { return path_validator_.profile(); }

 private:
  PathValidator path_validator_;
  // For signers of CRLs: as the profile, without what it demands of targets.
  PathValidator signer_paths_;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_VALIDATION_H_
