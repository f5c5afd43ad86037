// Every keyring is changed, step by step as docs/keys.md says, while journeys run at two servers
// that are never changed at the same moment.
#include "lib/crypto/key_rotation.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "lib/link/link_rotation.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/link/postgres_link_store.h"
#include "lib/person/person_rotation.h"
#include "lib/person/postgres_person_schema.h"
#include "lib/person/postgres_person_store.h"
#include "lib/postgres/migration.h"
#include "lib/prelink/card_fixture.h"
#include "tests/fakes/postgres_server.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using crypto::Keyring;
using session::Act;

// The seven keyrings of a server.
struct Keyrings {
  Keyring service, card, audit, account, index, data, subject;

  // Each of them, made of those of `a` and `b`.
  static Keyrings Of(const Keyrings& a, const Keyrings& b,
                     const std::function<Keyring(const Keyring&, const Keyring&)>& make) {
    return {make(a.service, b.service), make(a.card, b.card),   make(a.audit, b.audit),
            make(a.account, b.account), make(a.index, b.index), make(a.data, b.data),
            make(a.subject, b.subject)};
  }
};

Keyring Join(const Keyring& first, const Keyring& second) {
  return *Keyring::Parse(first.Serialize().Reveal() + second.Serialize().Reveal());
}

// One musubid: what it has read at its start.
struct Server {
  Keyrings keyrings;
  std::unique_ptr<link::LinkStore> link_store;
  std::unique_ptr<person::PersonStore> person_store;
  std::unique_ptr<RelyingPartyRegistry> registry;
  std::unique_ptr<Journey> journey;
  std::unique_ptr<SessionUseCases> sessions;
  std::unique_ptr<PairingUseCases> pairings;
  std::unique_ptr<LinkUseCases> links;
  std::unique_ptr<ProofUseCases> proofs;
};

class KeyRotation : public CardFixture, public testing::WithParamInterface<bool> {
 protected:
  static constexpr size_t kThreads = 2;

  void SetUp() override {
    CardFixture::SetUp();
    PublishCrl(clock_.Now());
    if (!GetParam()) return;
    fakes::PostgresServer& server = fakes::PostgresServer::Shared();
    conninfo_ = server.Conninfo(server.NewDatabase());
    const auto connection = postgres::Connection::Open(conninfo_, {});
    ASSERT_TRUE(connection.ok()) << connection.status();
    for (const postgres::Schema& schema :
         {link::kPostgresLinkSchema, person::kPostgresPersonSchema}) {
      ASSERT_TRUE(postgres::Migrate(**connection, schema).ok());
    }
  }

  Keyrings NewKeyrings(const std::string& number) {
    const auto make = [&](const char* letter) {
      return Keyring::Generate(letter + number, random_);
    };
    return {make("s"), make("c"), make("a"), make("n"), make("i"), make("d"), make("p")};
  }

