#include "lib/prelink/links.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/prelink/card_fixture.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::Act;
using session::State;

class LinkUseCasesTest : public CardFixture {
 protected:
  // A VERIFY session up to the result code.
  struct Verified {
    session::SessionId session_id;
    base::Secret256 result_code;
  };
  Verified Verify() {
    const SessionCall browser = OpenVerify();
    const SessionCall phone = PairOnOneDevice(browser);
    ProveAndConsent(phone);
    const auto ticket = pairings->RefreshReturnCode(phone, NewRequest());
    const auto done = pairings->CompleteReturn(browser, NewRequest(), ticket->code);
    EXPECT_TRUE(done.ok()) << done.status();
    EXPECT_EQ(done->verify->return_uri, "https://mihon.example/back");
    EXPECT_EQ(done->verify->caller_state.Reveal(), "caller-state");
    return {browser.session_id, done->verify->result_code};
  }
  link::LinkId MakeALink() {
    const SessionCall browser = OpenReady(Act::kLink);
    const auto made = links->CreateLink(browser.session_id, NewRequest(), FreshSignIn());
    EXPECT_TRUE(made.ok()) << made.status();
    return made->link.id;
  }
};

TEST_F(LinkUseCasesTest, LinkResolvesToItsAccountUntilItIsUnlinked) {
  const link::LinkId link_id = MakeALink();
  const Verified verified = Verify();
  const auto resolved =
      links->ResolveLink(University(), verified.session_id, NewRequest(), verified.result_code);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->link.id, link_id);
  EXPECT_EQ(resolved->link.account.subject, "u-0001");
  EXPECT_EQ(resolved->flow, session::Flow::kOneDevice);
  EXPECT_TRUE(resolved->verdict.valid());
  EXPECT_TRUE(crypto::VerifyEd25519(evidence_key_.public_key(),
                                    base::AsBytes(resolved->evidence.statement),
                                    resolved->evidence.signature));

  const SessionCall unlink = OpenReady(Act::kUnlink);
  const auto ended = links->DeleteLinkWithCard(unlink.session_id, NewRequest(), FreshSignIn());
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->id, link_id);
  EXPECT_FALSE(ended->active());
  const Verified again = Verify();
  EXPECT_EQ(base::ReasonOf(
                links->ResolveLink(University(), again.session_id, NewRequest(), again.result_code)
                    .status()),
            ErrorReason::kLinkNotFound);
}

TEST_F(LinkUseCasesTest, RepeatedRequestGetsTheSameLinkEvenIfTheSessionIsForgotten) {
  const SessionCall browser = OpenReady(Act::kLink);
  const RequestId request = NewRequest();
  const auto first = links->CreateLink(browser.session_id, request, FreshSignIn());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(StateOf(browser.session_id), State::kUsed);
  const auto again = links->CreateLink(browser.session_id, request, FreshSignIn());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->link.id, first->link.id);
  EXPECT_EQ(again->evidence.statement, first->evidence.statement);
  EXPECT_EQ(again->evidence.signature, first->evidence.signature);
  EXPECT_EQ(
      base::ReasonOf(links->CreateLink(browser.session_id, NewRequest(), FreshSignIn()).status()),
      ErrorReason::kSessionAlreadyUsed);
  clock_.Advance(absl::Minutes(41));
  const auto late = links->CreateLink(browser.session_id, request, FreshSignIn());
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->link.id, first->link.id);
  SignIn other = FreshSignIn();
  other.subject = "u-0002";
  EXPECT_EQ(base::ReasonOf(links->CreateLink(browser.session_id, request, other).status()),
            ErrorReason::kSessionNotFound);
}

TEST_F(LinkUseCasesTest, RepeatedRequestGetsTheSameLinkEvenIfTheSessionStoreWentBack) {
  const SessionCall browser = OpenReady(Act::kLink);
  const RequestId request = NewRequest();
  const auto first = links->CreateLink(browser.session_id, request, FreshSignIn());
  ASSERT_TRUE(first.ok()) << first.status();
  // As it comes back from a failover: before its use, and without its consent.
  session::SessionRecord record = sessions_.Get(browser.session_id)->record;
  ++record.version;
  record.state = State::kProven;
  record.answers.clear();
  ASSERT_TRUE(*sessions_.CompareAndSet(record, ""));
  const auto again = links->CreateLink(browser.session_id, request, FreshSignIn());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->link.id, first->link.id);
  SignIn other = FreshSignIn();
  other.subject = "u-0002";
  EXPECT_EQ(base::ReasonOf(links->CreateLink(browser.session_id, request, other).status()),
            ErrorReason::kWrongState);
}

