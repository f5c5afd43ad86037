// What every RateLimiter must do: one suite, run on each implementation by
// INSTANTIATE_TYPED_TEST_SUITE_P with a fixture that has limiter() and Advance(duration). Its clock
// may run on besides: no test takes a minute, and none looks at less.
#ifndef MUSUBI_LIB_LIMITS_RATE_LIMITER_CONTRACT_H_
#define MUSUBI_LIB_LIMITS_RATE_LIMITER_CONTRACT_H_

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "lib/limits/rate_limiter.h"

namespace musubi::limits {

template <typename Fixture>
class RateLimiterContract : public ::testing::Test {
 protected:
  static constexpr absl::Duration kSlack = absl::Minutes(1);

  static Key KeyOf(uint8_t number) { return Key{number}; }
  RateLimiter& limiter() { return fixture_.limiter(); }

  Decision Take(const Key& key, const Limit& limit) {
    const auto decision = limiter().Take(key, limit);
    EXPECT_TRUE(decision.ok()) << decision.status();
    return decision.value_or(Decision{});
  }
  void ExpectAllowed(const Key& key, const Limit& limit) {
    const Decision decision = Take(key, limit);
    EXPECT_TRUE(decision.allowed) << decision.retry_after;
    EXPECT_EQ(decision.retry_after, absl::ZeroDuration());
  }
  // At least `wait`, less what the clock ran on.
  void ExpectRefused(const Key& key, const Limit& limit, absl::Duration wait) {
    const Decision decision = Take(key, limit);
    EXPECT_FALSE(decision.allowed);
    EXPECT_LE(decision.retry_after, wait);
    EXPECT_GT(decision.retry_after, wait - kSlack);
    EXPECT_GT(decision.retry_after, absl::ZeroDuration());
  }
  WindowCount Window(const Limit& limit, WindowStep step, const Key& key = KeyOf(1)) {
    const auto count = limiter().Window(key, limit, step);
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(WindowCount{});
  }

  Fixture fixture_;
};

TYPED_TEST_SUITE_P(RateLimiterContract);

TYPED_TEST_P(RateLimiterContract, AllowsTheCountAtOnceAndThenOneAnInterval) {
  const Limit limit{10, absl::Hours(20)};
  const Key key = this->KeyOf(1);
  for (int i = 0; i < 10; ++i) this->ExpectAllowed(key, limit);
  this->ExpectRefused(key, limit, absl::Hours(2));
  this->fixture_.Advance(absl::Hours(2) - this->kSlack);
  this->ExpectRefused(key, limit, this->kSlack);
  this->fixture_.Advance(this->kSlack);
  this->ExpectAllowed(key, limit);
  this->ExpectRefused(key, limit, absl::Hours(2));
  this->fixture_.Advance(absl::Hours(5));
  this->ExpectAllowed(key, limit);
  this->ExpectAllowed(key, limit);
  this->ExpectRefused(key, limit, absl::Hours(1));
}

TYPED_TEST_P(RateLimiterContract, ATableOfTimesAndAnswers) {
  struct Step {
    int minute;  // Since the beginning.
    bool allowed;
    int wait_minutes;  // If not.
  };
  struct Case {
    const char* what;
    Limit limit;
    std::vector<Step> steps;
  };
  const Case kCases[] = {
      {"one an hour",
       {1, absl::Hours(1)},
       {{0, true},
        {0, false, 60},
        {30, false, 30},
        {60, true},
        {61, false, 59},
        {240, true},
        {240, false, 60}}},
      {"at the steady rate for ever",
       {3, absl::Hours(3)},
       {{0, true}, {60, true}, {120, true}, {180, true}, {240, true}, {300, true}, {360, true}}},
      {"never more than the count at once, however long nobody came",
       {3, absl::Hours(3)},
       {{0, true}, {6000, true}, {6000, true}, {6000, true}, {6000, false, 60}}},
      {"a refused one costs nothing",
       {2, absl::Hours(2)},
       {{0, true},
        {0, true},
        {10, false, 50},
        {20, false, 40},
        {59, false, 1},
        {60, true},
        {60, false, 60}}},
      {"who comes early waits later",
       {2, absl::Minutes(20)},
       {{0, true},
        {5, true},
        {6, false, 4},
        {10, true},
        {15, false, 5},
        {20, true},
        {30, true},
        {45, true},
        {45, false, 5},
        {50, true}}},
  };
  uint8_t number = 0;
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    const Key key = this->KeyOf(++number);
    int minute = 0;
    for (const Step& step : c.steps) {
      SCOPED_TRACE(step.minute);
      this->fixture_.Advance(absl::Minutes(step.minute - minute));
      minute = step.minute;
      if (step.allowed) {
        this->ExpectAllowed(key, c.limit);
      } else {
        this->ExpectRefused(key, c.limit, absl::Minutes(step.wait_minutes));
      }
    }
  }
}

TYPED_TEST_P(RateLimiterContract, KeysAreCountedEachForItself) {
  const Limit limit{1, absl::Hours(1)};
  this->ExpectAllowed(this->KeyOf(1), limit);
  this->ExpectAllowed(this->KeyOf(2), limit);
  this->ExpectRefused(this->KeyOf(1), limit, absl::Hours(1));
}

