#include "services/musubid/housekeeping.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/fakes/simulated_clock.h"

namespace musubi::services::musubid {
namespace {

TEST(Periodic, RunsAfterEachIntervalUntilItGoes) {
  fakes::SimulatedClock clock;
  auto workers = base::WorkerPool::Create({.threads = 1, .queue = 4});
  ASSERT_TRUE(workers.ok());
  int runs = 0;
  std::promise<void> ran[2];
  {
    const Periodic periodic(clock, **workers, absl::Minutes(1), [&] { ran[runs++].set_value(); });
    clock.Advance(absl::Seconds(59));
    clock.Advance(absl::Seconds(1));
    ran[0].get_future().wait();
    // The next one is scheduled when the run is over; a task behind it in the queue waits for that.
    std::promise<void> behind;
    ASSERT_TRUE((*workers)->Submit([&] { behind.set_value(); }));
    behind.get_future().wait();
    clock.Advance(absl::Minutes(1));
    ran[1].get_future().wait();
  }
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(runs, 2);
}

}  // namespace
}  // namespace musubi::services::musubid