TEST_F(LinkUseCasesTest, SignInMustBeOfTheAccountFreshAndStrong) {
  struct Case {
    std::function<void(SignIn&)> change;
    ErrorReason want;
  };
  const SessionCall browser = OpenReady(Act::kLink);
  for (const Case& c : {
           Case{[](SignIn& s) { s.subject = "u-0002"; }, ErrorReason::kAccountMismatch},
           Case{[](SignIn& s) { s.issuer = "https://other.example"; },
                ErrorReason::kAccountMismatch},
           Case{[](SignIn& s) { s.auth_time -= kMaxSignInAge + absl::Seconds(1); },
                ErrorReason::kSignInTooOld},
           Case{[](SignIn& s) { s.auth_time += kSignInSkew + absl::Seconds(1); },
                ErrorReason::kSignInTooOld},
           Case{[](SignIn& s) { s.acr = "password"; }, ErrorReason::kAcrNotAccepted},
       }) {
    SignIn sign_in = FreshSignIn();
    c.change(sign_in);
    EXPECT_EQ(base::ReasonOf(links->CreateLink(browser.session_id, NewRequest(), sign_in).status()),
              c.want);
  }
  EXPECT_EQ(StateOf(browser.session_id), State::kReady);
}

TEST_F(LinkUseCasesTest, SessionServesItsActAndStateOnly) {
  const SessionCall unlink = OpenReady(Act::kUnlink);
  EXPECT_EQ(
      base::ReasonOf(links->CreateLink(unlink.session_id, NewRequest(), FreshSignIn()).status()),
      ErrorReason::kActNotAllowed);
  const SessionCall open = Open();
  EXPECT_EQ(
      base::ReasonOf(links->CreateLink(open.session_id, NewRequest(), FreshSignIn()).status()),
      ErrorReason::kWrongState);
  const SessionCall late = OpenReady(Act::kLink);
  clock_.Advance(absl::Minutes(5));
  EXPECT_EQ(
      base::ReasonOf(links->CreateLink(late.session_id, NewRequest(), FreshSignIn()).status()),
      ErrorReason::kSessionExpired);
}

TEST_F(LinkUseCasesTest, CardAndAccountHaveOneActiveLink) {
  MakeALink();
  ListArgs active{.account = link::Account{"https://id.example", "u-0001"}};
  const link::LinkId first = links->ListLinks(Front(), active)->items.at(0).link.id;
  const SessionCall again = OpenReady(Act::kLink);
  const auto same = links->CreateLink(again.session_id, NewRequest(), FreshSignIn());
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->link.id, first);
  EXPECT_EQ(StateOf(again.session_id), State::kUsed);
  EXPECT_EQ(links->ListLinks(Front(), active)->items.size(), 1u);
  // REPLACE ends the old one.
  const SessionCall replace = OpenReady(Act::kReplace);
  const auto made = links->CreateLink(replace.session_id, NewRequest(), FreshSignIn());
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_NE(made->evidence.statement.find("\"act\":\"REPLACE\""), std::string::npos);
  ListArgs args{.account = link::Account{"https://id.example", "u-0001"}, .include_ended = true};
  EXPECT_EQ(links->ListLinks(Front(), args)->items.size(), 2u);
}

TEST_F(LinkUseCasesTest, CardFirstNeedsAnAccountBeforeUse) {
  LoadRelyingParty(R"(["LINK"])", R"(["CROSS_DEVICE"])", "CARD");
  MakeProofs(revocation::RevocationMode::kOcspOnly);
  CreateSessionArgs args = LinkArgs();
  args.account.reset();
  const auto created = sessions->Create(Front(), args);
  ASSERT_TRUE(created.ok()) << created.status();
  const SessionCall browser{created->id, created->browser_credential};
  ProveAndConsent(PairAcrossDevices(browser));
  EXPECT_EQ(
      base::ReasonOf(links->CreateLink(browser.session_id, NewRequest(), FreshSignIn()).status()),
      ErrorReason::kAccountNotBound);
  const auto credential = sessions->BindAccount(browser, NewRequest(), Account());
  ASSERT_TRUE(credential.ok()) << credential.status();
  EXPECT_TRUE(links->CreateLink(browser.session_id, NewRequest(), FreshSignIn()).ok());
}

TEST_F(LinkUseCasesTest, ResultCodeServesTheOpenerOnce) {
  MakeALink();
  const Verified verified = Verify();
  const RequestId request = NewRequest();
  const Caller stranger{.role = CallerRole::kRelyingParty, .relying_party_id = "other"};
  EXPECT_EQ(base::ReasonOf(
                links->ResolveLink(stranger, verified.session_id, request, verified.result_code)
                    .status()),
            ErrorReason::kRelyingPartyMismatch);
  EXPECT_EQ(base::ReasonOf(
                links->ResolveLink(University(), verified.session_id, NewRequest(), NewSecret())
                    .status()),
            ErrorReason::kResultCodeInvalid);
  const auto first =
      links->ResolveLink(University(), verified.session_id, request, verified.result_code);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again =
      links->ResolveLink(University(), verified.session_id, request, verified.result_code);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->link.id, first->link.id);
  EXPECT_EQ(
      base::ReasonOf(
          links->ResolveLink(University(), verified.session_id, NewRequest(), verified.result_code)
              .status()),
      ErrorReason::kSessionAlreadyUsed);
}

