// Asking without waiting: who is told, when, on which thread, and what the client's end does. Which
// URLs are asked: ocsp_hedge_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <future>
#include <iterator>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/crypto/hash.h"
#include "lib/revocation/ocsp_client.h"
#include "lib/revocation/revocation_checker.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/held_http_client.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using fakes::TestCa;
using fakes::TestKey;
using testing::Each;
using testing::ElementsAre;

absl::StatusOr<http::Response> Fails(const http::Request&) {
  return absl::UnavailableError("down");
}

size_t Threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

class OcspAsyncTest : public testing::Test {
 protected:
  OcspAsyncTest() { Start(clock_, nullptr); }

  void Start(base::Timer& timer, base::WorkerPool* workers,
             absl::Duration hedge_after = absl::Milliseconds(500)) {
    client_ = *OcspClient::Create(
        {network_, clock_, timer, random_, nullptr, observer_, workers},
        {.issuers = {{"auth-01", issuer_}},
         .responders = {{.anchor = "auth-01",
                         .urls = {"http://first.example/", "http://second.example/"},
                         .hedge_after = hedge_after}}});
  }
  // Cards with serials of their own. Nobody here looks at their signatures.
  std::vector<pki::Certificate> Cards(size_t count) {
    base::Bytes der = base::ToBytes(target_.der());
    const base::ByteView serial = target_.serial();
    const auto at = std::search(der.begin(), der.end(), serial.begin(), serial.end());
    std::vector<pki::Certificate> cards;
    for (size_t i = 0; i < count; ++i) {
      *(at + 1) = static_cast<uint8_t>(i >> 8);
      *(at + 2) = static_cast<uint8_t>(i);
      cards.push_back(fakes::ParseCertificate(der));
    }
    return cards;
  }
  void Ask(const pki::Certificate& card, absl::Duration within, OcspClient::Done done) {
    client_->AskAsync(card, issuer_, clock_.Now() + within, std::move(done));
  }
  // Adds `who` to told_ when it is told, with "!" if there is an answer.
  void AskAs(const std::string& who, absl::Duration within) {
    Ask(target_, within, [this, who](const OcspClient::Answer& answer) {
      told_.push_back(who + (answer.result ? "!" : ""));
    });
  }
  fakes::HeldHttpClient::Server Says(base::Bytes status) {
    responder_.Say(std::move(status));
    return [this](const http::Request& request) { return responder_.Answer(request); };
  }

  fakes::SimulatedClock clock_;
  fakes::RecordingObserver observer_;
  fakes::FakeRandom random_;
  TestCa ca_;
  const pki::Certificate issuer_ = ca_.certificate();
  const pki::Certificate target_ =
      fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9))));
  fakes::FakeResponder responder_{ca_, target_, clock_};
  fakes::HeldHttpClient network_;
  std::vector<std::string> told_;
  std::unique_ptr<OcspClient> client_;
};

TEST_F(OcspAsyncTest, AThousandAsksAtASilentResponderWaitWithoutAThread) {
  constexpr size_t kAsks = 1000;
  const std::vector<pki::Certificate> cards = Cards(kAsks);
  const size_t threads = Threads();
  std::vector<int> told(kAsks);
  for (size_t i = 0; i < kAsks; ++i) {
    Ask(cards[i], absl::Seconds(10), [&, i](const OcspClient::Answer&) { ++told[i]; });
  }
  EXPECT_EQ(network_.held(), kAsks);
  EXPECT_EQ(Threads(), threads);
  EXPECT_THAT(told, Each(0));
  while (network_.held() > 0) network_.Answer("", Fails);
  EXPECT_THAT(told, Each(1));
}

TEST_F(OcspAsyncTest, WhatIsKeptIsToldAtOnceOnTheCallersThread) {
  AskAs("first", absl::Seconds(10));
  network_.Answer("", Says(fakes::OcspGood()));
  AskAs("second", absl::ZeroDuration());
  EXPECT_THAT(told_, ElementsAre("first!", "second!"));
  EXPECT_EQ(observer_.cache_hits(), 1);
}

TEST_F(OcspAsyncTest, WithoutTimeNobodyIsAskedOrWaitedFor) {
  AskAs("first", absl::ZeroDuration());
  EXPECT_EQ(network_.held(), 0u);
  AskAs("second", absl::Seconds(10));
  AskAs("third", absl::ZeroDuration());
  EXPECT_THAT(told_, ElementsAre("first", "third"));
}

TEST_F(OcspAsyncTest, EachWaitsUntilItsOwnDeadlineAndNoLonger) {
  AskAs("10 s", absl::Seconds(10));
  AskAs("1 s", absl::Seconds(1));
  AskAs("for ever", absl::InfiniteDuration());
  clock_.Advance(absl::Seconds(1) - absl::Nanoseconds(1));
  EXPECT_THAT(told_, ElementsAre());
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(told_, ElementsAre("1 s"));
  network_.Answer("", Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("1 s", "10 s!", "for ever!"));
  clock_.Advance(absl::Minutes(10));
  EXPECT_EQ(told_.size(), 3u);
}

