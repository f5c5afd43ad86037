// A rate limiter in memory that stops answering when a test says so.
#ifndef MUSUBI_TESTS_FAKES_FAILING_RATE_LIMITER_H_
#define MUSUBI_TESTS_FAKES_FAILING_RATE_LIMITER_H_

#include <atomic>

#include "lib/base/error.h"
#include "lib/limits/memory_rate_limiter.h"

namespace musubi::fakes {

// FailingRateLimiter is thread-safe.
class FailingRateLimiter final : public limits::RateLimiter {
 public:
  explicit FailingRateLimiter(const base::Clock& clock) : limiter_(clock) {}

  // From now on every call is UNAVAILABLE, and counts nothing.
  void Fail(bool failing) { failing_ = failing; }
  int added() const { return added_; }  // To windows.

  absl::StatusOr<limits::Decision> Take(const limits::Key& key,
                                        const limits::Limit& limit) override {
    if (failing_) return Away();
    return limiter_.Take(key, limit);
  }
  absl::StatusOr<limits::WindowCount> Window(const limits::Key& key, const limits::Limit& limit,
                                             limits::WindowStep step) override {
    if (failing_) return Away();
    if (step == limits::WindowStep::kAdd) ++added_;
    return limiter_.Window(key, limit, step);
  }

 private:
  static absl::Status Away() {
    return base::Error(base::ErrorReason::kUnavailable, "the rate limiter is away");
  }

  std::atomic<bool> failing_ = false;
  std::atomic<int> added_ = 0;
  limits::MemoryRateLimiter limiter_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_FAILING_RATE_LIMITER_H_
