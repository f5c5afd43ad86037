#include "lib/base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace musubi::base {
namespace {

TEST(WorkerPool, RunsEverythingItTookBeforeItGoes) {
  std::atomic<int> done{0};
  int taken = 0;
  {
    auto pool = WorkerPool::Create({.threads = 3, .queue = 1000});
    ASSERT_TRUE(pool.ok());
    for (int i = 0; i < 500; ++i) taken += (*pool)->Submit([&] { ++done; }) ? 1 : 0;
  }
  EXPECT_EQ(taken, 500);
  EXPECT_EQ(done, 500);
}

TEST(WorkerPool, RefusesWhenTheQueueIsFull) {
  std::latch entered(1);
  std::latch release(1);
  auto pool = WorkerPool::Create({.threads = 1, .queue = 2});
  ASSERT_TRUE(pool.ok());
  ASSERT_TRUE((*pool)->Submit([&] {
    entered.count_down();
    release.wait();
  }));
  entered.wait();
  EXPECT_TRUE((*pool)->Submit([] {}));
  EXPECT_TRUE((*pool)->Submit([] {}));
  EXPECT_EQ((*pool)->rejected(), 0u);
  EXPECT_FALSE((*pool)->Submit([] { ADD_FAILURE() << "was refused"; }));
  EXPECT_EQ((*pool)->queued(), 2u);
  EXPECT_EQ((*pool)->rejected(), 1u);
  release.count_down();
}

TEST(WorkerPool, WithoutAQueueItTakesWhatFindsAThreadFree) {
  std::latch entered(2);
  std::latch release(1);
  const auto task = [&] {
    entered.count_down();
    release.wait();
  };
  auto pool = WorkerPool::Create({.threads = 2, .queue = 0});
  ASSERT_TRUE(pool.ok());
  EXPECT_TRUE((*pool)->Submit(task));
  EXPECT_TRUE((*pool)->Submit(task));
  EXPECT_FALSE((*pool)->Submit(task)) << "taken, if not begun";
  entered.wait();
  EXPECT_FALSE((*pool)->Submit(task)) << "under way";
  release.count_down();
  // Refused for as long as one of these is not quite done.
  std::atomic<int> done{0};
  for (int i = 0; i < 100; ++i) {
    while (!(*pool)->Submit([&] { ++done; })) std::this_thread::yield();
  }
  pool->reset();
  EXPECT_EQ(done, 100);
}

TEST(WorkerPool, RefusesOptionsOutOfRange) {
  for (const WorkerPool::Options options :
       {WorkerPool::Options{.threads = 0},
        WorkerPool::Options{.threads = WorkerPool::kMaxThreads + 1},
        WorkerPool::Options{.queue = WorkerPool::kMaxQueue + 1}}) {
    EXPECT_EQ(WorkerPool::Create(options).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace musubi::base
