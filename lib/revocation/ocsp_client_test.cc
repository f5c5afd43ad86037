#include "lib/revocation/ocsp_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using fakes::OcspSpec;
using fakes::TestCa;
using fakes::TestKey;
using pki::OcspCertStatus;

class OcspClientTest : public testing::Test {
 protected:
  // What the HTTP server at the other end does; by default the responder answers.
  using Server = std::function<absl::StatusOr<http::Response>(const http::Request&)>;

  void Start(Responder responder, size_t max_cache_entries = 100) {
    auto client = OcspClient::Create({http_, clock_, clock_, random_, nullptr, observer_},
                                     {.issuers = {{"auth-01", ca_.certificate()}},
                                      .responders = {std::move(responder)},
                                      .max_cache_entries = max_cache_entries});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }
  void Start() { Start({.anchor = "auth-01", .urls = {"http://first.example/"}}); }
  OcspClient::Answer Ask(absl::Duration within = absl::Seconds(10)) {
    return client_->Ask(target_, issuer_, clock_.Now() + within);
  }
  std::optional<OcspCertStatus> Status() {
    const OcspClient::Answer answer = Ask();
    return answer.result ? answer.result->cert_status : std::nullopt;
  }
  std::string LastEvent() const {
    const OcspEvent event = observer_.ocsp().back();
    return std::string(Name(event.exchange)) + " " + std::string(pki::Name(event.outcome));
  }

  fakes::SimulatedClock clock_;
  fakes::RecordingObserver observer_;
  fakes::FakeRandom random_;
  TestCa ca_;
  const pki::Certificate issuer_ = ca_.certificate();
  const pki::Certificate target_ =
      fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9))));
  fakes::FakeResponder responder_{ca_, target_, clock_};
  Server server_ = [this](const http::Request& request) { return responder_.Answer(request); };
  fakes::FakeHttpClient http_{[this](const http::Request& request) { return server_(request); }};
  std::unique_ptr<OcspClient> client_;
};

TEST_F(OcspClientTest, AsksTheConfiguredResponder) {
  Start();
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  ASSERT_EQ(http_.requests().size(), 1u);
  const http::Request request = http_.requests()[0];
  EXPECT_EQ(request.url, "http://first.example/");
  EXPECT_EQ(request.method, http::Method::kPost);
  EXPECT_EQ(request.content_type, "application/ocsp-request");
  EXPECT_EQ(request.timeout, absl::Seconds(2));
  EXPECT_EQ(fakes::NonceOfRequest(base::AsBytes(request.body)).size(), 32u);
  EXPECT_EQ(LastEvent(), "ANSWERED ANSWERED");
}

TEST_F(OcspClientTest, WithoutNoncePolicyNoneIsSent) {
  Start({.anchor = "auth-01", .urls = {"http://first.example/"}, .nonce = pki::NoncePolicy::kNone});
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  EXPECT_TRUE(fakes::NonceOfRequest(base::AsBytes(http_.requests()[0].body)).empty());
}

