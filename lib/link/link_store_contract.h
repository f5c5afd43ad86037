// What every LinkStore must do, as tests. A new implementation includes this file in one .cc, and
// adds one line: INSTANTIATE_TEST_SUITE_P(Name, LinkStoreContract, testing::Values(&MakeItsWorld)).
#ifndef MUSUBI_LIB_LINK_LINK_STORE_CONTRACT_H_
#define MUSUBI_LIB_LINK_LINK_STORE_CONTRACT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/error.h"
#include "lib/crypto/key_rotation.h"
#include "lib/link/link_store.h"
#include "tests/fakes/fake_random.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::link {

// LinkStoreWorld is an empty database of its own, which goes with the object.
class LinkStoreWorld {
 public:
  virtual ~LinkStoreWorld() = default;
  virtual absl::StatusOr<std::unique_ptr<LinkStore>> Open(const base::Clock& clock,
                                                          base::SecureRandom& random,
                                                          crypto::Keyring audit_keyring,
                                                          crypto::Keyring account_keyring) = 0;
  virtual absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenAccountRows(
      const crypto::Keyring& account_keyring, base::SecureRandom& random) = 0;
  // Whether several objects can be opened, as by several processes.
  virtual bool shared() const = 0;
};
using MakeLinkStoreWorld = std::unique_ptr<LinkStoreWorld> (*)();

class LinkStoreContract : public testing::TestWithParam<MakeLinkStoreWorld> {
 protected:
  LinkStoreContract() : world_(GetParam()()), store_(Open()) {}

  std::unique_ptr<LinkStore> Open() {
    return std::move(world_->Open(clock_, random_, keyring_, account_keyring_)).value();
  }

  // A request that no other is equal to.
  RequestKey Request() {
    RequestKey request;
    request.id = random_.Bytes<16>();
    request.body_hash[0] = ++requests_;
    return request;
  }
  SessionId Session() { return random_.Bytes<16>(); }

  NewLink LinkOf(uint8_t person, const std::string& account, const std::string& party = "party-a") {
    return {.relying_party_id = party,
            .account = {"https://idp.example", account},
            .subject = {person},
            .person_id = {person},
            .session_id = Session(),
            .verdict_summary = "VALID",
            .journey = {1, 2},
            .commitment = base::Hash256{person, 7}};
  }

  // Of a person and a session that no other is equal to.
  NewLink OfNewPerson(const std::string& account) {
    NewLink link = LinkOf(0, account);
    link.person_id = random_.Bytes<16>();
    link.subject = random_.Bytes<32>();
    return link;
  }

  absl::StatusOr<Link> Create(const NewLink& link,
                              AccountPolicy policy = AccountPolicy::kOneLinkPerAccount) {
    return store_->CreateLink(Request(), link, policy);
  }

  EndLinkArgs EndOf(const Link& link) {
    return {.relying_party_id = link.relying_party_id,
            .account = link.account,
            .link_id = link.id,
            .card = std::nullopt,
            .journey = {},
            .commitment = std::nullopt};
  }
  ResolveArgs ResolveOf(const Link& link) {
    return {.relying_party_id = link.relying_party_id,
            .session_id = Session(),
            .person_id = link.person_id,
            .answer = "first",
            .journey = {},
            .commitment = std::nullopt};
  }

  std::vector<AuditEvent> Events(const LinkFilter& filter) {
    std::vector<AuditEvent> events;
    const auto page = store_->ListEvents(filter, {});
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) return events;
    for (const AuditEntry& entry : page->items) {
      events.push_back(entry.fact.event);
    }
    return events;
  }

  template <typename T>
  static base::ErrorReason ReasonOf(const absl::StatusOr<T>& result) {
    return base::ReasonOf(result.status()).value_or(static_cast<base::ErrorReason>(0));
  }

  void ExpectWholeChain(int64_t count) {
    const auto report = store_->VerifyChain(std::nullopt);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_TRUE(report->ok) << report->what;
    EXPECT_EQ(report->count, count);
  }

  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  uint8_t requests_ = 0;
  const crypto::Keyring keyring_ = crypto::Keyring::Generate("a1", random_);
  const crypto::Keyring account_keyring_ = crypto::Keyring::Generate("n1", random_);
  const std::unique_ptr<LinkStoreWorld> world_;
  const std::unique_ptr<LinkStore> store_;
};

using base::ErrorReason;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(LinkStoreContract, CreatesALinkAndEndsItsSession) {
  clock_.Advance(absl::Nanoseconds(1500));
  const NewLink wanted = LinkOf(1, "taro");
  const auto link = Create(wanted);
  ASSERT_TRUE(link.ok()) << link.status();
  const auto read = store_->GetLink(link->id);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->relying_party_id, "party-a");
  EXPECT_EQ(read->account, wanted.account);
  EXPECT_EQ(read->subject, wanted.subject);
  EXPECT_EQ(read->person_id, wanted.person_id);
  EXPECT_EQ(read->session_id, wanted.session_id);
  EXPECT_EQ(read->verdict_summary, "VALID");
  EXPECT_EQ(read->created_at, link->created_at);
  EXPECT_LE(clock_.Now() - link->created_at, absl::Microseconds(1));
  EXPECT_TRUE(read->active());
  const auto end = store_->GetSessionEnd(wanted.session_id);
  ASSERT_TRUE(end.ok() && end->has_value()) << end.status();
  EXPECT_EQ((*end)->outcome, SessionOutcome::kLinked);
  EXPECT_EQ((*end)->link_id, link->id);
  const auto events = store_->ListEvents({.link_id = link->id}, {});
  ASSERT_EQ(events->items.size(), 1u);
  EXPECT_EQ(events->items[0].fact.event, AuditEvent::kLinked);
  EXPECT_EQ(events->items[0].fact.commitment, wanted.commitment);
  EXPECT_EQ(events->items[0].fact.session_id, wanted.session_id);
  EXPECT_EQ(events->items[0].fact.journey.act, 1);
  EXPECT_EQ(events->items[0].fact.journey.flow, 2);
  ExpectWholeChain(1);
}

