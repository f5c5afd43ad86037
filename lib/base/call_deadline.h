// Until when the work that a thread does for one call is worth doing. A use case runs on one thread
// from top to bottom, so the deadline is the thread's: what waits far below (a database) needs no
// parameter through everything above it. Ends nothing by itself: whoever waits asks.
#ifndef MUSUBI_LIB_BASE_CALL_DEADLINE_H_
#define MUSUBI_LIB_BASE_CALL_DEADLINE_H_

#include <chrono>
#include <optional>

#include "absl/time/time.h"

namespace musubi::base {

// CallDeadline is its thread's deadline for as long as it lives; within another one, the earlier of
// the two holds. Destroyed on the thread that made it.
class CallDeadline {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `left` from now, on the machine's steady clock, whatever clock journeys run on.
  explicit CallDeadline(absl::Duration left);
  ~CallDeadline();
  CallDeadline(const CallDeadline&) = delete;
  CallDeadline& operator=(const CallDeadline&) = delete;

  // The deadline of this thread, or `otherwise` from now if it has none or a later one.
  static TimePoint AtMost(absl::Duration otherwise);

  // How long it is until `deadline`; zero once it has passed.
  static absl::Duration Left(TimePoint deadline);

 private:
  const std::optional<TimePoint> before_;
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_CALL_DEADLINE_H_
