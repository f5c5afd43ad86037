#include "lib/session/session_watchers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "tests/fakes/simulated_clock.h"

namespace musubi::session {
namespace {

const SessionId kOne = {1}, kTwo = {2};

class SessionWatchersTest : public ::testing::Test {
 protected:
  ~SessionWatchersTest() override { watchers_->Close(); }

  // Runs what was submitted: the pool's destructor waits for it.
  void Settle() {
    std::atomic<bool> reached = false;
    ASSERT_TRUE(workers_->Submit([&] { reached = true, reached.notify_all(); }));
    reached.wait(false);
  }

  fakes::SimulatedClock timer_;
  // One thread: what is submitted runs in order.
  std::unique_ptr<base::WorkerPool> workers_ =
      *base::WorkerPool::Create({.threads = 1, .queue = 100});
  std::optional<std::string> version_ = "1";
  int asked_ = 0;
  std::shared_ptr<SessionWatchers> watchers_ = std::make_shared<SessionWatchers>(
      timer_, *workers_, absl::Seconds(2),
      [this](const SessionId& id, const SessionWatchers::Answer& answer) {
        EXPECT_EQ(id, kOne);
        ++asked_;
        answer(version_);
      });
  std::atomic<int> heard_ = 0;
};

TEST_F(SessionWatchersTest, AMessageWakesThoseOfItsSessionOnceAVersion) {
  const auto subscription = watchers_->Add(kOne, [&] { ++heard_; });
  watchers_->Told(kTwo, "1");
  watchers_->Told(kOne, "1");
  Settle();
  EXPECT_EQ(heard_, 1);
  watchers_->Told(kOne, "1");
  Settle();
  EXPECT_EQ(heard_, 1);
  watchers_->Told(kOne, "2");
  Settle();
  EXPECT_EQ(heard_, 2);
}

TEST_F(SessionWatchersTest, ThePollFindsWhatNoMessageTold) {
  const auto subscription = watchers_->Add(kOne, [&] { ++heard_; });
  watchers_->Told(kOne, "1");
  Settle();
  version_ = "2";
  timer_.Advance(absl::Seconds(2));
  Settle();
  EXPECT_EQ(heard_, 2);
  timer_.Advance(absl::Seconds(20));
  Settle();
  EXPECT_EQ(heard_, 2);
  EXPECT_EQ(asked_, 11);
}

TEST_F(SessionWatchersTest, APollWithoutAnAnswerIsTriedAgain) {
  const auto subscription = watchers_->Add(kOne, [&] { ++heard_; });
  version_.reset();
  timer_.Advance(absl::Seconds(2));
  Settle();
  EXPECT_EQ(heard_, 0);
  version_ = "2";
  timer_.Advance(absl::Seconds(2));
  Settle();
  EXPECT_EQ(heard_, 1);
}

TEST_F(SessionWatchersTest, NobodyIsCalledOrAskedForAfterTheEnd) {
  auto first = watchers_->Add(kOne, [&] { ++heard_; });
  first.reset();
  const auto second = watchers_->Add(kOne, [&] { ++heard_; });
  watchers_->Close();
  watchers_->Told(kOne, "1");
  timer_.Advance(absl::Seconds(20));
  Settle();
  EXPECT_EQ(heard_, 0);
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace musubi::session
