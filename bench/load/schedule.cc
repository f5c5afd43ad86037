#include "bench/load/schedule.h"

#include <algorithm>
#include <chrono>

namespace musubi::bench::load {

base::SteadyTime Schedule::Intended(uint64_t job) const {
  return start_ + std::chrono::nanoseconds(
                      static_cast<int64_t>(static_cast<double>(job) * 1e9 / options_.rate));
}

bool Schedule::IsLate(base::SteadyTime intended, base::SteadyTime now) const {
  return options_.deadline.has_value() && now - intended >= *options_.deadline;
}

std::optional<base::SteadyTime> Schedule::Take(base::SteadyTime now) {
  if (closed()) return now;
  while (!waiting_.empty()) {
    const base::SteadyTime intended = waiting_.front();
    waiting_.pop_front();
    if (!IsLate(intended, now)) return intended;
    listener_.OnLate(intended);
  }
  while (Intended(next_) <= now) {
    const base::SteadyTime intended = Intended(next_++);
    if (!IsLate(intended, now)) return intended;
    listener_.OnLate(intended);
  }
  return std::nullopt;
}

void Schedule::Queue(base::SteadyTime now) {
  if (closed()) return;
  while (!waiting_.empty() && IsLate(waiting_.front(), now)) {
    listener_.OnLate(waiting_.front());
    waiting_.pop_front();
  }
  while (Intended(next_) <= now) {
    const base::SteadyTime intended = Intended(next_++);
    if (waiting_.size() < options_.max_waiting) {
      waiting_.push_back(intended);
    } else {
      listener_.OnNotSent(intended);
    }
  }
}

base::SteadyTime Schedule::Next() const { return waiting_.empty() ? NextDue() : waiting_.front(); }

base::SteadyTime Schedule::NextDue() const {
  return closed() ? base::SteadyTime::max() : Intended(next_);
}

base::SteadyDuration Backoff::After(int failures) {
  base::SteadyDuration bound = first_;
  for (int i = 1; i < failures && bound < largest_; ++i) bound *= 2;
  constexpr uint32_t kSteps = 1 << 16;
  return std::min(bound, largest_) / kSteps * (random_.Uniform(kSteps) + 1);
}

}  // namespace musubi::bench::load
