#include "lib/prelink/proofs.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/base/encoding.h"
#include "lib/prelink/card_fixture.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using pki::VerdictReason;
using pki::VerdictStatus;
using session::State;

class ProofUseCasesTest : public CardFixture {};

TEST_F(ProofUseCasesTest, GoodProofLeadsToConsentAndReady) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  const auto issued = proofs->GetChallenge(phone);
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_EQ(issued->challenge.origin, "https://prelink.example");
  EXPECT_EQ(issued->challenge.account_binding_hash.size(), 32u);
  EXPECT_EQ(issued->expires_at, clock_.Now() + absl::Minutes(5));
  const auto answer = Submit(phone, Prove(*issued));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->verdict.status, VerdictStatus::kValid);
  EXPECT_EQ(answer->verdict.possession, pki::PossessionOutcome::kProven);
  EXPECT_EQ(answer->verdict.revocation.outcome, pki::RevocationOutcome::kGood);
  EXPECT_EQ(answer->state, State::kProven);
  ASSERT_TRUE(answer->consent.has_value());
  ASSERT_EQ(answer->consent->attributes.size(), 1u);
  EXPECT_EQ(answer->consent->attributes[0].value.Reveal(), "試験 一号");
  // The PC still sees nothing of it; the phone sees what it is asked.
  EXPECT_FALSE(sessions->GetView(browser)->verdict.has_value());
  EXPECT_TRUE(sessions->GetView(phone)->consent.has_value());
  const auto consent = proofs->GrantConsent(phone, NewRequest(), "2026-04", {"name"});
  ASSERT_TRUE(consent.ok()) << consent.status();
  EXPECT_EQ(consent->state, State::kReady);
  EXPECT_FALSE(consent->ticket.has_value());
  EXPECT_EQ(sessions->GetView(browser)->record.account->subject, "u-0001");
}

TEST_F(ProofUseCasesTest, WhatLastsIsNotMadeByAReplicaWhoseCrlsLag) {
  struct Case {
    session::Act act;
    absl::Duration lag;
    bool refused;
  };
  for (const Case& c : {Case{session::Act::kLink, kMaxCrlLag, false},
                        Case{session::Act::kLink, kMaxCrlLag + absl::Microseconds(1), true},
                        Case{session::Act::kReplace, absl::Hours(1), true},
                        Case{session::Act::kUnlink, absl::Hours(1), false}}) {
    SCOPED_TRACE(session::Name(c.act));
    const SessionCall phone = PairAcrossDevices(Open(c.act));
    const auto issued = proofs->GetChallenge(phone);
    ASSERT_TRUE(issued.ok()) << issued.status();
    const SubmitProofArgs proof = Prove(*issued);
    crl_lag_ = c.lag;
    const auto answer = Submit(phone, proof);
    EXPECT_EQ(base::ReasonOf(answer.status()),
              c.refused ? std::optional(ErrorReason::kReplicaBehind) : std::nullopt);
    // Nothing was consumed: another replica takes the same proof.
    crl_lag_ = absl::ZeroDuration();
    const auto elsewhere = Submit(phone, proof);
    ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
    EXPECT_EQ(elsewhere->state, State::kProven);
    EXPECT_EQ(elsewhere->proof_tries_left, issued->proof_tries_left - 1);
  }
}

