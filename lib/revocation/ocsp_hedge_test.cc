// The hedge of the OCSP client: which URLs are asked, when and on whose thread, and what becomes of
// those that nobody waits for any more. What an answer must be like: ocsp_client_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/mutex.h"
#include "lib/revocation/ocsp_client.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using fakes::TestCa;
using fakes::TestKey;
using pki::OcspCertStatus;
using testing::ElementsAre;

constexpr char kFirst[] = "http://first.example/";
constexpr char kSecond[] = "http://second.example/";
constexpr absl::Duration kHedgeAfter = absl::Milliseconds(1);

// Servers by URL. Notes what was sent, as "first" or, on the thread of the test, "first here".
class Network final : public http::HttpClient {
 public:
  using Server = std::function<absl::StatusOr<http::Response>(const http::Request&)>;

  void AddTrace(http::Request& request) const override {
    EXPECT_EQ(std::this_thread::get_id(), here_);
    request.traceparent = "of the caller";
    if (traced) traced(request.url);
  }
  absl::StatusOr<http::Response> Send(const http::Request& request) override {
    EXPECT_EQ(request.traceparent, "of the caller");
    {
      base::MutexLock lock(mutex_);
      sent_.push_back(std::string(request.url == kFirst ? "first" : "second") +
                      (std::this_thread::get_id() == here_ ? " here" : ""));
    }
    return servers.at(request.url)(request);
  }
  std::vector<std::string> sent() const {
    base::MutexLock lock(mutex_);
    return sent_;
  }

  // Not to be changed while somebody is asked.
  std::map<std::string, Server> servers;
  std::function<void(const std::string& url)> traced;

 private:
  const std::thread::id here_ = std::this_thread::get_id();
  mutable base::Mutex mutex_;
  std::vector<std::string> sent_ ABSL_GUARDED_BY(mutex_);
};

// Remembers events, as in "0 TIMEOUT", "0 open" and "shared", and lets wait for one.
class Watcher final : public Observer {
 public:
  void OnOcsp(const OcspEvent& event) override {
    Note(std::to_string(event.rank) + " " + std::string(Name(event.exchange)));
  }
  void OnOcspBreaker(const OcspBreakerEvent& event) override {
    Note(std::to_string(event.rank) + (event.open ? " open" : " closed"));
  }
  void OnOcspShared() override { Note("shared"); }
  void OnOcspWaitBegins() override {
    ++waiting;
    if (waits) waits();
  }
  void OnOcspWaitEnds() override { --waiting; }

  std::vector<std::string> events() const {
    base::MutexLock lock(mutex_);
    return events_;
  }
  void WaitFor(const std::string& event) {
    base::MutexLock lock(mutex_);
    while (std::ranges::find(events_, event) == events_.end()) changed_.Wait(mutex_);
  }

  std::function<void()> waits;
  int waiting = 0;  // Of the one caller.

 private:
  void Note(std::string event) {
    base::MutexLock lock(mutex_);
    events_.push_back(std::move(event));
    changed_.NotifyAll();
  }

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

class OcspHedgeTest : public testing::Test {
 protected:
  OcspHedgeTest() {
    network_.servers[kFirst] = network_.servers[kSecond] = Says(fakes::OcspGood());
  }

  void Start(std::vector<std::string> urls = {kFirst, kSecond},
             size_t max_helper_threads = kMaxHelperThreads) {
    auto client = OcspClient::Create(
        {network_, clock_, random_, nullptr, watcher_},
        {.issuers = {{"auth-01", ca_.certificate()}},
         .responders = {{.anchor = "auth-01", .urls = urls, .hedge_after = kHedgeAfter}},
         .max_helper_threads = max_helper_threads});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }
  std::optional<OcspCertStatus> Ask(absl::Duration within = absl::Seconds(10)) {
    const auto answer = client_->Ask(target_, ca_.certificate(), clock_.Now() + within);
    return answer.result ? answer.result->cert_status : std::nullopt;
  }
  Network::Server Says(base::Bytes status) {
    return [this, status](const http::Request& request) {
      responder_.Say(status);
      return responder_.Answer(request);
    };
  }
  static absl::StatusOr<http::Response> Fails(const http::Request&) {
    return absl::UnavailableError("down");
  }
  static absl::StatusOr<http::Response> TimesOut(const http::Request&) {
    return absl::DeadlineExceededError("slow");
  }
  // Is silent while `silence` passes, and then until release_; then it does as `server`.
  Network::Server Silent(absl::Duration silence, Network::Server server) {
    return [this, silence, server](const http::Request& request) {
      clock_.Advance(silence);
      release_.wait();
      return server(request);
    };
  }
  // Ends every asking, too.
  std::vector<std::string> EventsInTheEnd() {
    client_.reset();
    EXPECT_EQ(watcher_.waiting, 0);
    return watcher_.events();
  }

  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  TestCa ca_;
  const pki::Certificate target_ =
      fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9))));
  fakes::FakeResponder responder_{ca_, target_, clock_};
  std::latch release_{1};
  Watcher watcher_;
  Network network_;
  std::unique_ptr<OcspClient> client_;
};

