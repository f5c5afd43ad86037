#include "tests/fakes/simulated_clock.h"

#include <algorithm>

namespace musubi::fakes {

SimulatedClock::SimulatedClock()
    : SimulatedClock(absl::FromCivil(absl::CivilSecond(2026, 4, 1), absl::UTCTimeZone())) {}

absl::Time SimulatedClock::Now() const {
  base::MutexLock lock(mutex_);
  return now_;
}

base::Timer::Id SimulatedClock::Schedule(absl::Duration delay, Callback callback) {
  base::MutexLock lock(mutex_);
  const Id id = next_id_++;
  queue_.emplace(std::pair(now_ + std::max(delay, absl::ZeroDuration()), id), std::move(callback));
  return id;
}

bool SimulatedClock::Cancel(Id id) {
  Callback dropped;  // Destroyed after the lock is gone: it may own anything.
  base::MutexLock lock(mutex_);
  const auto it = std::find_if(queue_.begin(), queue_.end(),
                               [id](const auto& entry) { return entry.first.second == id; });
  if (it == queue_.end()) return false;
  dropped = std::move(it->second);
  queue_.erase(it);
  return true;
}

void SimulatedClock::Advance(absl::Duration step) {
  const absl::Time end = Now() + step;
  while (true) {
    Callback callback;
    {
      base::MutexLock lock(mutex_);
      const auto first = queue_.begin();
      if (first == queue_.end() || first->first.first > end) {
        now_ = end;
        return;
      }
      now_ = std::max(now_, first->first.first);
      callback = std::move(first->second);
      queue_.erase(first);
    }
    callback();
  }
}

}  // namespace musubi::fakes
