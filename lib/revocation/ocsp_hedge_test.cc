// The hedge of the OCSP client: which URLs are asked and when, and what becomes of those that
// nobody waits for any more. What an answer must be like: ocsp_client_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/base/mutex.h"
#include "lib/revocation/ocsp_client.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/held_http_client.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using fakes::TestCa;
using fakes::TestKey;
using testing::ElementsAre;

constexpr char kFirst[] = "http://first.example/";
constexpr char kSecond[] = "http://second.example/";
constexpr char kThird[] = "http://third.example/";
constexpr absl::Duration kHedgeAfter = absl::Milliseconds(100);

// Remembers events, as in "0 TIMEOUT", "0 open" and "shared".
class Watcher final : public Observer {
 public:
  void OnOcsp(const OcspEvent& event) override {
    Note(std::to_string(event.rank) + " " + std::string(Name(event.exchange)));
  }
  void OnOcspBreaker(const OcspBreakerEvent& event) override {
    Note(std::to_string(event.rank) + (event.open ? " open" : " closed"));
  }
  void OnOcspShared() override { Note("shared"); }

  std::vector<std::string> events() const {
    base::MutexLock lock(mutex_);
    return events_;
  }

 private:
  void Note(std::string event) {
    base::MutexLock lock(mutex_);
    events_.push_back(std::move(event));
  }

  mutable base::Mutex mutex_;
  std::vector<std::string> events_ ABSL_GUARDED_BY(mutex_);
};

std::string Text(const OcspClient::Answer& answer) {
  if (!answer.result) return "nothing";
  switch (*answer.result->cert_status) {
    case pki::OcspCertStatus::kGood:
      return "GOOD";
    case pki::OcspCertStatus::kRevoked:
      return "REVOKED";
    case pki::OcspCertStatus::kUnknown:
      break;
  }
  return "UNKNOWN";
}

absl::StatusOr<http::Response> Fails(const http::Request&) {
  return absl::UnavailableError("down");
}
absl::StatusOr<http::Response> TimesOut(const http::Request&) {
  return absl::DeadlineExceededError("slow");
}

class OcspHedgeTest : public testing::Test {
 protected:
  void Start(std::vector<std::string> urls = {kFirst, kSecond}) {
    auto client = OcspClient::Create(
        {network_, clock_, clock_, random_, nullptr, watcher_},
        {.issuers = {{"auth-01", ca_.certificate()}},
         .responders = {
             {.anchor = "auth-01", .urls = std::move(urls), .hedge_after = kHedgeAfter}}});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }
  // What becomes of it is the next of `told_`: a status, or "nothing".
  void Ask(absl::Duration within = absl::Seconds(10)) {
    client_->AskAsync(target_, ca_.certificate(), clock_.Now() + within,
                      [this](const OcspClient::Answer& answer) { told_.push_back(Text(answer)); });
  }
  fakes::HeldHttpClient::Server Says(base::Bytes status) {
    return [this, status](const http::Request& request) {
      responder_.Say(status);
      return responder_.Answer(request);
    };
  }

  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  TestCa ca_;
  const pki::Certificate target_ =
      fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9))));
  fakes::FakeResponder responder_{ca_, target_, clock_};
  Watcher watcher_;
  fakes::HeldHttpClient network_;
  std::vector<std::string> told_;
  std::unique_ptr<OcspClient> client_;
};

TEST_F(OcspHedgeTest, TheNextUrlAnswersWhileTheFirstIsSilent) {
  Start();
  Ask();
  clock_.Advance(kHedgeAfter - absl::Nanoseconds(1));
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst, kSecond));
  EXPECT_EQ(network_.last().traceparent, "of-the-caller");
  network_.Answer(kSecond, Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("GOOD"));
  EXPECT_THAT(watcher_.events(), ElementsAre("1 ANSWERED"));
  network_.Answer(kFirst, Says(fakes::OcspGood()));
  EXPECT_THAT(watcher_.events(), ElementsAre("1 ANSWERED", "0 ANSWERED"));
  EXPECT_THAT(told_, ElementsAre("GOOD"));
}

TEST_F(OcspHedgeTest, AUrlThatAnswersIsNotHedged) {
  Start();
  Ask();
  network_.Answer(kFirst, Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("GOOD"));
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(watcher_.events(), ElementsAre("0 ANSWERED"));
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst));
}

TEST_F(OcspHedgeTest, AUrlThatFailsIsFollowedAtOnceWhoseHedgeDelayBeginsThen) {
  Start({kFirst, kSecond, kThird});
  Ask();
  clock_.Advance(kHedgeAfter / 2);
  network_.Answer(kFirst, Fails);
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst, kSecond));
  clock_.Advance(kHedgeAfter - absl::Nanoseconds(1));
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst, kSecond));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst, kSecond, kThird));
  network_.Answer(kSecond, Fails);
  EXPECT_THAT(told_, ElementsAre());
  network_.Answer(kThird, Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("GOOD"));
  EXPECT_THAT(watcher_.events(), ElementsAre("0 UNREACHABLE", "1 UNREACHABLE", "2 ANSWERED"));
}