TYPED_TEST_P(RateLimiterContract, AClockThatStepsBackLeavesAPeriodToWaitAtMost) {
  const Limit limit{4, absl::Hours(4)};
  const Key key = this->KeyOf(1);
  this->ExpectAllowed(key, limit);
  this->fixture_.Advance(-absl::Hours(1000));
  this->ExpectRefused(key, limit, absl::Hours(1));
  this->fixture_.Advance(absl::Hours(1));
  this->ExpectAllowed(key, limit);
  this->ExpectRefused(key, limit, absl::Hours(1));
  this->fixture_.Advance(absl::Hours(4));
  for (int i = 0; i < 4; ++i) this->ExpectAllowed(key, limit);
  this->ExpectRefused(key, limit, absl::Hours(1));
}

TYPED_TEST_P(RateLimiterContract, ALimitThatBecameNarrowerHoldsAtOnce) {
  const Key key = this->KeyOf(1);
  for (int i = 0; i < 10; ++i) this->ExpectAllowed(key, Limit{10, absl::Hours(10)});
  this->ExpectRefused(key, Limit{2, absl::Hours(2)}, absl::Hours(1));
}

TYPED_TEST_P(RateLimiterContract, ThousandsAMinuteAreCountedOneByOne) {
  const Limit limit{2000, absl::Hours(7 * 24)};
  for (int i = 0; i < 2000; ++i) this->ExpectAllowed(this->KeyOf(1), limit);
  EXPECT_FALSE(this->Take(this->KeyOf(1), limit).allowed);
}

TYPED_TEST_P(RateLimiterContract, OfManyAtOnceExactlyTheCountPass) {
  constexpr int kThreads = 64, kEach = 4, kCount = 100;
  const Limit limit{kCount, absl::Hours(7 * 24)};
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        if (this->Take(this->KeyOf(1), limit).allowed) ++allowed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, kCount);
}

TYPED_TEST_P(RateLimiterContract, AWindowIsReachedByTheLastOfTheCountAndNotByALook) {
  const Limit limit{5, absl::Hours(10)};
  EXPECT_FALSE(this->Window(limit, WindowStep::kLook).reached);
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(this->Window(limit, WindowStep::kAdd).reached);
    EXPECT_FALSE(this->Window(limit, WindowStep::kLook).reached);
  }
  const WindowCount fifth = this->Window(limit, WindowStep::kAdd);
  EXPECT_TRUE(fifth.reached);
  EXPECT_LE(fifth.clears_after, absl::Hours(10));
  EXPECT_GT(fifth.clears_after, absl::Hours(10) - this->kSlack);
  EXPECT_TRUE(this->Window(limit, WindowStep::kLook).reached);
  EXPECT_FALSE(this->Window(limit, WindowStep::kLook, this->KeyOf(2)).reached);
}

TYPED_TEST_P(RateLimiterContract, AWindowSlides) {
  const Limit limit{5, absl::Hours(10)};
  // One each two hours: the fifth comes within ten hours of the first, and stays in.
  for (int i = 0; i < 5; ++i) {
    if (i > 0) this->fixture_.Advance(absl::Hours(2));
    EXPECT_EQ(this->Window(limit, WindowStep::kAdd).reached, i == 4);
  }
  this->fixture_.Advance(absl::Hours(2) - this->kSlack);
  EXPECT_TRUE(this->Window(limit, WindowStep::kLook).reached);
  this->fixture_.Advance(this->kSlack);
  EXPECT_FALSE(this->Window(limit, WindowStep::kLook).reached);
  // The second to the fifth are still in it, and one more makes five.
  EXPECT_TRUE(this->Window(limit, WindowStep::kAdd).reached);
  // Nobody adds: the one that is the second now goes out after two hours.
  this->fixture_.Advance(absl::Hours(2));
  EXPECT_FALSE(this->Window(limit, WindowStep::kLook).reached);
}

TYPED_TEST_P(RateLimiterContract, AWindowThatMissesTheCountByAMomentIsNotReached) {
  const Limit limit{3, absl::Hours(2)};
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(this->Window(limit, WindowStep::kAdd).reached);
    this->fixture_.Advance(absl::Hours(1));
  }
}

TYPED_TEST_P(RateLimiterContract, AWindowCountsOnWhileItIsReached) {
  const Limit limit{3, absl::Hours(3)};
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(this->Window(limit, WindowStep::kAdd).reached, i >= 2);
    this->fixture_.Advance(absl::Minutes(50));
  }
  this->fixture_.Advance(absl::Hours(1));
  EXPECT_FALSE(this->Window(limit, WindowStep::kLook).reached);
}

TYPED_TEST_P(RateLimiterContract, ManyAtOnceReachAWindowWithTheLastOfTheCount) {
  constexpr int kThreads = 64, kCount = 200;
  const Limit limit{kCount, absl::Hours(10)};
  std::atomic<int> reached = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 4; ++n) {
        if (this->Window(limit, WindowStep::kAdd).reached) ++reached;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reached, kThreads * 4 - kCount + 1);
}

REGISTER_TYPED_TEST_SUITE_P(RateLimiterContract, AllowsTheCountAtOnceAndThenOneAnInterval,
                            ATableOfTimesAndAnswers, KeysAreCountedEachForItself,
                            AClockThatStepsBackLeavesAPeriodToWaitAtMost,
                            ALimitThatBecameNarrowerHoldsAtOnce, ThousandsAMinuteAreCountedOneByOne,
                            OfManyAtOnceExactlyTheCountPass,
                            AWindowIsReachedByTheLastOfTheCountAndNotByALook, AWindowSlides,
                            AWindowThatMissesTheCountByAMomentIsNotReached,
                            AWindowCountsOnWhileItIsReached,
                            ManyAtOnceReachAWindowWithTheLastOfTheCount);

}  // namespace musubi::limits

#endif  // MUSUBI_LIB_LIMITS_RATE_LIMITER_CONTRACT_H_
