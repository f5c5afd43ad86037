#include "lib/prelink/sessions.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/base/encoding.h"
#include "lib/prelink/card_fixture.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::Act;
using session::FlowPolicy;
using session::State;

class SessionUseCasesTest : public JourneyFixture {};

TEST_F(SessionUseCasesTest, FrontGetsABrowserCredentialARelyingPartyAStartCode) {
  const auto link = sessions->Create(Front(), LinkArgs());
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_TRUE(link->browser_credential.has_value());
  EXPECT_FALSE(link->start.has_value());
  EXPECT_EQ(link->expires_at, clock_.Now() + absl::Minutes(30));

  const auto verify = sessions->Create(University(), LinkArgs(Act::kVerify));
  ASSERT_TRUE(verify.ok()) << verify.status();
  EXPECT_FALSE(verify->browser_credential.has_value());
  ASSERT_TRUE(verify->start.has_value());
  EXPECT_EQ(verify->start->url.Reveal(),
            "https://prelink.example/start#s=" + base::Base64UrlEncode(verify->id) + "." +
                base::Base64UrlEncode(verify->start->code.RevealBytes()));
  EXPECT_EQ(verify->start->expires_at, clock_.Now() + absl::Seconds(60));
}

TEST_F(SessionUseCasesTest, RefusesWhatTheCallerOrTheConfigurationForbids) {
  struct Case {
    const char* what;
    Caller caller;
    Act act;
    std::function<void(CreateSessionArgs&)> change;
    ErrorReason want;
  };
  auto none = [](CreateSessionArgs&) {};
  const Case kCases[] = {
      {"front opens VERIFY", Front(), Act::kVerify, none, ErrorReason::kRoleNotAllowed},
      {"a relying party opens LINK", University(), Act::kLink, none, ErrorReason::kRoleNotAllowed},
      {"no act", Front(), Act::kLink, [](auto& a) { a.act = Act::kUnspecified; },
       ErrorReason::kFieldInvalid},
      {"no flow policy", Front(), Act::kLink,
       [](auto& a) { a.flow_policy = FlowPolicy::kUnspecified; }, ErrorReason::kFieldInvalid},
      {"unknown relying party", Front(), Act::kLink, [](auto& a) { a.relying_party_id = "other"; },
       ErrorReason::kRelyingPartyUnknown},
      {"another's session", University(), Act::kVerify,
       [](auto& a) { a.relying_party_id = "other"; }, ErrorReason::kRelyingPartyMismatch},
      {"VERIFY with an account", University(), Act::kVerify, [](auto& a) { a.account = Account(); },
       ErrorReason::kFieldNotAllowed},
      {"unregistered return URI", University(), Act::kVerify,
       [](auto& a) { a.return_uri = "https://mihon.example/back/"; }, ErrorReason::kFieldInvalid},
      {"LINK with a return URI", Front(), Act::kLink,
       [](auto& a) { a.return_uri = "https://mihon.example/back"; }, ErrorReason::kFieldNotAllowed},
      {"account first without one", Front(), Act::kLink, [](auto& a) { a.account.reset(); },
       ErrorReason::kFieldInvalid},
      {"account without a subject", Front(), Act::kLink,
       [](auto& a) { a.account->subject.clear(); }, ErrorReason::kFieldInvalid},
      {"locale", Front(), Act::kLink, [](auto& a) { a.locale = "fr"; }, ErrorReason::kFieldInvalid},
      {"long browser", Front(), Act::kLink,
       [](auto& a) { a.client_context.browser = std::string(kMaxClientContextLength + 1, 'x'); },
       ErrorReason::kFieldInvalid},
      {"long network", Front(), Act::kLink,
       [](auto& a) { a.client_context.network = std::string(kMaxClientContextLength + 1, 'x'); },
       ErrorReason::kFieldInvalid},
      {"long subject", Front(), Act::kLink,
       [](auto& a) { a.account->subject = std::string(kMaxAccountSubjectLength + 1, 'x'); },
       ErrorReason::kFieldInvalid},
      {"long issuer", Front(), Act::kLink,
       [](auto& a) { a.account->issuer = std::string(kMaxAccountIssuerLength + 1, 'x'); },
       ErrorReason::kFieldInvalid},
      {"long hint", Front(), Act::kLink,
       [](auto& a) { a.account->masked_hint = std::string(kMaxAccountHintLength + 1, 'x'); },
       ErrorReason::kFieldInvalid},
      {"long state", University(), Act::kVerify,
       [](auto& a) { a.caller_state = std::string(kMaxCallerStateLength + 1, 'x'); },
       ErrorReason::kFieldInvalid},
      {"VERIFY across devices", University(), Act::kVerify,
       [](auto& a) { a.flow_policy = FlowPolicy::kCrossDeviceOnly; }, ErrorReason::kFlowNotAllowed},
  };
  for (const Case& c : kCases) {
    CreateSessionArgs args = LinkArgs(c.act);
    c.change(args);
    EXPECT_EQ(base::ReasonOf(sessions->Create(c.caller, args).status()), c.want) << c.what;
  }
}

