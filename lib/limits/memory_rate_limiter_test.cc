#include "lib/limits/memory_rate_limiter.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/limits/rate_limiter_contract.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::limits {
namespace {

class MemoryFixture {
 public:
  RateLimiter& limiter() { return limiter_; }
  void Advance(absl::Duration step) { clock_.Advance(step); }

 private:
  fakes::SimulatedClock clock_;
  MemoryRateLimiter limiter_{clock_};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, RateLimiterContract, MemoryFixture);

Key KeyOf(uint32_t number) {
  Key key{};
  for (size_t i = 0; i < 4; ++i) key[i] = static_cast<uint8_t>(number >> (8 * i));
  return key;
}

TEST(Limit, HasACountAndAPeriodThatAreExactInAScript) {
  struct Case {
    Limit limit;
    bool good;
  };
  const Case kCases[] = {
      {{10, absl::Hours(1)}, true},
      {{1, absl::Microseconds(1)}, true},
      {{Limit::kMaxCount, Limit::kMaxPeriod}, true},
      {{0, absl::Hours(1)}, false},
      {{-1, absl::Hours(1)}, false},
      {{Limit::kMaxCount + 1, Limit::kMaxPeriod}, false},
      {{1, absl::ZeroDuration()}, false},
      {{1, -absl::Hours(1)}, false},
      {{1, Limit::kMaxPeriod + absl::Seconds(1)}, false},
      {{1, absl::InfiniteDuration()}, false},
      {{1000, absl::Microseconds(999)}, false},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(c.limit.Validate().ok(), c.good) << c.limit.count << " in " << c.limit.period;
  }
  EXPECT_EQ((Limit{10, absl::Hours(1)}.Interval()), absl::Minutes(6));
  EXPECT_EQ((Limit{3, absl::Microseconds(10)}.Interval()), absl::Microseconds(4));
}

TEST(MemoryRateLimiter, AnswersToTheMicrosecond) {
  fakes::SimulatedClock clock;
  MemoryRateLimiter limiter(clock);
  const Limit limit{2, absl::Seconds(2)};
  EXPECT_TRUE(limiter.Take(KeyOf(1), limit)->allowed);
  EXPECT_TRUE(limiter.Take(KeyOf(1), limit)->allowed);
  EXPECT_EQ(limiter.Take(KeyOf(1), limit)->retry_after, absl::Seconds(1));
  clock.Advance(absl::Seconds(1) - absl::Microseconds(1));
  EXPECT_EQ(limiter.Take(KeyOf(1), limit)->retry_after, absl::Microseconds(1));
  clock.Advance(absl::Microseconds(1));
  EXPECT_TRUE(limiter.Take(KeyOf(1), limit)->allowed);

  const Limit window{2, absl::Seconds(10)};
  EXPECT_FALSE(limiter.Window(KeyOf(1), window, WindowStep::kAdd)->reached);
  clock.Advance(absl::Seconds(10) - absl::Microseconds(1));
  EXPECT_EQ(limiter.Window(KeyOf(1), window, WindowStep::kAdd)->clears_after,
            absl::Microseconds(1));
  clock.Advance(absl::Microseconds(1));
  EXPECT_FALSE(limiter.Window(KeyOf(1), window, WindowStep::kLook)->reached);
}

TEST(MemoryRateLimiter, ForgetsKeysThatCountNoMore) {
  fakes::SimulatedClock clock;
  MemoryRateLimiter limiter(clock, 100'000);
  for (uint32_t i = 0; i < 200'000; ++i) {
    ASSERT_TRUE(limiter.Take(KeyOf(i), {1, absl::Seconds(10)})->allowed);
    clock.Advance(absl::Milliseconds(1));
  }
  EXPECT_LE(limiter.size(), 2 * 10'000u);
}

TEST(MemoryRateLimiter, IsOverloadedWhenFullUntilKeysCountNoMore) {
  fakes::SimulatedClock clock;
  MemoryRateLimiter limiter(clock, 2);
  const Limit limit{1, absl::Hours(1)};
  EXPECT_TRUE(limiter.Take(KeyOf(1), limit)->allowed);
  EXPECT_TRUE(limiter.Take(KeyOf(2), limit)->allowed);
  EXPECT_EQ(base::ReasonOf(limiter.Take(KeyOf(3), limit).status()), base::ErrorReason::kOverloaded);
  // Those that it knows it still counts; and codes, which are apart.
  EXPECT_FALSE(limiter.Take(KeyOf(1), limit)->allowed);
  EXPECT_TRUE(limiter.Window(KeyOf(1), limit, WindowStep::kAdd)->reached);
  clock.Advance(absl::Hours(1));
  EXPECT_TRUE(limiter.Take(KeyOf(3), limit)->allowed);
}

TEST(MemoryRateLimiter, TakesNoMoreWindowsThanItMayHaveNotEvenForALook) {
  fakes::SimulatedClock clock;
  MemoryRateLimiter limiter(clock);
  const Limit limit{1, absl::Hours(1)};
  for (uint32_t i = 0; i < MemoryRateLimiter::kMaxWindows; ++i) {
    EXPECT_TRUE(limiter.Window(KeyOf(i), limit, WindowStep::kAdd)->reached);
  }
  for (const WindowStep step : {WindowStep::kLook, WindowStep::kAdd}) {
    EXPECT_EQ(base::ReasonOf(limiter.Window(KeyOf(1000), limit, step).status()),
              base::ErrorReason::kOverloaded);
  }
  clock.Advance(absl::Hours(1));
  EXPECT_TRUE(limiter.Window(KeyOf(1000), limit, WindowStep::kAdd)->reached);
}

}  // namespace
}  // namespace musubi::limits