TEST_F(OcspClientTest, EveryFailureOfAResponderIsItsOwnEvent) {
  const struct {
    Server server;
    const char* event;
  } cases[] = {
      {[](const auto&) {
         return http::Response{503, "busy"};
       },
       "HTTP_STATUS UNSPECIFIED"},
      {[](const auto&) {
         return http::Response{302, ""};
       },
       "HTTP_STATUS UNSPECIFIED"},
      {[](const auto&) { return absl::UnavailableError("refused"); }, "UNREACHABLE UNSPECIFIED"},
      {[](const auto&) { return absl::ResourceExhaustedError("big"); }, "UNREACHABLE UNSPECIFIED"},
      {[](const auto&) { return absl::DeadlineExceededError("slow"); }, "TIMEOUT UNSPECIFIED"},
      {[](const auto&) {
         return http::Response{200, "<html>"};
       },
       "REFUSED MALFORMED"},
      {[](const auto&) {
         return http::Response{200, ""};
       },
       "REFUSED MALFORMED"},
  };
  for (const auto& test_case : cases) {
    Start();  // With its breakers closed.
    server_ = test_case.server;
    EXPECT_EQ(Status(), std::nullopt);
    EXPECT_EQ(LastEvent(), test_case.event);
  }
  server_ = [this](const http::Request& request) { return responder_.Answer(request); };
  const struct {
    fakes::FakeResponder::Change change;
    const char* event;
  } misbehaviours[] = {
      {[](OcspSpec& spec) { spec.response_status = 3; }, "REFUSED ERROR_STATUS"},
      {[](OcspSpec& spec) { spec.Nonce(base::Bytes(32, 1)); }, "REFUSED WRONG_NONCE"},
      {[](OcspSpec& spec) { spec.answers.push_back(spec.answers[0]); }, "REFUSED SEVERAL_ANSWERS"},
      {[this](OcspSpec& spec) {
         spec.answers[0].cert_id = fakes::CertIdDer(issuer_, base::Bytes{1});
       },
       "REFUSED NO_MATCHING_ANSWER"},
      {[this](OcspSpec& spec) { spec.answers[0].next_update = clock_.Now() - absl::Seconds(1); },
       "REFUSED STALE"},
      {[](OcspSpec& spec) { spec.algorithm = fakes::Sha1WithRsaAlgorithm(); },
       "REFUSED ALGORITHM_NOT_ALLOWED"},
  };
  Start();
  for (const auto& misbehaviour : misbehaviours) {
    clock_.Advance(CircuitBreaker::kOpenFor);
    responder_.Behave(misbehaviour.change);
    EXPECT_EQ(Status(), std::nullopt);
    EXPECT_EQ(LastEvent(), misbehaviour.event);
  }
  // None of it was kept.
  clock_.Advance(CircuitBreaker::kOpenFor);
  responder_.Behave(nullptr);
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  EXPECT_EQ(observer_.cache_hits(), 0);
}

TEST_F(OcspClientTest, TriesTheNextUrlUntilOneAnswers) {
  Start({.anchor = "auth-01",
         .urls = {"http://first.example/", "http://second.example/", "http://third.example/"}});
  server_ = [this](const http::Request& request) -> absl::StatusOr<http::Response> {
    if (request.url == "http://first.example/") return absl::UnavailableError("down");
    return responder_.Answer(request);
  };
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  ASSERT_EQ(http_.requests().size(), 2u);
  EXPECT_EQ(http_.requests()[1].url, "http://second.example/");
  EXPECT_EQ(observer_.ocsp()[1].rank, 1u);
}

TEST_F(OcspClientTest, RespectsTheCallersDeadline) {
  Start({.anchor = "auth-01", .urls = {"http://first.example/", "http://second.example/"}});
  server_ = [this](const http::Request&) -> absl::StatusOr<http::Response> {
    clock_.Advance(absl::Milliseconds(400));
    return absl::UnavailableError("down");
  };
  EXPECT_FALSE(Ask(absl::Seconds(1)).result.has_value());
  ASSERT_EQ(http_.requests().size(), 2u);
  EXPECT_EQ(http_.requests()[0].timeout, absl::Seconds(1));
  EXPECT_EQ(http_.requests()[1].timeout, absl::Milliseconds(600));
  EXPECT_FALSE(Ask(absl::ZeroDuration()).result.has_value());
  EXPECT_EQ(http_.requests().size(), 2u) << "without time nobody is asked";
}

TEST_F(OcspClientTest, KeepsGoodAndRevokedUntilNextUpdate) {
  Start();
  for (const auto& status : {fakes::OcspGood(), fakes::OcspRevoked(clock_.Now())}) {
    responder_.Say(status);
    const size_t before = http_.requests().size();
    const auto first = Status();
    clock_.Advance(absl::Hours(1));
    EXPECT_EQ(Status(), first);
    EXPECT_EQ(http_.requests().size(), before + 1);
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(Status(), first);
    EXPECT_EQ(http_.requests().size(), before + 2);
    clock_.Advance(absl::Hours(2));
  }
}

TEST_F(OcspClientTest, WithoutNextUpdateKeepsForTheMaximumAge) {
  Start({.anchor = "auth-01", .urls = {"http://first.example/"}, .max_age = absl::Minutes(10)});
  responder_.Behave([](OcspSpec& spec) { spec.answers[0].next_update.reset(); });
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  clock_.Advance(absl::Minutes(10));
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  EXPECT_EQ(http_.requests().size(), 1u);
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  EXPECT_EQ(http_.requests().size(), 2u);
}

TEST_F(OcspClientTest, DoesNotKeepUnknown) {
  Start();
  responder_.Say(fakes::OcspUnknown());
  EXPECT_EQ(Status(), OcspCertStatus::kUnknown);
  responder_.Say(fakes::OcspGood());
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
}

