// One event applied to one stored session: read, step, compare-and-set, and again if another call
// came between. The only way in which a session changes.
#ifndef MUSUBI_LIB_SESSION_APPLY_H_
#define MUSUBI_LIB_SESSION_APPLY_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/session/event.h"
#include "lib/session/lifetimes.h"
#include "lib/session/observer.h"
#include "lib/session/record.h"
#include "lib/session/session_store.h"

namespace musubi::session {

// What became of an event.
struct Applied {
  SessionRecord record;   // As stored now.
  absl::Time now;         // The store's time of the step.
  absl::Status status;    // OK, or why the machine refused.
  bool repeated = false;  // The event came before; sealed_answer is what it got then.
  base::Bytes sealed_answer;
};

// Makes the event for the record as it stands: called again when another call came between.
using MakeEvent = std::function<Event(const SessionRecord& record)>;

// Called before a changed record is written; an error keeps it from being written. For what another
// store must know first.
using BeforeWrite =
    std::function<absl::Status(const SessionRecord& before, const SessionRecord& after)>;

// So many compare-and-set rounds can be lost to other calls on the same session before the call is
// given up as UNAVAILABLE: a session has two honest participants, each with one call at a time.
inline constexpr int kMaxRounds = 16;

// ApplyEvent returns an error when the session could not be read or written (SESSION_NOT_FOUND,
// UNAVAILABLE, what `before_write` returned), STORE_FAILED_OVER once when the store changed under
// it (one-time values are void now, and the event was not applied), and otherwise what the machine
// decided, of which it tells `observer`, if there is one. Thread-safe.
absl::StatusOr<Applied> ApplyEvent(SessionStore& store, const Lifetimes& lifetimes,
                                   const SessionId& id, const MakeEvent& make_event,
                                   const BeforeWrite& before_write = nullptr,
                                   Observer* observer = nullptr);

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_APPLY_H_