TEST_P(LinkStoreContract, ARepeatedRequestGetsTheStoredAnswer) {
  const RequestKey request = Request();
  const NewLink wanted = LinkOf(1, "taro");
  const auto link = store_->CreateLink(request, wanted, AccountPolicy::kOneLinkPerAccount);
  ASSERT_TRUE(link.ok()) << link.status();
  const RequestKey end_request = Request();
  clock_.Advance(absl::Minutes(1));
  const auto ended = store_->EndLink(end_request, EndOf(*link));
  ASSERT_TRUE(ended.ok()) << ended.status();
  clock_.Advance(absl::Minutes(1));
  const auto again = store_->CreateLink(request, wanted, AccountPolicy::kOneLinkPerAccount);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, link->id);
  EXPECT_TRUE(again->active());  // As it was answered, though it has ended since.
  const auto ended_again = store_->EndLink(end_request, EndOf(*link));
  ASSERT_TRUE(ended_again.ok()) << ended_again.status();
  EXPECT_EQ(ended_again->ended_at, ended->ended_at);
  ExpectWholeChain(2);
}

TEST_P(LinkStoreContract, ARequestIdWithAnotherBodyOrMethodIsRefused) {
  RequestKey request = Request();
  const auto link =
      store_->CreateLink(request, LinkOf(1, "taro"), AccountPolicy::kOneLinkPerAccount);
  ASSERT_TRUE(link.ok()) << link.status();
  EXPECT_EQ(ReasonOf(store_->EndLink(request, EndOf(*link))), ErrorReason::kRequestIdReused);
  EXPECT_EQ(ReasonOf(store_->ReplaceLink(request, LinkOf(2, "taro"))),
            ErrorReason::kRequestIdReused);
  request.body_hash[0] ^= 1;
  EXPECT_EQ(
      ReasonOf(store_->CreateLink(request, LinkOf(2, "hanako"), AccountPolicy::kOneLinkPerAccount)),
      ErrorReason::kRequestIdReused);
  ExpectWholeChain(1);
}

TEST_P(LinkStoreContract, ACardHasOneActiveLinkAtARelyingParty) {
  ASSERT_TRUE(Create(LinkOf(1, "taro")).ok());
  const NewLink second = LinkOf(1, "hanako");
  const auto refused = Create(second, AccountPolicy::kManyLinksPerAccount);
  EXPECT_EQ(ReasonOf(refused), ErrorReason::kCardAlreadyLinked);
  EXPECT_EQ(refused.status().message().find("taro"), std::string::npos);
  EXPECT_THAT(base::MetadataOf(refused.status()), IsEmpty());
  // A conflict ends nothing: the session may still be used.
  EXPECT_FALSE(store_->GetSessionEnd(second.session_id)->has_value());
  // The pseudonym alone is unique too.
  NewLink same_subject = LinkOf(2, "hanako");
  same_subject.subject = {1};
  EXPECT_EQ(ReasonOf(Create(same_subject)), ErrorReason::kCardAlreadyLinked);
  EXPECT_TRUE(Create(LinkOf(1, "hanako", "party-b")).ok());
  ExpectWholeChain(2);
}

TEST_P(LinkStoreContract, APairThatIsLinkedGetsItsLinkAgain) {
  for (const AccountPolicy policy :
       {AccountPolicy::kOneLinkPerAccount, AccountPolicy::kManyLinksPerAccount}) {
    const std::string account = "taro-" + std::to_string(static_cast<int>(policy));
    const auto made = Create(LinkOf(static_cast<int>(policy), account), policy);
    ASSERT_TRUE(made.ok()) << made.status();
    const NewLink second = LinkOf(static_cast<int>(policy), account);
    const RequestKey request = Request();
    clock_.Advance(absl::Minutes(1));
    const auto again = store_->CreateLink(request, second, policy);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->id, made->id);
    EXPECT_EQ(again->created_at, made->created_at);
    EXPECT_EQ(again->session_id, made->session_id);
    // The second session is used up, like the first.
    const auto end = store_->GetSessionEnd(second.session_id);
    ASSERT_TRUE(end.ok() && end->has_value()) << end.status();
    EXPECT_EQ((*end)->outcome, SessionOutcome::kLinked);
    EXPECT_EQ((*end)->link_id, made->id);
    EXPECT_EQ(ReasonOf(Create(second, policy)), ErrorReason::kSessionAlreadyUsed);
    EXPECT_EQ(store_->CreateLink(request, second, policy)->id, made->id);
    EXPECT_THAT(Events({.link_id = made->id}),
                ElementsAre(AuditEvent::kLinkedAgain, AuditEvent::kLinked));
    // Once it has ended, the pair gets a new one.
    ASSERT_TRUE(store_->EndLink(Request(), EndOf(*made)).ok());
    const auto anew = Create(LinkOf(static_cast<int>(policy), account), policy);
    ASSERT_TRUE(anew.ok()) << anew.status();
    EXPECT_NE(anew->id, made->id);
  }
  ExpectWholeChain(8);
}

