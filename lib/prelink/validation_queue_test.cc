#include "lib/prelink/validation_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <latch>
#include <string>
#include <utility>

#include "lib/base/error.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using testing::ElementsAre;

// Decides at once, or when the test says so.
class FakeEngine final : public DecisionEngine {
 public:
  absl::Status DecideMany(std::span<const CardValidationQuery> queries,
                          std::span<CardDecision> decisions) const override {
    base::MutexLock lock(mutex_);
    batches_.push_back(queries.size());
    ++waiting_;
    changed_.NotifyAll();
    while (held_) changed_.Wait(mutex_);
    --waiting_;
    for (size_t i = 0; i < queries.size(); ++i) {
      decisions[i].verdict.status = pki::VerdictStatus::kValid;
      decisions[i].needs_responder =
          queries[i].revocation_mode == revocation::RevocationMode::kOcspOnly;
    }
    return status_;
  }
  void AskResponder(const CardValidationQuery&, CardDecision decision,
                    std::function<void(CardDecision)> done) const override {
    base::MutexLock lock(mutex_);
    asked_.push_back([decision = std::move(decision), done = std::move(done)] { done(decision); });
    changed_.NotifyAll();
  }

  void Hold() {
    base::MutexLock lock(mutex_);
    held_ = true;
  }
  void Release() {
    base::MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  // Until so many runners are held.
  void AwaitRunners(size_t count) const {
    base::MutexLock lock(mutex_);
    while (waiting_ < count) changed_.Wait(mutex_);
  }
  // Until so many responders were asked; then they answer.
  void AnswerResponders(size_t count) {
    std::deque<std::function<void()>> asked;
    {
      base::MutexLock lock(mutex_);
      while (asked_.size() < count) changed_.Wait(mutex_);
      asked.swap(asked_);
    }
    for (const auto& answer : asked) answer();
  }
  void Fail(absl::Status status) { status_ = std::move(status); }
  std::vector<size_t> batches() const {
    base::MutexLock lock(mutex_);
    return batches_;
  }

 private:
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  mutable size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::vector<size_t> batches_ ABSL_GUARDED_BY(mutex_);
  mutable std::deque<std::function<void()>> asked_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_;
};

// A caller's questions, its answers, and in which order jobs were over.
class FakeJob final : public ValidationJob {
 public:
  struct Order {
    base::Mutex mutex;
    std::vector<std::string> names;
  };

  FakeJob(std::string name, size_t queries, Urgency urgency = Urgency::kCall,
          Order* order = nullptr)
      : name_(std::move(name)), order_(order), made_(queries), done_(static_cast<int>(queries)) {
    queries_ = made_;
    urgency_ = urgency;
    deadline_ = base::SteadyTime::max();
  }

  FakeJob& OnCurve(const crypto::SignatureAlgorithm& algorithm) {
    for (CardValidationQuery& query : made_) query.proof = jpki::Proof{{}, {}, algorithm};
    return *this;
  }
  FakeJob& AskingResponder(size_t index) {
    made_[index].revocation_mode = revocation::RevocationMode::kOcspOnly;
    return *this;
  }
  FakeJob& Until(base::SteadyTime deadline) {
    deadline_ = deadline;
    return *this;
  }
  FakeJob& Of(ClientLoad& client) {
    client_ = &client;
    return *this;
  }
  void Abandon() { abandoned_ = true; }

  // Waits for the last.
  const std::vector<absl::Status>& Answers() {
    done_.wait();
    return answers_;
  }
  void AwaitAnswers(size_t count) const {
    base::MutexLock lock(mutex_);
    while (answers_.size() < count) changed_.Wait(mutex_);
  }
  size_t num_answered() const {
    base::MutexLock lock(mutex_);
    return answers_.size();
  }

 private:
  void OnAnswers(std::span<ValidationAnswer> answers) override {
    {
      base::MutexLock lock(mutex_);
      for (const ValidationAnswer& answer : answers) {
        answers_.push_back(answer.decision.status());
      }
      changed_.NotifyAll();
    }
    if (order_ != nullptr) {
      base::MutexLock lock(order_->mutex);
      order_->names.push_back(name_);
    }
    done_.count_down(static_cast<int>(answers.size()));
  }
  bool Abandoned() const override { return abandoned_; }

