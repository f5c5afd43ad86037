// Certification path validation (RFC 5280 section 6.1): from a target over given intermediates to a
// configured anchor, at a given time. Fetches nothing, asks nothing about revocation, and knows no
// national card: lib/jpki adds the card's profile.
#ifndef MUSUBI_LIB_PKI_PATH_VALIDATOR_H_
#define MUSUBI_LIB_PKI_PATH_VALIDATOR_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/certificate.h"
#include "lib/pki/trust_store.h"
#include "lib/pki/verdict.h"

namespace musubi::pki {

// Bounds of one validation; beyond one the verdict is INVALID, TOO_COMPLEX. OpenSSL bounds policy
// nodes and name-constraint comparisons itself (1000 and 2^20), with the same verdict.
inline constexpr size_t kMaxGivenCertificates = 8;  // The target and its intermediates.
inline constexpr size_t kMaxPathLength = 8;         // From the target through the anchor.
inline constexpr int kMaxSignatureChecks = 64;

// How authorityKeyIdentifier is used. Whatever it says, only the signature decides.
enum class IssuerIdentification {
  kOrdersCandidates,  // Issuers that it fits are tried first.
  kMustAgree,         // Issuers that any given part of it contradicts are no candidates.
};

// Which validation times callers may ask for. They enforce it: nothing here knows the present.
enum class TimeRule { kNowOnly, kAnyTime };

// How far certificates must be as RFC 5280 section 4 has a CA make them, beyond what section 6 has
// everybody check.
enum class Conformance {
  kNotAsked,
  // The target's serial is positive and of at most 20 octets, its times are in their form.
  kTargetForms,
  // Every MUST of section 4 that a certificate shows by itself holds for every certificate of the
  // path, the anchor included: see CheckConformance in path_rules.h. CRLs beside it are held to
  // section 5: see Crl::conforms.
  kWholePath,
};

// ValidationProfile says what is asked of a path beyond RFC 5280. The defaults allow nothing.
struct ValidationProfile {
  std::string name;  // For logs.
  // Of the target and the intermediates. Anchors carry their own list.
  std::vector<crypto::KeyType> allowed_keys;
  std::vector<crypto::SignatureAlgorithm> allowed_algorithms;
  // Critical extensions that the target may have.
  std::vector<std::string> known_critical_extensions;
  bool target_may_be_v1 = false;
  bool target_may_be_ca = false;
  Conformance conformance = Conformance::kTargetForms;
  // The target's extendedKeyUsage must be present and have this.
  std::optional<std::string> required_extended_key_usage;
  // One of these must be valid for the path; empty: any, or none. OIDs, dotted.
  std::vector<std::string> required_policies;
  IssuerIdentification issuer_identification = IssuerIdentification::kMustAgree;
  // The only anchors that count; nothing: all.
  std::optional<AnchorRole> role;
  size_t max_intermediates = 0;
  TimeRule time_rule = TimeRule::kNowOnly;

  // Rfc5280 allows what the RFC does, with the keys and algorithms that we verify.
  static ValidationProfile Rfc5280();
};

// How a path must agree with the purpose that it is validated for (RFC 5280 section 4.2.1.12).
enum class PurposeRule {
  // Where a certificate has an extendedKeyUsage, that names the purpose or anyExtendedKeyUsage.
  kNotContradicted,
  // The target's must be there and name it; issuers as before.
  kTargetNamesIt,
  // Those of all intermediates too; the anchor as before.
  kAllNameIt,
};

struct Purpose {
  std::string extended_key_usage;  // OID, dotted.
  PurposeRule rule = PurposeRule::kNotContradicted;
};

// PathInputs are the inputs of one validation (RFC 5280 section 6.1.1): the defaults are those that
// ask for nothing. They narrow what the profile allows, and never widen it.
struct PathInputs {
  // (c) user-initial-policy-set: OIDs for which IsDottedOid holds; empty: any-policy. Where the
  // profile requires policies too, only those in both count.
  std::vector<std::string> initial_policies;
  bool initial_policy_mapping_inhibit = false;  // (e)
  bool initial_explicit_policy = false;         // (f)
  bool initial_any_policy_inhibit = false;      // (g)
  // What the target is to be used for; nothing: anything. The anchor's own extendedKeyUsage counts.
  std::optional<Purpose> purpose;
  // Self-issued ones count too, as against the profile's own limit.
  std::optional<size_t> max_intermediates;
};

// IsDottedOid tells whether a text may be an initial policy.
bool IsDottedOid(const std::string& text);

// ValidatedPath is a path that holds: [0] the target, then its issuer, ..., at last the anchor.
struct ValidatedPath {
  std::vector<Certificate> certificates;
  std::string anchor_id;

  const Certificate& target() const { return certificates.front(); }
  // The certificate whose key verified the target's signature: what revocation is asked with.
  const Certificate& issuer() const { return certificates[1]; }
  const Certificate& anchor() const { return certificates.back(); }
};

// `path` is set if and only if the verdict is VALID. Possession and revocation are not asked here.
struct PathResult {
  Verdict verdict;
  std::optional<ValidatedPath> path;
  // RFC 5280 section 6.1.5 (g), the user-constrained-policy-set: OIDs in alphabetical order; that
  // of any-policy stands for all. Empty if the verdict is not VALID.
  std::vector<std::string> user_constrained_policies;
};

class OpenSslAnchor;  // openssl_path.h

// PathValidator is immutable; thread-safe.
class PathValidator {
 public:
  // Needs no more of the anchors than they say: TrustStore holds those of a file to its rules.
  PathValidator(std::vector<TrustAnchor> anchors, ValidationProfile profile);

  // Validate reports the first failure in the order of validation: size, parse, profile, issuer
  // unknown, issuer signature, validity, constraints. Of several paths that fail, the one that got
  // furthest is reported. Among certificates of one path the target comes first; in a failure of
  // size or parse, cert_index counts the certificates as given.
  //
  // Anchors are held to their own certificates: validity, cA, path length, key usage, policies,
  // name constraints, critical extensions (RFC 5937). Times count in whole seconds, as in
  // certificates.
  PathResult Validate(base::ByteView target, std::span<const base::Bytes> intermediates,
                      absl::Time validation_time, const PathInputs& inputs = {}) const;
  PathResult Validate(const Certificate& target, std::span<const Certificate> intermediates,
                      absl::Time validation_time, const PathInputs& inputs = {}) const;

  const ValidationProfile& profile() const { return profile_; }

 private:
  std::vector<TrustAnchor> anchors_;
  // Of each of them. Shared by copies.
  std::vector<std::shared_ptr<const OpenSslAnchor>> openssl_anchors_;
  ValidationProfile profile_;
};

// ParseFailure is the reason that a failed Certificate::Parse stands for.
VerdictReason ParseFailure(const absl::Status& status);

// CheckProfile returns the first thing about the target itself that the profile forbids:
// version, algorithm, key, critical extensions, extended key usage, CA, forms.
std::optional<VerdictReason> CheckProfile(const Certificate& target,
                                          const ValidationProfile& profile);

// FitsPurpose tells whether the target's own extensions let it be used for the purpose.
bool FitsPurpose(const Certificate& target, const Purpose& purpose);

// CompareKeyIdentifiers compares the parts of the subject's authorityKeyIdentifier that are given
// with the issuer's name, serial and subjectKeyIdentifier: 1 if all that can be compared agree and
// something did, 0 if nothing could be compared, -1 if any part contradicts.
int CompareKeyIdentifiers(const Certificate& subject, const Certificate& issuer);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_PATH_VALIDATOR_H_