TEST_P(LinkStoreContract, AnAccountHasOneActiveLinkOrManyByPolicy) {
  ASSERT_TRUE(Create(LinkOf(1, "taro")).ok());
  EXPECT_EQ(ReasonOf(Create(LinkOf(2, "taro"))), ErrorReason::kAccountAlreadyLinked);
  EXPECT_TRUE(Create(LinkOf(2, "taro"), AccountPolicy::kManyLinksPerAccount).ok());
  EXPECT_TRUE(Create(LinkOf(3, "taro", "party-b")).ok());
  NewLink other_issuer = LinkOf(4, "taro");
  other_issuer.account.issuer = "https://other.example";
  EXPECT_TRUE(Create(other_issuer).ok());
}

TEST_P(LinkStoreContract, ASessionMakesOneLink) {
  const NewLink first = LinkOf(1, "taro");
  ASSERT_TRUE(Create(first).ok());
  NewLink second = LinkOf(2, "hanako");
  second.session_id = first.session_id;
  const auto refused = Create(second);
  EXPECT_EQ(ReasonOf(refused), ErrorReason::kSessionAlreadyUsed);
  EXPECT_EQ(base::MetadataOf(refused.status())["outcome"], "LINKED");
}

TEST_P(LinkStoreContract, ReplacesInOneStep) {
  const auto old = Create(LinkOf(1, "taro"));
  ASSERT_TRUE(old.ok()) << old.status();
  const RequestKey request = Request();
  const NewLink wanted = LinkOf(2, "taro");
  const auto made = store_->ReplaceLink(request, wanted);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(store_->GetLink(old->id)->end_reason, EndReason::kReplaced);
  EXPECT_TRUE(store_->GetLink(made->id)->active());
  EXPECT_EQ((*store_->GetSessionEnd(wanted.session_id))->outcome, SessionOutcome::kReplaced);
  EXPECT_THAT(Events({.account = wanted.account}),
              ElementsAre(AuditEvent::kLinked, AuditEvent::kReplaced, AuditEvent::kLinked));
  EXPECT_EQ(store_->ReplaceLink(request, wanted)->id, made->id);
  // The same card again, in another session, is a new link.
  const auto same_card = store_->ReplaceLink(Request(), LinkOf(2, "taro"));
  ASSERT_TRUE(same_card.ok()) << same_card.status();
  EXPECT_NE(same_card->id, made->id);
  ExpectWholeChain(5);
}

TEST_P(LinkStoreContract, ReplaceThatConflictsChangesNothing) {
  EXPECT_EQ(ReasonOf(store_->ReplaceLink(Request(), LinkOf(1, "taro"))),
            ErrorReason::kLinkNotFound);
  const auto taro = Create(LinkOf(1, "taro"));
  ASSERT_TRUE(Create(LinkOf(2, "hanako")).ok());
  EXPECT_EQ(ReasonOf(store_->ReplaceLink(Request(), LinkOf(2, "taro"))),
            ErrorReason::kCardAlreadyLinked);
  EXPECT_TRUE(store_->GetLink(taro->id)->active());
  ASSERT_TRUE(Create(LinkOf(3, "taro"), AccountPolicy::kManyLinksPerAccount).ok());
  EXPECT_EQ(ReasonOf(store_->ReplaceLink(Request(), LinkOf(4, "taro"))),
            ErrorReason::kAccountAlreadyLinked);
  ExpectWholeChain(3);
}

TEST_P(LinkStoreContract, EndsALinkByItsId) {
  const auto link = Create(LinkOf(1, "taro"));
  clock_.Advance(absl::Hours(1));
  const auto ended = store_->EndLink(Request(), EndOf(*link));
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->ended_at, clock_.Now());
  EXPECT_EQ(ended->end_reason, EndReason::kUnlinkedBySignIn);
  EXPECT_EQ(store_->GetLink(link->id)->ended_at, ended->ended_at);
  EXPECT_EQ(ReasonOf(store_->EndLink(Request(), EndOf(*link))), ErrorReason::kLinkEnded);
  // Card and account are free again.
  EXPECT_TRUE(Create(LinkOf(1, "hanako")).ok());
  EXPECT_TRUE(Create(LinkOf(2, "taro")).ok());
}

TEST_P(LinkStoreContract, EndsOnlyTheAccountsOwnLink) {
  const auto link = Create(LinkOf(1, "taro"));
  EndLinkArgs args = EndOf(*link);
  args.account.subject = "hanako";
  EXPECT_EQ(ReasonOf(store_->EndLink(Request(), args)), ErrorReason::kLinkNotFound);
  args = EndOf(*link);
  args.relying_party_id = "party-b";
  EXPECT_EQ(ReasonOf(store_->EndLink(Request(), args)), ErrorReason::kLinkNotFound);
  args = EndOf(*link);
  args.link_id = LinkId{9};
  EXPECT_EQ(ReasonOf(store_->EndLink(Request(), args)), ErrorReason::kLinkNotFound);
  args.link_id.reset();
  EXPECT_EQ(ReasonOf(store_->EndLink(Request(), args)), ErrorReason::kFieldInvalid);
  EXPECT_TRUE(store_->GetLink(link->id)->active());
}