TEST_F(OcspHedgeTest, TheNextUrlAnswersWhileTheFirstIsSilent) {
  network_.servers[kFirst] = Silent(kHedgeAfter, Says(fakes::OcspGood()));
  Start();
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  EXPECT_THAT(network_.sent(), ElementsAre("first", "second"));
  EXPECT_THAT(watcher_.events(), ElementsAre("1 ANSWERED"));
  release_.count_down();
  EXPECT_THAT(EventsInTheEnd(), ElementsAre("1 ANSWERED", "0 ANSWERED"));
}

TEST_F(OcspHedgeTest, AUrlThatAnswersIsNotHedged) {
  Start();
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  EXPECT_THAT(EventsInTheEnd(), ElementsAre("0 ANSWERED"));
  EXPECT_THAT(network_.sent(), ElementsAre("first"));
}

TEST_F(OcspHedgeTest, AUrlThatFailsIsFollowedAtOnceAndTheLastIsAskedByTheCaller) {
  network_.servers[kFirst] = Fails;
  Start();
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  EXPECT_THAT(EventsInTheEnd(), ElementsAre("0 UNREACHABLE", "1 ANSWERED"));
  EXPECT_THAT(network_.sent(), ElementsAre("first", "second here"));
}

TEST_F(OcspHedgeTest, ASilentUrlWinsIfTheHedgeFails) {
  network_.servers[kFirst] = Silent(kHedgeAfter, Says(fakes::OcspGood()));
  network_.servers[kSecond] = [this](const http::Request& request) {
    release_.count_down();
    return Fails(request);
  };
  Start();
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  EXPECT_THAT(EventsInTheEnd(), testing::UnorderedElementsAre("0 ANSWERED", "1 UNREACHABLE"));
}

TEST_F(OcspHedgeTest, TheOnlyUrlIsAskedByTheCaller) {
  release_.count_down();
  network_.servers[kFirst] = Silent(kHedgeAfter, Says(fakes::OcspGood()));
  Start({kFirst});
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  EXPECT_THAT(network_.sent(), ElementsAre("first here"));
}

TEST_F(OcspHedgeTest, TheOnlyUrlWhoseBreakerAdmitsIsAskedByTheCaller) {
  const Network::Server works = Says(fakes::OcspUnknown());
  Start();
  network_.servers[kFirst] = network_.servers[kSecond] = Fails;
  for (int i = 1; i < CircuitBreaker::kFailuresToOpen; ++i) EXPECT_EQ(Ask(), std::nullopt);
  network_.servers[kFirst] = works;
  EXPECT_EQ(Ask(), OcspCertStatus::kUnknown);
  network_.servers[kFirst] = Fails;
  EXPECT_EQ(Ask(), std::nullopt);
  EXPECT_EQ(watcher_.events().back(), "1 open");
  network_.servers[kFirst] = works;
  EXPECT_EQ(Ask(), OcspCertStatus::kUnknown);
  EXPECT_EQ(network_.sent().back(), "first here");
}

TEST_F(OcspHedgeTest, WithoutAFreeThreadTheUrlsAreAskedInTurnByTheCaller) {
  network_.servers[kFirst] = network_.servers[kSecond] = Fails;
  Start({kFirst, kSecond}, /*max_helper_threads=*/0);
  EXPECT_EQ(Ask(), std::nullopt);
  EXPECT_THAT(network_.sent(), ElementsAre("first here", "second here"));
}

TEST_F(OcspHedgeTest, WithoutAThreadForTheHedgeTheNextUrlWaitsUntilTheSilentOneFails) {
  // Once the caller waits again, the second URL was not asked although its time had come.
  bool turn = false;
  network_.traced = [&](const std::string& url) { turn = turn || url == kSecond; };
  watcher_.waits = [&] {
    if (turn && !release_.try_wait()) release_.count_down();
  };
  network_.servers[kFirst] = Silent(kHedgeAfter, Fails);
  Start({kFirst, kSecond}, /*max_helper_threads=*/1);
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  EXPECT_THAT(EventsInTheEnd(), ElementsAre("0 UNREACHABLE", "1 ANSWERED"));
  EXPECT_THAT(network_.sent(), ElementsAre("first", "second here"));
}