TEST_F(SessionUseCasesTest, ActThatTheFileDoesNotAllowIsRefused) {
  LoadRelyingParty(R"(["LINK"])");
  EXPECT_EQ(base::ReasonOf(sessions->Create(Front(), LinkArgs(Act::kReplace)).status()),
            ErrorReason::kActNotAllowed);
}

TEST_F(SessionUseCasesTest, FlowsAreThoseThatBothSidesAllow) {
  LoadRelyingParty(R"(["LINK"])", R"(["ONE_DEVICE"])");
  const auto created = sessions->Create(Front(), LinkArgs());
  EXPECT_EQ(RecordOf(created->id).flow_policy, FlowPolicy::kOneDeviceOnly);
}

TEST_F(SessionUseCasesTest, VerifyIsOneDeviceUnlessTheFileSaysOtherwise) {
  const auto closed = sessions->Create(University(), LinkArgs(Act::kVerify));
  EXPECT_EQ(RecordOf(closed->id).flow_policy, FlowPolicy::kOneDeviceOnly);
  LoadRelyingParty(R"(["VERIFY"])", R"(["CROSS_DEVICE","ONE_DEVICE"])", "ACCOUNT", true);
  const auto open = sessions->Create(University(), LinkArgs(Act::kVerify));
  EXPECT_EQ(RecordOf(open->id).flow_policy, FlowPolicy::kAny);
}

TEST_F(SessionUseCasesTest, RepeatedCreateGetsTheSameSessionAndCredential) {
  const CreateSessionArgs args = LinkArgs();
  const auto first = sessions->Create(Front(), args);
  const auto second = sessions->Create(Front(), args);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->id, second->id);
  EXPECT_TRUE(*first->browser_credential == *second->browser_credential);
  CreateSessionArgs other = args;
  other.locale = "en";
  EXPECT_EQ(base::ReasonOf(sessions->Create(Front(), other).status()),
            ErrorReason::kRequestIdReused);
}

TEST_F(SessionUseCasesTest, StartCodeIsSwappedOnceForTheBrowserCredential) {
  const auto created = sessions->Create(University(), LinkArgs(Act::kVerify));
  const RequestId request = NewRequest();
  const auto claimed = sessions->ClaimStart(created->id, request, created->start->code);
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_TRUE(sessions->GetView({created->id, claimed->browser_credential}).ok());
  const auto again = sessions->ClaimStart(created->id, request, created->start->code);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->browser_credential == claimed->browser_credential);
  EXPECT_EQ(base::ReasonOf(
                sessions->ClaimStart(created->id, NewRequest(), created->start->code).status()),
            ErrorReason::kStartCodeInvalid);
}

TEST_F(SessionUseCasesTest, ViewNeedsACredentialOfTheSession) {
  const SessionCall browser = Open();
  EXPECT_EQ(base::ReasonOf(sessions->GetView({browser.session_id, std::nullopt}).status()),
            ErrorReason::kCredentialMissing);
  EXPECT_EQ(base::ReasonOf(sessions->GetView({browser.session_id, NewSecret()}).status()),
            ErrorReason::kCredentialInvalid);
  EXPECT_EQ(base::ReasonOf(sessions->GetView({session::SessionId{}, NewSecret()}).status()),
            ErrorReason::kSessionNotFound);
}