  std::shared_ptr<Server> Start(const Keyrings& keyrings) {
    auto server = std::make_shared<Server>(Server{.keyrings = keyrings});
    const Keyrings& keys = server->keyrings;
    if (conninfo_.empty()) {
      server->link_store = OrDie(link::CreateSqliteLinkStore(
          {&clock_, &random_, keys.audit, keys.account}, {dir_.File("links.db")}));
      server->person_store = OrDie(person::CreateSqlitePersonStore(
          {&clock_, &random_, keys.index, keys.data}, {dir_.File("persons.db")}));
    } else {
      server->link_store = OrDie(link::CreatePostgresLinkStore(
          {&clock_, &random_, keys.audit, keys.account}, {conninfo_, 4}));
      server->person_store = OrDie(person::CreatePostgresPersonStore(
          {&clock_, &random_, keys.index, keys.data}, {conninfo_, 4}));
    }
    auto registry =
        RelyingPartyRegistry::Parse(base::ReadFile(dir_.File("rp.json")).value(), "rp.json",
                                    [&](const std::string&) { return keys.subject; });
    server->registry = std::make_unique<RelyingPartyRegistry>(*std::move(registry));
    server->journey =
        std::make_unique<Journey>(Journey::Dependencies{.sessions = sessions_,
                                                        .links = *server->link_store,
                                                        .limits = *limits_,
                                                        .relying_parties = *server->registry,
                                                        .random = random_,
                                                        .service_keyring = keys.service,
                                                        .card_keyring = keys.card},
                                  session::Lifetimes());
    server->sessions = std::make_unique<SessionUseCases>(*server->journey);
    server->pairings = std::make_unique<PairingUseCases>(*server->journey);
    server->links =
        std::make_unique<LinkUseCases>(LinkUseCases::Dependencies{.journey = *server->journey,
                                                                  .persons = *server->person_store,
                                                                  .evidence_key = evidence_key_,
                                                                  .clock = clock_});
    server->proofs = std::make_unique<ProofUseCases>(
        ProofUseCases::Dependencies{.journey = *server->journey,
                                    .validation = validation_,
                                    .name_issuers = name_issuers_,
                                    .revocation_mode = revocation::RevocationMode::kCrlOnly});
    return server;
  }
  void Replace(size_t place, std::shared_ptr<Server> server) {
    base::MutexLock lock(mutex_);
    servers_[place].swap(server);  // Goes when its last call has ended.
  }
  std::shared_ptr<Server> Take(size_t place) {
    base::MutexLock lock(mutex_);
    return servers_[place % servers_.size()];
  }
  // Both servers, one after the other, with journeys while they differ.
  void StartAgain(const Keyrings& keyrings) {
    for (const size_t place : {size_t{0}, size_t{1}}) {
      Replace(place, Start(keyrings));
      AwaitJourneys();
    }
  }
  // Until each thread has ended the journeys that it is in.
  void AwaitJourneys() {
    std::array<int, kThreads> wanted;
    for (size_t i = 0; i < kThreads; ++i) wanted[i] = done_[i] + 1;
    for (size_t i = 0; i < kThreads; ++i) {
      for (int now = done_[i]; now < wanted[i]; now = done_[i]) done_[i].wait(now);
    }
  }

  // One person with one card, whose calls go to the two servers by turns.
  struct Person {
    size_t turn = 0;
    session::AccountBinding account;
    base::Bytes card_der;
    std::optional<person::PersonId> id;
    std::vector<link::LinkId> links;
  };
  std::shared_ptr<Server> Next(Person& person) { return Take(person.turn++); }

  SignIn SignInOf(const session::AccountBinding& account) {
    return {account.issuer, account.subject, clock_.Now(), "mfa"};
  }
  // A session of the account's, made once however often the request comes.
  std::optional<SessionCall> OpenFor(Person& person, Act act,
                                     const session::AccountBinding& account) {
    CreateSessionArgs args = LinkArgs(act);
    args.account = account;
    const auto created = Next(person)->sessions->Create(Front(), args);
    const auto again = Next(person)->sessions->Create(Front(), args);
    EXPECT_TRUE(created.ok() && again.ok()) << created.status() << again.status();
    if (!created.ok() || !again.ok()) return std::nullopt;
    EXPECT_EQ(created->id, again->id);
    return SessionCall{created->id, again->browser_credential};
  }
  std::optional<SessionCall> PairByQr(Person& person, const SessionCall& browser) {
    const auto frame = Next(person)->pairings->GetQrFrame(browser);
    if (!frame.ok()) return Failed(frame.status());
    const auto claimed = Next(person)->pairings->ClaimQr(frame->payload.Reveal(), NewSecret());
    if (!claimed.ok()) return Failed(claimed.status());
    const absl::Status confirmed =
        Next(person)->pairings->ConfirmCode(browser, NewRequest(), claimed->pairing_code.Reveal());
    if (!confirmed.ok()) return Failed(confirmed);
    return SessionCall{claimed->session_id, claimed->device_credential};
  }
  std::optional<SessionCall> PairByHandoff(Person& person, const SessionCall& browser) {
    const auto handoff = Next(person)->pairings->CreateHandoff(browser, NewRequest());
    if (!handoff.ok()) return Failed(handoff.status());
    const auto claimed =
        Next(person)->pairings->ClaimHandoff(browser.session_id, handoff->token, NewSecret());
    if (!claimed.ok()) return Failed(claimed.status());
    return SessionCall{browser.session_id, claimed->device_credential};
  }
  bool ProveWith(Person& person, const SessionCall& phone) {
    const auto issued = Next(person)->proofs->GetChallenge(phone);
    if (!issued.ok()) return Failed(issued.status()).has_value();
    const auto answer = Next(person)->proofs->SubmitProof(
        phone, Prove(*issued, card_key_, person.card_der), clock_.Now() + absl::Seconds(5));
    if (!answer.ok()) return Failed(answer.status()).has_value();
    EXPECT_EQ(answer->state, session::State::kProven) << pki::Name(answer->verdict.reason);
    const auto consent =
        Next(person)->proofs->GrantConsent(phone, NewRequest(), "2026-04", {"name"});
    return consent.ok() || Failed(consent.status()).has_value();
  }
  static std::optional<SessionCall> Failed(const absl::Status& status) {
    ADD_FAILURE() << status;
    return std::nullopt;
  }
  // A READY session of front's.
  std::optional<SessionCall> ReadyFor(Person& person, Act act,
                                      const session::AccountBinding& account) {
    const auto browser = OpenFor(person, act, account);
    if (!browser.has_value()) return std::nullopt;
    const auto phone = PairByQr(person, *browser);
    if (!phone.has_value() || !ProveWith(person, *phone)) return std::nullopt;
    return browser;
  }