TEST_P(LinkStoreContract, EndsALinkByTheCardThatASessionProved) {
  const auto one = Create(LinkOf(1, "taro"));
  const auto two = Create(LinkOf(2, "taro"), AccountPolicy::kManyLinksPerAccount);
  EndLinkArgs args = EndOf(*one);
  args.link_id.reset();
  const auto end_with = [&](std::optional<PersonId> person) {
    args.card = ProvenCard{Session(), person};
    return store_->EndLink(Request(), args);
  };
  EXPECT_EQ(ReasonOf(end_with(PersonId{3})), ErrorReason::kLinkCardMismatch);
  EXPECT_EQ(ReasonOf(end_with(std::nullopt)), ErrorReason::kLinkCardMismatch);
  args.link_id = one->id;
  EXPECT_EQ(ReasonOf(end_with(PersonId{2})), ErrorReason::kLinkCardMismatch);
  EXPECT_EQ(ReasonOf(end_with(std::nullopt)), ErrorReason::kLinkCardMismatch);
  args.link_id.reset();
  const auto ended = end_with(PersonId{2});
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->id, two->id);
  EXPECT_EQ(ended->end_reason, EndReason::kUnlinkedWithCard);
  EXPECT_EQ((*store_->GetSessionEnd(args.card->session_id))->outcome, SessionOutcome::kUnlinked);
  EXPECT_EQ(ReasonOf(store_->EndLink(Request(), args)), ErrorReason::kSessionAlreadyUsed);
  args.link_id = one->id;
  EXPECT_TRUE(end_with(PersonId{1}).ok());
  args.link_id.reset();
  EXPECT_EQ(ReasonOf(end_with(PersonId{1})), ErrorReason::kLinkNotFound);
}

TEST_P(LinkStoreContract, ResolvesACardToItsLinkOnce) {
  const auto link = Create(LinkOf(1, "taro"));
  ResolveArgs args = ResolveOf(*link);
  const auto resolved = store_->Resolve(args);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->link.id, link->id);
  EXPECT_EQ(resolved->answer, "first");
  EXPECT_EQ((*store_->GetSessionEnd(args.session_id))->outcome, SessionOutcome::kResolved);
  // The first answer stands, whatever became of the link.
  ASSERT_TRUE(store_->EndLink(Request(), EndOf(*link)).ok());
  args.answer = "second";
  clock_.Advance(absl::Minutes(1));
  const auto again = store_->Resolve(args);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->link.active());
  EXPECT_EQ(again->answer, "first");
  EXPECT_EQ(again->at, resolved->at);

  ResolveArgs other = args;
  other.person_id = PersonId{2};
  EXPECT_EQ(ReasonOf(store_->Resolve(other)), ErrorReason::kSessionAlreadyUsed);
  other = args;
  other.relying_party_id = "party-b";
  EXPECT_EQ(ReasonOf(store_->Resolve(other)), ErrorReason::kSessionAlreadyUsed);
  EXPECT_EQ(ReasonOf(store_->Resolve(ResolveOf(*link))), ErrorReason::kLinkNotFound);
  ExpectWholeChain(4);
}

TEST_P(LinkStoreContract, ACardWithoutALinkIsAnAnswerToo) {
  ResolveArgs args{.relying_party_id = "party-a",
                   .session_id = Session(),
                   .person_id = PersonId{1},
                   .answer = "",
                   .journey = {},
                   .commitment = std::nullopt};
  EXPECT_EQ(ReasonOf(store_->Resolve(args)), ErrorReason::kLinkNotFound);
  ASSERT_TRUE(Create(LinkOf(1, "taro")).ok());
  EXPECT_EQ(ReasonOf(store_->Resolve(args)), ErrorReason::kLinkNotFound);
  args.session_id = Session();
  args.relying_party_id = "party-b";  // The link is another relying party's.
  EXPECT_EQ(ReasonOf(store_->Resolve(args)), ErrorReason::kLinkNotFound);
  args.session_id = Session();
  args.relying_party_id = "party-a";
  args.person_id.reset();
  EXPECT_EQ(ReasonOf(store_->Resolve(args)), ErrorReason::kLinkNotFound);
  EXPECT_THAT(Events({.relying_party_id = "party-b"}), ElementsAre(AuditEvent::kResolvedNothing));
}

TEST_P(LinkStoreContract, TheFirstToEndASessionWins) {
  const SessionId session = Session();
  EXPECT_EQ(*store_->GetSessionEnd(session), std::nullopt);
  EndSessionArgs args{.session_id = session,
                      .relying_party_id = "party-a",
                      .outcome = SessionOutcome::kNotMe,
                      .answer = "first",
                      .journey = {}};
  EXPECT_EQ(store_->EndSession(args)->answer, "first");
  args.outcome = SessionOutcome::kLockedOut;
  args.answer = "second";
  const auto stored = store_->EndSession(args);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->outcome, SessionOutcome::kNotMe);
  EXPECT_EQ(stored->answer, "first");
  NewLink link = LinkOf(1, "taro");
  link.session_id = session;
  const auto refused = Create(link);
  EXPECT_EQ(ReasonOf(refused), ErrorReason::kSessionAlreadyUsed);
  EXPECT_EQ(base::MetadataOf(refused.status())["outcome"], "NOT_ME");
  ResolveArgs resolve{.relying_party_id = "party-a",
                      .session_id = session,
                      .person_id = std::nullopt,
                      .answer = "",
                      .journey = {},
                      .commitment = std::nullopt};
  EXPECT_EQ(ReasonOf(store_->Resolve(resolve)), ErrorReason::kSessionAlreadyUsed);
  args.session_id = Session();
  args.outcome = SessionOutcome::kLinked;
  EXPECT_EQ(ReasonOf(store_->EndSession(args)), ErrorReason::kFieldInvalid);
  ExpectWholeChain(1);
}

