#include "lib/session/types.h"

#include "lib/base/check.h"

namespace musubi::session {

std::string_view Name(Act act) {
  switch (act) {
    case Act::kUnspecified:
      return "UNSPECIFIED";
    case Act::kLink:
      return "LINK";
    case Act::kUnlink:
      return "UNLINK";
    case Act::kVerify:
      return "VERIFY";
    case Act::kReplace:
      return "REPLACE";
  }
  MUSUBI_CHECK(false, "not an Act");
}

std::string_view Name(Flow flow) {
  switch (flow) {
    case Flow::kUnspecified:
      return "UNSPECIFIED";
    case Flow::kCrossDevice:
      return "CROSS_DEVICE";
    case Flow::kOneDevice:
      return "ONE_DEVICE";
  }
  MUSUBI_CHECK(false, "not a Flow");
}

std::string_view Name(State state) {
  switch (state) {
    case State::kUnspecified:
      return "UNSPECIFIED";
    case State::kCreated:
      return "CREATED";
    case State::kClaimed:
      return "CLAIMED";
    case State::kPaired:
      return "PAIRED";
    case State::kProven:
      return "PROVEN";
    case State::kConsented:
      return "CONSENTED";
    case State::kReady:
      return "READY";
    case State::kUsed:
      return "USED";
    case State::kCancelled:
      return "CANCELLED";
    case State::kExpired:
      return "EXPIRED";
    case State::kFailed:
      return "FAILED";
  }
  MUSUBI_CHECK(false, "not a State");
}

std::optional<Act> ParseAct(std::string_view name) {
  for (const Act act : {Act::kLink, Act::kUnlink, Act::kVerify, Act::kReplace}) {
    if (Name(act) == name) return act;
  }
  return std::nullopt;
}

std::optional<Flow> ParseFlow(std::string_view name) {
  for (const Flow flow : {Flow::kCrossDevice, Flow::kOneDevice}) {
    if (Name(flow) == name) return flow;
  }
  return std::nullopt;
}

}  // namespace musubi::session
