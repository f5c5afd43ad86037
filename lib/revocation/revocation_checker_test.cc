#include "lib/revocation/revocation_checker.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "lib/crypto/hash.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::revocation {
namespace {

using fakes::TestCa;
using fakes::TestKey;

constexpr char kFile[] = "auth-01-99001.crl";

// What a source says.
enum class Says { kGood, kRevoked, kUnknown, kNothing };

class RevocationCheckerTest : public testing::Test {
 protected:
  RevocationCheckerTest() {
    directory_.Expect("auth-01", point_, kFile);
    crl_store_ = *CrlStore::Create(
        {clock_, observer_}, {.directory = directory_.path(), .issuers = {{"auth-01", issuer_}}});
    Restart();
  }

  // A checker and an OCSP client that remember nothing.
  void Restart() {
    ocsp_client_ = *OcspClient::Create(
        {http_, clock_, clock_, random_, crl_store_.get(), observer_},
        {.issuers = {{"auth-01", issuer_}},
         .responders = {{.anchor = "auth-01", .urls = {"http://first.example/"}}}});
    checker_ =
        *RevocationChecker::Create({clock_, crl_store_.get(), ocsp_client_.get(), observer_});
  }
  void PublishCrl(bool revoked) {
    fakes::CrlSpec spec = fakes::MakeCrlSpec(ca_, point_, ++number_, clock_.Now());
    if (revoked) spec.Revoke(target_.serial(), clock_.Now() - absl::Hours(2), 1);
    directory_.Write(kFile, fakes::IssueCrl(spec, ca_.key()));
    ASSERT_TRUE(crl_store_->Reload().ok());
  }
  void OcspSays(Says says) {
    ocsp_down_ = says == Says::kNothing;
    responder_.Say(says == Says::kRevoked   ? fakes::OcspRevoked(clock_.Now() - absl::Hours(1), 4)
                   : says == Says::kUnknown ? fakes::OcspUnknown()
                                            : fakes::OcspGood());
  }
  pki::RevocationFinding Check(RevocationMode mode) {
    return checker_->Check(target_, issuer_, clock_.Now(), mode, clock_.Now() + absl::Seconds(5));
  }
  // What is found without the network, as in "GOOD CRL"; "" if a responder has to be asked.
  std::string Locally(RevocationMode mode) {
    const base::Hash256 issuer_key = crypto::Sha256(issuer_.spki_der());
    const CrlQuery query{issuer_key, target_.view(), clock_.Now()};
    pki::RevocationFinding crl;
    checker_->AskCrls({&query, 1}, clock_.Now(), {&crl, 1});
    const size_t asked = http_.requests().size();
    const size_t heard = observer_.findings().size();
    const auto finding = checker_->CheckLocally(query, crl, mode, clock_.Now());
    EXPECT_EQ(http_.requests().size(), asked);
    EXPECT_EQ(observer_.findings().size(), heard + (finding ? 1 : 0));
    if (!finding) return "";
    return std::string(pki::Name(finding->outcome)) + " " + std::string(pki::Name(finding->method));
  }

  fakes::SimulatedClock clock_;
  fakes::RecordingObserver observer_;
  fakes::FakeRandom random_;
  fakes::CrlDirectory directory_;
  TestCa ca_;
  const pki::Certificate issuer_ = ca_.certificate();
  const pki::Certificate target_ =
      fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9))));
  const base::Bytes point_ = fakes::DistributionPointName("Mihon-shi");
  uint64_t number_ = 0;
  bool ocsp_down_ = false;
  fakes::FakeResponder responder_{ca_, target_, clock_};
  fakes::FakeHttpClient http_{[this](const http::Request& request) {
    return ocsp_down_ ? absl::StatusOr<http::Response>(absl::UnavailableError("down"))
                      : responder_.Answer(request);
  }};
  std::unique_ptr<CrlStore> crl_store_;
  std::unique_ptr<OcspClient> ocsp_client_;
  std::unique_ptr<RevocationChecker> checker_;
};