  const std::string name_;
  Order* const order_;
  std::vector<CardValidationQuery> made_;
  std::atomic<bool> abandoned_ = false;
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  std::vector<absl::Status> answers_;
  std::latch done_;
};

class ValidationQueueTest : public testing::Test {
 protected:
  std::unique_ptr<ValidationQueue> Make(ValidationQueue::Options options) {
    auto queue = ValidationQueue::Create(
        {.engine = engine_, .observer = &observer_, .steady_now = [this] { return now_.load(); }},
        options);
    if (!queue.ok()) ADD_FAILURE() << queue.status();
    return *std::move(queue);
  }
  // One runner, which is held with a job of its own.
  std::unique_ptr<ValidationQueue> MakeHeld(ValidationQueue::Options options = {}) {
    options.threads = 1;
    auto queue = Make(options);
    engine_.Hold();
    EXPECT_TRUE(queue->Ask(first_).ok());
    engine_.AwaitRunners(1);
    return queue;
  }

  struct CountingObserver final : ValidationQueueObserver {
    void OnBatch(size_t) override { ++batches; }
    void OnRefused(size_t cards) override { refused += cards; }
    void OnExpired(size_t cards) override { expired += cards; }
    std::atomic<size_t> batches = 0;
    std::atomic<size_t> refused = 0;
    std::atomic<size_t> expired = 0;
  };

  FakeEngine engine_;
  CountingObserver observer_;
  std::atomic<base::SteadyTime> now_ = base::SteadyTime(std::chrono::hours(1));
  FakeJob first_{"first", 1};
  FakeJob::Order order_;
};

TEST_F(ValidationQueueTest, ALoneQuestionIsJudgedAlone) {
  const auto queue = Make({.threads = 2});
  for (int i = 0; i < 3; ++i) {
    FakeJob job("", 1);
    ASSERT_TRUE(queue->Ask(job).ok());
    EXPECT_THAT(job.Answers(), ElementsAre(absl::OkStatus()));
  }
  EXPECT_THAT(engine_.batches(), ElementsAre(1, 1, 1));
}

TEST_F(ValidationQueueTest, WhatWaitsIsJudgedTogetherUpToABatch) {
  const auto queue = MakeHeld();
  std::deque<FakeJob> jobs;
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(queue->Ask(jobs.emplace_back("", 1)).ok());
  }
  engine_.Release();
  for (FakeJob& job : jobs) job.Answers();
  EXPECT_THAT(engine_.batches(), ElementsAre(1, 32, 8));
  EXPECT_EQ(queue->waiting_cost(), 0);
}

TEST_F(ValidationQueueTest, CallsGoBeforeBulkAndShareItsBatch) {
  const auto queue = MakeHeld();
  FakeJob bulk("bulk", 30, Urgency::kBulk, &order_);
  FakeJob more("more", 30, Urgency::kBulk, &order_);
  FakeJob call("call", 1, Urgency::kCall, &order_);
  for (FakeJob* job : {&bulk, &more, &call}) ASSERT_TRUE(queue->Ask(*job).ok());
  engine_.Release();
  more.Answers();
  EXPECT_THAT(order_.names, ElementsAre("call", "bulk", "more"));
  EXPECT_THAT(engine_.batches(), ElementsAre(1, 31, 30));
}

TEST_F(ValidationQueueTest, WhoseCallCompletesAFullBatchJudgesItForAll) {
  const auto queue = MakeHeld({.max_cost = 100, .max_client_cost = 100});
  FakeJob bulk("", 31, Urgency::kBulk), more("", 32, Urgency::kBulk), call("", 1);
  ASSERT_TRUE(queue->Ask(bulk).ok());
  ASSERT_TRUE(queue->Ask(more).ok()) << "who asks in bulk has more to read, and judges nothing";
  std::thread caller([&] { EXPECT_TRUE(queue->Ask(call).ok()); });
  engine_.AwaitRunners(2);
  engine_.Release();
  caller.join();
  EXPECT_EQ(call.num_answered(), 1u) << "before Ask has returned";
  more.Answers();
  bulk.Answers();
  EXPECT_THAT(engine_.batches(), ElementsAre(1, 32, 32));
}

