#include "lib/prelink/journey_limits.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/prelink/card_fixture.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::Act;
using session::State;

class JourneyLimitsTest : public CardFixture {
 protected:
  absl::Status CreateFor(const std::string& subject) {
    CreateSessionArgs args = LinkArgs();
    args.account->subject = subject;
    return sessions->Create(Front(), args).status();
  }
  // A session across two devices whose code is not typed yet.
  struct Claimed {
    SessionCall browser;
    SessionCall phone;
    std::string code;
  };
  Claimed Claim(const SessionCall& browser) {
    const auto frame = pairings->GetQrFrame(browser);
    EXPECT_TRUE(frame.ok()) << frame.status();
    const auto claimed = pairings->ClaimQr(frame->payload.Reveal(), NewSecret());
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return {
        browser, {claimed->session_id, claimed->device_credential}, claimed->pairing_code.Reveal()};
  }
  Claimed ClaimANew() {
    CreateSessionArgs args = LinkArgs();
    args.account->subject = "guesser-" + std::to_string(++guessers_);
    const auto created = sessions->Create(Front(), args);
    EXPECT_TRUE(created.ok()) << created.status();
    return Claim({created->id, created->browser_credential});
  }
  absl::Status Confirm(const Claimed& claimed, const std::string& code) {
    return pairings->ConfirmCode(claimed.browser, NewRequest(), code);
  }
  static std::string Wrong(std::string code) {
    code[0] = code[0] == '0' ? '1' : '0';
    return code;
  }
  // `count` wrong codes, in sessions of their own.
  void GuessWrong(int count) {
    for (int i = 0; i < count;) {
      const Claimed claimed = ClaimANew();
      for (int tries = 0; tries < 5 && i < count; ++tries, ++i) {
        ASSERT_EQ(base::ReasonOf(Confirm(claimed, Wrong(claimed.code))),
                  ErrorReason::kPairingCodeWrong);
      }
    }
  }
  void AllowCrossDeviceVerify() {
    LoadRelyingParty(R"(["LINK","UNLINK","VERIFY","REPLACE"])", R"(["CROSS_DEVICE","ONE_DEVICE"])",
                     "ACCOUNT", true);
    MakeProofs(revocation::RevocationMode::kOcspOnly);
  }
  bool AlertStands() { return limits_->WrongCodeAlert()->reached; }

  int guessers_ = 0;
};

// ---- Sessions ----

TEST_F(JourneyLimitsTest, AnAccountGetsTenSessionsAtOnceAndThenOneEachSixMinutes) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(CreateFor("u-0001").ok()) << i;
  const absl::Status eleventh = CreateFor("u-0001");
  EXPECT_EQ(base::ReasonOf(eleventh), ErrorReason::kRateLimited);
  EXPECT_EQ(base::RetryDelayOf(eleventh), absl::Minutes(6));
  EXPECT_EQ(base::MetadataOf(eleventh)["limit"], "ACCOUNT_SESSIONS");
  EXPECT_EQ(limit_observer_.limited[JourneyLimit::kAccountSessions], 1);
  // Whoever else may.
  EXPECT_TRUE(CreateFor("u-0002").ok());
  EXPECT_TRUE(sessions->Create(University(), LinkArgs(Act::kVerify)).ok());
  clock_.Advance(absl::Minutes(6) - absl::Seconds(1));
  EXPECT_EQ(base::RetryDelayOf(CreateFor("u-0001")), absl::Seconds(1));
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(CreateFor("u-0001").ok());
  EXPECT_FALSE(CreateFor("u-0001").ok());
}

TEST_F(JourneyLimitsTest, ACallThatComesAgainIsNotCountedAndIsAnsweredThoughNoneIsLeft) {
  const CreateSessionArgs args = LinkArgs();
  const auto first = sessions->Create(Front(), args);
  ASSERT_TRUE(first.ok());
  for (int i = 0; i < 20; ++i) ASSERT_EQ(sessions->Create(Front(), args)->id, first->id);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(CreateFor("u-0001").ok()) << i;
  ASSERT_FALSE(CreateFor("u-0001").ok());
  EXPECT_EQ(sessions->Create(Front(), args)->id, first->id);
}