// Every mode with every pair of sources. The CRL first says nothing, then GOOD, then REVOKED.
TEST_F(RevocationCheckerTest, JoinsTheSourcesAsTheModeSays) {
  const struct {
    RevocationMode mode;
    Says crl;
    // For OCSP saying GOOD, REVOKED, UNKNOWN, nothing.
    const char* outcomes[4];
  } cases[] = {
      {RevocationMode::kOcspThenCrl,
       Says::kNothing,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "NO_USABLE_ANSWER UNSPECIFIED"}},
      {RevocationMode::kDegradedWithProof,
       Says::kNothing,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "NO_USABLE_ANSWER UNSPECIFIED"}},
      {RevocationMode::kCrlThenOcsp,
       Says::kNothing,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "NO_USABLE_ANSWER UNSPECIFIED"}},
      {RevocationMode::kCrlOnly,
       Says::kNothing,
       {"NO_USABLE_ANSWER UNSPECIFIED", "NO_USABLE_ANSWER UNSPECIFIED",
        "NO_USABLE_ANSWER UNSPECIFIED", "NO_USABLE_ANSWER UNSPECIFIED"}},
      {RevocationMode::kOcspOnly,
       Says::kNothing,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "NO_USABLE_ANSWER UNSPECIFIED"}},
      {RevocationMode::kNone,
       Says::kNothing,
       {"NOT_ASKED UNSPECIFIED", "NOT_ASKED UNSPECIFIED", "NOT_ASKED UNSPECIFIED",
        "NOT_ASKED UNSPECIFIED"}},
      {RevocationMode::kUnspecified,
       Says::kNothing,
       {"NO_USABLE_ANSWER UNSPECIFIED", "NO_USABLE_ANSWER UNSPECIFIED",
        "NO_USABLE_ANSWER UNSPECIFIED", "NO_USABLE_ANSWER UNSPECIFIED"}},

      {RevocationMode::kOcspThenCrl,
       Says::kGood,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "GOOD CRL"}},
      {RevocationMode::kDegradedWithProof,
       Says::kGood,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "GOOD CRL"}},
      {RevocationMode::kCrlThenOcsp, Says::kGood, {"GOOD CRL", "GOOD CRL", "GOOD CRL", "GOOD CRL"}},
      {RevocationMode::kCrlOnly, Says::kGood, {"GOOD CRL", "GOOD CRL", "GOOD CRL", "GOOD CRL"}},
      {RevocationMode::kOcspOnly,
       Says::kGood,
       {"GOOD OCSP", "REVOKED OCSP", "UNKNOWN_TO_RESPONDER OCSP", "NO_USABLE_ANSWER UNSPECIFIED"}},

      {RevocationMode::kOcspThenCrl,
       Says::kRevoked,
       {"REVOKED CRL", "REVOKED CRL", "REVOKED CRL", "REVOKED CRL"}},
      {RevocationMode::kDegradedWithProof,
       Says::kRevoked,
       {"REVOKED CRL", "REVOKED CRL", "REVOKED CRL", "REVOKED CRL"}},
      {RevocationMode::kCrlThenOcsp,
       Says::kRevoked,
       {"REVOKED CRL", "REVOKED CRL", "REVOKED CRL", "REVOKED CRL"}},
      {RevocationMode::kCrlOnly,
       Says::kRevoked,
       {"REVOKED CRL", "REVOKED CRL", "REVOKED CRL", "REVOKED CRL"}},
      {RevocationMode::kOcspOnly,
       Says::kRevoked,
       {"REVOKED CRL", "REVOKED CRL", "REVOKED CRL", "REVOKED CRL"}},
      {RevocationMode::kNone,
       Says::kRevoked,
       {"NOT_ASKED UNSPECIFIED", "NOT_ASKED UNSPECIFIED", "NOT_ASKED UNSPECIFIED",
        "NOT_ASKED UNSPECIFIED"}},
  };
  Says published = Says::kNothing;
  for (const auto& test_case : cases) {
    if (test_case.crl != published) {
      published = test_case.crl;
      PublishCrl(published == Says::kRevoked);
    }
    for (const Says ocsp : {Says::kGood, Says::kRevoked, Says::kUnknown, Says::kNothing}) {
      Restart();
      OcspSays(ocsp);
      const pki::RevocationFinding finding = Check(test_case.mode);
      EXPECT_EQ(
          std::string(pki::Name(finding.outcome)) + " " + std::string(pki::Name(finding.method)),
          test_case.outcomes[static_cast<int>(ocsp)])
          << Name(test_case.mode) << ", CRL " << static_cast<int>(test_case.crl) << ", OCSP "
          << static_cast<int>(ocsp);
    }
  }
}

