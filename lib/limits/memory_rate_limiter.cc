#include "lib/limits/memory_rate_limiter.h"

#include <algorithm>
#include <iterator>

#include "lib/base/check.h"
#include "lib/base/error.h"

namespace musubi::limits {
namespace {

constexpr size_t kFirstSweep = 1024;
constexpr absl::Duration kSweepInterval = absl::Seconds(1);

absl::Status Full() {
  return base::Error(base::ErrorReason::kOverloaded, "the rate limiter has no room for a key");
}

template <typename Map, typename IsOver>
void EraseIf(Map& map, const IsOver& is_over) {
  for (auto it = map.begin(); it != map.end();) {
    it = is_over(it->second) ? map.erase(it) : std::next(it);
  }
}

}  // namespace

MemoryRateLimiter::MemoryRateLimiter(const base::Clock& clock, size_t capacity)
    : clock_(clock), capacity_(capacity), sweep_at_(std::min(kFirstSweep, capacity)) {}

absl::StatusOr<Decision> MemoryRateLimiter::Take(const Key& key, const Limit& limit) {
  MUSUBI_CHECK(limit.Validate().ok(), "a limit has a count and a period");
  const absl::Duration interval = limit.Interval();
  const absl::Duration all = limit.count * interval;
  base::MutexLock lock(mutex_);
  // Under the lock, so that who came later has no earlier time.
  const absl::Time now = clock_.Now();
  auto it = arrivals_.find(key);
  if (it == arrivals_.end()) {
    if (!MakeRoom(now)) return Full();
    it = arrivals_.emplace(key, now).first;
  }
  // Beyond `all` is only what a later clock or a wider limit wrote.
  it->second = std::clamp(it->second, now, now + all);
  const absl::Duration retry_after = it->second + interval - all - now;
  if (retry_after > absl::ZeroDuration()) return Decision{false, retry_after};
  it->second += interval;
  return Decision{.allowed = true};
}

absl::StatusOr<WindowCount> MemoryRateLimiter::Window(const Key& key, const Limit& limit,
                                                      WindowStep step) {
  MUSUBI_CHECK(limit.Validate().ok() && limit.count <= Limit::kMaxWindowCount,
               "a window has a count and a period");
  const auto count = static_cast<size_t>(limit.count);
  base::MutexLock lock(mutex_);
  const absl::Time now = clock_.Now();
  if (!windows_.contains(key) && windows_.size() >= kMaxWindows) {
    EraseIf(windows_, [now](const Times& times) { return times.forget_at <= now; });
    if (windows_.size() >= kMaxWindows) return Full();
  }
  Times& times = windows_[key];
  std::deque<absl::Time>& latest = times.latest;
  if (step == WindowStep::kAdd) {
    latest.push_back(now);
    if (latest.size() > count) latest.pop_front();
    times.forget_at = now + limit.period;
  }
  if (latest.size() < count) return WindowCount{};
  const absl::Duration clears_after = latest[latest.size() - count] + limit.period - now;
  if (clears_after <= absl::ZeroDuration()) return WindowCount{};
  return WindowCount{true, clears_after};
}

bool MemoryRateLimiter::MakeRoom(absl::Time now) {
  if (arrivals_.size() < sweep_at_) return true;
  if (arrivals_.size() >= capacity_ && now < sweep_after_) return false;
  EraseIf(arrivals_, [now](absl::Time arrival) { return arrival <= now; });
  sweep_at_ = std::clamp(2 * arrivals_.size(), std::min(kFirstSweep, capacity_), capacity_);
  sweep_after_ = now + kSweepInterval;
  return arrivals_.size() < capacity_;
}

size_t MemoryRateLimiter::size() {
  base::MutexLock lock(mutex_);
  return arrivals_.size();
}

}  // namespace musubi::limits