TEST_F(JourneyLimitsTest, ARefusedCallLeavesNoSessionThatItsRepetitionWouldFind) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(CreateFor("u-0001").ok()) << i;
  const CreateSessionArgs args = LinkArgs();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(base::ReasonOf(sessions->Create(Front(), args).status()), ErrorReason::kRateLimited);
  }
  clock_.Advance(absl::Minutes(6));
  EXPECT_TRUE(sessions->Create(Front(), args).ok());
}

TEST_F(JourneyLimitsTest, ANetworkGets600SessionsAtOnceAndAFloodUsesUpNoAccount) {
  CreateSessionArgs args = LinkArgs();
  for (int i = 0; i < 600; ++i) {
    args.request_id = NewRequest();
    args.account->subject = std::to_string(i);
    args.client_network = "192.0.2." + std::to_string(i % 256);
    ASSERT_TRUE(sessions->Create(Front(), args).ok()) << i;
  }
  args.account = Account();
  for (int i = 0; i < 20; ++i) {
    args.request_id = NewRequest();
    const absl::Status refused = sessions->Create(Front(), args).status();
    EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kRateLimited);
    EXPECT_EQ(base::RetryDelayOf(refused), absl::Milliseconds(100));
    EXPECT_EQ(base::MetadataOf(refused)["limit"], "NETWORK_SESSIONS");
  }
  args.client_network = "192.0.3.0/24";
  EXPECT_TRUE(sessions->Create(Front(), args).ok());
  clock_.Advance(absl::Milliseconds(100));
  args.request_id = NewRequest();
  args.client_network = "192.0.2.0/24";
  EXPECT_TRUE(sessions->Create(Front(), args).ok());
}

TEST_F(JourneyLimitsTest, TheNetworkIsFrontsToSayAndIsANetwork) {
  CreateSessionArgs args = LinkArgs();
  args.client_network = "Mihon-machi";
  EXPECT_EQ(base::ReasonOf(sessions->Create(Front(), args).status()), ErrorReason::kFieldInvalid);
  args = LinkArgs(Act::kVerify);
  args.client_network = "192.0.2.0/24";
  EXPECT_EQ(base::ReasonOf(sessions->Create(University(), args).status()),
            ErrorReason::kFieldNotAllowed);
}

// ---- Challenges ----

TEST_F(JourneyLimitsTest, ADeviceGetsThirtyChallengesAndAStrangerUsesUpNone) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(base::ReasonOf(proofs->GetChallenge({phone.session_id, NewSecret()}).status()),
              ErrorReason::kCredentialInvalid);
    ASSERT_EQ(base::ReasonOf(proofs->GetChallenge(browser).status()),
              ErrorReason::kCredentialInvalid);
  }
  absl::StatusOr<IssuedChallenge> latest;
  for (int i = 0; i < 30; ++i) {
    latest = proofs->GetChallenge(phone);
    ASSERT_TRUE(latest.ok()) << i;
  }
  const absl::Status refused = proofs->GetChallenge(phone).status();
  EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kRateLimited);
  EXPECT_EQ(base::RetryDelayOf(refused), absl::Seconds(10));
  EXPECT_EQ(base::MetadataOf(refused)["limit"], "CHALLENGES");
  // Another session has its own; and the refused call has voided nothing.
  EXPECT_TRUE(proofs->GetChallenge(PairAcrossDevices(Open())).ok());
  EXPECT_TRUE(Submit(phone, Prove(*latest))->verdict.valid());
}

// ---- Wrong codes ----