TEST_F(ValidationQueueTest, ExpensiveKeysTakeTurnsWithCheapOnes) {
  const auto queue = MakeHeld({.max_cost = 1 << 20, .max_client_cost = 1 << 20});
  std::deque<FakeJob> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.emplace_back("P-384", 7, Urgency::kBulk, &order_)
        .OnCurve(crypto::SignatureAlgorithm::kEcdsaP384Sha384);
  }
  for (int i = 0; i < 8; ++i) jobs.emplace_back("RSA", 32, Urgency::kBulk, &order_);
  for (FakeJob& job : jobs) ASSERT_TRUE(queue->Ask(job).ok());
  engine_.Release();
  for (FakeJob& job : jobs) job.Answers();
  // 7 of P-384 cost as much as 287 RSA cards without a proof: all of these have their turn first.
  ASSERT_EQ(order_.names.size(), 11u);
  const auto last_rsa = std::find(order_.names.rbegin(), order_.names.rend(), "RSA");
  EXPECT_GE(std::count(order_.names.rbegin(), last_rsa, "P-384"), 2);
}

TEST_F(ValidationQueueTest, RefusesWhatIsTooMuchAndSaysWhenToComeAgain) {
  const auto queue = MakeHeld({.max_cost = 8, .max_client_cost = 8});
  FakeJob fits("", 7), too_much("", 1);
  ASSERT_TRUE(queue->Ask(fits).ok());
  const absl::Status refused = queue->Ask(too_much);
  EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kOverloaded) << refused;
  EXPECT_GT(base::RetryDelayOf(refused), absl::ZeroDuration());
  EXPECT_EQ(observer_.refused, 1u);
  EXPECT_EQ(queue->waiting_cost(), 8) << "what is refused costs nothing";
  engine_.Release();
  fits.Answers();
  EXPECT_EQ(too_much.num_answered(), 0u);
}

TEST_F(ValidationQueueTest, OneClientLeavesRoomForOthers) {
  ClientLoad greedy, modest;
  const auto queue = MakeHeld({.max_cost = 100, .max_client_cost = 10});
  FakeJob some("", 10), more("", 1), others("", 10);
  ASSERT_TRUE(queue->Ask(some.Of(greedy)).ok());
  EXPECT_EQ(base::ReasonOf(queue->Ask(more.Of(greedy))), ErrorReason::kOverloaded);
  EXPECT_TRUE(queue->Ask(others.Of(modest)).ok());
  engine_.Release();
  some.Answers();
  others.Answers();
  EXPECT_EQ(greedy.waiting_cost, 0);
  FakeJob again("", 1);
  EXPECT_TRUE(queue->Ask(again.Of(greedy)).ok());
  again.Answers();
}

TEST_F(ValidationQueueTest, RefusesWhatWouldComeTooLateBeforeItCostsAnything) {
  const auto queue = MakeHeld();
  FakeJob many("", 32), hasty("", 1), patient("", 1);
  ASSERT_TRUE(queue->Ask(many).ok());
  // Before anything was measured a unit counts 16 us, and 33 of them wait.
  const absl::Status refused =
      queue->Ask(hasty.Until(now_.load() + std::chrono::microseconds(33 * 16 - 1)));
  EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kOverloaded) << refused;
  EXPECT_EQ(base::RetryDelayOf(refused), absl::Milliseconds(1)) << refused;
  EXPECT_TRUE(queue->Ask(patient.Until(now_.load() + std::chrono::microseconds(33 * 16))).ok());
  engine_.Release();
  patient.Answers();
}

TEST_F(ValidationQueueTest, WhoseTimeIsOverOrWhoLeftCostsNothing) {
  const auto queue = MakeHeld();
  FakeJob late("", 2), abandoned("", 3), good("", 1);
  ASSERT_TRUE(queue->Ask(late.Until(now_.load() + std::chrono::seconds(1))).ok());
  ASSERT_TRUE(queue->Ask(abandoned).ok());
  ASSERT_TRUE(queue->Ask(good).ok());
  now_ = now_.load() + std::chrono::seconds(1);
  abandoned.Abandon();
  engine_.Release();
  good.Answers();
  EXPECT_TRUE(absl::IsDeadlineExceeded(late.Answers()[1]));
  EXPECT_TRUE(absl::IsCancelled(abandoned.Answers()[2]));
  EXPECT_THAT(engine_.batches(), ElementsAre(1, 1));
  EXPECT_EQ(observer_.expired, 2u);
  EXPECT_EQ(queue->waiting_cost(), 0);
}

