#include "lib/crypto/signature_batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_key.h"

namespace musubi::crypto {
namespace {

using base::Bytes;
using fakes::KeyKind;
using fakes::TestKey;

constexpr absl::Duration kPatience = absl::Seconds(10);  // Of the simulated clock.

// Says good to a message that starts with 'g', and remembers its batches. Held, it lets none begin.
class FakeVerifier final : public BatchVerifier {
 public:
  struct Seen {
    SignatureClass signature_class;
    std::string messages;  // First letters.
    std::thread::id thread;
  };

  absl::Status VerifyBatch(SignatureClass signature_class, std::span<const SignatureCheck> checks,
                           std::span<SignatureOutcome> outcomes) const override {
    base::MutexLock lock(mutex_);
    Seen seen{signature_class, "", std::this_thread::get_id()};
    for (size_t i = 0; i < checks.size(); ++i) {
      seen.messages += static_cast<char>(checks[i].message[0]);
      outcomes[i] = checks[i].message[0] == 'g' ? SignatureOutcome::kGood : SignatureOutcome::kBad;
    }
    seen_.push_back(seen);
    changed_.NotifyAll();
    while (held_ && held_class_ == signature_class) changed_.Wait(mutex_);
    return status_;
  }

  void Hold(SignatureClass signature_class) {
    base::MutexLock lock(mutex_);
    held_ = true;
    held_class_ = signature_class;
  }
  void Release() {
    base::MutexLock lock(mutex_);
    held_ = false;
    changed_.NotifyAll();
  }
  void AwaitBatches(size_t count) {
    base::MutexLock lock(mutex_);
    while (seen_.size() < count) changed_.Wait(mutex_);
  }
  void Fail(absl::Status status) {
    base::MutexLock lock(mutex_);
    status_ = std::move(status);
  }
  std::vector<Seen> seen() const {
    base::MutexLock lock(mutex_);
    return seen_;
  }

 private:
  mutable base::Mutex mutex_;
  mutable base::CondVar changed_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  SignatureClass held_class_ ABSL_GUARDED_BY(mutex_) = SignatureClass::kRsa2048;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  mutable std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
};

// Checks that are RSA-2048 by their length alone, one for each letter.
struct Letters {
  Letters(const Letters&) = delete;
  Letters& operator=(const Letters&) = delete;
  explicit Letters(std::string_view text,
                   SignatureAlgorithm algorithm = SignatureAlgorithm::kRsaPkcs1Sha256)
      : letters(text), signature(256), outcomes(text.size()) {
    for (size_t i = 0; i < letters.size(); ++i) {
      checks.push_back({.algorithm = algorithm,
                        .message = base::AsBytes(std::string_view(letters).substr(i, 1)),
                        .signature = signature});
    }
  }
  std::string letters;
  Bytes signature;
  std::vector<SignatureCheck> checks;
  std::vector<SignatureOutcome> outcomes;
};

class Batcher : public testing::Test {
 protected:
  void Make(SignatureBatcher::Options options) {
    batcher_ = *SignatureBatcher::Create(verifier_, clock_, options);
  }
  absl::Status Verify(Letters& letters, absl::Duration patience = kPatience) {
    return batcher_->Verify(letters.checks, letters.outcomes, clock_.Now() + patience);
  }
  // A thread that verifies; its status is for after the join.
  std::thread Start(Letters& letters, absl::Status& status, absl::Duration patience = kPatience) {
    const absl::Time deadline = clock_.Now() + patience;
    return std::thread([this, &letters, &status, deadline] {
      status = batcher_->Verify(letters.checks, letters.outcomes, deadline);
    });
  }
  void AwaitWaiting(SignatureClass signature_class, int64_t cost) {
    while (batcher_->WaitingCost(signature_class) != cost) std::this_thread::yield();
  }

  fakes::SimulatedClock clock_;
  FakeVerifier verifier_;
  std::unique_ptr<SignatureBatcher> batcher_;
};

constexpr auto kRsa = SignatureClass::kRsa2048;

TEST_F(Batcher, RunsALoneRequestOnItsOwnThreadAtOnce) {
  Make({});
  Letters letters("gbg");
  EXPECT_TRUE(Verify(letters).ok());
  EXPECT_EQ(letters.outcomes, (std::vector{SignatureOutcome::kGood, SignatureOutcome::kBad,
                                           SignatureOutcome::kGood}));
  ASSERT_EQ(verifier_.seen().size(), 1U);
  EXPECT_EQ(verifier_.seen()[0].messages, "gbg");
  EXPECT_EQ(verifier_.seen()[0].thread, std::this_thread::get_id());
}

TEST_F(Batcher, HandsOutEachClassByItself) {
  Make({});
  Letters letters("gggg");
  letters.checks[1].algorithm = SignatureAlgorithm::kEcdsaP384Sha384;
  const Bytes longer(512);
  letters.checks[2].signature = longer;
  letters.checks[3].signature = {};
  EXPECT_TRUE(Verify(letters).ok());
  const auto seen = verifier_.seen();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].signature_class, SignatureClass::kRsa2048);
  EXPECT_EQ(seen[1].signature_class, SignatureClass::kRsa4096);
  EXPECT_EQ(seen[2].signature_class, SignatureClass::kEcP384);
  EXPECT_EQ(letters.outcomes[3], SignatureOutcome::kBad) << "no RSA signature is that long";
}