TEST_F(JourneyLimitsTest, The200thWrongCodeInTenMinutesRaisesTheAlertAndTheTimeClearsIt) {
  GuessWrong(100);
  clock_.Advance(absl::Minutes(5));
  GuessWrong(99);
  EXPECT_FALSE(AlertStands());
  EXPECT_EQ(limit_observer_.alert, false);
  clock_.Advance(absl::Minutes(5) - absl::Seconds(1));
  GuessWrong(1);
  EXPECT_EQ(limit_observer_.alert, true);
  EXPECT_TRUE(AlertStands());
  clock_.Advance(absl::Seconds(1));
  EXPECT_FALSE(AlertStands());
  EXPECT_EQ(limit_observer_.alert, false);
  // The first hundred are out of the ten minutes: a hundred more are as many again.
  GuessWrong(99);
  EXPECT_FALSE(AlertStands());
  GuessWrong(1);
  EXPECT_TRUE(AlertStands());
}

TEST_F(JourneyLimitsTest, OnlyAGuessThatWasJudgedWrongCountsAndOnlyOnce) {
  const Claimed claimed = ClaimANew();
  const RequestId request = NewRequest();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(base::ReasonOf(pairings->ConfirmCode(claimed.browser, request, Wrong(claimed.code))),
              ErrorReason::kPairingCodeWrong);
  }
  EXPECT_EQ(limiter_.added(), 1);
  EXPECT_FALSE(Confirm(claimed, "12345").ok());
  EXPECT_FALSE(pairings
                   ->ConfirmCode({claimed.browser.session_id, NewSecret()}, NewRequest(),
                                 Wrong(claimed.code))
                   .ok());
  EXPECT_FALSE(pairings->ConfirmCode(claimed.phone, NewRequest(), Wrong(claimed.code)).ok());
  EXPECT_TRUE(Confirm(claimed, claimed.code).ok());
  EXPECT_FALSE(Confirm(claimed, Wrong(claimed.code)).ok());  // WRONG_STATE.
  const Claimed late = ClaimANew();
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(base::ReasonOf(Confirm(late, Wrong(late.code))), ErrorReason::kPairingCodeExpired);
  EXPECT_EQ(limiter_.added(), 1);
}

TEST_F(JourneyLimitsTest, NoGuessIsJudgedWhileNobodyCounts) {
  const Claimed claimed = ClaimANew();
  limiter_.Fail(true);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(base::ReasonOf(Confirm(claimed, Wrong(claimed.code))), ErrorReason::kUnavailable);
    EXPECT_EQ(base::ReasonOf(Confirm(claimed, claimed.code)), ErrorReason::kUnavailable);
  }
  EXPECT_EQ(StateOf(claimed.browser.session_id), State::kClaimed);
  EXPECT_EQ(RecordOf(claimed.browser.session_id).wrong_codes, 0);
  EXPECT_EQ(limit_observer_.uncounted[JourneyLimit::kWrongCodes], 20);
  limiter_.Fail(false);
  EXPECT_TRUE(Confirm(claimed, claimed.code).ok());
}

TEST_F(JourneyLimitsTest, AllElseGoesOnWhileNobodyCounts) {
  limiter_.Fail(true);
  CreateSessionArgs args = LinkArgs();
  args.client_network = "192.0.2.0/24";
  ASSERT_TRUE(sessions->Create(Front(), args).ok());
  EXPECT_EQ(limit_observer_.uncounted[JourneyLimit::kAccountSessions], 1);
  EXPECT_EQ(limit_observer_.uncounted[JourneyLimit::kNetworkSessions], 1);
  const SessionCall phone = PairOnOneDevice(Open());
  ASSERT_TRUE(proofs->GetChallenge(phone).ok());
  EXPECT_EQ(limit_observer_.uncounted[JourneyLimit::kChallenges], 1);
}

// ---- While the alert stands ----