TEST_F(OcspHedgeTest, ASilentUrlWinsIfTheHedgeFails) {
  Start();
  Ask();
  clock_.Advance(kHedgeAfter);
  network_.Answer(kSecond, Fails);
  EXPECT_THAT(told_, ElementsAre());
  network_.Answer(kFirst, Says(fakes::OcspGood()));
  EXPECT_THAT(told_, ElementsAre("GOOD"));
}

TEST_F(OcspHedgeTest, WhenAllHaveFailedThereIsNoAnswer) {
  Start();
  Ask();
  clock_.Advance(kHedgeAfter);
  network_.Answer(kFirst, Fails);
  EXPECT_THAT(told_, ElementsAre());
  network_.Answer(kSecond, Fails);
  EXPECT_THAT(told_, ElementsAre("nothing"));
}

TEST_F(OcspHedgeTest, AUrlWhoseBreakerIsOpenIsNoHedge) {
  Start();
  for (int i = 0; i < CircuitBreaker::kFailuresToOpen; ++i) {
    Ask();
    clock_.Advance(kHedgeAfter);
    network_.Answer(kSecond, Fails);
    network_.Answer(kFirst, Says(fakes::OcspUnknown()));
  }
  EXPECT_EQ(watcher_.events()[watcher_.events().size() - 2], "1 open");
  Ask();
  const size_t sent = network_.sent().size();
  clock_.Advance(kHedgeAfter);
  EXPECT_EQ(network_.sent().size(), sent);
  network_.Answer(kFirst, Says(fakes::OcspUnknown()));
  EXPECT_EQ(told_.back(), "UNKNOWN");
}

TEST_F(OcspHedgeTest, ACallerWhoseDeadlinePassesLeavesBothBehind) {
  Start();
  Ask(/*within=*/kHedgeAfter * 2);
  clock_.Advance(kHedgeAfter);
  EXPECT_EQ(network_.last().timeout, kHedgeAfter);
  clock_.Advance(kHedgeAfter);
  EXPECT_THAT(told_, ElementsAre("nothing"));
  EXPECT_THAT(watcher_.events(), ElementsAre());
  network_.Answer(kFirst, TimesOut);
  network_.Answer(kSecond, Says(fakes::OcspGood()));
  EXPECT_THAT(watcher_.events(), ElementsAre("0 TIMEOUT", "1 ANSWERED"));
  EXPECT_THAT(told_, ElementsAre("nothing"));
  Ask();
  EXPECT_THAT(told_, ElementsAre("nothing", "GOOD")) << "it was kept";
}

TEST_F(OcspHedgeTest, ThoseWhoShareAnAskingGetTheAnswerOfItsWinner) {
  Start();
  Ask();
  Ask();
  clock_.Advance(kHedgeAfter);
  Ask();
  network_.Answer(kSecond, Says(fakes::OcspUnknown()));
  EXPECT_THAT(told_, ElementsAre("UNKNOWN", "UNKNOWN", "UNKNOWN"));
  EXPECT_THAT(network_.sent(), ElementsAre(kFirst, kSecond));
  network_.Answer(kFirst, TimesOut);
  EXPECT_THAT(watcher_.events(), ElementsAre("shared", "shared", "1 ANSWERED", "0 TIMEOUT"));
}

TEST_F(OcspHedgeTest, AUrlThatAlwaysLosesByItsTimeoutIsSkipped) {
  Start();
  for (int i = 0; i < CircuitBreaker::kFailuresToOpen; ++i) {
    Ask();
    clock_.Advance(kHedgeAfter);
    network_.Answer(kSecond, Says(fakes::OcspUnknown()));
    network_.Answer(kFirst, TimesOut);
  }
  EXPECT_EQ(watcher_.events().back(), "0 open");
  Ask();
  EXPECT_EQ(network_.last().url, kSecond);
  EXPECT_EQ(network_.held(), 1u);
}

TEST_F(OcspHedgeTest, ARevokedThatComesTooLateIsFoundByTheNextCaller) {
  Start();
  Ask();
  clock_.Advance(kHedgeAfter);
  network_.Answer(kSecond, Says(fakes::OcspGood()));
  network_.Answer(kFirst, Says(fakes::OcspRevoked(clock_.Now())));
  Ask();
  EXPECT_THAT(told_, ElementsAre("GOOD", "REVOKED"));
  EXPECT_EQ(network_.sent().size(), 2u);
}

TEST_F(OcspHedgeTest, AGoodThatComesTooLateHidesNoRevoked) {
  Start();
  Ask();
  clock_.Advance(kHedgeAfter);
  network_.Answer(kSecond, Says(fakes::OcspRevoked(clock_.Now())));
  network_.Answer(kFirst, Says(fakes::OcspGood()));
  Ask();
  EXPECT_THAT(told_, ElementsAre("REVOKED", "REVOKED"));
  EXPECT_EQ(network_.sent().size(), 2u);
}

}  // namespace
}  // namespace musubi::revocation