TEST_F(ProofUseCasesTest, OneDeviceReturnsToTheBrowserThatBegan) {
  const SessionCall browser = Open();
  const auto handoff = pairings->CreateHandoff(browser, NewRequest());
  const auto claimed = pairings->ClaimHandoff(browser.session_id, handoff->token, NewSecret());
  const SessionCall phone{browser.session_id, claimed->device_credential};
  const auto issued = proofs->GetChallenge(phone);
  ASSERT_TRUE(Submit(phone, Prove(*issued)).ok());
  const RequestId consent_request = NewRequest();
  const auto consent = proofs->GrantConsent(phone, consent_request, "2026-04", {"name"});
  ASSERT_TRUE(consent.ok()) << consent.status();
  EXPECT_EQ(consent->state, State::kConsented);
  ASSERT_TRUE(consent->ticket.has_value());
  EXPECT_EQ(consent->ticket->url.Reveal(),
            "https://prelink.example/return#s=" + base::Base64UrlEncode(browser.session_id) + "." +
                base::Base64UrlEncode(consent->ticket->code.RevealBytes()));
  // The same consent again gets the same code.
  EXPECT_TRUE(proofs->GrantConsent(phone, consent_request, "2026-04", {"name"})->ticket->code ==
              consent->ticket->code);
  // A stranger's browser consumes nothing.
  EXPECT_EQ(base::ReasonOf(pairings
                               ->CompleteReturn({browser.session_id, NewSecret()}, NewRequest(),
                                                consent->ticket->code)
                               .status()),
            ErrorReason::kReturnInOtherBrowser);
  const auto fresh = pairings->RefreshReturnCode(phone, NewRequest());
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(base::ReasonOf(
                pairings->CompleteReturn(browser, NewRequest(), consent->ticket->code).status()),
            ErrorReason::kReturnCodeInvalid);
  const RequestId request = NewRequest();
  const auto done = pairings->CompleteReturn(browser, request, fresh->code);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->state, State::kReady);
  EXPECT_FALSE(done->verify.has_value());
  // The old credential repeats its request, and nothing else.
  const auto again = pairings->CompleteReturn(browser, request, fresh->code);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->browser_credential == done->browser_credential);
  EXPECT_EQ(base::ReasonOf(sessions->GetView(browser).status()), ErrorReason::kCredentialInvalid);
}

TEST_F(ProofUseCasesTest, PcFlowReturnsWithoutACodeAndInItsOwnBrowserOnly) {
  const SessionCall browser = OpenReady(session::Act::kLink);
  EXPECT_EQ(
      base::ReasonOf(
          pairings->CompleteReturn({browser.session_id, NewSecret()}, NewRequest(), std::nullopt)
              .status()),
      ErrorReason::kCredentialInvalid);
  const auto done = pairings->CompleteReturn(browser, NewRequest(), std::nullopt);
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->state, State::kReady);
}

TEST_F(ProofUseCasesTest, ProofOfAnythingElseIsRefusedAndCostsATry) {
  struct Case {
    const char* what;
    std::function<void(IssuedChallenge&)> change;
  };
  const Case kCases[] = {
      {"origin", [](auto& i) { i.challenge.origin = "https://evil.example"; }},
      {"act", [](auto& i) { i.challenge.act = "UNLINK"; }},
      {"session", [](auto& i) { i.challenge.session_id[0] ^= 1; }},
      {"relying party", [](auto& i) { i.challenge.relying_party_id = "other"; }},
      {"account", [](auto& i) { i.challenge.account_binding_hash[0] ^= 1; }},
      {"transcript", [](auto& i) { i.challenge.transcript[0] ^= 1; }},
      {"flow", [](auto& i) { i.challenge.flow = "ONE_DEVICE"; }},
      {"attributes", [](auto& i) { i.challenge.requested_attributes.clear(); }},
      {"consent text", [](auto& i) { i.challenge.consent_text_version = "2025-04"; }},
  };
  for (const Case& c : kCases) {
    const SessionCall phone = PairAcrossDevices(Open());
    auto issued = proofs->GetChallenge(phone);
    ASSERT_TRUE(issued.ok());
    c.change(*issued);
    const auto answer = Submit(phone, Prove(*issued));
    ASSERT_TRUE(answer.ok()) << c.what << answer.status();
    EXPECT_EQ(answer->verdict.reason, VerdictReason::kPossessionFailed) << c.what;
    EXPECT_EQ(answer->state, State::kPaired) << c.what;
    EXPECT_EQ(answer->proof_tries_left, 2) << c.what;
  }
  EXPECT_TRUE(http_.requests().empty()) << "no network before possession";
}