TEST_F(LinkUseCasesTest, ResultCodeExpires) {
  MakeALink();
  const Verified verified = Verify();
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(
      base::ReasonOf(
          links->ResolveLink(University(), verified.session_id, NewRequest(), verified.result_code)
              .status()),
      ErrorReason::kResultCodeInvalid);
}

TEST_F(LinkUseCasesTest, LinkEndsByIdWithAFreshSignInOfItsAccount) {
  const link::LinkId link_id = MakeALink();
  SignIn other = FreshSignIn();
  other.subject = "u-0002";
  EXPECT_EQ(base::ReasonOf(links->DeleteLinkById(link_id, NewRequest(), other).status()),
            ErrorReason::kLinkNotFound);
  SignIn old = FreshSignIn();
  old.auth_time -= absl::Minutes(11);
  EXPECT_EQ(base::ReasonOf(links->DeleteLinkById(link_id, NewRequest(), old).status()),
            ErrorReason::kSignInTooOld);
  const RequestId request = NewRequest();
  ASSERT_TRUE(links->DeleteLinkById(link_id, request, FreshSignIn()).ok());
  EXPECT_TRUE(links->DeleteLinkById(link_id, request, FreshSignIn()).ok());
  EXPECT_EQ(base::ReasonOf(links->DeleteLinkById(link_id, NewRequest(), FreshSignIn()).status()),
            ErrorReason::kLinkEnded);
}

TEST_F(LinkUseCasesTest, LinksAreSeenByTheirAccountAndRelyingPartyOnly) {
  const link::LinkId link_id = MakeALink();
  const link::Account account{"https://id.example", "u-0001"};
  const link::Account other{"https://id.example", "u-0002"};
  const Caller stranger{.role = CallerRole::kRelyingParty, .relying_party_id = "other"};
  const auto named = links->GetLink(Front(), link_id, account, true);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->name->Reveal(), "試験 一号");
  EXPECT_FALSE(links->GetLink(Front(), link_id, account, false)->name.has_value());
  EXPECT_TRUE(links->GetLink(University(), link_id, std::nullopt, false).ok());
  EXPECT_EQ(base::ReasonOf(links->GetLink(Front(), link_id, std::nullopt, false).status()),
            ErrorReason::kFieldInvalid);
  EXPECT_EQ(base::ReasonOf(links->GetLink(Front(), link_id, other, false).status()),
            ErrorReason::kLinkNotFound);
  EXPECT_EQ(base::ReasonOf(links->GetLink(stranger, link_id, std::nullopt, false).status()),
            ErrorReason::kLinkNotFound);
  EXPECT_EQ(base::ReasonOf(links->GetLink(University(), link_id, std::nullopt, true).status()),
            ErrorReason::kFieldNotAllowed);
  EXPECT_EQ(links->ListLinks(University(), {})->items.size(), 1u);
  EXPECT_EQ(links->ListLinks(stranger, {})->items.size(), 0u);
  EXPECT_EQ(links->ListEvents(Front(), {.account = account})->items.front().fact.event,
            link::AuditEvent::kNameRead);
}

TEST(BodyHash, CannotBeTriedWithoutTheRequestId) {
  const base::Bytes account = base::ToBytes("u-0001");
  const base::Hash256 hash = BodyHash(base::Id128{1}, "CreateLink", {account});
  EXPECT_EQ(hash, BodyHash(base::Id128{1}, "CreateLink", {account}));
  EXPECT_NE(hash, BodyHash(base::Id128{2}, "CreateLink", {account}));
  EXPECT_NE(hash, BodyHash(base::Id128{1}, "DeleteLink", {account}));
  EXPECT_NE(hash, BodyHash(base::Id128{1}, "CreateLink", {base::ToBytes("u-0002")}));
}

TEST_F(LinkUseCasesTest, NameThatWasNotGrantedIsNotKept) {
  const SessionCall browser = Open();
  const SessionCall phone = PairAcrossDevices(browser);
  ASSERT_TRUE(Submit(phone, Prove(*proofs->GetChallenge(phone))).ok());
  ASSERT_TRUE(proofs->GrantConsent(phone, NewRequest(), "2026-04", {}).ok());
  const auto made = links->CreateLink(browser.session_id, NewRequest(), FreshSignIn());
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_FALSE(persons_->GetName(made->link.person_id)->has_value());
}

}  // namespace
}  // namespace musubi::prelink