TEST_P(LinkStoreContract, RefusesFieldsOutsideTheirLimits) {
  struct Case {
    std::string field;
    std::function<void(NewLink&)> damage;
  };
  const std::vector<Case> cases = {
      {"relying_party_id", [](NewLink& l) { l.relying_party_id.clear(); }},
      {"relying_party_id",
       [](NewLink& l) { l.relying_party_id.assign(kMaxRelyingPartyIdLength + 1, 'x'); }},
      {"account.issuer", [](NewLink& l) { l.account.issuer.clear(); }},
      {"account.issuer",
       [](NewLink& l) { l.account.issuer.assign(kMaxAccountPartLength + 1, 'x'); }},
      {"account.subject", [](NewLink& l) { l.account.subject.clear(); }},
      {"account.subject",
       [](NewLink& l) { l.account.subject.assign(kMaxAccountPartLength + 1, 'x'); }},
      {"verdict_summary",
       [](NewLink& l) { l.verdict_summary.assign(kMaxVerdictSummaryLength + 1, 'x'); }},
  };
  for (const Case& c : cases) {
    NewLink link = LinkOf(1, "taro");
    c.damage(link);
    for (const auto& result : {Create(link), store_->ReplaceLink(Request(), link)}) {
      EXPECT_EQ(ReasonOf(result), ErrorReason::kFieldInvalid) << c.field;
      EXPECT_EQ(base::MetadataOf(result.status())["field"], c.field);
    }
  }
  EXPECT_EQ(ReasonOf(Create(LinkOf(1, "taro"), AccountPolicy::kUnspecified)),
            ErrorReason::kFieldInvalid);
  EndSessionArgs end{.session_id = Session(),
                     .relying_party_id = "party-a",
                     .outcome = SessionOutcome::kNotMe,
                     .answer = std::string(kMaxAnswerLength + 1, 'x'),
                     .journey = {}};
  EXPECT_EQ(ReasonOf(store_->EndSession(end)), ErrorReason::kFieldInvalid);
  end.answer.pop_back();
  EXPECT_TRUE(store_->EndSession(end).ok());
}

TEST_P(LinkStoreContract, ListsNewestFirstPageByPage) {
  std::vector<LinkId> made;
  for (uint8_t i = 0; i < 5; ++i) {
    made.push_back(Create(LinkOf(i, "taro"), AccountPolicy::kManyLinksPerAccount)->id);
  }
  ASSERT_TRUE(Create(LinkOf(9, "hanako")).ok());
  ASSERT_TRUE(Create(LinkOf(0, "taro", "party-b")).ok());
  ASSERT_TRUE(store_->EndLink(Request(), EndOf(*store_->GetLink(made[2]))).ok());
  LinkFilter filter{.relying_party_id = "party-a",
                    .account = Account{"https://idp.example", "taro"}};
  const auto ids = [&](int size) {
    std::vector<LinkId> listed;
    PageRequest page{.size = size};
    do {
      const auto result = store_->ListLinks(filter, page);
      EXPECT_TRUE(result.ok()) << result.status();
      if (!result.ok()) break;
      if (size > 0) {
        EXPECT_LE(result->items.size(), static_cast<size_t>(size));
      }
      for (const Link& link : result->items) listed.push_back(link.id);
      page.token = result->next_token;
    } while (!page.token.empty());
    return listed;
  };
  EXPECT_THAT(ids(2), ElementsAre(made[4], made[3], made[1], made[0]));
  filter.include_ended = true;
  for (const int size : {0, 1, 2, 5, 1000}) {
    EXPECT_THAT(ids(size), ElementsAre(made[4], made[3], made[2], made[1], made[0])) << size;
  }
  filter.relying_party_id.reset();
  EXPECT_EQ(ids(0).size(), 6u);
  filter.account.reset();
  filter.link_id = made[2];
  EXPECT_THAT(ids(0), ElementsAre(made[2]));
}

TEST_P(LinkStoreContract, RefusesForeignPageTokensAndEmptyFilters) {
  for (uint8_t i = 0; i < 3; ++i) ASSERT_TRUE(Create(LinkOf(i, std::string(1, 'a' + i))).ok());
  const LinkFilter filter{.relying_party_id = "party-a"};
  const std::string token = store_->ListLinks(filter, {.size = 1})->next_token;
  ASSERT_FALSE(token.empty());
  EXPECT_TRUE(store_->ListLinks(filter, {.size = 1, .token = token}).ok());
  EXPECT_EQ(
      ReasonOf(store_->ListLinks({.relying_party_id = "party-b"}, {.size = 1, .token = token})),
      ErrorReason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(store_->ListEvents(filter, {.size = 1, .token = token})),
            ErrorReason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(store_->ListLinks(filter, {.size = 1, .token = "x"})),
            ErrorReason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(store_->ListLinks(filter, {.size = -1})), ErrorReason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(store_->ListLinks({}, {})), ErrorReason::kFieldInvalid);
  EXPECT_EQ(ReasonOf(store_->ListEvents({}, {})), ErrorReason::kFieldInvalid);
}

