#include "lib/base/call_deadline.h"

#include <gtest/gtest.h>

#include <thread>

namespace musubi::base {
namespace {

TEST(CallDeadlineTest, TheEarlierOfTwoHoldsAndTheOuterOneComesBack) {
  const auto before = CallDeadline::AtMost(absl::Hours(1));
  {
    const CallDeadline outer(absl::Minutes(1));
    EXPECT_LT(CallDeadline::AtMost(absl::Hours(1)), before);
    const auto outer_at = CallDeadline::AtMost(absl::Hours(1));
    {
      const CallDeadline longer(absl::Minutes(2));
      EXPECT_EQ(CallDeadline::AtMost(absl::Hours(1)), outer_at);
    }
    {
      const CallDeadline shorter(absl::Seconds(1));
      EXPECT_LT(CallDeadline::AtMost(absl::Hours(1)), outer_at);
    }
    EXPECT_EQ(CallDeadline::AtMost(absl::Hours(1)), outer_at);
    std::thread([&] { EXPECT_GT(CallDeadline::AtMost(absl::Hours(1)), outer_at); }).join();
  }
  EXPECT_GE(CallDeadline::AtMost(absl::Hours(1)), before);
}

TEST(CallDeadlineTest, ADeadlineThatHasPassedOrNeverComesIsATime) {
  const CallDeadline passed(-absl::InfiniteDuration());
  EXPECT_EQ(CallDeadline::Left(CallDeadline::AtMost(absl::InfiniteDuration())),
            absl::ZeroDuration());
}

}  // namespace
}  // namespace musubi::base
