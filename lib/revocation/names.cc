// The names of this module's enums.
#include "lib/revocation/observer.h"
#include "lib/revocation/revocation_checker.h"

namespace musubi::revocation {

std::string_view Name(ScopeOutcome outcome) {
  switch (outcome) {
    case ScopeOutcome::kUnspecified:
      return "UNSPECIFIED";
    case ScopeOutcome::kLoaded:
      return "LOADED";
    case ScopeOutcome::kUnchanged:
      return "UNCHANGED";
    case ScopeOutcome::kMissing:
      return "MISSING";
    case ScopeOutcome::kRefused:
      return "REFUSED";
    case ScopeOutcome::kOlder:
      return "OLDER";
    case ScopeOutcome::kNumberMissing:
      return "NUMBER_MISSING";
    case ScopeOutcome::kNumberReused:
      return "NUMBER_REUSED";
    case ScopeOutcome::kTooManyVanished:
      return "TOO_MANY_VANISHED";
    case ScopeOutcome::kLastListLost:
      return "LAST_LIST_LOST";
  }
  return "UNSPECIFIED";
}

std::string_view Name(FetchOutcome outcome) {
  switch (outcome) {
    case FetchOutcome::kUnspecified:
      return "UNSPECIFIED";
    case FetchOutcome::kFetched:
      return "FETCHED";
    case FetchOutcome::kNotModified:
      return "NOT_MODIFIED";
    case FetchOutcome::kHttpStatus:
      return "HTTP_STATUS";
    case FetchOutcome::kTimeout:
      return "TIMEOUT";
    case FetchOutcome::kUnreachable:
      return "UNREACHABLE";
    case FetchOutcome::kTooLarge:
      return "TOO_LARGE";
    case FetchOutcome::kRefused:
      return "REFUSED";
    case FetchOutcome::kNotWritten:
      return "NOT_WRITTEN";
  }
  return "UNSPECIFIED";
}

std::string_view Name(OcspExchange exchange) {
  switch (exchange) {
    case OcspExchange::kUnspecified:
      return "UNSPECIFIED";
    case OcspExchange::kAnswered:
      return "ANSWERED";
    case OcspExchange::kRefused:
      return "REFUSED";
    case OcspExchange::kHttpStatus:
      return "HTTP_STATUS";
    case OcspExchange::kTimeout:
      return "TIMEOUT";
    case OcspExchange::kUnreachable:
      return "UNREACHABLE";
  }
  return "UNSPECIFIED";
}

std::string_view Name(RevocationMode mode) {
  switch (mode) {
    case RevocationMode::kUnspecified:
      return "UNSPECIFIED";
    case RevocationMode::kOcspThenCrl:
      return "OCSP_THEN_CRL";
    case RevocationMode::kCrlThenOcsp:
      return "CRL_THEN_OCSP";
    case RevocationMode::kCrlOnly:
      return "CRL_ONLY";
    case RevocationMode::kOcspOnly:
      return "OCSP_ONLY";
    case RevocationMode::kDegradedWithProof:
      return "DEGRADED_WITH_PROOF";
    case RevocationMode::kNone:
      return "NONE";
  }
  return "UNSPECIFIED";
}

}  // namespace musubi::revocation
