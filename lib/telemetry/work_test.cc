#include "lib/telemetry/work.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/fakes/simulated_clock.h"

namespace musubi::telemetry {
namespace {

absl::Duration Of(const Work& work, Stage stage) {
  return work.times()[static_cast<size_t>(stage)];
}

TEST(Work, AnInnerStageTakesItsTimeFromTheOuter) {
  fakes::SimulatedClock clock;
  const Work work(clock, {});
  clock.Advance(absl::Milliseconds(100));  // In no stage.
  {
    const StageScope validation(Stage::kValidation);
    clock.Advance(absl::Milliseconds(1));
    {
      const StageScope network(Stage::kRevocationNetwork);
      clock.Advance(absl::Milliseconds(20));
    }
    clock.Advance(absl::Milliseconds(2));
  }
  for (int i = 0; i < 2; ++i) {
    const StageScope store(Stage::kLinkStore);
    clock.Advance(absl::Milliseconds(5));
  }
  EXPECT_EQ(Of(work, Stage::kValidation), absl::Milliseconds(3));
  EXPECT_EQ(Of(work, Stage::kRevocationNetwork), absl::Milliseconds(20));
  EXPECT_EQ(Of(work, Stage::kLinkStore), absl::Milliseconds(10));
  EXPECT_EQ(Of(work, Stage::kSessionStore), absl::ZeroDuration());
}

TEST(Work, IsOfOneThreadAndOneLifetime) {
  fakes::SimulatedClock clock;
  EXPECT_EQ(Work::Current(), nullptr);
  EnterStage(Stage::kLinkStore);  // Without an account: nothing.
  LeaveStage();
  const TraceContext trace{.trace_id = {1}, .span_id = {2}};
  {
    const Work outer(clock, trace);
    EXPECT_EQ(Work::Current()->trace(), trace);
    std::thread([] { EXPECT_EQ(Work::Current(), nullptr); }).join();
    {
      const Work inner(clock, {});
      EXPECT_EQ(Work::Current(), &inner);
    }
    EXPECT_EQ(Work::Current(), &outer);
  }
  EXPECT_EQ(Work::Current(), nullptr);
}

TEST(WorkDeathTest, AStageThatNobodyEnteredDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  fakes::SimulatedClock clock;
  const Work work(clock, {});
  EXPECT_DEATH(LeaveStage(), "nobody entered");
  EXPECT_DEATH(for (int i = 0; i < 9; ++i) EnterStage(Stage::kLinkStore), "nobody leaves");
}

}  // namespace
}  // namespace musubi::telemetry