TEST_F(SessionUseCasesTest, BrowserSeesNoPersonalDataBeforeReadyAndThePhoneSeesThePc) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  const auto browser_view = sessions->GetView(browser);
  ASSERT_TRUE(browser_view.ok()) << browser_view.status();
  EXPECT_EQ(browser_view->viewer, session::Party::kBrowser);
  EXPECT_TRUE(browser_view->record.account.has_value());
  EXPECT_EQ(*browser_view->record.account, session::AccountBinding{});
  EXPECT_EQ(browser_view->record.client_context, session::ClientContext{});
  const auto phone_view = sessions->GetView(phone);
  ASSERT_TRUE(phone_view.ok()) << phone_view.status();
  EXPECT_EQ(phone_view->viewer, session::Party::kDevice);
  EXPECT_EQ(phone_view->record.account->masked_hint, Account().masked_hint);
  EXPECT_EQ(phone_view->record.client_context.browser, "Firefox");
}

TEST_F(SessionUseCasesTest, ViewOfASessionWhoseTimeIsOverIsExpired) {
  const SessionCall browser = Open();
  clock_.Advance(absl::Minutes(30));
  EXPECT_EQ(sessions->GetView(browser)->record.state, State::kExpired);
  clock_.Advance(session::kRecordGrace);
  EXPECT_EQ(base::ReasonOf(sessions->GetView(browser).status()), ErrorReason::kSessionNotFound);
}

TEST_F(SessionUseCasesTest, WatchHearsOfEachChange) {
  const SessionCall browser = Open();
  int heard = 0;
  const auto subscription = sessions->Watch(browser.session_id, [&] { ++heard; });
  PairAcrossDevices(browser);
  EXPECT_EQ(heard, 2);  // CLAIMED, PAIRED.
}

TEST_F(SessionUseCasesTest, CancelIsRepeatableAndEndsTheSession) {
  const SessionCall browser = Open();
  const RequestId request = NewRequest();
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(sessions->Cancel(browser, request, session::CancelReason::kUserCancelled).ok());
  }
  EXPECT_EQ(StateOf(browser.session_id), State::kCancelled);
  EXPECT_EQ(base::ReasonOf(
                sessions->Cancel(browser, NewRequest(), session::CancelReason::kUserCancelled)),
            ErrorReason::kWrongState);
}

TEST_F(SessionUseCasesTest, NotMeIsThePhonesToSayAndTheLinkStoreKnowsItFirst) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  EXPECT_EQ(base::ReasonOf(sessions->Cancel(browser, NewRequest(), session::CancelReason::kNotMe)),
            ErrorReason::kCredentialInvalid);
  ASSERT_TRUE(sessions->Cancel(phone, NewRequest(), session::CancelReason::kNotMe).ok());
  const auto end = links_store_->GetSessionEnd(browser.session_id);
  ASSERT_TRUE(end.ok() && end->has_value());
  EXPECT_EQ((*end)->outcome, link::SessionOutcome::kNotMe);
}

class SessionCardTest : public CardFixture {};

TEST_F(SessionCardTest, BrowserSeesTheGrantedNameInReadyOnlyToCompare) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  EXPECT_FALSE(sessions->GetView(browser)->card_name.has_value());
  ProveAndConsent(phone);
  ASSERT_EQ(StateOf(browser.session_id), State::kReady);
  const auto view = sessions->GetView(browser);
  ASSERT_TRUE(view.ok()) << view.status();
  ASSERT_TRUE(view->card_name.has_value());
  EXPECT_EQ(view->card_name->Reveal(), "試験 一号");
  EXPECT_FALSE(sessions->GetView(phone)->card_name.has_value());
}

TEST_F(SessionCardTest, BrowserSeesNoNameThatWasNotGranted) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  ASSERT_TRUE(Submit(phone, Prove(*proofs->GetChallenge(phone))).ok());
  ASSERT_TRUE(proofs->GrantConsent(phone, NewRequest(), "2026-04", {}).ok());
  ASSERT_EQ(StateOf(browser.session_id), State::kReady);
  EXPECT_FALSE(sessions->GetView(browser)->card_name.has_value());
}

}  // namespace
}  // namespace musubi::prelink