TEST_P(LinkStoreContract, APageIsBounded) {
  for (int i = 0; i <= kMaxPageSize; ++i) {
    ASSERT_TRUE(store_
                    ->EndSession({.session_id = Session(),
                                  .relying_party_id = "party-a",
                                  .outcome = SessionOutcome::kNotMe,
                                  .answer = "",
                                  .journey = {}})
                    .ok());
  }
  const LinkFilter filter{.relying_party_id = "party-a"};
  const auto first = store_->ListEvents(filter, {.size = kMaxPageSize + 1});
  EXPECT_EQ(first->items.size(), static_cast<size_t>(kMaxPageSize));
  EXPECT_EQ(store_->ListEvents(filter, {})->items.size(), static_cast<size_t>(kDefaultPageSize));
  const auto second = store_->ListEvents(filter, {.token = first->next_token});
  ASSERT_EQ(second->items.size(), 1u);
  EXPECT_EQ(second->items[0].sequence, 1);
  EXPECT_EQ(second->next_token, "");
}

TEST_P(LinkStoreContract, ListsTheEventsOfALinkAndOfAnAccount) {
  const auto link = Create(LinkOf(1, "taro"));
  ASSERT_TRUE(Create(LinkOf(2, "hanako")).ok());
  ASSERT_TRUE(store_->Resolve(ResolveOf(*link)).ok());
  ASSERT_TRUE(store_->EndLink(Request(), EndOf(*link)).ok());
  EXPECT_THAT(Events({.link_id = link->id}),
              ElementsAre(AuditEvent::kUnlinked, AuditEvent::kResolved, AuditEvent::kLinked));
  EXPECT_EQ(Events({.account = link->account}), Events({.link_id = link->id}));
  EXPECT_EQ(Events({.relying_party_id = "party-a"}).size(), 4u);
  EXPECT_THAT(Events({.relying_party_id = "party-b", .account = link->account}), IsEmpty());
}

TEST_P(LinkStoreContract, AChangedAccountKeyChangesNothingForAnAccount) {
  if (!world_->shared()) return;  // It has no second process and no restart.
  const auto old_link = Create(LinkOf(1, "taro"));
  ASSERT_TRUE(old_link.ok()) << old_link.status();
  // The new key in front, the old one behind.
  const auto both =
      crypto::Keyring::Parse(crypto::Keyring::Generate("n2", random_).Serialize().Reveal() +
                             account_keyring_.Serialize().Reveal());
  ASSERT_TRUE(both.ok()) << both.status();
  auto opened = world_->Open(clock_, random_, keyring_, *both);
  ASSERT_TRUE(opened.ok()) << opened.status();
  LinkStore& store = **opened;
  EXPECT_EQ(store.GetLink(old_link->id)->account, old_link->account);
  EXPECT_EQ(
      ReasonOf(store.CreateLink(Request(), LinkOf(2, "taro"), AccountPolicy::kOneLinkPerAccount)),
      ErrorReason::kAccountAlreadyLinked);
  // One link of each key: both are the account's, in every list and for every end.
  const auto new_link =
      store.CreateLink(Request(), LinkOf(2, "taro"), AccountPolicy::kManyLinksPerAccount);
  ASSERT_TRUE(new_link.ok()) << new_link.status();
  const LinkFilter filter{.account = old_link->account};
  const auto first = store.ListLinks(filter, {.size = 1});
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->items.size(), 1u);
  EXPECT_EQ(first->items[0].id, new_link->id);
  const auto second = store.ListLinks(filter, {.size = 1, .token = first->next_token});
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->items.size(), 1u);
  EXPECT_EQ(second->items[0].id, old_link->id);
  EXPECT_EQ(store.ListEvents(filter, {})->items.size(), 2u);
  EXPECT_EQ(ReasonOf(store.ReplaceLink(Request(), LinkOf(3, "taro"))),
            ErrorReason::kAccountAlreadyLinked);
  EXPECT_TRUE(store.EndLink(Request(), EndOf(*new_link)).ok());
  const auto replaced = store.ReplaceLink(Request(), LinkOf(3, "taro"));
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_FALSE(store.GetLink(old_link->id)->active());
  // A process without the new key: it cannot say whose link that is, and does not guess.
  const absl::Status lost = store_->GetLink(replaced->id).status();
  EXPECT_EQ(lost.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(lost.message().find("n2"), std::string::npos) << lost;
  EXPECT_EQ(lost.message().find("taro"), std::string::npos) << lost;
  // And it does not start again.
  const absl::Status refused = world_->Open(clock_, random_, keyring_, account_keyring_).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.message().find("n2"), std::string::npos) << refused;
}

TEST_P(LinkStoreContract, AProcessWithoutAnAccountKeyThatOthersUseRefusesRatherThanGuesses) {
  if (!world_->shared()) return;
  const auto both =
      crypto::Keyring::Parse(crypto::Keyring::Generate("n2", random_).Serialize().Reveal() +
                             account_keyring_.Serialize().Reveal());
  const auto new_first = std::move(world_->Open(clock_, random_, keyring_, *both)).value();
  ASSERT_TRUE(
      new_first->CreateLink(Request(), LinkOf(1, "taro"), AccountPolicy::kOneLinkPerAccount).ok());
  const LinkFilter filter{.account = Account{"https://idp.example", "taro"}};
  EndLinkArgs end = EndOf({.relying_party_id = "party-a", .account = *filter.account});
  end.link_id.reset();
  end.card = ProvenCard{.session_id = Session(), .person_id = PersonId{1}};
  const absl::Status refusals[] = {
      Create(LinkOf(2, "taro")).status(),
      Create(LinkOf(2, "taro"), AccountPolicy::kManyLinksPerAccount).status(),
      store_->ReplaceLink(Request(), LinkOf(2, "taro")).status(),
      store_->EndLink(Request(), end).status(),
      store_->ListLinks(filter, {}).status(),
      store_->ListEvents(filter, {}).status(),
  };
  for (const absl::Status& refused : refusals) {
    EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kUnavailable) << refused;
    EXPECT_NE(refused.message().find("key n2"), std::string::npos) << refused;
  }
  EXPECT_EQ(new_first->ListLinks(filter, {})->items.size(), 1u);
}