TEST_F(OcspClientTest, AClockThatJumpsBackEmptiesTheCache) {
  Start();
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  clock_.Advance(-absl::Hours(1));
  server_ = [](const auto&) { return absl::UnavailableError("down"); };
  EXPECT_EQ(Status(), std::nullopt);
}

TEST_F(OcspClientTest, TheCacheForgetsWhatWasUsedLongestAgo) {
  Start({.anchor = "auth-01", .urls = {"http://first.example/"}}, /*max_cache_entries=*/1);
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  const auto other = fakes::ParseCertificate(
      ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9), 0x77)));
  responder_.Behave([&](OcspSpec& spec) {
    spec.answers.push_back(spec.answers[0]);
    spec.answers[1].cert_id = fakes::CertIdDer(issuer_, other.serial());
  });
  EXPECT_TRUE(client_->Ask(other, issuer_, clock_.Now() + absl::Seconds(9)).result.has_value());
  EXPECT_EQ(http_.requests().size(), 2u);
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  EXPECT_EQ(http_.requests().size(), 3u);
}

TEST_F(OcspClientTest, AnIssuerWithoutAResponderHasNoAnswer) {
  Start();
  const TestCa other({.key_number = 1, .serial = 2});
  EXPECT_FALSE(client_->Ask(target_, other.certificate(), clock_.Now() + absl::Seconds(9))
                   .result.has_value());
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(OcspClientTest, AThousandCallersAtTheSameTimeShareOneAsking) {
  constexpr int kCallers = 1000;
  Start();
  server_ = [&](const http::Request& request) {
    // One is asking; a caller without time does not wait for it.
    EXPECT_FALSE(Ask(absl::ZeroDuration()).result.has_value());
    observer_.WaitForOcspShared(kCallers - 1);
    return responder_.Answer(request);
  };
  std::vector<std::optional<OcspCertStatus>> answers(kCallers);
  std::vector<std::thread> threads;
  for (auto& answer : answers) threads.emplace_back([&] { answer = Status(); });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(answers, testing::Each(testing::Optional(OcspCertStatus::kGood)));
  EXPECT_EQ(http_.requests().size(), 1u);
  EXPECT_EQ(observer_.cache_hits(), 0);
}

TEST_F(OcspClientTest, WhatIsKnownLocallyNeedsNoAsking) {
  Start();
  const auto locally = [this] {
    return client_->TryLocally(crypto::Sha256(issuer_.spki_der()), target_.serial(), clock_.Now());
  };
  EXPECT_FALSE(locally().has_value());
  server_ = [&](const http::Request& request) {
    EXPECT_FALSE(locally().has_value()) << "the answer may come";
    return responder_.Answer(request);
  };
  EXPECT_EQ(Status(), OcspCertStatus::kGood);
  ASSERT_TRUE(locally().has_value());
  EXPECT_EQ(locally()->result->cert_status, OcspCertStatus::kGood);
  EXPECT_EQ(observer_.cache_hits(), 2);
  clock_.Advance(absl::Hours(1) + absl::Seconds(1));
  EXPECT_FALSE(locally().has_value()) << "no longer current";

  const auto of_others = client_->TryLocally(base::Hash256{}, target_.serial(), clock_.Now());
  ASSERT_TRUE(of_others.has_value()) << "an issuer without a responder";
  EXPECT_FALSE(of_others->result.has_value());
}

TEST_F(OcspClientTest, GoodIsAskedForAgainAfterAWeekHoweverFarItsNextUpdate) {
  const struct {
    base::Bytes status;
    size_t requests;
  } cases[] = {{fakes::OcspGood(), 2}, {fakes::OcspRevoked(clock_.Now()), 1}};
  for (const auto& test_case : cases) {
    Start();
    const size_t before = http_.requests().size();
    responder_.Behave([&](OcspSpec& spec) {
      spec.answers[0].status = test_case.status;
      spec.answers[0].next_update = clock_.Now() + absl::Hours(24 * 30);
    });
    const auto first = Status();
    clock_.Advance(kMaxGoodKept);
    EXPECT_EQ(Status(), first);
    EXPECT_EQ(http_.requests().size(), before + 1);
    clock_.Advance(absl::Seconds(1));
    EXPECT_EQ(Status(), first);
    EXPECT_EQ(http_.requests().size(), before + test_case.requests);
  }
}

// Two URLs, each up or down; nothing is kept, since the responder says UNKNOWN.
class OcspBreakerTest : public OcspClientTest {
 protected:
  static constexpr int kFailures = CircuitBreaker::kFailuresToOpen;

  OcspBreakerTest() {
    responder_.Say(fakes::OcspUnknown());
    server_ = [this](const http::Request& request) -> absl::StatusOr<http::Response> {
      const bool up = request.url == "http://first.example/" ? first_up_ : second_up_;
      if (!up) return absl::UnavailableError("down");
      return responder_.Answer(request);
    };
    Start({.anchor = "auth-01", .urls = {"http://first.example/", "http://second.example/"}});
  }
  // Which of the URLs one Ask went to, as in "12"; then "!" if there was an answer.
  std::string Asked() {
    const size_t before = http_.requests().size();
    const bool answered = Status().has_value();
    std::string asked;
    for (size_t i = before; i < http_.requests().size(); ++i) {
      asked += http_.requests()[i].url == "http://first.example/" ? "1" : "2";
    }
    return asked + (answered ? "!" : "");
  }
  // As in "0open 0closed".
  std::string Events() const {
    std::string text;
    for (const OcspBreakerEvent& event : observer_.ocsp_breakers()) {
      text +=
          (text.empty() ? "" : " ") + std::to_string(event.rank) + (event.open ? "open" : "closed");
    }
    return text;
  }

  bool first_up_ = false;
  bool second_up_ = true;
};

TEST_F(OcspBreakerTest, AUrlThatFailsAgainAndAgainIsSkippedAndTheNextIsAsked) {
  for (int i = 0; i < kFailures; ++i) {
    EXPECT_EQ(Events(), "");
    EXPECT_EQ(Asked(), "12!");
  }
  EXPECT_EQ(Events(), "0open");
  EXPECT_EQ(observer_.ocsp_breakers()[0].anchor, "auth-01");
  EXPECT_EQ(Asked(), "2!");
  clock_.Advance(CircuitBreaker::kOpenFor - absl::Milliseconds(1));
  EXPECT_EQ(Asked(), "2!");
}

TEST_F(OcspBreakerTest, WithEveryBreakerOpenThereIsNoAnswerAtOnce) {
  second_up_ = false;
  for (int i = 0; i < kFailures; ++i) EXPECT_EQ(Asked(), "12");
  EXPECT_EQ(Events(), "0open 1open");
  EXPECT_EQ(Asked(), "");
  const base::Hash256 issuer_key = crypto::Sha256(issuer_.spki_der());
  const auto locally = client_->TryLocally(issuer_key, target_.serial(), clock_.Now());
  ASSERT_TRUE(locally.has_value());
  EXPECT_FALSE(locally->result.has_value());
  const absl::Time rested = clock_.Now() + CircuitBreaker::kOpenFor;
  EXPECT_FALSE(client_->TryLocally(issuer_key, target_.serial(), rested).has_value()) << "a probe";
}

TEST_F(OcspBreakerTest, AProbeClosesItOrKeepsItOpen) {
  for (int i = 0; i < kFailures; ++i) Asked();
  clock_.Advance(CircuitBreaker::kOpenFor);
  EXPECT_EQ(Asked(), "12!") << "the probe";
  EXPECT_EQ(Asked(), "2!") << "it failed";
  first_up_ = true;
  clock_.Advance(CircuitBreaker::kOpenFor);
  EXPECT_EQ(Asked(), "1!");
  EXPECT_EQ(Asked(), "1!");
  EXPECT_EQ(Events(), "0open 0closed");
  // It counts from nothing again.
  first_up_ = false;
  for (int i = 0; i < kFailures; ++i) EXPECT_EQ(Asked(), "12!");
  EXPECT_EQ(Events(), "0open 0closed 0open");
}

TEST_F(OcspBreakerTest, OneProbeAtATime) {
  for (int i = 0; i < kFailures; ++i) Asked();
  clock_.Advance(CircuitBreaker::kOpenFor);
  const auto other = fakes::ParseCertificate(
      ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9), 0x77)));
  std::vector<std::string> urls;
  server_ = [&](const http::Request& request) -> absl::StatusOr<http::Response> {
    urls.push_back(request.url);
    // Somebody with another certificate comes while the probe is on its way.
    if (urls.size() == 1) client_->Ask(other, issuer_, clock_.Now() + absl::Seconds(10));
    return absl::UnavailableError("down");
  };
  EXPECT_EQ(Status(), std::nullopt);
  EXPECT_THAT(urls, testing::ElementsAre("http://first.example/", "http://second.example/",
                                         "http://second.example/"));
}

