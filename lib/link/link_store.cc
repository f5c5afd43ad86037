#include "lib/link/link_store.h"

namespace musubi::link {

std::string_view Name(EndReason reason) {
  switch (reason) {
    case EndReason::kUnspecified:
      return "UNSPECIFIED";
    case EndReason::kUnlinkedWithCard:
      return "UNLINKED_WITH_CARD";
    case EndReason::kUnlinkedBySignIn:
      return "UNLINKED_BY_SIGN_IN";
    case EndReason::kReplaced:
      return "REPLACED";
  }
  return "UNKNOWN";
}

std::string_view Name(SessionOutcome outcome) {
  switch (outcome) {
    case SessionOutcome::kUnspecified:
      return "UNSPECIFIED";
    case SessionOutcome::kLinked:
      return "LINKED";
    case SessionOutcome::kReplaced:
      return "REPLACED";
    case SessionOutcome::kUnlinked:
      return "UNLINKED";
    case SessionOutcome::kResolved:
      return "RESOLVED";
    case SessionOutcome::kNotMe:
      return "NOT_ME";
    case SessionOutcome::kLockedOut:
      return "LOCKED_OUT";
  }
  return "UNKNOWN";
}

}  // namespace musubi::link