TEST_P(LinkStoreContract, APageTokenCannotBeTriedForItsAccount) {
  ASSERT_TRUE(Create(LinkOf(1, "taro"), AccountPolicy::kManyLinksPerAccount).ok());
  ASSERT_TRUE(Create(LinkOf(2, "taro"), AccountPolicy::kManyLinksPerAccount).ok());
  const LinkFilter filter{.account = Account{"https://idp.example", "taro"}};
  const std::string token = store_->ListLinks(filter, {.size = 1})->next_token;
  // The same list of the same rows under another key: the token is another.
  const auto other_world = GetParam()();
  auto other =
      other_world->Open(clock_, random_, keyring_, crypto::Keyring::Generate("n1", random_));
  ASSERT_TRUE(other.ok()) << other.status();
  for (const uint8_t person : {1, 2}) {
    ASSERT_TRUE(
        (*other)
            ->CreateLink(Request(), LinkOf(person, "taro"), AccountPolicy::kManyLinksPerAccount)
            .ok());
  }
  EXPECT_FALSE(token.empty());
  EXPECT_NE((*other)->ListLinks(filter, {.size = 1})->next_token, token);
}

TEST_P(LinkStoreContract, NotesThatANameWasRead) {
  const auto link = Create(LinkOf(1, "taro"));
  EXPECT_TRUE(store_->NoteNameRead(link->id).ok());
  EXPECT_THAT(Events({.link_id = link->id}),
              ElementsAre(AuditEvent::kNameRead, AuditEvent::kLinked));
  EXPECT_EQ(base::ReasonOf(store_->NoteNameRead(LinkId{9})), ErrorReason::kLinkNotFound);
}

TEST_P(LinkStoreContract, KnowsWhichPersonsAreReferenced) {
  const auto active = Create(LinkOf(1, "taro"));
  const auto ended = Create(LinkOf(2, "hanako"));
  ASSERT_TRUE(store_->EndLink(Request(), EndOf(*ended)).ok());
  const std::vector<PersonId> asked = {{1}, {2}, {3}};
  EXPECT_THAT(*store_->ReferencedPersons(asked, absl::InfiniteFuture()), ElementsAre(PersonId{1}));
  EXPECT_THAT(*store_->ReferencedPersons(asked, clock_.Now()),
              ElementsAre(PersonId{1}, PersonId{2}));
  EXPECT_THAT(*store_->ReferencedPersons(asked, clock_.Now() + absl::Seconds(1)),
              ElementsAre(PersonId{1}));
  EXPECT_THAT(*store_->ReferencedPersons({}, absl::InfinitePast()), IsEmpty());
}

TEST_P(LinkStoreContract, PrunesAnswersButNeverLinksOrEvents) {
  const NewLink wanted = LinkOf(1, "taro");
  ASSERT_TRUE(Create(wanted).ok());
  EXPECT_EQ(ReasonOf(store_->Prune(clock_.Now() - kMinAnswerAge + absl::Microseconds(1))),
            ErrorReason::kFieldInvalid);
  EXPECT_EQ(*store_->Prune(clock_.Now() - kMinAnswerAge), 0);
  clock_.Advance(kMinAnswerAge + absl::Seconds(1));
  EXPECT_EQ(*store_->Prune(clock_.Now() - kMinAnswerAge), 2);
  EXPECT_FALSE(store_->GetSessionEnd(wanted.session_id)->has_value());
  NewLink second = LinkOf(2, "hanako");
  second.session_id = wanted.session_id;
  EXPECT_EQ(ReasonOf(Create(second)), ErrorReason::kSessionAlreadyUsed);
  ExpectWholeChain(1);
}

TEST_P(LinkStoreContract, TheChainGrowsFromHeadToHead) {
  EXPECT_EQ(*store_->ExportHead(), AuditHead{});
  EXPECT_TRUE(store_->ListHeads()->empty());
  ASSERT_TRUE(Create(LinkOf(1, "taro")).ok());
  const AuditHead first = *store_->ExportHead();
  EXPECT_EQ(first.sequence, 1);
  ASSERT_TRUE(Create(LinkOf(2, "hanako")).ok());
  const auto report = store_->VerifyChain(first);
  EXPECT_TRUE(report->ok) << report->what;
  EXPECT_TRUE(report->tail_checked);
  EXPECT_EQ(report->head, *store_->ExportHead());
  EXPECT_EQ(report->chains, *store_->ListHeads());
  EXPECT_EQ(report->chains.size(), 1u);
  AuditHead ahead = *store_->ExportHead();
  ++ahead.sequence;
  EXPECT_EQ(store_->VerifyChain(ahead)->fault, AuditFault::kHeadMissing);
  const auto unchecked = store_->VerifyChain(std::nullopt);
  EXPECT_TRUE(unchecked->ok);
  EXPECT_FALSE(unchecked->tail_checked);
  EXPECT_NE(unchecked->what.find("cut off cannot be seen"), std::string::npos);
}