TEST_F(OcspBreakerTest, AnAnswerOfAnyStatusBreaksTheRow) {
  for (const auto& status : {fakes::OcspUnknown(), fakes::OcspRevoked(clock_.Now())}) {
    Start({.anchor = "auth-01", .urls = {"http://first.example/"}});
    responder_.Say(status);
    for (int i = 0; i < 3; ++i) {
      first_up_ = false;
      for (int k = 0; k < kFailures - 1; ++k) EXPECT_EQ(Asked(), "1");
      first_up_ = true;
      EXPECT_EQ(Asked(), "1!");
      clock_.Advance(absl::Hours(2));  // No answer is kept.
    }
  }
  EXPECT_EQ(Events(), "");
}

TEST_F(OcspBreakerTest, WhatCountsAsAFailure) {
  const struct {
    const char* name;
    Server server;
    absl::Duration within;
    size_t opened;
  } cases[] = {
      {"unreachable", [](const auto&) { return absl::UnavailableError("down"); }, absl::Seconds(10),
       1},
      {"timeout", [](const auto&) { return absl::DeadlineExceededError("slow"); },
       absl::Seconds(10), 1},
      {"timeout of a caller in a hurry",
       [](const auto&) { return absl::DeadlineExceededError("slow"); }, absl::Seconds(1), 0},
      {"unreachable for a caller in a hurry",
       [](const auto&) { return absl::UnavailableError("down"); }, absl::Seconds(1), 1},
      {"HTTP status",
       [](const auto&) {
         return http::Response{503, "busy"};
       },
       absl::Seconds(10), 1},
      {"garbage",
       [](const auto&) {
         return http::Response{200, "<html>"};
       },
       absl::Seconds(10), 1},
      {"tryLater",
       [this](const http::Request& request) {
         responder_.Behave([](OcspSpec& spec) { spec.response_status = 3; });
         return responder_.Answer(request);
       },
       absl::Seconds(10), 1},
      {"unauthorized",
       [this](const http::Request& request) {
         responder_.Behave([](OcspSpec& spec) { spec.response_status = 6; });
         return responder_.Answer(request);
       },
       absl::Seconds(10), 0},
  };
  for (const auto& test_case : cases) {
    SCOPED_TRACE(test_case.name);
    const size_t before = observer_.ocsp_breakers().size();
    Start({.anchor = "auth-01", .urls = {"http://first.example/"}});
    server_ = test_case.server;
    for (int i = 0; i < kFailures; ++i) Ask(test_case.within);
    EXPECT_EQ(observer_.ocsp_breakers().size() - before, test_case.opened);
  }
}