TEST_F(JourneyLimitsTest, VerifyAcrossDevicesIsRefusedAtEachStepUntilTheAlertClears) {
  AllowCrossDeviceVerify();
  const SessionCall link = OpenReady(Act::kLink);
  ASSERT_TRUE(links->CreateLink(link.session_id, NewRequest(), FreshSignIn()).ok());
  const SessionCall open = OpenVerify();
  const Claimed claimed = Claim(OpenVerify());
  const SessionCall ready = OpenVerify();
  ProveAndConsent(PairAcrossDevices(ready));
  GuessWrong(200);

  const auto frame = pairings->GetQrFrame(open);
  const absl::Status scan = pairings->ClaimQr(frame->payload.Reveal(), NewSecret()).status();
  EXPECT_EQ(base::ReasonOf(scan), ErrorReason::kCrossDeviceSuspended);
  EXPECT_EQ(base::RetryDelayOf(scan), absl::Minutes(10));
  EXPECT_EQ(StateOf(open.session_id), State::kCreated);
  // Right or wrong, the answer is the same; nothing is spent or counted.
  for (const std::string& code : {claimed.code, Wrong(claimed.code)}) {
    EXPECT_EQ(base::ReasonOf(Confirm(claimed, code)), ErrorReason::kCrossDeviceSuspended);
  }
  EXPECT_EQ(RecordOf(claimed.browser.session_id).wrong_codes, 0);
  EXPECT_EQ(limiter_.added(), 200);
  const auto done = pairings->CompleteReturn(ready, NewRequest(), std::nullopt);
  ASSERT_TRUE(done.ok()) << done.status();
  const RequestId resolve = NewRequest();
  EXPECT_EQ(
      base::ReasonOf(
          links->ResolveLink(University(), ready.session_id, resolve, done->verify->result_code)
              .status()),
      ErrorReason::kCrossDeviceSuspended);
  EXPECT_EQ(StateOf(ready.session_id), State::kReady);

  // The same session goes on with a hand-off, on one device.
  const SessionCall phone = PairOnOneDevice(open);
  ProveAndConsent(phone);
  const auto ticket = pairings->RefreshReturnCode(phone, NewRequest());
  const auto back = pairings->CompleteReturn(open, NewRequest(), ticket->code);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(
      links->ResolveLink(University(), open.session_id, NewRequest(), back->verify->result_code)
          .ok());

  clock_.Advance(absl::Minutes(10));
  EXPECT_FALSE(AlertStands());
  const SessionCall later = OpenVerify();
  ProveAndConsent(PairAcrossDevices(later));
  const auto again = pairings->CompleteReturn(later, NewRequest(), std::nullopt);
  EXPECT_TRUE(
      links->ResolveLink(University(), later.session_id, NewRequest(), again->verify->result_code)
          .ok());
}

TEST_F(JourneyLimitsTest, LinkAndUnlinkAcrossDevicesNeedASignInAfterThePairing) {
  const SignIn before = FreshSignIn();
  clock_.Advance(absl::Seconds(1));
  const SessionCall link = OpenReady(Act::kLink);
  GuessWrong(200);
  const SignIn at_pairing = FreshSignIn();
  for (const SignIn& sign_in : {before, at_pairing}) {
    const absl::Status refused = links->CreateLink(link.session_id, NewRequest(), sign_in).status();
    EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kSignInBeforePairing);
    EXPECT_EQ(base::RetryDelayOf(refused), absl::Minutes(10));
  }
  EXPECT_EQ(StateOf(link.session_id), State::kReady);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(links->CreateLink(link.session_id, NewRequest(), FreshSignIn()).ok());

  const SessionCall unlink = OpenReady(Act::kUnlink);
  EXPECT_EQ(
      base::ReasonOf(links->DeleteLinkWithCard(unlink.session_id, NewRequest(), before).status()),
      ErrorReason::kSignInBeforePairing);
  // The alert is over: the old sign-in will do, as ever.
  SignIn old = FreshSignIn();
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(links->DeleteLinkWithCard(unlink.session_id, NewRequest(), FreshSignIn()).ok());
  const SessionCall replace = OpenReady(Act::kLink);
  EXPECT_EQ(base::ReasonOf(links->CreateLink(replace.session_id, NewRequest(), old).status()),
            ErrorReason::kSignInBeforePairing);
  clock_.Advance(absl::Minutes(10) - absl::Seconds(3));
  old.auth_time = clock_.Now() - absl::Minutes(9);
  const SessionCall after = OpenReady(Act::kLink);
  EXPECT_EQ(base::ReasonOf(links->CreateLink(after.session_id, NewRequest(), old).status()),
            ErrorReason::kSignInBeforePairing);
  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(links->CreateLink(after.session_id, NewRequest(), old).ok());
}