TEST_F(OcspHedgeTest, AHedgeThatFoundNoThreadLeavesItsProbeToTheNextCaller) {
  network_.servers[kFirst] = network_.servers[kSecond] = Fails;
  Start({kFirst, kSecond}, /*max_helper_threads=*/1);
  for (int i = 0; i < CircuitBreaker::kFailuresToOpen; ++i) EXPECT_EQ(Ask(), std::nullopt);
  clock_.Advance(CircuitBreaker::kOpenFor);
  bool turn = false;
  network_.traced = [&](const std::string& url) { turn = turn || url == kSecond; };
  watcher_.waits = [&] {
    if (turn && !release_.try_wait()) release_.count_down();
  };
  const Network::Server silent = Silent(kHedgeAfter, Fails);
  network_.servers[kFirst] = [&, here = std::this_thread::get_id()](const http::Request& request) {
    return std::this_thread::get_id() == here ? Says(fakes::OcspUnknown())(request)
                                              : silent(request);
  };
  network_.servers[kSecond] = Says(fakes::OcspGood());
  // By the caller, until the thread is back from the failure before.
  while (Ask() == OcspCertStatus::kUnknown) std::this_thread::yield();
  EXPECT_EQ(watcher_.events().back(), "1 closed");
}

TEST_F(OcspHedgeTest, ACallerWhoseDeadlinePassesLeavesBothBehind) {
  network_.servers[kFirst] = Silent(kHedgeAfter, TimesOut);
  network_.servers[kSecond] = Silent(absl::Seconds(10), Says(fakes::OcspGood()));
  Start();
  EXPECT_EQ(Ask(/*within=*/absl::Milliseconds(5)), std::nullopt);
  EXPECT_THAT(network_.sent(), ElementsAre("first", "second"));
  EXPECT_THAT(watcher_.events(), ElementsAre());
  release_.count_down();
  EXPECT_THAT(EventsInTheEnd(), testing::UnorderedElementsAre("0 TIMEOUT", "1 ANSWERED"));
}

TEST_F(OcspHedgeTest, ThoseWhoShareAnAskingGetTheAnswerOfItsWinner) {
  network_.servers[kFirst] = Silent(kHedgeAfter, TimesOut);
  network_.servers[kSecond] = [this](const http::Request& request) {
    watcher_.WaitFor("shared");
    return Says(fakes::OcspUnknown())(request);
  };
  Start();
  // Comes once the first is asked, so that it does not ask itself.
  std::optional<OcspCertStatus> shared;
  std::latch asked(1);
  network_.traced = [&](const std::string& url) {
    if (url == kFirst) asked.count_down();
  };
  std::thread other([&] {
    asked.wait();
    shared = Ask();
  });
  EXPECT_EQ(Ask(), OcspCertStatus::kUnknown);
  other.join();
  EXPECT_EQ(shared, OcspCertStatus::kUnknown);
  EXPECT_THAT(network_.sent(), ElementsAre("first", "second"));
  release_.count_down();
  EXPECT_THAT(EventsInTheEnd(), ElementsAre("shared", "1 ANSWERED", "0 TIMEOUT"));
}

TEST_F(OcspHedgeTest, AUrlThatAlwaysLosesByItsTimeoutIsSkipped) {
  network_.servers[kFirst] = Silent(kHedgeAfter, TimesOut);
  network_.servers[kSecond] = Says(fakes::OcspUnknown());
  Start();
  for (int i = 0; i < CircuitBreaker::kFailuresToOpen; ++i) {
    EXPECT_EQ(Ask(), OcspCertStatus::kUnknown);
  }
  release_.count_down();
  watcher_.WaitFor("0 open");
  EXPECT_EQ(Ask(), OcspCertStatus::kUnknown);
  EXPECT_EQ(network_.sent().back(), "second here");
}

TEST_F(OcspHedgeTest, ARevokedThatComesTooLateIsFoundByTheNextCaller) {
  network_.servers[kFirst] = Silent(kHedgeAfter, Says(fakes::OcspRevoked(clock_.Now())));
  Start();
  EXPECT_EQ(Ask(), OcspCertStatus::kGood);
  release_.count_down();
  // From the cache, until the loser's answer is there.
  while (Ask() == OcspCertStatus::kGood) std::this_thread::yield();
  EXPECT_EQ(Ask(), OcspCertStatus::kRevoked);
  EXPECT_EQ(network_.sent().size(), 2u);
}

TEST_F(OcspHedgeTest, AGoodThatComesTooLateHidesNoRevoked) {
  network_.servers[kFirst] = Silent(kHedgeAfter, Says(fakes::OcspGood()));
  network_.servers[kSecond] = Says(fakes::OcspRevoked(clock_.Now()));
  Start();
  EXPECT_EQ(Ask(), OcspCertStatus::kRevoked);
  release_.count_down();
  watcher_.WaitFor("0 ANSWERED");
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(Ask(), OcspCertStatus::kRevoked);
  EXPECT_EQ(network_.sent().size(), 2u);
}

}  // namespace
}  // namespace musubi::revocation
