// What validation found: the one answer format of certificate validation, for every caller. Not for
// work that could not be done, which is a Status (lib/base/error.h).
#ifndef MUSUBI_LIB_PKI_VERDICT_H_
#define MUSUBI_LIB_PKI_VERDICT_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace musubi::pki {

// Numbers of these enums are those of musubi.v1 and label metrics: never renumber.

enum class VerdictStatus {
  kUnspecified = 0,    // Nothing was decided. Treat as a failure.
  kValid = 1,          // Everything that was asked for holds.
  kInvalid = 2,        // A check failed, for good.
  kIndeterminate = 3,  // A check could not be made; the same question may be answered later.
};

// VerdictReason says which check failed first, in the published order: size, parse, profile, issuer
// unknown, issuer signature, validity, constraints, possession, revocation.
enum class VerdictReason {
  kUnspecified = 0,  // Status is VALID, or nothing was decided.
  // Size and parse.
  kTooLarge = 1,    // Larger than a certificate may be.
  kMalformed = 2,   // Not one DER certificate, or trailing octets.
  kTooComplex = 3,  // A bound on depth, signatures or policy nodes was hit.
  // Profile: what kind of certificate this is.
  kVersionNotSupported = 10,          // Not X.509 v3.
  kAlgorithmNotAllowed = 11,          // Signature algorithm outside the allow-list.
  kKeyNotAllowed = 12,                // Type, size, exponent outside the allow-list; bad EC point.
  kUnknownCriticalExtension = 13,     // RFC 5280 section 4.2: must be refused.
  kDigitalSignatureCertificate = 14,  // The card's other certificate (for signing documents).
  kPhoneCertificate = 15,             // A certificate that lives in a phone.
  kTestHierarchy = 16,                // A certificate of a test environment.
  kUnknownPolicy = 17,                // None of the certificate policies is one we know.
  kWrongKeyUsage = 18,                // keyUsage is not what the role demands.
  kWrongExtendedKeyUsage = 19,        // extendedKeyUsage is not what the role demands.
  kCaCertificate = 20,                // A CA certificate where an end entity is due.
  kProfileMismatch = 21,              // Another part of the layout differs from the profile.
  // Path.
  kIssuerUnknown = 30,             // No configured issuer of this name, or none that identifies it.
  kBadIssuerSignature = 31,        // No candidate issuer's key verifies the signature.
  kNotYetValid = 40,               // validation_time before notBefore.
  kExpired = 41,                   // validation_time after notAfter.
  kIssuerNotInUse = 42,            // The anchor is outside its not_before_use and distrust_after.
  kBasicConstraintsViolated = 50,  // An issuer whose basicConstraints do not make it a CA.
  kPathTooLong = 51,               // More CA certificates below an issuer than it allows.
  kIssuerKeyUsage = 52,            // An issuer without keyCertSign.
  kNameConstraintsViolated = 53,   // A name outside an issuer's nameConstraints, or unreadable.
  kPolicyConstraintsViolated = 54,  // A policy is demanded (RFC 5280 section 6.1) and none holds.
  // Possession: what the card signed.
  kPossessionFailed = 60,          // The proof does not verify with the certificate's key.
  kProofAlgorithmNotAllowed = 61,  // The proof's algorithm does not fit the key or the profile.
  kNameStatementInvalid = 62,      // Signature or form of the name statement is wrong.
  kNameStatementMismatch = 63,     // The name statement is for another card or another challenge.
  // Revocation.
  kRevoked = 70,                // Revoked at or before validation_time.
  kRevokedLater = 71,           // Revoked after validation_time: not valid in the JPKI profile.
  kUnknownToResponder = 72,     // An authentic responder does not know the certificate.
  kRevocationUnavailable = 73,  // No usable answer about revocation: INDETERMINATE.
};

enum class PossessionOutcome {
  kUnspecified = 0,
  kNotAsked = 1,  // No proof was given. No session or link accepts this.
  kProven = 2,
  kFailed = 3,
};

enum class RevocationOutcome {
  kUnspecified = 0,
  kNotAsked = 1,  // Mode NONE, or an earlier check failed.
  kGood = 2,
  kRevoked = 3,
  kUnknownToResponder = 4,
  kNoUsableAnswer = 5,
};

enum class RevocationMethod { kUnspecified = 0, kCrl = 1, kOcsp = 2 };

// RFC 5280 section 5.3.1, with its numbers plus one: 0 is "not given".
enum class CrlReason {
  kNotGiven = 0,
  kUnspecified = 1,
  kKeyCompromise = 2,
  kCaCompromise = 3,
  kAffiliationChanged = 4,
  kSuperseded = 5,
  kCessationOfOperation = 6,
  kCertificateHold = 7,
  kRemoveFromCrl = 9,
  kPrivilegeWithdrawn = 10,
  kAaCompromise = 11,
};

// RevocationFinding says what was learned about revocation, from which source and how old it is.
struct RevocationFinding {
  RevocationOutcome outcome = RevocationOutcome::kNotAsked;
  // Whose answer it is: kUnspecified if no source gave one, though the times may then be those of a
  // CRL that is out of date.
  RevocationMethod method = RevocationMethod::kUnspecified;
  std::optional<absl::Time> source_updated_at;  // When we took the source in.
  std::optional<absl::Time> this_update;
  std::optional<absl::Time> next_update;
  std::optional<absl::Time> revoked_at;
  CrlReason reason = CrlReason::kNotGiven;
  // Of kNoUsableAnswer: a CRL that covers the certificate does not list it, but is no longer in
  // force (see this_update).
  bool out_of_date = false;
};

// Verdict is the whole answer. A default-constructed one is not valid. Copyable.
struct Verdict {
  VerdictStatus status = VerdictStatus::kUnspecified;
  VerdictReason reason = VerdictReason::kUnspecified;
  // Which certificate of the path: 0 the target, 1 its issuer, ...; nothing when none applies.
  std::optional<int> cert_index;
  absl::Time checked_at = absl::InfinitePast();  // validation_time
  PossessionOutcome possession = PossessionOutcome::kNotAsked;
  RevocationFinding revocation;
  // For the log of a developer only: not stable, never parsed, never shown, no personal data.
  std::string diagnostic;

  bool valid() const { return status == VerdictStatus::kValid; }
};

// Wire names, as in "BAD_ISSUER_SIGNATURE": for logs, metrics and documents.
std::string_view Name(VerdictStatus status);
std::string_view Name(VerdictReason reason);
std::string_view Name(PossessionOutcome outcome);
std::string_view Name(RevocationOutcome outcome);
std::string_view Name(RevocationMethod method);
std::string_view Name(CrlReason reason);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_VERDICT_H_