TEST_F(ProofUseCasesTest, ThirdBadProofIsALockOut) {
  const SessionCall phone = PairAcrossDevices(Open());
  const fakes::TestKey& stranger = fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 8);
  for (int left = 2; left >= 0; --left) {
    const auto issued = proofs->GetChallenge(phone);
    ASSERT_TRUE(issued.ok());
    const auto answer = Submit(phone, Prove(*issued, stranger));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->proof_tries_left, left);
    EXPECT_EQ(answer->state, left > 0 ? State::kPaired : State::kFailed);
  }
  const auto end = links_store_->GetSessionEnd(phone.session_id);
  ASSERT_TRUE(end.ok() && end->has_value());
  EXPECT_EQ((*end)->outcome, link::SessionOutcome::kLockedOut);
}

TEST_F(ProofUseCasesTest, NonceServesOnceAndTheSameRequestGetsTheSameAnswer) {
  const SessionCall phone = PairAcrossDevices(Open());
  const auto issued = proofs->GetChallenge(phone);
  const SubmitProofArgs args = Prove(*issued, fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 8));
  const auto first = Submit(phone, args);
  const auto again = Submit(phone, args);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->verdict.reason, first->verdict.reason);
  EXPECT_EQ(again->proof_tries_left, 2);
  SubmitProofArgs replay = args;
  replay.request_id = NewRequest();
  EXPECT_EQ(base::ReasonOf(Submit(phone, replay).status()), ErrorReason::kChallengeInvalid);
  const auto stale = proofs->GetChallenge(phone);
  ASSERT_TRUE(proofs->GetChallenge(phone).ok());
  EXPECT_EQ(base::ReasonOf(Submit(phone, Prove(*stale)).status()), ErrorReason::kChallengeInvalid);
}

TEST_F(ProofUseCasesTest, ProofGoesOnAtRevocationWhenTheResponderIsBack) {
  const SessionCall phone = PairAcrossDevices(Open());
  const auto issued = proofs->GetChallenge(phone);
  SubmitProofArgs args = Prove(*issued);
  ocsp_down_ = true;
  const auto pending = Submit(phone, args);
  ASSERT_TRUE(pending.ok()) << pending.status();
  EXPECT_EQ(pending->verdict.status, VerdictStatus::kIndeterminate);
  EXPECT_EQ(pending->verdict.reason, VerdictReason::kRevocationUnavailable);
  EXPECT_EQ(pending->state, State::kPaired);
  EXPECT_EQ(pending->proof_kept_until, clock_.Now() + absl::Seconds(120));
  ocsp_down_ = false;
  clock_.Advance(absl::Seconds(60));
  args.request_id = NewRequest();
  args.nonce = {};
  const auto answer = Submit(phone, args);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state, State::kProven) << pki::Name(answer->verdict.reason);
  EXPECT_EQ(answer->verdict.possession, pki::PossessionOutcome::kProven);
  EXPECT_EQ(answer->proof_tries_left, 2);
  EXPECT_EQ(answer->consent->attributes[0].value.Reveal(), "試験 一号");
}

TEST_F(ProofUseCasesTest, KeptProofOfARevokedCardIsRefused) {
  const SessionCall phone = PairAcrossDevices(Open());
  SubmitProofArgs args = Prove(*proofs->GetChallenge(phone));
  ocsp_down_ = true;
  ASSERT_TRUE(Submit(phone, args).ok());
  ocsp_down_ = false;
  responder_.Say(fakes::OcspRevoked(clock_.Now() - absl::Hours(1), 1));
  args.request_id = NewRequest();
  const auto answer = Submit(phone, args);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->verdict.reason, VerdictReason::kRevoked);
  EXPECT_EQ(answer->verdict.revocation.reason, pki::CrlReason::kKeyCompromise);
  EXPECT_EQ(answer->state, State::kPaired);
  EXPECT_FALSE(answer->proof_kept_until.has_value());
}

TEST_F(ProofUseCasesTest, RevocationAnswersBecomeVerdicts) {
  struct Case {
    base::Bytes says;
    VerdictReason want;
  };
  // In this order: what OCSP once revoked stays revoked.
  for (const Case& c :
       {Case{fakes::OcspUnknown(), VerdictReason::kUnknownToResponder},
        Case{fakes::OcspRevoked(clock_.Now() - absl::Hours(1), 5), VerdictReason::kRevoked}}) {
    responder_.Say(c.says);
    const SessionCall phone = PairAcrossDevices(Open());
    const auto answer = Submit(phone, Prove(*proofs->GetChallenge(phone)));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->verdict.status, VerdictStatus::kInvalid);
    EXPECT_EQ(pki::Name(answer->verdict.reason), pki::Name(c.want));
  }
}

