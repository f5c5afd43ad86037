// Time that stands still until a test moves it: a Clock and a Timer in one.
#ifndef MUSUBI_TESTS_FAKES_SIMULATED_CLOCK_H_
#define MUSUBI_TESTS_FAKES_SIMULATED_CLOCK_H_

#include <map>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/timer.h"

namespace musubi::fakes {

// SimulatedClock starts at 2026-04-01 00:00:00 UTC. Thread-safe; callbacks run on the thread that
// advances, in order of their time, each seeing its own time as Now().
class SimulatedClock final : public base::Clock, public base::Timer {
 public:
  SimulatedClock();
  explicit SimulatedClock(absl::Time start) : now_(start) {}

  absl::Time Now() const override;
  Id Schedule(absl::Duration delay, Callback callback) override;
  bool Cancel(Id id) override;

  void Advance(absl::Duration step);

 private:
  mutable base::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  Id next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<std::pair<absl::Time, Id>, Callback> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_SIMULATED_CLOCK_H_