  // LINK, a second LINK that must not be, VERIFY and UNLINK. False if something failed.
  bool Live(Person& person) {
    // Another account each time: how many sessions one may open in an hour is limited.
    person.account.subject = "u-" + base::HexEncode(random_.Bytes<8>());
    const auto linking = ReadyFor(person, Act::kLink, person.account);
    if (!linking.has_value()) return false;
    const RequestId request = NewRequest();
    const auto made =
        Next(person)->links->CreateLink(linking->session_id, request, SignInOf(person.account));
    const auto again =
        Next(person)->links->CreateLink(linking->session_id, request, SignInOf(person.account));
    if (!made.ok() || !again.ok()) return Failed(made.ok() ? again.status() : made.status()), false;
    EXPECT_EQ(made->link.id, again->link.id);
    person.links.push_back(made->link.id);
    if (!person.id.has_value()) person.id = made->link.person_id;
    EXPECT_EQ(made->link.person_id, *person.id);  // Never a second person of one card.

    session::AccountBinding other = person.account;
    other.subject += "-other";
    const auto second = ReadyFor(person, Act::kLink, other);
    if (!second.has_value()) return false;
    EXPECT_EQ(
        base::ReasonOf(Next(person)
                           ->links->CreateLink(second->session_id, NewRequest(), SignInOf(other))
                           .status()),
        ErrorReason::kCardAlreadyLinked);
    return Verify(person, made->link.id) && Unlink(person, made->link.id);
  }
  bool Verify(Person& person, const link::LinkId& link_id) {
    const auto created = Next(person)->sessions->Create(University(), LinkArgs(Act::kVerify));
    if (!created.ok()) return Failed(created.status()), false;
    const auto start =
        Next(person)->sessions->ClaimStart(created->id, NewRequest(), created->start->code);
    if (!start.ok()) return Failed(start.status()), false;
    const SessionCall browser = {created->id, start->browser_credential};
    const auto phone = PairByHandoff(person, browser);
    if (!phone.has_value() || !ProveWith(person, *phone)) return false;
    const auto ticket = Next(person)->pairings->RefreshReturnCode(*phone, NewRequest());
    if (!ticket.ok()) return Failed(ticket.status()), false;
    const auto done = Next(person)->pairings->CompleteReturn(browser, NewRequest(), ticket->code);
    if (!done.ok()) return Failed(done.status()), false;
    const auto resolved = Next(person)->links->ResolveLink(University(), created->id, NewRequest(),
                                                           done->verify->result_code);
    if (!resolved.ok()) return Failed(resolved.status()), false;
    EXPECT_EQ(resolved->link.id, link_id);
    EXPECT_EQ(resolved->link.account.subject, person.account.subject);
    return true;
  }
  bool Unlink(Person& person, const link::LinkId& link_id) {
    const link::Account account = {person.account.issuer, person.account.subject};
    const auto listed =
        Next(person)->links->ListLinks(Front(), {.account = account, .include_name = true});
    if (!listed.ok()) return Failed(listed.status()), false;
    EXPECT_EQ(listed->items.size(), 1u);
    if (listed->items.size() == 1) {
      EXPECT_EQ(listed->items[0].name->Reveal(), "試験 一号");
    }
    const auto unlinking = ReadyFor(person, Act::kUnlink, person.account);
    if (!unlinking.has_value()) return false;
    const auto ended = Next(person)->links->DeleteLinkWithCard(unlinking->session_id, NewRequest(),
                                                               SignInOf(person.account));
    if (!ended.ok()) return Failed(ended.status()), false;
    EXPECT_EQ(ended->id, link_id);
    return true;
  }