TEST_F(ValidationQueueTest, AResponderHoldsUpNobodyElse) {
  const auto queue = Make({.threads = 1});
  FakeJob job("", 3);
  ASSERT_TRUE(queue->Ask(job.AskingResponder(1)).ok());
  FakeJob other("", 1);
  ASSERT_TRUE(queue->Ask(other).ok());
  other.Answers();
  EXPECT_EQ(job.num_answered(), 2u) << "the others of the job are answered";
  EXPECT_EQ(queue->asked(), 1u);
  engine_.AnswerResponders(1);
  EXPECT_EQ(job.Answers().size(), 3u);
  EXPECT_EQ(queue->asked(), 0u);
}

TEST_F(ValidationQueueTest, AsksNoMoreRespondersThanItMay) {
  const auto queue = Make({.threads = 1, .max_asked = 2});
  FakeJob job("", 3);
  for (const size_t i : {0, 1, 2}) job.AskingResponder(i);
  ASSERT_TRUE(queue->Ask(job).ok());
  job.AwaitAnswers(1);
  engine_.AnswerResponders(2);
  size_t refused = 0;
  for (const absl::Status& answer : job.Answers()) {
    refused += base::ReasonOf(answer) == ErrorReason::kOverloaded;
  }
  EXPECT_EQ(refused, 1u);
}

TEST_F(ValidationQueueTest, AFaultOfTheEngineIsTheAnswerOfTheWholeBatch) {
  engine_.Fail(absl::InternalError("lanes computed something wrong"));
  const auto queue = Make({.threads = 1});
  FakeJob job("", 2);
  ASSERT_TRUE(queue->Ask(job).ok());
  for (const absl::Status& answer : job.Answers()) EXPECT_TRUE(absl::IsInternal(answer));
}

TEST_F(ValidationQueueTest, ItsEndAnswersWhatWaits) {
  auto queue = MakeHeld();
  FakeJob waits("", 2);
  ASSERT_TRUE(queue->Ask(waits).ok());
  std::thread ending([&] { queue.reset(); });
  engine_.Release();
  ending.join();
  // Judged, or told, as the runner was quicker or not.
  const absl::Status answer = waits.Answers()[0];
  EXPECT_TRUE(answer.ok() || base::ReasonOf(answer) == ErrorReason::kUnavailable) << answer;
}

TEST_F(ValidationQueueTest, ManyCallersAndRunnersLoseNothing) {
  const auto queue = Make({.threads = 3, .max_cost = 64, .max_client_cost = 64});
  constexpr int kCallers = 4;
  constexpr int kCalls = 2000;
  std::atomic<int> answered = 0, refused = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      for (int j = 0; j < kCalls; ++j) {
        FakeJob job("", static_cast<size_t>(1 + j % 7),
                    i % 2 == 0 ? Urgency::kCall : Urgency::kBulk);
        if (queue->Ask(job).ok()) {
          job.Answers();
          ++answered;
        } else {
          ++refused;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered + refused, kCallers * kCalls);
  EXPECT_EQ(queue->waiting_cost(), 0);
}

TEST(ValidationQueueOptions, AreCheckedByName) {
  const FakeEngine engine;
  for (const ValidationQueue::Options& bad :
       {ValidationQueue::Options{.threads = 0}, ValidationQueue::Options{.threads = 257},
        ValidationQueue::Options{.max_cost = 0}, ValidationQueue::Options{.max_client_cost = 0},
        ValidationQueue::Options{.max_asked = 0},
        ValidationQueue::Options{.max_cost = 4, .max_client_cost = 5}}) {
    EXPECT_EQ(ValidationQueue::Create({.engine = engine}, bad).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace musubi::prelink