TEST_F(OcspAsyncTest, ThoseWhoHaveMoreTimeThanTheFirstAskAgain) {
  AskAs("1 s", absl::Seconds(1));
  AskAs("10 s", absl::Seconds(10));
  AskAs("20 s", absl::Seconds(20));
  EXPECT_EQ(network_.last().timeout, absl::Seconds(1));
  clock_.Advance(absl::Milliseconds(999));
  EXPECT_EQ(network_.held(), 2u) << "the hedge";
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(told_, ElementsAre("1 s"));
  EXPECT_EQ(network_.held(), 3u) << "one asking for both";
  EXPECT_EQ(network_.last().timeout, absl::Seconds(2));
  EXPECT_EQ(network_.last().traceparent, "of-the-caller");
  network_.Answer("", Fails);
  network_.Answer("", Fails);
  EXPECT_THAT(told_, ElementsAre("1 s")) << "those were of the first";
  network_.Answer("", Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("1 s", "10 s!", "20 s!"));
}

TEST_F(OcspAsyncTest, TheEndTellsAllWhoWaitOnceAndWhatComesLaterTouchesNothing) {
  const std::vector<pki::Certificate> cards = Cards(3);
  std::vector<int> told(cards.size() * 2);
  for (size_t i = 0; i < told.size(); ++i) {
    Ask(cards[i / 2], absl::Seconds(i + 1), [&, i](const OcspClient::Answer& answer) {
      EXPECT_FALSE(answer.result.has_value());
      ++told[i];
    });
  }
  EXPECT_EQ(network_.held(), 3u);
  client_.reset();
  EXPECT_THAT(told, Each(1));
  const size_t events = observer_.ocsp().size();
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(network_.held(), 3u) << "no hedge";
  while (network_.held() > 0) network_.Answer("", Fails);
  EXPECT_EQ(observer_.ocsp().size(), events);
  EXPECT_THAT(told, Each(1));
}

TEST_F(OcspAsyncTest, WhoIsToldHoldsNoLockAndMayAsk) {
  std::vector<std::string> told;
  // Would not return if the lock that the caller holds were the client's.
  const auto asks = [&](const std::string& who) {
    return [&, who](const OcspClient::Answer&) {
      told.push_back(who);
      std::async(std::launch::async, [&] {
        (void)client_->TryLocally(crypto::Sha256(issuer_.spki_der()), target_.serial(),
                                  clock_.Now());
      }).wait();
      Ask(target_, absl::ZeroDuration(), [&](const OcspClient::Answer&) { told.push_back("ok"); });
    };
  };
  Ask(target_, absl::ZeroDuration(), asks("without time"));
  Ask(target_, absl::Seconds(1), asks("by the deadline"));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(told, ElementsAre("without time", "ok", "by the deadline", "ok"));
  told.clear();
  while (network_.held() > 0) network_.Answer("", Fails);
  Ask(target_, absl::Seconds(9), asks("first"));
  Ask(target_, absl::Seconds(9), asks("shared"));
  network_.Answer("", Says(fakes::OcspGood()));
  Ask(target_, absl::Seconds(9), asks("kept"));
  EXPECT_THAT(told, ElementsAre("first", "ok", "shared", "ok", "kept", "ok"));
}

TEST_F(OcspAsyncTest, OneWhoseDoneIsSlowHoldsUpNeitherTheNetworkNorTheOthers) {
  std::latch released(1);
  std::promise<std::thread::id> slow, other;
  const auto workers = *base::WorkerPool::Create({.threads = 2, .queue = 10});
  Start(clock_, workers.get());
  const std::vector<pki::Certificate> cards = Cards(2);
  Ask(cards[0], absl::Seconds(9), [&](const OcspClient::Answer&) {
    slow.set_value(std::this_thread::get_id());
    released.wait();
  });
  Ask(cards[1], absl::Seconds(9),
      [&](const OcspClient::Answer&) { other.set_value(std::this_thread::get_id()); });
  // Answers that may not be believed, twice each: there are two URLs.
  for (int i = 0; i < 4; ++i)
    network_.AnswerNext([](const auto&) { return http::Response{200, "?"}; });
  EXPECT_NE(slow.get_future().get(), std::this_thread::get_id());
  EXPECT_NE(other.get_future().get(), std::this_thread::get_id());
  released.count_down();
  client_.reset();
}

TEST_F(OcspAsyncTest, WithoutAFreeWorkerTheNetworksThreadHandsOn) {
  std::latch begun(1), released(1);
  const auto workers = *base::WorkerPool::Create({.threads = 1, .queue = 0});
  Start(clock_, workers.get());
  ASSERT_TRUE(workers->Submit([&] {
    begun.count_down();
    released.wait();
  }));
  begun.wait();
  AskAs("first", absl::Seconds(9));
  network_.Answer("", Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("first!"));
  released.count_down();
  client_.reset();
}

