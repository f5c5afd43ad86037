#include "services/wire/state_stream.h"

#include <gtest/gtest.h>

#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/simulated_clock.h"

namespace musubi::services::wire {
namespace {

// What rpc::WatchWriter is to a stream, without gRPC.
class FakeWriter {
 public:
  void Send(std::string message) {
    base::MutexLock lock(mutex_);
    messages_.push_back(std::move(message));
    changed_.NotifyAll();
  }
  void Close(absl::Status outcome) {
    {
      base::MutexLock lock(mutex_);
      if (outcome_.has_value()) return;
      outcome_ = std::move(outcome);
      changed_.NotifyAll();
    }
    Stop();
  }
  void OnStop(std::function<void()> callback) {
    base::MutexLock lock(mutex_);
    on_stop_ = std::move(callback);
  }
  void Stop() {
    std::function<void()> callback;
    {
      base::MutexLock lock(mutex_);
      callback = std::move(on_stop_);
      on_stop_ = nullptr;
    }
    if (callback) callback();
  }

  // Both block.
  std::vector<std::string> WaitForMessages(size_t count) {
    base::MutexLock lock(mutex_);
    while (messages_.size() < count) changed_.Wait(mutex_);
    return messages_;
  }
  absl::Status WaitForEnd() {
    base::MutexLock lock(mutex_);
    while (!outcome_.has_value()) changed_.Wait(mutex_);
    return *outcome_;
  }
  size_t sent() {
    base::MutexLock lock(mutex_);
    return messages_.size();
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::string> messages_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> outcome_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> on_stop_ ABSL_GUARDED_BY(mutex_);
};

using Stream = StateStream<std::string, FakeWriter>;
using Step = absl::StatusOr<StateStep<std::string>>;

// Holds the pool's one thread until it goes.
class Busy {
 public:
  explicit Busy(base::WorkerPool& workers) {
    // Until a thread that has just ended a task is free.
    while (!workers.Submit([this] {
      entered_.count_down();
      release_.wait();
      done_.count_down();
    })) {
    }
    entered_.wait();
  }
  ~Busy() {
    release_.count_down();
    done_.wait();
  }

 private:
  std::latch entered_{1};
  std::latch release_{1};
  std::latch done_{1};
};

// Without a queue: what finds the one thread busy is refused.
std::unique_ptr<base::WorkerPool> SmallPool() {
  return *base::WorkerPool::Create({.threads = 1, .queue = 0});
}

class StateStreamTest : public testing::Test {
 protected:
  // Stream and writer hold each other until the client leaves.
  ~StateStreamTest() override { writer_->Stop(); }

  absl::Status Start(Stream::Look look) {
    return Stream::Start(
        writer_, {.timer = clock_, .workers = *workers_},
        [this](std::function<void()> changed) {
          changed_ = std::move(changed);
          return std::make_unique<musubi::session::Subscription>();
        },
        std::move(look));
  }

  fakes::SimulatedClock clock_;
  std::unique_ptr<base::WorkerPool> workers_ = *base::WorkerPool::Create({.threads = 1});
  std::shared_ptr<FakeWriter> writer_ = std::make_shared<FakeWriter>();
  std::function<void()> changed_;
};

TEST_F(StateStreamTest, OnlyTheFirstLookIsOnTheCallersThread) {
  std::vector<std::thread::id> looks;
  base::Mutex mutex;
  ASSERT_TRUE(Start([&]() -> Step {
                base::MutexLock lock(mutex);
                looks.push_back(std::this_thread::get_id());
                return StateStep<std::string>{.message = std::to_string(looks.size()),
                                              .again_in = absl::Seconds(1)};
              }).ok());
  EXPECT_EQ(writer_->sent(), 1u);
  clock_.Advance(absl::Seconds(1));
  writer_->WaitForMessages(2);
  changed_();
  EXPECT_EQ(writer_->WaitForMessages(3), (std::vector<std::string>{"1", "2", "3"}));
  base::MutexLock lock(mutex);
  EXPECT_EQ(looks[0], std::this_thread::get_id());
  EXPECT_NE(looks[1], std::this_thread::get_id());
  EXPECT_NE(looks[2], std::this_thread::get_id());
}

TEST_F(StateStreamTest, AWakeWhileNoWorkerIsFreeIsNotLost) {
  workers_ = SmallPool();
  std::atomic<int> state{1};
  ASSERT_TRUE(Start([&]() -> Step {
                return StateStep<std::string>{.message = std::to_string(state)};
              }).ok());
  {
    const Busy busy(*workers_);
    state = 2;
    changed_();
    clock_.Advance(kLookAgainIn);
    clock_.Advance(kLookAgainIn);
    EXPECT_EQ(writer_->sent(), 1u);
  }
  // The thread may not yet count as free: once more is a while later.
  while (writer_->sent() < 2 && workers_->rejected() < kMaxRefusedLooks) {
    clock_.Advance(kLookAgainIn);
    std::this_thread::yield();
  }
  EXPECT_EQ(writer_->WaitForMessages(2).at(1), "2");
}

TEST_F(StateStreamTest, ManyWakesDuringOneLookAreOneMoreLook) {
  std::latch entered(1), release(1);
  std::atomic<int> looks{0};
  ASSERT_TRUE(Start([&]() -> Step {
                const int look = ++looks;
                if (look == 2) {
                  entered.count_down();
                  release.wait();
                }
                return StateStep<std::string>{.message = std::to_string(look), .last = look == 3};
              }).ok());
  changed_();
  entered.wait();
  for (int i = 0; i < 100; ++i) changed_();
  release.count_down();
  EXPECT_EQ(writer_->WaitForEnd(), absl::OkStatus());
  EXPECT_EQ(looks, 3);
  EXPECT_EQ(workers_->rejected(), 0u);
}

TEST_F(StateStreamTest, AStreamThatNobodyLooksForEndsAsOverloaded) {
  workers_ = SmallPool();
  ASSERT_TRUE(Start([]() -> Step { return StateStep<std::string>{.message = "old"}; }).ok());
  const Busy busy(*workers_);
  changed_();
  for (int i = 1; i < kMaxRefusedLooks; ++i) clock_.Advance(kLookAgainIn);
  EXPECT_EQ(workers_->rejected(), static_cast<uint64_t>(kMaxRefusedLooks));
  clock_.Advance(kLookAgainIn);
  EXPECT_EQ(base::ReasonOf(writer_->WaitForEnd()), base::ErrorReason::kOverloaded);
  changed_();
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(workers_->rejected(), static_cast<uint64_t>(kMaxRefusedLooks) + 1);
}

TEST_F(StateStreamTest, AnErrorOfTheFirstLookIsReturnedAndOfALaterOneEndsTheStream) {
  const absl::Status away = base::Error(base::ErrorReason::kUnavailable, "away");
  EXPECT_EQ(Start([&]() -> Step { return away; }), away);
  EXPECT_EQ(writer_->sent(), 0u);
  std::atomic<bool> fails{false};
  ASSERT_TRUE(Start([&]() -> Step {
                if (fails) return away;
                return StateStep<std::string>{.message = "here"};
              }).ok());
  fails = true;
  changed_();
  EXPECT_EQ(writer_->WaitForEnd(), away);
}

}  // namespace
}  // namespace musubi::services::wire
