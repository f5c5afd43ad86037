#include "lib/session/apply.h"

#include <utility>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/session/state_machine.h"

namespace musubi::session {

absl::StatusOr<Applied> ApplyEvent(SessionStore& store, const Lifetimes& lifetimes,
                                   const SessionId& id, const MakeEvent& make_event,
                                   const BeforeWrite& before_write, Observer* observer) {
  for (int round = 0; round < kMaxRounds; ++round) {
    MUSUBI_ASSIGN_OR_RETURN(const SessionStore::Stored stored, store.Get(id));
    if (stored.failed_over && !IsTerminal(stored.record.state)) {
      // Not applied to what is left: the page hears of it, and asks for new values.
      SessionRecord voided = stored.record;
      ++voided.version;
      MUSUBI_ASSIGN_OR_RETURN(const bool written, store.CompareAndSet(voided, stored.tenure));
      if (!written) continue;
      return base::Error(base::ErrorReason::kStoreFailedOver, "one-time values are void");
    }
    const Event event = make_event(stored.record);
    StepResult step = Step(stored.record, event, stored.now, lifetimes);
    if (step.changed) {
      step.next.version = stored.record.version + 1;
      if (before_write != nullptr) {
        MUSUBI_RETURN_IF_ERROR(before_write(stored.record, step.next));
      }
      MUSUBI_ASSIGN_OR_RETURN(const bool written, store.CompareAndSet(step.next, stored.tenure));
      if (!written) continue;
    }
    Applied applied{.record = std::move(step.next),
                    .now = stored.now,
                    .status = std::move(step.status),
                    .repeated = step.repeated,
                    .sealed_answer = std::move(step.sealed_answer)};
    if (observer != nullptr) observer->OnApplied(event.payload, stored.record.state, applied);
    return applied;
  }
  return base::Error(base::ErrorReason::kUnavailable, "too many calls on this session at once");
}

}  // namespace musubi::session
