#include "lib/jpki/slow_path_pool.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "lib/base/error.h"

namespace musubi::jpki {
namespace {

TEST(SlowPathPoolTest, HalfOfAServersThreadsStayFree) {
  const struct {
    int threads;
    int at_once;
    int waiting;
  } cases[] = {{1, 1, 0}, {2, 1, 0}, {4, 1, 1}, {16, 4, 4}};
  for (const auto& c : cases) {
    const auto options = SlowPathPool::Options::ForThreads(c.threads);
    EXPECT_EQ(options.at_once, c.at_once) << c.threads;
    EXPECT_EQ(options.waiting, c.waiting) << c.threads;
  }
}

TEST(SlowPathPoolTest, OneMoreThanMayWaitIsRefusedAtOnce) {
  SlowPathPool pool({.at_once = 2, .waiting = 1});
  std::optional<SlowPathPool::Place> first = *pool.Take();
  const SlowPathPool::Place second = *pool.Take();
  std::thread third([&] { EXPECT_TRUE(pool.Take().ok()); });
  while (pool.waiting() == 0) std::this_thread::yield();
  EXPECT_EQ(base::ReasonOf(pool.Take().status()), base::ErrorReason::kOverloaded);
  first.reset();
  third.join();
  EXPECT_EQ(pool.waiting(), 0);
  EXPECT_TRUE(pool.Take().ok()) << "places come back";
}

}  // namespace
}  // namespace musubi::jpki
