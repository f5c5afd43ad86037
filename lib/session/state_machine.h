// The state machine of a journey: a pure function from record, event and time to the next record.
// Stores run it inside their compare-and-set; nothing else may change a state. Its table is
// state_table.tsv beside this file, from which the tests are generated.
#ifndef MUSUBI_LIB_SESSION_STATE_MACHINE_H_
#define MUSUBI_LIB_SESSION_STATE_MACHINE_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/session/event.h"
#include "lib/session/lifetimes.h"
#include "lib/session/record.h"

namespace musubi::session {

// What a step came to. A refused event may change the record too: a wrong code is counted, a
// session whose time is over becomes EXPIRED.
struct StepResult {
  SessionRecord next;
  bool changed = false;       // `next` differs from the record and must be written.
  absl::Status status;        // OK, or a base::Error.
  bool repeated = false;      // The event came before: `answer` is what it got then.
  base::Bytes sealed_answer;  // The event's own, or the stored one.
};

// Step applies `event` to `record` at `now`, the store's time. Checks in this order: lifetime,
// credential, repetition, state, content. Reasons: CREDENTIAL_MISSING, CREDENTIAL_INVALID,
// REQUEST_ID_REUSED, SESSION_EXPIRED, WRONG_STATE (with the state), and those of the event.
StepResult Step(const SessionRecord& record, const Event& event, absl::Time now,
                const Lifetimes& lifetimes);

// The name of an event, as in the table.
std::string_view Name(const Payload& payload);

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_STATE_MACHINE_H_