TEST_F(JourneyLimitsTest, OnOneDeviceAnySignInWillDo) {
  const SignIn before = FreshSignIn();
  GuessWrong(200);
  clock_.Advance(absl::Seconds(1));
  const SessionCall browser = Open();
  const SessionCall phone = PairOnOneDevice(browser);
  ProveAndConsent(phone);
  const auto ticket = pairings->RefreshReturnCode(phone, NewRequest());
  ASSERT_TRUE(pairings->CompleteReturn(browser, NewRequest(), ticket->code).ok());
  limiter_.Fail(true);  // It is not even asked.
  EXPECT_TRUE(links->CreateLink(browser.session_id, NewRequest(), before).ok());
}

TEST_F(JourneyLimitsTest, WhetherTheAlertStandsMustBeKnownUnlessTheSignInIsNewer) {
  const SignIn before = FreshSignIn();
  clock_.Advance(absl::Seconds(1));
  const SessionCall link = OpenReady(Act::kLink);
  clock_.Advance(absl::Seconds(1));
  limiter_.Fail(true);
  EXPECT_EQ(base::ReasonOf(links->CreateLink(link.session_id, NewRequest(), before).status()),
            ErrorReason::kUnavailable);
  EXPECT_TRUE(links->CreateLink(link.session_id, NewRequest(), FreshSignIn()).ok());
}

TEST_F(JourneyLimitsTest, ASessionThatIsPairedAgainIsOfItsLastPairing) {
  const SessionCall browser = Open();
  PairAcrossDevices(browser);
  EXPECT_EQ(RecordOf(browser.session_id).paired_at, clock_.Now());
  ASSERT_TRUE(pairings->RefreshQr(browser, NewRequest()).ok());
  EXPECT_EQ(RecordOf(browser.session_id).paired_at, std::nullopt);
  clock_.Advance(absl::Minutes(1));
  PairAcrossDevices(browser);
  EXPECT_EQ(RecordOf(browser.session_id).paired_at, clock_.Now());
}

// ---- Rates ----

TEST(LimitRates, NoCountIsNone) {
  EXPECT_TRUE(LimitRates().Validate().ok());
  struct Case {
    limits::Limit LimitRates::*limit;
    int64_t least;
    int64_t most;
    const char* flag;
  };
  const Case kCases[] = {
      {&LimitRates::account_sessions, 3, 1'000'000, "--account_sessions_per_hour"},
      {&LimitRates::network_sessions, 10, 1'000'000, "--network_sessions_per_minute"},
      {&LimitRates::challenges, 3, 1'000'000, "--challenges_per_session"},
      {&LimitRates::wrong_codes, 10, 1000, "--wrong_codes_alert"},
  };
  for (const Case& c : kCases) {
    for (const auto& [count, good] : {std::pair<int64_t, bool>{c.least, true},
                                      {c.most, true},
                                      {c.least - 1, false},
                                      {c.most + 1, false},
                                      {0, false},
                                      {-1, false}}) {
      LimitRates rates;
      (rates.*c.limit).count = count;
      const absl::Status status = rates.Validate();
      EXPECT_EQ(status.ok(), good) << c.flag << count;
      if (good) continue;
      EXPECT_NE(std::string(status.message()).find(c.flag), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace musubi::prelink