TEST_F(Batcher, JoinsWhatWaitsWhileALeaderWorks) {
  Make({.rsa_leaders = 1});
  verifier_.Hold(kRsa);
  Letters first("g");
  absl::Status first_status;
  std::thread leader = Start(first, first_status);
  verifier_.AwaitBatches(1);
  std::deque<Letters> waiting;
  for (int i = 0; i < 6; ++i) waiting.emplace_back(i % 2 == 0 ? "gb" : "bg");
  std::vector<absl::Status> statuses(waiting.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < waiting.size(); ++i) threads.push_back(Start(waiting[i], statuses[i]));
  AwaitWaiting(kRsa, 12);
  verifier_.Release();
  leader.join();
  for (std::thread& thread : threads) thread.join();
  const auto seen = verifier_.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[1].messages.size(), 12U);
  EXPECT_NE(seen[0].thread, seen[1].thread) << "a leader works for others once at most";
  for (size_t i = 0; i < waiting.size(); ++i) {
    EXPECT_TRUE(statuses[i].ok());
    EXPECT_EQ(waiting[i].outcomes[i % 2], SignatureOutcome::kGood);
    EXPECT_EQ(waiting[i].outcomes[1 - i % 2], SignatureOutcome::kBad);
  }
  EXPECT_EQ(batcher_->WaitingCost(kRsa), 0);
}

TEST_F(Batcher, RefusesWhatWouldWaitBeyondTheBound) {
  Make({.rsa_leaders = 1, .max_waiting_cost = 3});
  verifier_.Hold(kRsa);
  Letters first("ggggg");
  absl::Status first_status;
  std::thread leader = Start(first, first_status);
  verifier_.AwaitBatches(1);
  Letters three("ggg");
  absl::Status three_status;
  std::thread waits = Start(three, three_status);
  AwaitWaiting(kRsa, 3);
  Letters one("g");
  const absl::Status refused = Verify(one);
  EXPECT_EQ(base::ReasonOf(refused), base::ErrorReason::kOverloaded);
  EXPECT_EQ(one.outcomes[0], SignatureOutcome::kNotChecked);
  // Another class has a bound of its own, in which a check of P-384 does not fit: but it leads.
  Letters ec("g", SignatureAlgorithm::kEcdsaP384Sha384);
  EXPECT_TRUE(Verify(ec).ok());
  verifier_.Release();
  leader.join();
  waits.join();
  EXPECT_TRUE(first_status.ok() && three_status.ok());
}

