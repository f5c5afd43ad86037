#include "lib/base/timer.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "tests/fakes/simulated_clock.h"

namespace musubi::base {
namespace {

TEST(ThreadTimer, RunsCallbacksInOrderOfTheirTime) {
  ThreadTimer timer;
  std::vector<int> order;
  std::promise<void> done;
  timer.Schedule(absl::Milliseconds(20), [&] {
    order.push_back(2);
    done.set_value();
  });
  timer.Schedule(absl::Milliseconds(1), [&] { order.push_back(1); });
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(ThreadTimer, CancelledCallbackNeverRuns) {
  ThreadTimer timer;
  const Timer::Id id = timer.Schedule(absl::Hours(1), [] { FAIL() << "cancelled"; });
  EXPECT_TRUE(timer.Cancel(id));
  EXPECT_FALSE(timer.Cancel(id));
}

TEST(ThreadTimer, CallbackMaySchedule) {
  ThreadTimer timer;
  std::promise<void> done;
  timer.Schedule(absl::ZeroDuration(),
                 [&] { timer.Schedule(absl::ZeroDuration(), [&] { done.set_value(); }); });
  done.get_future().wait();
}

TEST(SimulatedClock, RunsWhatIsDueWhenAdvanced) {
  fakes::SimulatedClock clock;
  const absl::Time start = clock.Now();
  std::vector<absl::Time> ran;
  clock.Schedule(absl::Seconds(2), [&] { ran.push_back(clock.Now()); });
  const Timer::Id dropped = clock.Schedule(absl::Seconds(1), [&] { ran.push_back(start); });
  EXPECT_TRUE(clock.Cancel(dropped));
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(ran.empty());
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(ran, (std::vector<absl::Time>{start + absl::Seconds(2)}));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(6));
}

}  // namespace
}  // namespace musubi::base
