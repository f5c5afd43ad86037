#include "lib/session/state_machine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "lib/session/edge_log.h"

namespace musubi::session {
namespace {

using base::ErrorReason;
using base::Hash256;

const absl::Time kStart = absl::FromUnixSeconds(1'775'000'000);

Hash256 H(uint8_t value) {
  Hash256 hash{};
  hash[0] = value;
  return hash;
}

constexpr uint8_t kBrowser = 1, kDevice = 2, kStartCode = 3, kHandoff = 4, kCode = 5, kNonce = 6,
                  kAttempt = 7, kProof = 8, kReturnCode = 9, kNewBrowser = 10, kFrame = 11;

// A record in which every event of the table finds what it needs, if the state allows it.
SessionRecord RecordIn(State state, Flow flow) {
  SessionRecord record;
  record.id[0] = 1;
  record.act = Act::kLink;
  record.flow_policy = FlowPolicy::kAny;
  record.created_at = kStart;
  record.expires_at = kStart + absl::Minutes(30);
  record.qr_page_expires_at = kStart + absl::Minutes(5);
  record.state = state;
  record.flow = flow;
  record.browser_credential = H(kBrowser);
  record.device_credential = H(kDevice);
  const absl::Time soon = kStart + absl::Minutes(1);
  record.start_code = OneTime{H(kStartCode), soon};
  record.handoff = OneTime{H(kHandoff), soon};
  record.pairing_code = OneTime{H(kCode), soon};
  record.challenge = OneTime{H(kNonce), soon};
  record.proof_attempt = H(kAttempt);
  record.kept_proof = KeptProof{H(kProof), {}, soon};
  record.return_code = OneTime{H(kReturnCode), soon};
  return record;
}

std::map<std::string, Payload> GoodPayloads() {
  return {
      {"ClaimStart", ClaimStart{H(kStartCode), H(kNewBrowser)}},
      {"RefreshQr", RefreshQr{}},
      {"CreateHandoff", CreateHandoff{H(kHandoff)}},
      {"ClaimQr", ClaimQr{1, 0, H(kFrame), H(kDevice), H(kCode)}},
      {"ClaimHandoff", ClaimHandoff{H(kHandoff), H(kDevice)}},
      {"RefreshCode", RefreshCode{H(kCode)}},
      {"ConfirmCode", ConfirmCode{H(kCode)}},
      {"NewChallenge", NewChallenge{H(kNonce)}},
      {"TakeChallenge", TakeChallenge{H(kNonce)}},
      {"ResumeProof", ResumeProof{H(kProof)}},
      {"ProofDecided", ProofDecided{H(kAttempt), ProofOutcome::kValid, H(kProof), {1}, {2}}},
      {"GrantConsent", GrantConsent{{"name"}, "1", H(kReturnCode)}},
      {"RefreshReturnCode", RefreshReturnCode{H(kReturnCode)}},
      {"CompleteReturn", CompleteReturn{H(kReturnCode), H(kNewBrowser), std::nullopt}},
      {"BindAccount", BindAccount{{"https://id.example", "a", ""}, H(kNewBrowser)}},
      {"Use", Use{}},
      {"Cancel", Cancel{CancelReason::kUserCancelled}},
      {"Settle", Settle{}},
  };
}

std::vector<std::string> Split(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
  return cells;
}

std::vector<std::vector<std::string>> ReadTable() {
  std::ifstream file("lib/session/state_table.tsv");
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') rows.push_back(Split(line));
  }
  return rows;
}

State ParseState(const std::string& name) {
  for (int i = 1; i < kNumStates; ++i) {
    if (Name(static_cast<State>(i)) == name) return static_cast<State>(i);
  }
  return State::kUnspecified;
}

const Once kOnce{.request_id_hash = H(100), .body_hash = H(101), .sealed_answer = {1, 2, 3}};

TEST(StateTable, HasARowForEveryEventAndAColumnForEveryState) {
  const auto rows = ReadTable();
  ASSERT_GT(rows.size(), 1u);
  EXPECT_EQ(rows[0].size(), 3u + 10u);
  std::map<std::string, int> seen;
  for (size_t i = 1; i < rows.size(); ++i) ++seen[rows[i][0]];
  for (const auto& [name, payload] : GoodPayloads()) {
    EXPECT_EQ(name, Name(payload));
    EXPECT_GT(seen[name], 0) << name;
  }
  EXPECT_EQ(GoodPayloads().size(), std::variant_size_v<Payload>);
}

TEST(StateTable, IsWhatTheMachineDoes) {
  const auto rows = ReadTable();
  const auto payloads = GoodPayloads();
  EdgeLog log("constructed");
  for (size_t i = 1; i < rows.size(); ++i) {
    const auto& row = rows[i];
    for (const Flow flow : {Flow::kCrossDevice, Flow::kOneDevice}) {
      if (row[1] != "-" && row[1] != Name(flow)) continue;
      for (size_t column = 3; column < row.size(); ++column) {
        const State state = ParseState(rows[0][column]);
        const SessionRecord record = RecordIn(state, flow);
        for (const std::string credential : {"none", "browser", "device", "other"}) {
          Event event{.payload = payloads.at(row[0]), .once = kOnce};
          if (credential == "browser") event.credential = H(kBrowser);
          if (credential == "device") event.credential = H(kDevice);
          if (credential == "other") event.credential = H(77);
          std::string want = row[column];
          const bool right =
              row[2] == "none" || row[2] == credential ||
              (row[2] == "either" && (credential == "browser" || credential == "device"));
          if (!right) want = credential == "none" ? "CREDENTIAL_MISSING" : "CREDENTIAL_INVALID";
          const StepResult step = Step(record, event, kStart, Lifetimes());
          log.Note(record, event, step);
          EXPECT_EQ(Outcome(step), want)
              << row[0] << " by " << credential << " in " << rows[0][column] << " " << Name(flow);
          // A refused event leaves the state as it was.
          if (!step.status.ok()) {
            EXPECT_EQ(step.next.state, state);
          }
        }
      }
    }
  }
}

StepResult Do(const SessionRecord& record, Payload payload, std::optional<uint8_t> credential,
              absl::Duration at = absl::ZeroDuration(), std::optional<Once> once = std::nullopt) {
  Event event{.payload = std::move(payload), .once = std::move(once)};
  if (credential.has_value()) event.credential = H(*credential);
  return Step(record, event, kStart + at, Lifetimes());
}

TEST(Lifetime, EveryLiveStateExpiresAtTheEndOfTheSession) {
  for (int i = 1; i < kNumStates; ++i) {
    const State state = static_cast<State>(i);
    const SessionRecord record = RecordIn(state, Flow::kCrossDevice);
    EXPECT_EQ(Do(record, Settle{}, {}, absl::Minutes(30) - absl::Nanoseconds(1)).next.state, state);
    const StepResult late = Do(record, Settle{}, {}, absl::Minutes(30));
    EXPECT_EQ(late.next.state, IsTerminal(state) ? state : State::kExpired);
    EXPECT_EQ(late.changed, !IsTerminal(state));
  }
}

TEST(Lifetime, ReadyExpiresEarlierAndForgetsTheCard) {
  SessionRecord record = RecordIn(State::kProven, Flow::kCrossDevice);
  record.sealed_card = {1};
  const SessionRecord ready = Do(record, GrantConsent{{"name"}, "1", H(kReturnCode)}, kDevice).next;
  ASSERT_EQ(ready.state, State::kReady);
  EXPECT_FALSE(ready.sealed_card.empty());
  const StepResult late = Do(ready, Use{}, {}, absl::Minutes(5));
  EXPECT_EQ(base::ReasonOf(late.status), ErrorReason::kSessionExpired);
  EXPECT_EQ(late.next.state, State::kExpired);
  EXPECT_TRUE(late.next.sealed_card.empty());
  EXPECT_TRUE(late.next.granted_attributes.empty());
}

TEST(ClaimStart, WorksOnceAndInTime) {
  const SessionRecord record = RecordIn(State::kCreated, Flow::kUnspecified);
  const ClaimStart claim{H(kStartCode), H(kNewBrowser)};
  const StepResult first = Do(record, claim, {});
  EXPECT_EQ(first.next.browser_credential, H(kNewBrowser));
  EXPECT_EQ(base::ReasonOf(Do(first.next, claim, {}).status), ErrorReason::kStartCodeInvalid);
  EXPECT_EQ(base::ReasonOf(Do(record, claim, {}, absl::Minutes(1)).status),
            ErrorReason::kStartCodeInvalid);
  EXPECT_EQ(base::ReasonOf(Do(record, ClaimStart{H(99), H(kNewBrowser)}, {}).status),
            ErrorReason::kStartCodeInvalid);
}

TEST(ClaimQr, TakesFramesFromTwoSecondsAheadToFifteenOld) {
  const SessionRecord record = RecordIn(State::kCreated, Flow::kUnspecified);
  struct Case {
    int64_t frame;
    std::optional<ErrorReason> want;
  };
  for (const Case& c :
       {Case{22, {}}, Case{20, {}}, Case{5, {}}, Case{23, ErrorReason::kQrFrameStale},
        Case{4, ErrorReason::kQrFrameStale}, Case{-5, ErrorReason::kQrFrameStale},
        Case{INT32_MAX, ErrorReason::kQrFrameStale}}) {
    const StepResult step =
        Do(record, ClaimQr{1, c.frame, H(kFrame), H(kDevice), H(kCode)}, {}, absl::Seconds(20));
    EXPECT_EQ(base::ReasonOf(step.status), c.want) << c.frame;
  }
}

TEST(ClaimQr, RefusesAnotherGenerationAndALapsedPage) {
  const SessionRecord record = RecordIn(State::kCreated, Flow::kUnspecified);
  EXPECT_EQ(base::ReasonOf(Do(record, ClaimQr{2, 0, H(kFrame), H(kDevice), H(kCode)}, {}).status),
            ErrorReason::kQrFrameSuperseded);
  EXPECT_EQ(base::ReasonOf(
                Do(record, ClaimQr{1, 300, H(kFrame), H(kDevice), H(kCode)}, {}, absl::Minutes(5))
                    .status),
            ErrorReason::kQrPageExpired);
}

TEST(ClaimQr, SecondPhoneIsRefusedAndThePcIsTold) {
  const SessionRecord record = RecordIn(State::kClaimed, Flow::kCrossDevice);
  const StepResult step = Do(record, ClaimQr{1, 0, H(kFrame), H(99), H(kCode)}, {});
  EXPECT_EQ(base::ReasonOf(step.status), ErrorReason::kAlreadyClaimed);
  EXPECT_TRUE(step.next.second_phone_refused);
  EXPECT_TRUE(step.changed);
  EXPECT_EQ(step.next.device_credential, H(kDevice));
}

TEST(ClaimQr, SamePhoneAgainGetsTheSameAnswerInAnyLaterState) {
  const SessionRecord record = RecordIn(State::kCreated, Flow::kUnspecified);
  const ClaimQr claim{1, 0, H(kFrame), H(kDevice), H(kCode)};
  const StepResult first = Do(record, claim, {}, {}, kOnce);
  EXPECT_EQ(first.sealed_answer, kOnce.sealed_answer);
  SessionRecord later = first.next;
  for (const State state : {State::kClaimed, State::kPaired, State::kReady, State::kCancelled}) {
    later.state = state;
    Once again = kOnce;
    again.sealed_answer = {9};
    const StepResult second = Do(later, claim, {}, {}, again);
    EXPECT_TRUE(second.repeated);
    EXPECT_TRUE(second.status.ok());
    EXPECT_FALSE(second.changed);
    EXPECT_EQ(second.sealed_answer, kOnce.sealed_answer);
  }
}

TEST(RefreshQr, VoidsWhatThePhoneHadAndWorksThreeTimes) {
  SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  record.claimed_by = H(kFrame);
  for (int refresh = 1; refresh <= 3; ++refresh) {
    const StepResult step = Do(record, RefreshQr{}, kBrowser, absl::Minutes(refresh));
    ASSERT_TRUE(step.status.ok());
    record = step.next;
    EXPECT_EQ(record.generation, 1u + refresh);
    EXPECT_EQ(record.flow, Flow::kUnspecified);
    EXPECT_FALSE(record.device_credential || record.pairing_code || record.challenge ||
                 record.kept_proof || record.claimed_by || record.proof_attempt);
    EXPECT_EQ(record.qr_page_expires_at, kStart + absl::Minutes(refresh + 5));
  }
  EXPECT_EQ(base::ReasonOf(Do(record, RefreshQr{}, kBrowser).status),
            ErrorReason::kQrRefreshesExhausted);
}

TEST(Handoff, NewOneVoidsTheLastAndNoQrFollows) {
  const SessionRecord record = RecordIn(State::kCreated, Flow::kUnspecified);
  const SessionRecord one = Do(record, CreateHandoff{H(40)}, kBrowser).next;
  const SessionRecord two = Do(one, CreateHandoff{H(41)}, kBrowser).next;
  EXPECT_EQ(base::ReasonOf(Do(two, ClaimHandoff{H(40), H(kDevice)}, {}).status),
            ErrorReason::kHandoffInvalid);
  EXPECT_EQ(base::ReasonOf(Do(two, ClaimHandoff{H(41), H(kDevice)}, {}, absl::Minutes(1)).status),
            ErrorReason::kHandoffInvalid);
  const StepResult claimed = Do(two, ClaimHandoff{H(41), H(kDevice)}, {});
  EXPECT_EQ(claimed.next.state, State::kPaired);
  EXPECT_EQ(claimed.next.claimed_by, H(41));
  EXPECT_EQ(base::ReasonOf(Do(two, RefreshQr{}, kBrowser).status), ErrorReason::kFlowNotAllowed);
}

TEST(FlowPolicy, ClosesTheOtherFlow) {
  SessionRecord record = RecordIn(State::kCreated, Flow::kUnspecified);
  record.flow_policy = FlowPolicy::kOneDeviceOnly;
  EXPECT_EQ(base::ReasonOf(Do(record, ClaimQr{1, 0, H(kFrame), H(kDevice), H(kCode)}, {}).status),
            ErrorReason::kFlowNotAllowed);
  EXPECT_EQ(base::ReasonOf(Do(record, RefreshQr{}, kBrowser).status), ErrorReason::kFlowNotAllowed);
  record.flow_policy = FlowPolicy::kCrossDeviceOnly;
  EXPECT_EQ(base::ReasonOf(Do(record, CreateHandoff{H(40)}, kBrowser).status),
            ErrorReason::kFlowNotAllowed);
}

TEST(ConfirmCode, FifthWrongTryFailsTheSessionOverAllRefreshes) {
  SessionRecord record = RecordIn(State::kClaimed, Flow::kCrossDevice);
  for (int left = 4; left >= 1; --left) {
    const StepResult step = Do(record, ConfirmCode{H(99)}, kBrowser);
    EXPECT_EQ(base::ReasonOf(step.status), ErrorReason::kPairingCodeWrong);
    EXPECT_EQ(base::MetadataOf(step.status).at("tries_left"), std::to_string(left));
    record = step.next;
    record = Do(record, RefreshCode{H(kCode)}, kDevice).next;
    EXPECT_EQ(record.state, State::kClaimed);
  }
  const StepResult last = Do(record, ConfirmCode{H(99)}, kBrowser);
  EXPECT_EQ(base::MetadataOf(last.status).at("tries_left"), "0");
  EXPECT_EQ(last.next.state, State::kFailed);
  EXPECT_EQ(last.next.fail_reason, FailReason::kTooManyCodes);
}

TEST(ConfirmCode, RepeatedWrongCallCountsOnce) {
  const SessionRecord record = RecordIn(State::kClaimed, Flow::kCrossDevice);
  const StepResult first = Do(record, ConfirmCode{H(99)}, kBrowser, {}, kOnce);
  const StepResult second = Do(first.next, ConfirmCode{H(99)}, kBrowser, {}, kOnce);
  EXPECT_TRUE(second.repeated);
  EXPECT_EQ(second.next.wrong_codes, 1);
  EXPECT_EQ(base::ReasonOf(second.status), ErrorReason::kPairingCodeWrong);
  EXPECT_EQ(base::MetadataOf(second.status).at("tries_left"), "4");
}

TEST(ConfirmCode, ExpiredCodeCostsNoTry) {
  const SessionRecord record = RecordIn(State::kClaimed, Flow::kCrossDevice);
  const StepResult step = Do(record, ConfirmCode{H(kCode)}, kBrowser, absl::Minutes(1));
  EXPECT_EQ(base::ReasonOf(step.status), ErrorReason::kPairingCodeExpired);
  EXPECT_EQ(step.next.wrong_codes, 0);
}

TEST(RequestId, WithAnotherBodyIsRefused) {
  const SessionRecord record = RecordIn(State::kClaimed, Flow::kCrossDevice);
  const StepResult first = Do(record, ConfirmCode{H(99)}, kBrowser, {}, kOnce);
  Once other = kOnce;
  other.body_hash = H(102);
  const StepResult second = Do(first.next, ConfirmCode{H(kCode)}, kBrowser, {}, other);
  EXPECT_EQ(base::ReasonOf(second.status), ErrorReason::kRequestIdReused);
  EXPECT_EQ(second.next.state, State::kClaimed);
}

TEST(StoredAnswers, AreBounded) {
  SessionRecord record = RecordIn(State::kClaimed, Flow::kCrossDevice);
  for (size_t i = 0; i <= kMaxStoredAnswers; ++i) {
    Once once = kOnce;
    once.request_id_hash = H(static_cast<uint8_t>(i + 100));
    record = Do(record, RefreshCode{H(kCode)}, kDevice, {}, once).next;
  }
  EXPECT_EQ(record.answers.size(), kMaxStoredAnswers);
  EXPECT_EQ(record.answers.front().request_id_hash, H(101));
}

Once Attempt(uint8_t id) { return Once{.request_id_hash = H(id)}; }

ProofDecided Decided(uint8_t attempt, ProofOutcome outcome) {
  return ProofDecided{H(attempt), outcome, H(kProof), {1}, {2}};
}

TEST(Proof, NonceIsTakenOutBeforeTheProofIsJudged) {
  const SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  const StepResult first = Do(record, TakeChallenge{H(kNonce)}, kDevice, {}, Attempt(50));
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(
      base::ReasonOf(Do(first.next, TakeChallenge{H(kNonce)}, kDevice, {}, Attempt(51)).status),
      ErrorReason::kChallengeInvalid);
  EXPECT_EQ(
      base::ReasonOf(
          Do(record, TakeChallenge{H(kNonce)}, kDevice, absl::Minutes(1), Attempt(50)).status),
      ErrorReason::kChallengeInvalid);
}

TEST(Proof, VerdictOfAnOvertakenAttemptIsIgnored) {
  SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  record = Do(record, TakeChallenge{H(kNonce)}, kDevice, {}, Attempt(50)).next;
  record = Do(record, NewChallenge{H(60)}, kDevice).next;
  const StepResult step = Do(record, Decided(50, ProofOutcome::kValid), kDevice, {}, Attempt(50));
  EXPECT_EQ(base::ReasonOf(step.status), ErrorReason::kChallengeInvalid);
  EXPECT_EQ(step.next.state, State::kPaired);
}

TEST(Proof, ThirdBadOneFailsTheSession) {
  SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  for (uint8_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(record.state, State::kPaired);
    record = Do(record, NewChallenge{H(60)}, kDevice).next;
    record = Do(record, TakeChallenge{H(60)}, kDevice, {}, Attempt(i)).next;
    record = Do(record, Decided(i, ProofOutcome::kRejected), kDevice, {}, Attempt(i)).next;
  }
  EXPECT_EQ(record.state, State::kFailed);
  EXPECT_EQ(record.fail_reason, FailReason::kTooManyProofs);
}

TEST(Proof, ThatWaitsForRevocationGoesOnThereWithoutANonceOrATry) {
  SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  record.kept_proof.reset();
  record = Do(record, TakeChallenge{H(kNonce)}, kDevice, {}, Attempt(50)).next;
  record = Do(record, Decided(50, ProofOutcome::kRevocationPending), kDevice, {}, Attempt(50)).next;
  EXPECT_EQ(record.state, State::kPaired);
  EXPECT_EQ(record.proofs, 1);
  // Another proof does not fit, a late one neither.
  EXPECT_EQ(base::ReasonOf(Do(record, ResumeProof{H(99)}, kDevice, {}, Attempt(51)).status),
            ErrorReason::kChallengeInvalid);
  EXPECT_EQ(
      base::ReasonOf(
          Do(record, ResumeProof{H(kProof)}, kDevice, absl::Seconds(120), Attempt(51)).status),
      ErrorReason::kChallengeInvalid);
  // Still pending: the time is not prolonged.
  record = Do(record, ResumeProof{H(kProof)}, kDevice, absl::Seconds(100), Attempt(51)).next;
  record = Do(record, Decided(51, ProofOutcome::kRevocationPending), kDevice, absl::Seconds(100),
              Attempt(51))
               .next;
  EXPECT_EQ(record.kept_proof->expires_at, kStart + absl::Seconds(120));
  record = Do(record, ResumeProof{H(kProof)}, kDevice, absl::Seconds(110), Attempt(52)).next;
  record = Do(record, Decided(52, ProofOutcome::kValid), kDevice, {}, Attempt(52)).next;
  EXPECT_EQ(record.state, State::kProven);
  EXPECT_EQ(record.proofs, 1);
  EXPECT_FALSE(record.kept_proof.has_value());
}

TEST(Proof, NewChallengeVoidsTheKeptProof) {
  const SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  EXPECT_FALSE(Do(record, NewChallenge{H(60)}, kDevice).next.kept_proof.has_value());
}

TEST(Proof, NoChallengeAfterTheLastTry) {
  SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  record.proofs = 3;
  const StepResult step = Do(record, NewChallenge{H(60)}, kDevice);
  EXPECT_EQ(base::ReasonOf(step.status), ErrorReason::kWrongState);
  EXPECT_EQ(step.next.state, State::kFailed);
}

TEST(Consent, WithheldEndsTheSessionAndDeletesTheCard) {
  SessionRecord record = RecordIn(State::kProven, Flow::kCrossDevice);
  record.sealed_card = {1, 2};
  const StepResult step = Do(record, Cancel{CancelReason::kConsentWithheld}, kDevice);
  EXPECT_EQ(step.next.state, State::kCancelled);
  EXPECT_EQ(step.next.cancel_reason, CancelReason::kConsentWithheld);
  EXPECT_EQ(step.next.ended_by, Party::kDevice);
  EXPECT_EQ(step.next.ended_at, kStart);
  EXPECT_TRUE(step.next.sealed_card.empty());
}

TEST(Return, CodeIsSingleUseTimedAndNotConsumedByAnotherBrowser) {
  const SessionRecord record = RecordIn(State::kConsented, Flow::kOneDevice);
  const CompleteReturn good{H(kReturnCode), H(kNewBrowser), std::nullopt};
  const StepResult other = Do(record, good, 99);
  EXPECT_EQ(base::ReasonOf(other.status), ErrorReason::kCredentialInvalid);
  EXPECT_FALSE(other.changed);
  for (const CompleteReturn& bad : {CompleteReturn{std::nullopt, H(kNewBrowser), std::nullopt},
                                    CompleteReturn{H(99), H(kNewBrowser), std::nullopt}}) {
    EXPECT_EQ(base::ReasonOf(Do(record, bad, kBrowser).status), ErrorReason::kReturnCodeInvalid);
  }
  EXPECT_EQ(base::ReasonOf(Do(record, good, kBrowser, absl::Minutes(1)).status),
            ErrorReason::kReturnCodeInvalid);
  EXPECT_EQ(Do(record, good, kBrowser).next.state, State::kReady);
}

TEST(Return, ReplacedCredentialMayOnlyRepeatTheSameRequest) {
  const SessionRecord record = RecordIn(State::kReady, Flow::kCrossDevice);
  const CompleteReturn complete{std::nullopt, H(kNewBrowser), std::nullopt};
  const SessionRecord next = Do(record, complete, kBrowser, {}, kOnce).next;
  EXPECT_EQ(next.browser_credential, H(kNewBrowser));
  const StepResult again = Do(next, complete, kBrowser, {}, kOnce);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.sealed_answer, kOnce.sealed_answer);
  Once fresh = kOnce;
  fresh.request_id_hash = H(102);
  EXPECT_EQ(base::ReasonOf(Do(next, complete, kBrowser, {}, fresh).status),
            ErrorReason::kCredentialInvalid);
  EXPECT_EQ(base::ReasonOf(Do(next, Cancel{CancelReason::kUserCancelled}, kBrowser).status),
            ErrorReason::kCredentialInvalid);
}

TEST(BindAccount, BindsOnceAndTakesTheSameAccountAgain) {
  const SessionRecord record = RecordIn(State::kReady, Flow::kCrossDevice);
  const AccountBinding account{"https://id.example", "a", "a***"};
  const SessionRecord bound = Do(record, BindAccount{account, H(kNewBrowser)}, kBrowser).next;
  EXPECT_EQ(bound.account, account);
  EXPECT_TRUE(Do(bound, BindAccount{account, H(20)}, kNewBrowser).status.ok());
  const AccountBinding other{"https://id.example", "b", ""};
  const StepResult refused = Do(bound, BindAccount{other, H(20)}, kNewBrowser);
  EXPECT_EQ(base::ReasonOf(refused.status), ErrorReason::kAccountAlreadyBound);
  EXPECT_FALSE(refused.changed);
}

TEST(Cancel, SaysWhoAndWhy) {
  const SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice);
  const StepResult device = Do(record, Cancel{CancelReason::kNotMe}, kDevice);
  EXPECT_EQ(device.next.ended_by, Party::kDevice);
  EXPECT_EQ(device.next.cancel_reason, CancelReason::kNotMe);
  EXPECT_EQ(Do(record, Cancel{CancelReason::kUserCancelled}, kBrowser).next.ended_by,
            Party::kBrowser);
}

}  // namespace
}  // namespace musubi::session