// Races: what several servers do at the same moment. Each runs on as many objects as the
// implementation can open on one database.
class LinkStoreRace {
 public:
  explicit LinkStoreRace(std::vector<LinkStore*> stores) : stores_(std::move(stores)) {}

  // Runs `call` on `threads` threads at once, and returns how often it was true.
  int Wins(int threads, const std::function<bool(LinkStore&, int)>& call) {
    std::vector<int> won(static_cast<size_t>(threads));
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        won[static_cast<size_t>(i)] = call(*stores_[static_cast<size_t>(i) % stores_.size()], i);
      });
    }
    for (std::thread& thread : running) thread.join();
    int wins = 0;
    for (const int one : won) wins += one;
    return wins;
  }

 private:
  std::vector<LinkStore*> stores_;
};

TEST_P(LinkStoreContract, OfManyAtOnceExactlyOneWins) {
  const std::unique_ptr<LinkStore> other = world_->shared() ? Open() : nullptr;
  LinkStoreRace race(other ? std::vector{store_.get(), other.get()} : std::vector{store_.get()});
  // A round waits for three writes to the disk: the session's 1,000 rounds would take minutes here.
  constexpr int kThreads = 64, kRounds = 20;
  std::vector<RequestKey> requests;
  std::vector<NewLink> links;
  const auto prepare = [&](const std::function<NewLink(int)>& make) {
    requests.clear();
    links.clear();
    for (int i = 0; i < kThreads; ++i) {
      requests.push_back(Request());
      links.push_back(make(i));
    }
  };
  const auto create = [&](ErrorReason loser) {
    return [&, loser](LinkStore& store, int i) {
      const auto n = static_cast<size_t>(i);
      const auto made = store.CreateLink(requests[n], links[n], AccountPolicy::kOneLinkPerAccount);
      if (!made.ok()) {
        EXPECT_EQ(ReasonOf(made), loser) << made.status();
      }
      return made.ok();
    };
  };
  for (int round = 0; round < kRounds; ++round) {
    // One card, many accounts.
    const NewLink card = OfNewPerson("");
    prepare([&](int i) {
      NewLink link = card;
      link.account.subject = std::to_string(round) + "-" + std::to_string(i);
      link.session_id = Session();
      return link;
    });
    EXPECT_EQ(race.Wins(kThreads, create(ErrorReason::kCardAlreadyLinked)), 1);
    // One account, many cards.
    const std::string account = "taro-" + std::to_string(round);
    prepare([&](int) { return OfNewPerson(account); });
    EXPECT_EQ(race.Wins(kThreads, create(ErrorReason::kAccountAlreadyLinked)), 1);
    // One session, many of both.
    const SessionId session = Session();
    prepare([&](int i) {
      NewLink link = OfNewPerson("hanako-" + std::to_string(round) + "-" + std::to_string(i));
      link.session_id = session;
      return link;
    });
    EXPECT_EQ(race.Wins(kThreads, create(ErrorReason::kSessionAlreadyUsed)), 1);
  }
  // The same pair, in as many sessions: everybody gets the one link.
  std::vector<LinkId> answers(kThreads);
  for (int round = 0; round < kRounds; ++round) {
    const NewLink pair = OfNewPerson("saburo-" + std::to_string(round));
    prepare([&](int) {
      NewLink link = pair;
      link.session_id = Session();
      return link;
    });
    EXPECT_EQ(race.Wins(kThreads,
                        [&](LinkStore& store, int i) {
                          const auto n = static_cast<size_t>(i);
                          const auto made = store.CreateLink(requests[n], links[n],
                                                             AccountPolicy::kOneLinkPerAccount);
                          EXPECT_TRUE(made.ok()) << made.status();
                          if (made.ok()) answers[n] = made->id;
                          return made.ok();
                        }),
              kThreads);
    EXPECT_THAT(answers, testing::Each(answers[0]));
  }
  // The same request, many times: everybody gets the one link.
  const NewLink same = LinkOf(50, "hanako");
  const RequestKey request = Request();
  EXPECT_EQ(race.Wins(kThreads,
                      [&](LinkStore& store, int i) {
                        const auto made =
                            store.CreateLink(request, same, AccountPolicy::kOneLinkPerAccount);
                        if (made.ok()) answers[static_cast<size_t>(i)] = made->id;
                        return made.ok();
                      }),
            kThreads);
  EXPECT_THAT(answers, testing::Each(answers[0]));
  // Using a session against calling it foreign.
  const NewLink contested = LinkOf(60, "jiro");
  prepare([&](int) { return contested; });
  EXPECT_EQ(race.Wins(kThreads,
                      [&](LinkStore& store, int i) {
                        if (i % 2 == 0) {
                          return store
                              .CreateLink(requests[static_cast<size_t>(i)], contested,
                                          AccountPolicy::kOneLinkPerAccount)
                              .ok();
                        }
                        const auto end = store.EndSession({.session_id = contested.session_id,
                                                           .relying_party_id = "party-a",
                                                           .outcome = SessionOutcome::kNotMe,
                                                           .answer = std::to_string(i),
                                                           .journey = {}});
                        return end.ok() && end->outcome == SessionOutcome::kNotMe &&
                               end->answer == std::to_string(i);
                      }),
            1);
  ExpectWholeChain(3 * kRounds + kThreads * kRounds + 2);
}

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_LINK_STORE_CONTRACT_H_