TEST_F(OcspBreakerTest, ADeadlineInAProbeLeavesTheNextCallerToProbe) {
  Start({.anchor = "auth-01", .urls = {"http://first.example/"}});
  for (int i = 0; i < kFailures; ++i) Asked();
  clock_.Advance(CircuitBreaker::kOpenFor);
  const Server usual = server_;
  server_ = [&](const http::Request& request) -> absl::StatusOr<http::Response> {
    clock_.Advance(request.timeout);
    return absl::DeadlineExceededError("slow");
  };
  EXPECT_FALSE(Ask(absl::Milliseconds(500)).result.has_value());
  server_ = usual;
  first_up_ = true;
  EXPECT_EQ(Asked(), "1!");
  EXPECT_EQ(Events(), "0open 0closed");
}

TEST_F(OcspBreakerTest, AClockThatWentBackDoesNotKeepItOpen) {
  for (int i = 0; i < kFailures; ++i) Asked();
  clock_.Advance(-absl::Hours(1));
  first_up_ = true;
  EXPECT_EQ(Asked(), "1!");
}

TEST(CircuitBreaker, LateReportsOfUsualCallersDoNotDisturbAProbe) {
  using Admission = CircuitBreaker::Admission;
  using Outcome = CircuitBreaker::Outcome;
  using Change = CircuitBreaker::Change;
  const absl::Time start = fakes::SimulatedClock().Now();
  CircuitBreaker breaker;
  for (int i = 1; i < CircuitBreaker::kFailuresToOpen; ++i) {
    EXPECT_EQ(breaker.Report(Admission::kUsual, Outcome::kFails, start), Change::kNone);
  }
  EXPECT_EQ(breaker.Report(Admission::kUsual, Outcome::kFails, start), Change::kOpened);
  const absl::Time later = start + CircuitBreaker::kOpenFor;
  EXPECT_EQ(breaker.Report(Admission::kUsual, Outcome::kFails, later), Change::kNone);
  EXPECT_EQ(breaker.Admit(later), Admission::kProbe) << "a late failure prolongs nothing";
  EXPECT_EQ(breaker.Report(Admission::kUsual, Outcome::kFails, later), Change::kNone);
  EXPECT_EQ(breaker.Admit(later), Admission::kRefused) << "the probe is still under way";
  EXPECT_EQ(breaker.Report(Admission::kUsual, Outcome::kWorks, later), Change::kClosed);
  EXPECT_EQ(breaker.Admit(later), Admission::kUsual);
  EXPECT_EQ(breaker.Report(Admission::kProbe, Outcome::kFails, later), Change::kNone);
  EXPECT_EQ(breaker.Admit(later), Admission::kUsual) << "one failure after a success";
}