TEST_F(RevocationCheckerTest, CrlOnlyAndNoneAskNobody) {
  PublishCrl(false);
  Check(RevocationMode::kCrlOnly);
  Check(RevocationMode::kCrlThenOcsp);
  Check(RevocationMode::kNone);
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(RevocationCheckerTest, WhatNeedsNoResponderIsFoundWithoutTheNetwork) {
  const char kNone[] = "NO_USABLE_ANSWER UNSPECIFIED";
  // Nothing is kept; then a responder's GOOD, UNKNOWN and REVOKED.
  const struct {
    RevocationMode mode;
    Says crl;
    const char* locally[4];
  } cases[] = {
      {RevocationMode::kOcspThenCrl, Says::kNothing, {"", "GOOD OCSP", "", "REVOKED OCSP"}},
      {RevocationMode::kCrlThenOcsp, Says::kNothing, {"", "GOOD OCSP", "", "REVOKED OCSP"}},
      {RevocationMode::kCrlOnly, Says::kNothing, {kNone, kNone, kNone, "REVOKED OCSP"}},
      {RevocationMode::kOcspOnly, Says::kNothing, {"", "GOOD OCSP", "", "REVOKED OCSP"}},
      {RevocationMode::kDegradedWithProof, Says::kNothing, {"", "GOOD OCSP", "", "REVOKED OCSP"}},
      {RevocationMode::kUnspecified, Says::kNothing, {kNone, kNone, kNone, "REVOKED OCSP"}},
      {RevocationMode::kOcspThenCrl, Says::kGood, {"", "GOOD OCSP", "", "REVOKED OCSP"}},
      {RevocationMode::kCrlThenOcsp,
       Says::kGood,
       {"GOOD CRL", "GOOD CRL", "GOOD CRL", "REVOKED OCSP"}},
      {RevocationMode::kCrlOnly, Says::kGood, {"GOOD CRL", "GOOD CRL", "GOOD CRL", "REVOKED OCSP"}},
      {RevocationMode::kOcspOnly, Says::kGood, {"", "GOOD OCSP", "", "REVOKED OCSP"}},
      {RevocationMode::kOcspThenCrl,
       Says::kRevoked,
       {"REVOKED CRL", "REVOKED CRL", "REVOKED CRL", "REVOKED CRL"}},
      {RevocationMode::kNone,
       Says::kRevoked,
       {"NOT_ASKED UNSPECIFIED", "NOT_ASKED UNSPECIFIED", "NOT_ASKED UNSPECIFIED",
        "NOT_ASKED UNSPECIFIED"}},
  };
  Says published = Says::kNothing;
  for (const auto& test_case : cases) {
    if (test_case.crl != published) {
      published = test_case.crl;
      PublishCrl(published == Says::kRevoked);
    }
    SCOPED_TRACE(std::string(Name(test_case.mode)) + ", CRL " +
                 std::to_string(static_cast<int>(published)));
    const char* const* expected = test_case.locally;
    Restart();
    EXPECT_EQ(Locally(test_case.mode), *expected++);
    for (const Says ocsp : {Says::kGood, Says::kUnknown, Says::kRevoked}) {
      Restart();
      OcspSays(ocsp);
      Check(RevocationMode::kOcspOnly);
      EXPECT_EQ(Locally(test_case.mode), *expected++) << static_cast<int>(ocsp);
    }
  }
}

TEST_F(RevocationCheckerTest, AKeptAnswerThatIsFoundLocallyIsOneCacheHit) {
  OcspSays(Says::kGood);
  Check(RevocationMode::kOcspOnly);
  EXPECT_EQ(observer_.cache_hits(), 0);
  EXPECT_EQ(Locally(RevocationMode::kOcspOnly), "GOOD OCSP");
  EXPECT_EQ(observer_.cache_hits(), 1);
  Check(RevocationMode::kOcspOnly);
  EXPECT_EQ(observer_.cache_hits(), 2);
}

TEST_F(RevocationCheckerTest, WhileNobodyMayBeAskedThatIsFoundLocally) {
  PublishCrl(false);
  OcspSays(Says::kNothing);
  for (int i = 0; i < CircuitBreaker::kFailuresToOpen; ++i) {
    EXPECT_EQ(Locally(RevocationMode::kOcspThenCrl), "");
    Check(RevocationMode::kOcspThenCrl);
  }
  EXPECT_EQ(Locally(RevocationMode::kOcspThenCrl), "GOOD CRL");
  EXPECT_EQ(Locally(RevocationMode::kOcspOnly), "NO_USABLE_ANSWER UNSPECIFIED");
  clock_.Advance(CircuitBreaker::kOpenFor);
  EXPECT_EQ(Locally(RevocationMode::kOcspThenCrl), "");
}

TEST_F(RevocationCheckerTest, WhatOcspOnceRevokedStaysRevokedInEveryMode) {
  PublishCrl(false);
  OcspSays(Says::kRevoked);
  ASSERT_EQ(Check(RevocationMode::kOcspOnly).outcome, pki::RevocationOutcome::kRevoked);
  OcspSays(Says::kGood);
  clock_.Advance(absl::Hours(3));
  for (const RevocationMode mode :
       {RevocationMode::kOcspThenCrl, RevocationMode::kCrlThenOcsp, RevocationMode::kCrlOnly,
        RevocationMode::kOcspOnly, RevocationMode::kDegradedWithProof}) {
    const pki::RevocationFinding finding = Check(mode);
    EXPECT_EQ(finding.outcome, pki::RevocationOutcome::kRevoked) << Name(mode);
    EXPECT_EQ(finding.reason, pki::CrlReason::kSuperseded);
  }
}

TEST_F(RevocationCheckerTest, SaysHowOldItsSourceIs) {
  OcspSays(Says::kGood);
  const absl::Time asked = clock_.Now();
  Check(RevocationMode::kOcspOnly);
  clock_.Advance(absl::Minutes(20));
  const pki::RevocationFinding finding = Check(RevocationMode::kOcspOnly);
  EXPECT_EQ(finding.source_updated_at, asked);
  EXPECT_EQ(finding.this_update, asked);
  EXPECT_EQ(finding.next_update, asked + absl::Hours(1));
  EXPECT_EQ(observer_.findings().size(), 2u);
}

TEST_F(RevocationCheckerTest, AListThatIsOutOfDateGaveNoAnswerThoughItsAgeIsTold) {
  OcspSays(Says::kNothing);
  PublishCrl(false);
  const absl::Time published = clock_.Now();
  clock_.Advance(absl::Hours(1000));
  const pki::RevocationFinding finding = Check(RevocationMode::kOcspThenCrl);
  EXPECT_EQ(finding.outcome, pki::RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(finding.method, pki::RevocationMethod::kUnspecified);
  EXPECT_TRUE(finding.out_of_date);
  EXPECT_EQ(finding.this_update, published);
  EXPECT_EQ(observer_.findings().back().method, pki::RevocationMethod::kUnspecified);
}

TEST_F(RevocationCheckerTest, AGoodAboutAnotherTimeMustBeNoOlderThanIt) {
  OcspSays(Says::kGood);
  const auto at = [this](absl::Duration offset) {
    return checker_
        ->Check(target_, issuer_, clock_.Now() + offset, RevocationMode::kOcspOnly,
                clock_.Now() + absl::Seconds(5))
        .outcome;
  };
  EXPECT_EQ(at(absl::ZeroDuration()), pki::RevocationOutcome::kGood);
  EXPECT_EQ(at(-absl::Hours(10)), pki::RevocationOutcome::kGood);
  EXPECT_EQ(at(absl::Minutes(6)), pki::RevocationOutcome::kNoUsableAnswer);
  clock_.Advance(absl::Minutes(40));  // The cached answer now is 40 minutes old.
  EXPECT_EQ(at(-absl::Minutes(20)), pki::RevocationOutcome::kNoUsableAnswer);
}

TEST_F(RevocationCheckerTest, AnExpiredCertificateIsNotGoodByOcsp) {
  OcspSays(Says::kGood);
  clock_.Advance(target_.not_after() - clock_.Now() + absl::Seconds(1));
  EXPECT_EQ(Check(RevocationMode::kOcspOnly).outcome, pki::RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(observer_.ocsp().back().exchange, OcspExchange::kAnswered);
}

TEST_F(RevocationCheckerTest, AFullMemoryAlarmsAndStillAnswers) {
  checker_ = *RevocationChecker::Create({clock_, crl_store_.get(), ocsp_client_.get(), observer_},
                                        {.max_overlay_entries = 0});
  OcspSays(Says::kRevoked);
  EXPECT_EQ(Check(RevocationMode::kOcspOnly).outcome, pki::RevocationOutcome::kRevoked);
  EXPECT_EQ(observer_.overlay_full(), 1);
}

TEST_F(RevocationCheckerTest, WhatOcspRevokedStaysRevokedOverARestartWithoutOcsp) {
  const fakes::TempDir folder;
  const RevocationChecker::Options options{.overlay_file = folder.path() + "/revoked"};
  checker_ = *RevocationChecker::Create({clock_, crl_store_.get(), ocsp_client_.get(), observer_},
                                        options);
  OcspSays(Says::kRevoked);
  ASSERT_EQ(Check(RevocationMode::kOcspOnly).outcome, pki::RevocationOutcome::kRevoked);
  checker_ = *RevocationChecker::Create({clock_, crl_store_.get(), nullptr, observer_}, options);
  for (const RevocationMode mode :
       {RevocationMode::kOcspThenCrl, RevocationMode::kCrlThenOcsp, RevocationMode::kCrlOnly,
        RevocationMode::kOcspOnly, RevocationMode::kDegradedWithProof}) {
    EXPECT_EQ(Check(mode).outcome, pki::RevocationOutcome::kRevoked) << Name(mode);
  }
}

TEST_F(RevocationCheckerTest, WithoutSourcesThereIsNoAnswer) {
  const auto checker = *RevocationChecker::Create({clock_, nullptr, nullptr, observer_});
  for (const RevocationMode mode : {RevocationMode::kOcspThenCrl, RevocationMode::kCrlThenOcsp,
                                    RevocationMode::kCrlOnly, RevocationMode::kOcspOnly}) {
    EXPECT_EQ(checker->Check(target_, issuer_, clock_.Now(), mode, clock_.Now() + absl::Seconds(5))
                  .outcome,
              pki::RevocationOutcome::kNoUsableAnswer);
  }
}

}  // namespace
}  // namespace musubi::revocation