// Many askers, a network, workers and a timer that run at the same time, and an end in the midst.
TEST_F(OcspAsyncTest, EveryAskIsToldOnceWhateverHappens) {
  constexpr size_t kAskers = 4, kAsks = 100;
  const std::vector<pki::Certificate> cards = Cards(10);
  std::vector<std::atomic<int>> told(kAskers * kAsks);
  const auto workers = *base::WorkerPool::Create({.threads = 2, .queue = 4});
  base::ThreadTimer timer;
  Start(timer, workers.get(), /*hedge_after=*/absl::Microseconds(1));
  std::thread network([&] {
    int i = 0;
    while (network_.AnswerNext([&](const http::Request&) -> absl::StatusOr<http::Response> {
      if (++i % 3 != 0) return absl::DeadlineExceededError("slow");
      return http::Response{i % 2 == 0 ? 200 : 404, "?"};
    })) {
    }
  });
  std::vector<std::thread> askers;
  for (size_t k = 0; k < kAskers; ++k) {
    askers.emplace_back([&, k] {
      for (size_t i = 0; i < kAsks; ++i) {
        Ask(cards[i % cards.size()], absl::Milliseconds(i % 3),
            [&, id = k * kAsks + i](const OcspClient::Answer&) { ++told[id]; });
      }
    });
  }
  for (std::thread& asker : askers) asker.join();
  client_.reset();
  network_.Close();
  network.join();
  for (const std::atomic<int>& count : told) EXPECT_EQ(count, 1);
}

class RevocationCheckAsyncTest : public OcspAsyncTest {
 protected:
  RevocationCheckAsyncTest() {
    checker_ = *RevocationChecker::Create({clock_, nullptr, client_.get(), observer_});
  }
  void Check(RevocationMode mode, absl::Duration within = absl::Seconds(9)) {
    // All that is handed over goes at once.
    const base::Hash256 issuer_key = crypto::Sha256(issuer_.spki_der());
    const pki::Certificate target = fakes::ParseCertificate(base::ToBytes(target_.der()));
    pki::RevocationFinding crl;
    crl.outcome = pki::RevocationOutcome::kNoUsableAnswer;
    checker_->CheckAsync({issuer_key, target.view(), clock_.Now()}, crl, issuer_, mode,
                         clock_.Now() + within, [this](const pki::RevocationFinding& finding) {
                           told_.push_back(std::string(pki::Name(finding.outcome)) + " " +
                                           std::string(pki::Name(finding.method)));
                         });
  }

  std::unique_ptr<RevocationChecker> checker_;
};

TEST_F(RevocationCheckAsyncTest, TellsWhatCheckWouldFind) {
  Check(RevocationMode::kCrlOnly);
  Check(RevocationMode::kNone);
  Check(RevocationMode::kOcspOnly, absl::ZeroDuration());
  EXPECT_THAT(told_, ElementsAre("NO_USABLE_ANSWER UNSPECIFIED", "NOT_ASKED UNSPECIFIED",
                                 "NO_USABLE_ANSWER UNSPECIFIED"));
  told_.clear();
  Check(RevocationMode::kOcspThenCrl);
  EXPECT_THAT(told_, ElementsAre());
  EXPECT_EQ(observer_.findings().size(), 3u);
  network_.Answer("", Says(fakes::OcspGood()));
  Check(RevocationMode::kOcspOnly);
  clock_.Advance(absl::Hours(2));
  Check(RevocationMode::kOcspThenCrl, absl::Seconds(1));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(told_, ElementsAre("GOOD OCSP", "GOOD OCSP", "NO_USABLE_ANSWER UNSPECIFIED"));
  EXPECT_EQ(observer_.findings().size(), 6u);
  EXPECT_EQ(observer_.cache_hits(), 1);
}

TEST_F(RevocationCheckAsyncTest, RemembersARevocationThoughTheCheckerIsGone) {
  const auto key = crypto::Sha256(issuer_.spki_der());
  Check(RevocationMode::kOcspOnly);
  Check(RevocationMode::kOcspOnly);
  checker_.reset();
  network_.Answer("", Says(fakes::OcspRevoked(clock_.Now())));
  EXPECT_THAT(told_, ElementsAre("REVOKED OCSP", "REVOKED OCSP"));
  EXPECT_TRUE(client_->TryLocally(key, target_.serial(), clock_.Now()).has_value());
}

TEST_F(RevocationCheckAsyncTest, TheEndOfTheOcspClientEndsItsChecks) {
  Check(RevocationMode::kOcspOnly);
  checker_.reset();
  client_.reset();
  EXPECT_THAT(told_, ElementsAre("NO_USABLE_ANSWER UNSPECIFIED"));
}

}  // namespace
}  // namespace musubi::revocation