  // What `musubictl keys rotate` and `retire` open.
  std::map<std::string, std::unique_ptr<crypto::KeyedRows>> Rows(const Keyrings& keys) {
    std::map<std::string, std::unique_ptr<crypto::KeyedRows>> rows;
    if (conninfo_.empty()) {
      const std::string persons = dir_.File("persons.db");
      rows["n1"] = OrDie(link::OpenSqliteAccountRows(dir_.File("links.db"), keys.account, random_));
      rows["i1"] = OrDie(person::OpenSqliteIndexRows(persons, keys.index, keys.data));
      rows["d1"] = OrDie(person::OpenSqliteDataRows(persons, keys.data, random_));
    } else {
      rows["n1"] = OrDie(link::OpenPostgresAccountRows(conninfo_, keys.account, random_));
      rows["i1"] = OrDie(person::OpenPostgresIndexRows(conninfo_, keys.index, keys.data));
      rows["d1"] = OrDie(person::OpenPostgresDataRows(conninfo_, keys.data, random_));
    }
    return rows;
  }

  std::string conninfo_;  // Empty: SQLite.
  base::Mutex mutex_;
  std::array<std::shared_ptr<Server>, 2> servers_ ABSL_GUARDED_BY(mutex_);
  std::array<std::atomic<int>, kThreads> done_ = {};
  std::atomic<bool> stop_ = false;
};
INSTANTIATE_TEST_SUITE_P(, KeyRotation, testing::Bool(),
                         [](const auto& backend) { return backend.param ? "Postgres" : "Sqlite"; });

TEST_P(KeyRotation, NoJourneyFailsWhileEveryKeyIsChanged) {
  const Keyrings old_keys = NewKeyrings("1");
  const Keyrings new_keys = NewKeyrings("2");
  const Keyrings old_first = Keyrings::Of(old_keys, new_keys, &Join);
  const Keyrings new_first = Keyrings::Of(new_keys, old_keys, &Join);
  for (const size_t place : {size_t{0}, size_t{1}}) Replace(place, Start(old_keys));

  std::vector<std::thread> threads;
  std::array<Person, kThreads> persons;
  for (size_t i = 0; i < kThreads; ++i) {
    persons[i] = {.turn = i,
                  .account = {"https://id.example", "", "s***"},
                  .card_der = ca_.Issue(ca_.CardSpec(card_key_, 0x100 + i)),
                  .id = std::nullopt,
                  .links = {}};
    threads.emplace_back([this, &person = persons[i], &done = done_[i]] {
      // Who failed goes on to count, so that nobody waits for them.
      for (bool whole = true; !stop_; ++done, done.notify_all()) whole = whole && Live(person);
    });
  }
  AwaitJourneys();
  StartAgain(old_first);  // Add.
  StartAgain(new_first);  // Activate.
  const auto rows = Rows(new_first);
  for (const auto& [id, one] : rows) {
    EXPECT_FALSE(one->Retire(id).ok()) << id;
    const auto moved = crypto::MoveAll(*one, [](int64_t) { return absl::OkStatus(); });
    EXPECT_TRUE(moved.ok()) << moved.status();
    EXPECT_GT(*moved, 0) << id;
  }
  AwaitJourneys();
  for (const auto& [id, one] : rows) EXPECT_TRUE(one->Retire(id).ok()) << id;
  // The sessions of before are over. Entries of the old audit key stay, and so does the key.
  Keyrings last = new_keys;
  last.audit = new_first.audit;
  StartAgain(last);
  stop_ = true;
  for (std::thread& thread : threads) thread.join();

  const std::shared_ptr<Server> server = Take(0);
  const auto report = server->link_store->VerifyChain(std::nullopt);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok) << report->what;
  for (const auto& [id, one] : rows) EXPECT_FALSE(one->Count()->contains(id)) << id;
  for (const Person& person : persons) {
    std::vector<link::Link> made;
    for (const link::LinkId& id : person.links) {
      const auto one = server->link_store->GetLink(id);
      ASSERT_TRUE(one.ok()) << one.status();
      EXPECT_FALSE(one->active());
      EXPECT_EQ(one->person_id, *person.id);
      made.push_back(*one);
    }
    // Pseudonyms of before and after: each link kept its own.
    ASSERT_GT(made.size(), 1u);
    EXPECT_NE(made.front().subject, made.back().subject);
  }
}

}  // namespace
}  // namespace musubi::prelink
