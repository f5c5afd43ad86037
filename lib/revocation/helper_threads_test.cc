#include "lib/revocation/helper_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace musubi::revocation {
namespace {

TEST(HelperThreads, TakesNoMoreTasksThanThereMayBeThreadsAndWaitsForThemInTheEnd) {
  std::latch started(2);
  std::latch release(1);
  std::atomic<int> ended = 0;
  const auto task = [&] {
    started.count_down();
    release.wait();
    ++ended;
  };
  {
    HelperThreads helpers(2);
    EXPECT_TRUE(helpers.Run(task));
    EXPECT_TRUE(helpers.Run(task));
    EXPECT_FALSE(helpers.Run(task));
    started.wait();
    EXPECT_FALSE(helpers.Run(task)) << "they are under way";
    release.count_down();
  }
  EXPECT_EQ(ended, 2);
}

TEST(HelperThreads, AThreadThatIsDoneTakesTheNextTask) {
  std::atomic<int> ended = 0;
  {
    HelperThreads helpers(1);
    for (int i = 0; i < 100; ++i) {
      // Refused for as long as the one before is not quite done.
      while (!helpers.Run([&] { ++ended; })) std::this_thread::yield();
    }
  }
  EXPECT_EQ(ended, 100);
}

TEST(HelperThreads, WithoutAnyNothingIsTaken) {
  HelperThreads helpers(0);
  EXPECT_FALSE(helpers.Run([] { ADD_FAILURE(); }));
}

}  // namespace
}  // namespace musubi::revocation
