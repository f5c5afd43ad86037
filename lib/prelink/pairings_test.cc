#include "lib/prelink/pairings.h"

#include <gtest/gtest.h>

#include <string>

#include "lib/prelink/journey_fixture.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::State;

class PairingUseCasesTest : public JourneyFixture {};

std::string WrongCode(const std::string& right) { return right == "000000" ? "000001" : "000000"; }

TEST_F(PairingUseCasesTest, FrameChangesEverySecondAndSaysWhenTheNextOneComes) {
  const SessionCall browser = Open();
  const absl::Time start = clock_.Now();
  const auto first = pairings->GetQrFrame(browser);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->frame_number, 0u);
  EXPECT_EQ(first->generation, 1u);
  EXPECT_EQ(first->until_next, absl::Seconds(1));
  clock_.Advance(absl::Milliseconds(1400));
  const auto second = pairings->GetQrFrame(browser);
  EXPECT_EQ(second->frame_number, 1u);
  EXPECT_EQ(second->until_next, absl::Milliseconds(600));
  EXPECT_EQ(second->next_frame_at, start + absl::Seconds(2));
  EXPECT_NE(first->payload.Reveal(), second->payload.Reveal());
}

TEST_F(PairingUseCasesTest, QrIsForTheBrowserBeforeAClaimAndWithinThePagesTime) {
  const SessionCall browser = Open();
  EXPECT_EQ(base::ReasonOf(pairings->GetQrFrame({browser.session_id, std::nullopt}).status()),
            ErrorReason::kCredentialMissing);
  EXPECT_EQ(base::ReasonOf(pairings->GetQrFrame({browser.session_id, NewSecret()}).status()),
            ErrorReason::kCredentialInvalid);
  clock_.Advance(absl::Minutes(5));
  EXPECT_EQ(base::ReasonOf(pairings->GetQrFrame(browser).status()), ErrorReason::kQrPageExpired);
  ASSERT_TRUE(pairings->RefreshQr(browser, NewRequest()).ok());
  PairAcrossDevices(browser);
  EXPECT_EQ(base::ReasonOf(pairings->GetQrFrame(browser).status()), ErrorReason::kWrongState);
  clock_.Advance(absl::Minutes(30));
  EXPECT_EQ(base::ReasonOf(pairings->GetQrFrame(browser).status()), ErrorReason::kSessionExpired);
}

TEST_F(PairingUseCasesTest, PhoneThatClaimsAgainGetsTheSameAnswer) {
  const SessionCall browser = Open();
  const auto frame = pairings->GetQrFrame(browser);
  const base::Secret256 key = NewSecret();
  const auto first = pairings->ClaimQr(frame->payload.Reveal(), key);
  clock_.Advance(absl::Seconds(1));
  const auto second = pairings->ClaimQr(frame->payload.Reveal(), key);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(first->device_credential == second->device_credential);
  EXPECT_TRUE(first->pairing_code == second->pairing_code);
  EXPECT_EQ(first->code_expires_at, second->code_expires_at);
}

TEST_F(PairingUseCasesTest, SecondPhoneIsRefusedAndThePcSeesIt) {
  const SessionCall browser = Open();
  const auto frame = pairings->GetQrFrame(browser);
  ASSERT_TRUE(pairings->ClaimQr(frame->payload.Reveal(), NewSecret()).ok());
  EXPECT_EQ(base::ReasonOf(pairings->ClaimQr(frame->payload.Reveal(), NewSecret()).status()),
            ErrorReason::kAlreadyClaimed);
  EXPECT_TRUE(sessions->GetView(browser)->record.second_phone_refused);
}

TEST_F(PairingUseCasesTest, OldAndForgedFramesAreRefused) {
  const SessionCall browser = Open();
  const auto frame = pairings->GetQrFrame(browser);
  std::string forged = frame->payload.Reveal();
  forged[10] = forged[10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(base::ReasonOf(pairings->ClaimQr(forged, NewSecret()).status()),
            ErrorReason::kQrFrameInvalid);
  clock_.Advance(absl::Seconds(16));
  EXPECT_EQ(base::ReasonOf(pairings->ClaimQr(frame->payload.Reveal(), NewSecret()).status()),
            ErrorReason::kQrFrameStale);
  const auto fresh = pairings->RefreshQr(browser, NewRequest());
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(fresh->generation, 2u);
  EXPECT_EQ(base::ReasonOf(pairings->ClaimQr(frame->payload.Reveal(), NewSecret()).status()),
            ErrorReason::kQrFrameSuperseded);
  EXPECT_TRUE(pairings->ClaimQr(fresh->payload.Reveal(), NewSecret()).ok());
}

TEST_F(PairingUseCasesTest, RefreshVoidsTheOldPhone) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  ASSERT_TRUE(pairings->RefreshQr(browser, NewRequest()).ok());
  EXPECT_EQ(base::ReasonOf(sessions->GetView(phone).status()), ErrorReason::kCredentialInvalid);
}

