#include "lib/pki/verdict.h"

namespace musubi::pki {

std::string_view Name(VerdictStatus status) {
  switch (status) {
    case VerdictStatus::kUnspecified:
      return "UNSPECIFIED";
    case VerdictStatus::kValid:
      return "VALID";
    case VerdictStatus::kInvalid:
      return "INVALID";
    case VerdictStatus::kIndeterminate:
      return "INDETERMINATE";
  }
  return "UNSPECIFIED";
}

std::string_view Name(VerdictReason reason) {
  switch (reason) {
    case VerdictReason::kUnspecified:
      return "UNSPECIFIED";
    case VerdictReason::kTooLarge:
      return "TOO_LARGE";
    case VerdictReason::kMalformed:
      return "MALFORMED";
    case VerdictReason::kTooComplex:
      return "TOO_COMPLEX";
    case VerdictReason::kVersionNotSupported:
      return "VERSION_NOT_SUPPORTED";
    case VerdictReason::kAlgorithmNotAllowed:
      return "ALGORITHM_NOT_ALLOWED";
    case VerdictReason::kKeyNotAllowed:
      return "KEY_NOT_ALLOWED";
    case VerdictReason::kUnknownCriticalExtension:
      return "UNKNOWN_CRITICAL_EXTENSION";
    case VerdictReason::kDigitalSignatureCertificate:
      return "DIGITAL_SIGNATURE_CERTIFICATE";
    case VerdictReason::kPhoneCertificate:
      return "PHONE_CERTIFICATE";
    case VerdictReason::kTestHierarchy:
      return "TEST_HIERARCHY";
    case VerdictReason::kUnknownPolicy:
      return "UNKNOWN_POLICY";
    case VerdictReason::kWrongKeyUsage:
      return "WRONG_KEY_USAGE";
    case VerdictReason::kWrongExtendedKeyUsage:
      return "WRONG_EXTENDED_KEY_USAGE";
    case VerdictReason::kCaCertificate:
      return "CA_CERTIFICATE";
    case VerdictReason::kProfileMismatch:
      return "PROFILE_MISMATCH";
    case VerdictReason::kIssuerUnknown:
      return "ISSUER_UNKNOWN";
    case VerdictReason::kBadIssuerSignature:
      return "BAD_ISSUER_SIGNATURE";
    case VerdictReason::kNotYetValid:
      return "NOT_YET_VALID";
    case VerdictReason::kExpired:
      return "EXPIRED";
    case VerdictReason::kIssuerNotInUse:
      return "ISSUER_NOT_IN_USE";
    case VerdictReason::kBasicConstraintsViolated:
      return "BASIC_CONSTRAINTS_VIOLATED";
    case VerdictReason::kPathTooLong:
      return "PATH_TOO_LONG";
    case VerdictReason::kIssuerKeyUsage:
      return "ISSUER_KEY_USAGE";
    case VerdictReason::kNameConstraintsViolated:
      return "NAME_CONSTRAINTS_VIOLATED";
    case VerdictReason::kPolicyConstraintsViolated:
      return "POLICY_CONSTRAINTS_VIOLATED";
    case VerdictReason::kPossessionFailed:
      return "POSSESSION_FAILED";
    case VerdictReason::kProofAlgorithmNotAllowed:
      return "PROOF_ALGORITHM_NOT_ALLOWED";
    case VerdictReason::kNameStatementInvalid:
      return "NAME_STATEMENT_INVALID";
    case VerdictReason::kNameStatementMismatch:
      return "NAME_STATEMENT_MISMATCH";
    case VerdictReason::kRevoked:
      return "REVOKED";
    case VerdictReason::kRevokedLater:
      return "REVOKED_LATER";
    case VerdictReason::kUnknownToResponder:
      return "UNKNOWN_TO_RESPONDER";
    case VerdictReason::kRevocationUnavailable:
      return "REVOCATION_UNAVAILABLE";
  }
  return "UNSPECIFIED";
}

std::string_view Name(RevocationOutcome outcome) {
  switch (outcome) {
    case RevocationOutcome::kUnspecified:
      return "UNSPECIFIED";
    case RevocationOutcome::kNotAsked:
      return "NOT_ASKED";
    case RevocationOutcome::kGood:
      return "GOOD";
    case RevocationOutcome::kRevoked:
      return "REVOKED";
    case RevocationOutcome::kUnknownToResponder:
      return "UNKNOWN_TO_RESPONDER";
    case RevocationOutcome::kNoUsableAnswer:
      return "NO_USABLE_ANSWER";
  }
  return "UNSPECIFIED";
}

std::string_view Name(RevocationMethod method) {
  switch (method) {
    case RevocationMethod::kUnspecified:
      return "UNSPECIFIED";
    case RevocationMethod::kCrl:
      return "CRL";
    case RevocationMethod::kOcsp:
      return "OCSP";
  }
  return "UNSPECIFIED";
}

std::string_view Name(CrlReason reason) {
  switch (reason) {
    case CrlReason::kNotGiven:
      return "NOT_GIVEN";
    case CrlReason::kUnspecified:
      return "UNSPECIFIED";
    case CrlReason::kKeyCompromise:
      return "KEY_COMPROMISE";
    case CrlReason::kCaCompromise:
      return "CA_COMPROMISE";
    case CrlReason::kAffiliationChanged:
      return "AFFILIATION_CHANGED";
    case CrlReason::kSuperseded:
      return "SUPERSEDED";
    case CrlReason::kCessationOfOperation:
      return "CESSATION_OF_OPERATION";
    case CrlReason::kCertificateHold:
      return "CERTIFICATE_HOLD";
    case CrlReason::kRemoveFromCrl:
      return "REMOVE_FROM_CRL";
    case CrlReason::kPrivilegeWithdrawn:
      return "PRIVILEGE_WITHDRAWN";
    case CrlReason::kAaCompromise:
      return "AA_COMPROMISE";
  }
  return "UNSPECIFIED";
}

std::string_view Name(PossessionOutcome outcome) {
  switch (outcome) {
    case PossessionOutcome::kUnspecified:
      return "UNSPECIFIED";
    case PossessionOutcome::kNotAsked:
      return "NOT_ASKED";
    case PossessionOutcome::kProven:
      return "PROVEN";
    case PossessionOutcome::kFailed:
      return "FAILED";
  }
  return "UNSPECIFIED";
}

}  // namespace musubi::pki
