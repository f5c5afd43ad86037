#include "sandbox/misbehave/misbehaviour.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sandbox/misbehave/cast.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

// The words of the table.
constexpr Outcome Answered() { return {.kind = Outcome::Kind::kAnswered}; }
constexpr Outcome RefusedByApp() { return {.kind = Outcome::Kind::kRefusedByApp}; }
constexpr Outcome RefusedByCard() { return {.kind = Outcome::Kind::kRefusedByCard}; }
constexpr Outcome RefusedByRelyingParty() {
  return {.kind = Outcome::Kind::kRefusedByRelyingParty};
}
constexpr Outcome RefusedWith(base::ErrorReason reason) {
  return {.kind = Outcome::Kind::kRefused, .reason = reason};
}
constexpr Outcome JudgedAs(v1::VerdictStatus status, v1::VerdictReason reason) {
  return {.kind = Outcome::Kind::kJudged, .status = status, .verdict_reason = reason};
}
#define Refused(reason) RefusedWith(base::ErrorReason::k##reason)
#define Judged(status, reason) JudgedAs(v1::VERDICT_STATUS_##status, v1::VERDICT_REASON_##reason)

constexpr Misbehaviour kTable[] = {
#define MUSUBI_MISBEHAVIOUR(name, outcome, state, entries, deed, told, ...) \
  {name,                                                                    \
   outcome,                                                                 \
   v1::SESSION_STATE_##state,                                               \
   entries,                                                                 \
   deed,                                                                    \
   told,                                                                    \
   [](Cast& cast) -> absl::StatusOr<Observed> { return __VA_ARGS__; }},
#include "sandbox/misbehave/misbehaviours.inc"
#undef MUSUBI_MISBEHAVIOUR
};
#undef Refused
#undef Judged

}  // namespace

std::string ToString(const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kAnswered:
      return "answered";
    case Outcome::Kind::kRefused:
      return outcome.reason ? std::string(base::Name(*outcome.reason))
                            : "an error without a reason";
    case Outcome::Kind::kJudged:
      return absl::StrCat(
          WithoutPrefix(v1::VerdictStatus_Name(outcome.status), "VERDICT_STATUS_"), ", ",
          WithoutPrefix(v1::VerdictReason_Name(outcome.verdict_reason), "VERDICT_REASON_"));
    case Outcome::Kind::kRefusedByApp:
      return "the app refuses";
    case Outcome::Kind::kRefusedByCard:
      return "the card refuses";
    case Outcome::Kind::kRefusedByRelyingParty:
      return "the relying party refuses";
  }
  return "";
}

std::span<const Misbehaviour> Misbehaviours() { return kTable; }

const Misbehaviour* FindMisbehaviour(std::string_view name) {
  const auto row = std::ranges::find(kTable, name, &Misbehaviour::name);
  return row == std::end(kTable) ? nullptr : row;
}

}  // namespace musubi::sandbox
