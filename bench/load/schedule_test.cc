#include "bench/load/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "tests/fakes/fake_random.h"

namespace musubi::bench::load {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const base::SteadyTime kStart{seconds(1000)};

class Heard final : public Schedule::Listener {
 public:
  void OnNotSent(base::SteadyTime intended) override { not_sent.push_back(intended); }
  void OnLate(base::SteadyTime intended) override { late.push_back(intended); }

  std::vector<base::SteadyTime> not_sent, late;
};

TEST(Schedule, AClosedLoopStartsAJobWheneverThereIsAPlace) {
  Heard heard;
  Schedule schedule({}, kStart, heard);
  EXPECT_EQ(schedule.Take(kStart), kStart);
  EXPECT_EQ(schedule.Take(kStart + seconds(9)), kStart + seconds(9));
  schedule.Queue(kStart + seconds(9));
  EXPECT_EQ(schedule.NextDue(), base::SteadyTime::max());
  EXPECT_EQ(schedule.Next(), base::SteadyTime::max());
  EXPECT_THAT(heard.not_sent, IsEmpty());
}

TEST(Schedule, AnOpenLoopStartsJobsAtItsRateAndNotBefore) {
  Heard heard;
  Schedule schedule({.rate = 1000}, kStart, heard);
  EXPECT_EQ(schedule.Take(kStart), kStart);
  EXPECT_EQ(schedule.Take(kStart + microseconds(999)), std::nullopt);
  EXPECT_EQ(schedule.NextDue(), kStart + milliseconds(1));
  EXPECT_EQ(schedule.Take(kStart + milliseconds(1)), kStart + milliseconds(1));
}

TEST(Schedule, AGeneratorThatIsBehindStartsJobsWithTheTimesThatTheyShouldHaveHad) {
  Heard heard;
  Schedule schedule({.rate = 1000}, kStart, heard);
  const base::SteadyTime now = kStart + milliseconds(2);
  EXPECT_EQ(schedule.Take(now), kStart);
  EXPECT_EQ(schedule.Take(now), kStart + milliseconds(1));
  EXPECT_EQ(schedule.Take(now), kStart + milliseconds(2));
  EXPECT_EQ(schedule.Take(now), std::nullopt);
}

TEST(Schedule, HoldsItsRateOverAnHourToTheMicrosecond) {
  Heard heard;
  // No whole number of nanoseconds between two jobs.
  Schedule schedule({.rate = 3, .max_waiting = 10'801}, kStart, heard);
  schedule.Queue(kStart + std::chrono::hours(1));
  for (int i = 0; i < 3 * 3600; ++i) EXPECT_TRUE(schedule.Take(kStart + std::chrono::hours(1)));
  const base::SteadyTime last = *schedule.Take(kStart + std::chrono::hours(1));
  EXPECT_LT(kStart + std::chrono::hours(1) - last, microseconds(1));
  EXPECT_EQ(schedule.Take(kStart + std::chrono::hours(1)), std::nullopt);
}

TEST(Schedule, WithoutAPlaceJobsWaitAndWhatFindsTheQueueFullIsNotSent) {
  Heard heard;
  Schedule schedule({.rate = 1000, .max_waiting = 2}, kStart, heard);
  schedule.Queue(kStart + milliseconds(3));
  EXPECT_THAT(heard.not_sent, ElementsAre(kStart + milliseconds(2), kStart + milliseconds(3)));
  EXPECT_EQ(schedule.Next(), kStart);
  EXPECT_EQ(schedule.NextDue(), kStart + milliseconds(4));
  EXPECT_EQ(schedule.Take(kStart + milliseconds(3)), kStart);
  EXPECT_EQ(schedule.Take(kStart + milliseconds(3)), kStart + milliseconds(1));
  EXPECT_EQ(schedule.Take(kStart + milliseconds(3)), std::nullopt);
  EXPECT_THAT(heard.late, IsEmpty());
}

TEST(Schedule, WithoutAQueueWhatFindsNoPlaceIsNotSent) {
  Heard heard;
  Schedule schedule({.rate = 1000}, kStart, heard);
  schedule.Queue(kStart);
  EXPECT_THAT(heard.not_sent, ElementsAre(kStart));
}

TEST(Schedule, AJobWhoseDeadlinePassesInTheQueueIsLateAndMakesRoom) {
  Heard heard;
  Schedule schedule({.rate = 1000, .max_waiting = 2, .deadline = milliseconds(5)}, kStart, heard);
  schedule.Queue(kStart + milliseconds(1));
  EXPECT_THAT(heard.late, IsEmpty());
  schedule.Queue(kStart + milliseconds(5));
  EXPECT_THAT(heard.late, ElementsAre(kStart));
  // The job of 2 ms took the room; those of 3, 4 and 5 found none.
  EXPECT_EQ(heard.not_sent.size(), 3u);
  EXPECT_EQ(schedule.Take(kStart + milliseconds(6)), kStart + milliseconds(2));
  EXPECT_THAT(heard.late, ElementsAre(kStart, kStart + milliseconds(1)));
}

TEST(Schedule, EveryJobIsTakenOrLateOrNotSentExactlyOnce) {
  Heard heard;
  Schedule schedule({.rate = 100'000, .max_waiting = 50, .deadline = milliseconds(1)}, kStart,
                    heard);
  // A server three times too slow: a place every 30 us.
  size_t taken = 0;
  for (int i = 0; i < 10'000; ++i) {
    const base::SteadyTime now = kStart + microseconds(30 * i);
    if (schedule.Take(now).has_value()) ++taken;
    schedule.Queue(now);
  }
  const base::SteadyTime end = kStart + microseconds(30 * 10'000);
  size_t waiting = 0;
  while (schedule.Take(end).has_value()) ++waiting;
  EXPECT_EQ(taken + waiting + heard.late.size() + heard.not_sent.size(), 30'001u);
  EXPECT_EQ(taken, 10'000u);
}

TEST(Backoff, IsARandomPartOfABoundThatDoublesUpToItsLargest) {
  fakes::FakeRandom random;
  Backoff backoff(milliseconds(64), milliseconds(256), random);
  const auto largest_after = [&](int failures) {
    random.Script({0xFF, 0xFF, 0xFF, 0xFF});
    return std::chrono::round<milliseconds>(backoff.After(failures));
  };
  EXPECT_EQ(largest_after(1), milliseconds(64));
  EXPECT_EQ(largest_after(2), milliseconds(128));
  EXPECT_EQ(largest_after(3), milliseconds(256));
  EXPECT_EQ(largest_after(1000), milliseconds(256));
  random.Script({0, 0, 0, 0});
  const base::SteadyDuration smallest = backoff.After(1000);
  EXPECT_GT(smallest, base::SteadyDuration::zero());
  EXPECT_LT(smallest, milliseconds(1));
}

}  // namespace
}  // namespace musubi::bench::load
