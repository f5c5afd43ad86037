#include "lib/redis/observer.h"

namespace musubi::redis {

std::string_view Name(CommandOutcome outcome) {
  switch (outcome) {
    case CommandOutcome::kUnspecified:
      return "UNSPECIFIED";
    case CommandOutcome::kAnswered:
      return "ANSWERED";
    case CommandOutcome::kErrorReply:
      return "ERROR_REPLY";
    case CommandOutcome::kTimeout:
      return "TIMEOUT";
    case CommandOutcome::kConnectionLost:
      return "CONNECTION_LOST";
    case CommandOutcome::kNotSent:
      return "NOT_SENT";
    case CommandOutcome::kOverloaded:
      return "OVERLOADED";
    case CommandOutcome::kTooFewReplicas:
      return "TOO_FEW_REPLICAS";
  }
  return "UNSPECIFIED";
}

}  // namespace musubi::redis