TEST_F(PairingUseCasesTest, CodeIsTypedOnThePcAndRefreshedOnThePhone) {
  const SessionCall browser = Open();
  const auto frame = pairings->GetQrFrame(browser);
  const auto claimed = pairings->ClaimQr(frame->payload.Reveal(), NewSecret());
  const SessionCall phone{claimed->session_id, claimed->device_credential};
  const std::string old_code = claimed->pairing_code.Reveal();
  EXPECT_EQ(base::ReasonOf(pairings->ConfirmCode(browser, NewRequest(), "12345")),
            ErrorReason::kFieldInvalid);
  EXPECT_EQ(base::ReasonOf(pairings->ConfirmCode(browser, NewRequest(), WrongCode(old_code))),
            ErrorReason::kPairingCodeWrong);
  clock_.Advance(absl::Seconds(120));
  EXPECT_EQ(base::ReasonOf(pairings->ConfirmCode(browser, NewRequest(), old_code)),
            ErrorReason::kPairingCodeExpired);
  EXPECT_EQ(base::ReasonOf(pairings->RefreshCode(browser, NewRequest()).status()),
            ErrorReason::kCredentialInvalid);
  const auto fresh = pairings->RefreshCode(phone, NewRequest());
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_TRUE(pairings->ConfirmCode(browser, NewRequest(), fresh->pairing_code.Reveal()).ok());
  EXPECT_EQ(StateOf(browser.session_id), State::kPaired);
}

TEST_F(PairingUseCasesTest, FifthWrongCodeIsALockOutThatTheLinkStoreKnows) {
  const SessionCall browser = Open();
  const auto frame = pairings->GetQrFrame(browser);
  const auto claimed = pairings->ClaimQr(frame->payload.Reveal(), NewSecret());
  const std::string wrong = WrongCode(claimed->pairing_code.Reveal());
  for (int left = 4; left >= 0; --left) {
    const absl::Status status = pairings->ConfirmCode(browser, NewRequest(), wrong);
    EXPECT_EQ(base::MetadataOf(status)["tries_left"], std::to_string(left));
  }
  EXPECT_EQ(StateOf(browser.session_id), State::kFailed);
  const auto end = links_store_->GetSessionEnd(browser.session_id);
  ASSERT_TRUE(end.ok() && end->has_value());
  EXPECT_EQ((*end)->outcome, link::SessionOutcome::kLockedOut);
}

TEST_F(PairingUseCasesTest, HandoffPairsOneDeviceAndClosesTheQr) {
  const SessionCall browser = Open();
  const RequestId request = NewRequest();
  const auto handoff = pairings->CreateHandoff(browser, request);
  ASSERT_TRUE(handoff.ok()) << handoff.status();
  EXPECT_TRUE(pairings->CreateHandoff(browser, request)->token == handoff->token);
  EXPECT_EQ(base::ReasonOf(pairings->GetQrFrame(browser).status()), ErrorReason::kFlowNotAllowed);
  EXPECT_EQ(
      base::ReasonOf(pairings->ClaimHandoff(browser.session_id, NewSecret(), NewSecret()).status()),
      ErrorReason::kHandoffInvalid);
  const base::Secret256 key = NewSecret();
  const auto claimed = pairings->ClaimHandoff(browser.session_id, handoff->token, key);
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  const auto again = pairings->ClaimHandoff(browser.session_id, handoff->token, key);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->device_credential == claimed->device_credential);
  EXPECT_EQ(base::ReasonOf(
                pairings->ClaimHandoff(browser.session_id, handoff->token, NewSecret()).status()),
            ErrorReason::kWrongState);
  EXPECT_EQ(StateOf(browser.session_id), State::kPaired);
}

}  // namespace
}  // namespace musubi::prelink
