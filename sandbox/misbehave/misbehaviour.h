// What people, phones, cards and the outside world can do wrong, and what must come of it: one
// table (misbehaviours.inc), played against a running musubid. docs/errors.md is generated from it,
// tests walk it, musubi-journey plays single rows. Judges nothing itself.
#ifndef MUSUBI_SANDBOX_MISBEHAVE_MISBEHAVIOUR_H_
#define MUSUBI_SANDBOX_MISBEHAVE_MISBEHAVIOUR_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/error.h"
#include "musubi/v1/common.pb.h"

namespace musubi::sandbox {

class Cast;

// Outcome is how the misbehaving call ended.
struct Outcome {
  enum class Kind {
    kAnswered,               // Done, or answered as before.
    kRefused,                // Not done: `reason`.
    kJudged,                 // Done, and this is the verdict.
    kRefusedByApp,           // The app itself refuses: nothing was sent.
    kRefusedByCard,          // The card does not sign: nothing was sent.
    kRefusedByRelyingParty,  // The relying party takes the browser's return for a stranger's.
  };
  Kind kind = Kind::kAnswered;
  std::optional<base::ErrorReason> reason;                    // kRefused
  v1::VerdictStatus status = v1::VERDICT_STATUS_UNSPECIFIED;  // kJudged
  v1::VerdictReason verdict_reason = v1::VERDICT_REASON_UNSPECIFIED;

  bool operator==(const Outcome&) const = default;
};
// As in "PAIRING_CODE_WRONG", "INVALID, REVOKED", "answered".
std::string ToString(const Outcome& outcome);

// Observed is what a play came to.
struct Observed {
  Outcome outcome;
  v1::SessionState state = v1::SESSION_STATE_UNSPECIFIED;  // Afterwards; UNSPECIFIED: no session.
  std::string said;  // The error's own text, if there was one.
};

// Misbehaviour is a row.
struct Misbehaviour {
  std::string_view name;  // As in --misbehave=start-code-twice.
  Outcome outcome;
  v1::SessionState state;
  int audit_entries;      // Written over the whole play, what led to the misbehaviour included.
  std::string_view deed;  // What is done.
  std::string_view told;  // What the person, or the caller's developer, is told to do.
  // Plays the row. An error: what should have come before the misbehaviour did not work.
  absl::StatusOr<Observed> (*play)(Cast& cast);
};

std::span<const Misbehaviour> Misbehaviours();
// The row of this name, or nullptr.
const Misbehaviour* FindMisbehaviour(std::string_view name);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_MISBEHAVE_MISBEHAVIOUR_H_