TEST(ParseResponders, ReadsTheFile) {
  const auto responders = ParseResponders(
      R"({"version":1,"responders":[{"anchor":"auth-03","urls":["http://ocsp.example/"],)"
      R"("nonce":"REQUIRED","hash":"SHA1","max_age_seconds":60,"timeout_ms":1500}]})");
  ASSERT_TRUE(responders.ok()) << responders.status();
  ASSERT_EQ(responders->size(), 1u);
  const Responder& responder = responders->front();
  EXPECT_EQ(responder.anchor, "auth-03");
  EXPECT_THAT(responder.urls, testing::ElementsAre("http://ocsp.example/"));
  EXPECT_EQ(responder.nonce, pki::NoncePolicy::kRequired);
  EXPECT_EQ(responder.hash, pki::CertIdHash::kSha1);
  EXPECT_EQ(responder.max_age, absl::Minutes(1));
  EXPECT_EQ(responder.timeout, absl::Milliseconds(1500));
  EXPECT_EQ(responder.hedge_after, std::nullopt);
}

TEST(ParseResponders, ReadsAHedgeDelay) {
  const auto responders = ParseResponders(
      R"({"version":1,"responders":[{"anchor":"auth-03","urls":["http://ocsp.example/"],)"
      R"("nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":2,"hedge_after_ms":1}]})");
  ASSERT_TRUE(responders.ok()) << responders.status();
  EXPECT_EQ(responders->front().hedge_after, absl::Milliseconds(1));
}

TEST(ParseResponders, RefusesWithTheRule) {
  const std::string start = R"({"version":1,"responders":[{"anchor":"auth-03",)";
  const struct {
    std::string rest;
    const char* message;
  } cases[] = {
      {R"("urls":[],"nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":1}]})", "urls"},
      {R"("urls":["ldap://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":1}]})",
       "http://"},
      {R"("urls":["http://x/"],"nonce":"MAYBE","hash":"SHA1","max_age_seconds":60,"timeout_ms":1}]})",
       "NONE, OPTIONAL or REQUIRED"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"MD5","max_age_seconds":60,"timeout_ms":1}]})",
       "SHA1 or SHA256"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":604801,"timeout_ms":1}]})",
       "7 days"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":30001}]})",
       "30 s"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":60}]})",
       "timeout_ms"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":9,"hedge_after_ms":0}]})",
       "hedge_after must be above 0 and below timeout"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":9,"hedge_after_ms":9}]})",
       "hedge_after must be above 0 and below timeout"},
      {R"("urls":["http://x/"],"nonce":"NONE","hash":"SHA1","max_age_seconds":60,"timeout_ms":9,"hedge_after_ms":"1"}]})",
       "hedge_after_ms"},
  };
  for (const auto& test_case : cases) {
    const auto responders = ParseResponders(start + test_case.rest);
    EXPECT_EQ(responders.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(base::ToStd(responders.status().message())),
                testing::HasSubstr(test_case.message));
  }
}

}  // namespace
}  // namespace musubi::revocation