TEST_F(Batcher, SpendsNothingOnWorkWhoseDeadlineHasPassed) {
  Make({.rsa_leaders = 1});
  Letters late("g");
  EXPECT_EQ(Verify(late, absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(verifier_.seen().empty());
  verifier_.Hold(kRsa);
  Letters first("g");
  Letters impatient("bb");
  Letters patient("g");
  absl::Status statuses[3];
  std::thread leader = Start(first, statuses[0]);
  verifier_.AwaitBatches(1);
  std::thread second = Start(impatient, statuses[1], absl::Seconds(1));
  AwaitWaiting(kRsa, 2);
  std::thread third = Start(patient, statuses[2], absl::Seconds(5));
  AwaitWaiting(kRsa, 3);
  clock_.Advance(absl::Seconds(1));
  verifier_.Release();
  leader.join();
  second.join();
  third.join();
  EXPECT_TRUE(statuses[0].ok()) << "begun in time";
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(impatient.outcomes, std::vector(2, SignatureOutcome::kNotChecked));
  EXPECT_TRUE(statuses[2].ok());
  ASSERT_EQ(verifier_.seen().size(), 2U);
  EXPECT_EQ(verifier_.seen()[1].messages, "g");
  EXPECT_EQ(batcher_->WaitingCost(kRsa), 0);
}

TEST_F(Batcher, AFloodOfEcHoldsUpNoRsa) {
  Make({.rsa_leaders = 1, .ec_leaders = 1, .max_waiting_cost = 80});
  verifier_.Hold(SignatureClass::kEcP384);
  std::deque<Letters> flood;
  for (int i = 0; i < 8; ++i) flood.emplace_back("g", SignatureAlgorithm::kEcdsaP384Sha384);
  std::vector<absl::Status> statuses(flood.size());
  std::vector<std::thread> threads;
  threads.push_back(Start(flood[0], statuses[0]));
  verifier_.AwaitBatches(1);
  for (size_t i = 1; i < flood.size(); ++i) threads.push_back(Start(flood[i], statuses[i]));
  AwaitWaiting(SignatureClass::kEcP384, 80);
  for (int i = 0; i < 3; ++i) {
    Letters rsa("gb");
    EXPECT_TRUE(Verify(rsa).ok());
    EXPECT_EQ(rsa.outcomes[0], SignatureOutcome::kGood);
  }
  verifier_.Release();
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) {
    EXPECT_TRUE(status.ok() || base::ReasonOf(status) == base::ErrorReason::kOverloaded);
  }
}

TEST_F(Batcher, GivesASmallRequestItsTurnAmongALargeOnes) {
  Make({.rsa_leaders = 1});
  verifier_.Hold(kRsa);
  Letters large(std::string(100, 'g'));
  Letters small("b");
  absl::Status statuses[2];
  std::thread leader = Start(large, statuses[0]);
  verifier_.AwaitBatches(1);
  std::thread other = Start(small, statuses[1]);
  AwaitWaiting(kRsa, 100 - static_cast<int64_t>(kMaxBatchChecks) + 1);
  verifier_.Release();
  leader.join();
  other.join();
  const auto seen = verifier_.seen();
  ASSERT_GE(seen.size(), 3U);
  EXPECT_EQ(seen[0].messages.size(), kMaxBatchChecks);
  EXPECT_NE(seen[1].messages.find('b'), std::string::npos);
  EXPECT_EQ(large.outcomes, std::vector(100, SignatureOutcome::kGood));
  EXPECT_EQ(small.outcomes[0], SignatureOutcome::kBad);
}

TEST_F(Batcher, BoundsTheCostOfABatch) {
  Make({});
  Letters many(std::string(20, 'g'), SignatureAlgorithm::kEcdsaP384Sha384);
  EXPECT_TRUE(Verify(many).ok());
  for (const auto& seen : verifier_.seen()) {
    EXPECT_LE(CostOf(SignatureClass::kEcP384) * static_cast<int64_t>(seen.messages.size()),
              kMaxBatchCost);
  }
}

TEST_F(Batcher, AnswersNothingOfABatchThatFailed) {
  Make({});
  verifier_.Fail(absl::InternalError("broken"));
  Letters letters("gg");
  EXPECT_EQ(Verify(letters).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(letters.outcomes, std::vector(2, SignatureOutcome::kNotChecked));
}

TEST_F(Batcher, RefusesOptionsBelowOne) {
  for (const SignatureBatcher::Options& options :
       {SignatureBatcher::Options{.rsa_leaders = 0}, SignatureBatcher::Options{.ec_leaders = 0},
        SignatureBatcher::Options{.max_waiting_cost = 0}}) {
    EXPECT_EQ(SignatureBatcher::Create(verifier_, clock_, options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

// For ThreadSanitizer as much as for the answers.
TEST(BatcherThreads, GetTheirOwnAnswersFromARealVerifier) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 40;
  const fakes::SimulatedClock clock;
  const auto verifier = *SignatureVerifier::Create({});
  const PlainBatchVerifier plain(*verifier);
  const auto batcher = *SignatureBatcher::Create(plain, clock, {});
  const TestKey& rsa = TestKey::Get(KeyKind::kRsa2048);
  const TestKey& ec = TestKey::Get(KeyKind::kEcP256);
  const Bytes message = base::ToBytes(std::string_view("m"));
  const Bytes rsa_good = rsa.Sign(SignatureAlgorithm::kRsaPkcs1Sha256, message);
  const Bytes ec_good = ec.Sign(SignatureAlgorithm::kEcdsaP256Sha256, message);
  Bytes rsa_bad = rsa_good;
  rsa_bad[100] ^= 1;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int call = 0; call < kCalls; ++call) {
        std::vector<SignatureCheck> checks;
        std::vector<SignatureOutcome> want;
        for (int i = 0; i <= (thread + call) % 12; ++i) {
          const int kind = (thread * call + i) % 3;
          checks.push_back({.algorithm = kind == 2 ? SignatureAlgorithm::kEcdsaP256Sha256
                                                   : SignatureAlgorithm::kRsaPkcs1Sha256,
                            .spki_der = kind == 2 ? ec.spki_der() : rsa.spki_der(),
                            .message = message,
                            .signature = kind == 0   ? rsa_good
                                         : kind == 1 ? rsa_bad
                                                     : ec_good});
          want.push_back(kind == 1 ? SignatureOutcome::kBad : SignatureOutcome::kGood);
        }
        std::vector<SignatureOutcome> outcomes(checks.size());
        const absl::Status status = batcher->Verify(checks, outcomes, absl::InfiniteFuture());
        if (!status.ok() || outcomes != want) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace musubi::crypto