TEST_F(ProofUseCasesTest, DegradedModeIsForVerifyAlone) {
  MakeProofs(revocation::RevocationMode::kDegradedWithProof);
  ocsp_down_ = true;
  PublishCrl(clock_.Now() - absl::Hours(60));  // No longer in force.
  for (const session::Act act :
       {session::Act::kVerify, session::Act::kLink, session::Act::kUnlink}) {
    const SessionCall phone =
        PairOnOneDevice(act == session::Act::kVerify ? OpenVerify() : Open(act));
    const auto answer = Submit(phone, Prove(*proofs->GetChallenge(phone)));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->verdict.status,
              act == session::Act::kVerify ? VerdictStatus::kValid : VerdictStatus::kIndeterminate)
        << session::Name(act);
    EXPECT_EQ(answer->verdict.revocation.outcome, pki::RevocationOutcome::kNoUsableAnswer);
  }
}

TEST_F(ProofUseCasesTest, NameStatementIsHeldAgainstCardAndChallenge) {
  struct Case {
    std::function<void(SubmitProofArgs&)> change;
    VerdictReason want;
  };
  const Case kCases[] = {
      {[](auto& a) { a.name_statement.reset(); }, VerdictReason::kNameStatementInvalid},
      {[](auto& a) { a.name_statement->signature[0] ^= 1; }, VerdictReason::kNameStatementInvalid},
      {[this](auto& a) { a.name_statement = StateName("試験 二号", base::AsBytes("other")); },
       VerdictReason::kNameStatementMismatch},
  };
  for (const Case& c : kCases) {
    const SessionCall phone = PairAcrossDevices(Open());
    SubmitProofArgs args = Prove(*proofs->GetChallenge(phone));
    c.change(args);
    const auto answer = Submit(phone, args);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(pki::Name(answer->verdict.reason), pki::Name(c.want));
  }
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(ProofUseCasesTest, MyNumberIsRefusedAndNothingIsConsumed) {
  const SessionCall phone = PairAcrossDevices(Open());
  SubmitProofArgs args = Prove(*proofs->GetChallenge(phone));
  SubmitProofArgs bad = args;
  bad.name_statement->name = base::Secret<std::string>("123456789018");
  EXPECT_EQ(base::ReasonOf(Submit(phone, bad).status()), ErrorReason::kMyNumberPresent);
  EXPECT_TRUE(Submit(phone, args)->verdict.valid());
}

TEST_F(ProofUseCasesTest, SignatureBeyondItsLimitIsRefused) {
  const SessionCall phone = PairAcrossDevices(Open());
  SubmitProofArgs args = Prove(*proofs->GetChallenge(phone));
  args.signature.resize(kMaxSignatureSize + 1);
  EXPECT_EQ(base::ReasonOf(Submit(phone, args).status()), ErrorReason::kFieldInvalid);
  args.signature.clear();
  EXPECT_EQ(base::ReasonOf(Submit(phone, args).status()), ErrorReason::kFieldInvalid);
}

TEST_F(ProofUseCasesTest, ConsentIsForTheTextInForceAndWhatWasAsked) {
  const SessionCall phone = PairAcrossDevices(Open());
  ASSERT_TRUE(Submit(phone, Prove(*proofs->GetChallenge(phone))).ok());
  EXPECT_EQ(base::ReasonOf(proofs->GrantConsent(phone, NewRequest(), "2025-04", {}).status()),
            ErrorReason::kConsentTextMismatch);
  EXPECT_EQ(
      base::ReasonOf(proofs->GrantConsent(phone, NewRequest(), "2026-04", {"address"}).status()),
      ErrorReason::kFieldInvalid);
  ASSERT_TRUE(sessions->Cancel(phone, NewRequest(), session::CancelReason::kConsentWithheld).ok());
  EXPECT_TRUE(RecordOf(phone.session_id).sealed_card.empty());
}

}  // namespace
}  // namespace musubi::prelink
