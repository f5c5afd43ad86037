#include "lib/link/postgres_link_store.h"

#include <atomic>
#include <thread>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/link/account_rotation_contract.h"
#include "lib/link/audit_reader.h"
#include "lib/link/link_rotation.h"
#include "lib/link/link_store_contract.h"
#include "lib/link/postgres_audit.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/postgres/pool.h"
#include "tests/fakes/postgres_server.h"
#include "tests/fakes/tcp_proxy.h"

namespace musubi::link {
namespace {

using postgres::Connection;
using postgres::Failure;
using postgres::FailureOf;

std::string NewMigratedDatabase() {
  fakes::PostgresServer& server = fakes::PostgresServer::Shared();
  std::string database = server.NewDatabase();
  const auto connection = Connection::Open(server.Conninfo(database), {});
  MUSUBI_CHECK(connection.ok(), connection.status().ToString());
  const auto migrated = Migrate(**connection, kPostgresLinkSchema);
  MUSUBI_CHECK(migrated.ok(), migrated.status().ToString());
  return database;
}

class PostgresWorld final : public LinkStoreWorld {
 public:
  absl::StatusOr<std::unique_ptr<LinkStore>> Open(const base::Clock& clock,
                                                  base::SecureRandom& random,
                                                  crypto::Keyring audit_keyring,
                                                  crypto::Keyring account_keyring) override {
    return CreatePostgresLinkStore(
        {.clock = &clock,
         .random = &random,
         .audit_keyring = std::move(audit_keyring),
         .account_keyring = std::move(account_keyring)},
        {.conninfo = fakes::PostgresServer::Shared().Conninfo(database_)});
  }
  absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenAccountRows(
      const crypto::Keyring& account_keyring, base::SecureRandom& random) override {
    return OpenPostgresAccountRows(fakes::PostgresServer::Shared().Conninfo(database_),
                                   account_keyring, random);
  }
  bool shared() const override { return true; }

 private:
  const std::string database_ = NewMigratedDatabase();
};

std::unique_ptr<LinkStoreWorld> MakeWorld() { return std::make_unique<PostgresWorld>(); }

INSTANTIATE_TEST_SUITE_P(Postgres, LinkStoreContract, testing::Values(&MakeWorld));
INSTANTIATE_TEST_SUITE_P(Postgres, AccountRotationContract, testing::Values(&MakeWorld));

class PostgresLinkStoreTest : public testing::Test {
 protected:
  std::unique_ptr<LinkStore> Open(const std::string& conninfo, const crypto::Keyring& accounts) {
    auto store = CreatePostgresLinkStore({.clock = &clock_,
                                          .random = &random_,
                                          .audit_keyring = audit_keyring_,
                                          .account_keyring = accounts},
                                         {.conninfo = conninfo, .connections = 8});
    MUSUBI_CHECK(store.ok(), store.status().ToString());
    return *std::move(store);
  }
  std::unique_ptr<LinkStore> Open() { return Open(server_.Conninfo(database_), account_keyring_); }

  NewLink LinkOf(const std::string& account, const std::string& party = "party-a") {
    return {.relying_party_id = party,
            .account = {"https://idp.example", account},
            .subject = random_.Bytes<32>(),
            .person_id = random_.Bytes<16>(),
            .session_id = random_.Bytes<16>(),
            .verdict_summary = "VALID"};
  }
  RequestKey Request() { return {.id = random_.Bytes<16>(), .body_hash = random_.Bytes<32>()}; }

  // What a login of that role is told for this statement.
  absl::Status AsRole(const std::string& role, const std::string& sql) {
    const auto connection =
        Connection::Open(server_.Conninfo(database_), {.role = role, .search_path = "musubi_link"});
    if (!connection.ok()) return connection.status();
    return (*connection)->Run(sql).status();
  }

  fakes::PostgresServer& server_ = fakes::PostgresServer::Shared();
  const std::string database_ = NewMigratedDatabase();
  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  const crypto::Keyring audit_keyring_ = crypto::Keyring::Generate("a1", random_);
  const crypto::Keyring account_keyring_ = crypto::Keyring::Generate("n1", random_);
};

TEST_F(PostgresLinkStoreTest, OneAccountHasOneLinkEvenWhileItsKeyChanges) {
  const crypto::Keyring newer = crypto::Keyring::Generate("n2", random_);
  const auto join = [](const crypto::Keyring& first, const crypto::Keyring& second) {
    return *crypto::Keyring::Parse(first.Serialize().Reveal() + second.Serialize().Reveal());
  };
  // One process makes values with the new key already, the other one with the old key still.
  const auto old_first = Open(server_.Conninfo(database_), join(account_keyring_, newer));
  const auto new_first = Open(server_.Conninfo(database_), join(newer, account_keyring_));
  LinkStoreRace race({old_first.get(), new_first.get()});
  for (int round = 0; round < 10; ++round) {
    constexpr int kThreads = 8;
    std::vector<RequestKey> requests;
    std::vector<NewLink> links;
    for (int i = 0; i < kThreads; ++i) {
      requests.push_back(Request());
      links.push_back(LinkOf("taro-" + std::to_string(round)));
    }
    EXPECT_EQ(
        race.Wins(
            kThreads,
            [&](LinkStore& store, int i) {
              const auto n = static_cast<size_t>(i);
              const auto made =
                  store.CreateLink(requests[n], links[n], AccountPolicy::kOneLinkPerAccount);
              if (!made.ok()) {
                EXPECT_EQ(base::ReasonOf(made.status()), base::ErrorReason::kAccountAlreadyLinked)
                    << made.status();
              }
              return made.ok();
            }),
        1);
  }
}

TEST_F(PostgresLinkStoreTest, ANewAccountKeyWaitsForWhoeverFoundNothingWithoutIt) {
  const auto store = Open();
  const auto connect = [&](const std::string& role) {
    return std::move(Connection::Open(server_.Conninfo(database_),
                                      {.role = role, .search_path = "musubi_link"}))
        .value();
  };
  const auto looker = connect("musubi_link");
  ASSERT_TRUE(looker->Run("BEGIN; SELECT key_id FROM account_keys").ok());
  std::atomic<bool> opened = false;
  std::thread other([&] {
    Open(server_.Conninfo(database_),
         *crypto::Keyring::Parse(crypto::Keyring::Generate("n2", random_).Serialize().Reveal() +
                                 account_keyring_.Serialize().Reveal()));
    opened = true;
  });
  const auto watcher = connect("");
  bool waits = false;
  while (!waits && !opened) {
    waits = !watcher
                 ->Run(
                     "SELECT 1 FROM pg_locks WHERE NOT granted"
                     " AND mode = 'AccessExclusiveLock'"
                     " AND relation = 'musubi_link.account_keys'::regclass")
                 ->empty();
  }
  EXPECT_TRUE(waits);
  ASSERT_TRUE(looker->Run("COMMIT").ok());
  other.join();
  EXPECT_TRUE(opened);
}

TEST_F(PostgresLinkStoreTest, OfManyReplacementsEachEndsTheOneBefore) {
  const auto store = Open();
  ASSERT_TRUE(store->CreateLink(Request(), LinkOf("taro"), AccountPolicy::kOneLinkPerAccount).ok());
  std::vector<RequestKey> requests;
  std::vector<NewLink> links;
  constexpr int kThreads = 4;
  for (int i = 0; i < kThreads; ++i) {
    requests.push_back(Request());
    links.push_back(LinkOf("taro"));
  }
  const int won = LinkStoreRace({store.get()}).Wins(kThreads, [&](LinkStore& one, int i) {
    const auto n = static_cast<size_t>(i);
    return one.ReplaceLink(requests[n], links[n]).ok();
  });
  EXPECT_EQ(won, kThreads);
  LinkFilter filter{.account = links[0].account};
  EXPECT_EQ(store->ListLinks(filter, {})->items.size(), 1u);
  filter.include_ended = true;
  EXPECT_EQ(store->ListLinks(filter, {})->items.size(), 1u + kThreads);
  EXPECT_TRUE(store->VerifyChain(std::nullopt)->ok);
}

TEST_F(PostgresLinkStoreTest, ARequestWhoseAnswerWasCutOffGetsTheStoredAnswer) {
  fakes::TcpProxy proxy(server_.port());
  const auto store = Open(server_.TcpConninfo(database_, proxy.port()), account_keyring_);
  // A transaction that stores an answer waits within its COMMIT for a lock that the test has.
  server_.Run(
      database_,
      "SET search_path = musubi_link; CREATE FUNCTION wait() RETURNS trigger"
      " LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON requests"
      " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()");
  const auto lock = Connection::Open(server_.Conninfo(database_), {});
  ASSERT_TRUE((*lock)->Run("SELECT pg_advisory_lock(42)").ok());
  const auto create = [&](const RequestKey& request, const NewLink& link) {
    return store->CreateLink(request, link, AccountPolicy::kOneLinkPerAccount);
  };
  const RequestKey request = Request();
  const NewLink link = LinkOf("taro");
  absl::StatusOr<Link> first = absl::UnknownError("");
  std::thread caller([&] { first = create(request, link); });
  while (
      (*lock)->Run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")->empty()) {
  }
  proxy.HoldAnswers();
  ASSERT_TRUE((*lock)->Run("SELECT pg_advisory_unlock(42)").ok());
  proxy.WaitUntilHeld();
  proxy.Cut();
  caller.join();
  ASSERT_FALSE(first.ok());
  EXPECT_EQ(FailureOf(first.status()), Failure::kOutcomeUnknown) << first.status();
  const auto again = create(request, link);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(store->ListLinks({.account = link.account}, {})->items[0].id, again->id);
  EXPECT_EQ(store->VerifyChain(std::nullopt)->count, 1);
}

TEST_F(PostgresLinkStoreTest, NobodyChangesTheAuditAndEachRoleSeesItsOwn) {
  const auto store = Open();
  ASSERT_TRUE(store->CreateLink(Request(), LinkOf("taro"), AccountPolicy::kOneLinkPerAccount).ok());
  ASSERT_TRUE(store->ExportHead().ok());
  for (const std::string role : {kPostgresLinkRole, kPostgresAuditRole}) {
    for (const std::string sql :
         {"UPDATE audit SET event = 7", "DELETE FROM audit", "TRUNCATE audit",
          "UPDATE audit_checkpoints SET at = 0", "DELETE FROM audit_checkpoints",
          "DELETE FROM links", "DROP TABLE audit"}) {
      EXPECT_NE(AsRole(role, sql).message().find("42501"), std::string::npos)
          << role << ": " << sql;
    }
  }
  // Not even who owns the tables.
  for (const std::string sql : {"UPDATE audit SET event = 7", "DELETE FROM audit", "TRUNCATE audit",
                                "DELETE FROM audit_checkpoints",
                                "SET session_replication_role = replica; DELETE FROM audit"}) {
    EXPECT_NE(AsRole("", sql).message().find("42501"), std::string::npos) << sql;
  }
  for (const std::string sql : {"SELECT 1 FROM links", "SELECT 1 FROM requests",
                                "INSERT INTO audit_heads VALUES ('x', 0, '\\x00')"}) {
    EXPECT_NE(AsRole(kPostgresAuditRole, sql).message().find("42501"), std::string::npos) << sql;
  }
  EXPECT_TRUE(AsRole(kPostgresAuditRole, "SELECT 1 FROM audit").ok());
  EXPECT_TRUE(store->VerifyChain(std::nullopt)->ok);
}

TEST_F(PostgresLinkStoreTest, ALoginNeedsTheRoleAndTheSchema) {
  server_.Run(database_, "CREATE ROLE stranger LOGIN");
  server_.Run(database_, "CREATE ROLE member LOGIN IN ROLE musubi_link, musubi_audit");
  const auto open = [&](const std::string& conninfo) {
    return CreatePostgresLinkStore({.clock = &clock_,
                                    .random = &random_,
                                    .audit_keyring = audit_keyring_,
                                    .account_keyring = account_keyring_},
                                   {.conninfo = conninfo})
        .status();
  };
  EXPECT_TRUE(open(server_.ConninfoOf("member", database_)).ok());
  const absl::Status stranger = open(server_.ConninfoOf("stranger", database_));
  EXPECT_EQ(stranger.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(stranger.message().find("musubi_link"), std::string::npos) << stranger;
  const absl::Status empty = open(server_.Conninfo(server_.NewDatabase()));
  EXPECT_EQ(empty.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(empty.message().find("musubictl migrate"), std::string::npos) << empty;
  // An operator of the audit needs no account key and sees the same.
  const std::string member = server_.ConninfoOf("member", database_);
  const auto store = Open();
  ASSERT_TRUE(store->CreateLink(Request(), LinkOf("taro"), AccountPolicy::kOneLinkPerAccount).ok());
  const auto reader = OpenPostgresAudit(member);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto head = (*reader)->Head(clock_.Now());
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(*head, *store->ExportHead());
  EXPECT_TRUE((*reader)->Verify(audit_keyring_, *head)->ok);
  server_.Run(database_, "DROP ROLE stranger; DROP ROLE member");
}

TEST_F(PostgresLinkStoreTest, EachRelyingPartyHasAChainAndOneHeadStandsForAll) {
  const auto store = Open();
  const auto make = [&](const std::string& party) {
    return store
        ->CreateLink(Request(), LinkOf("taro-" + party, party), AccountPolicy::kManyLinksPerAccount)
        .ok();
  };
  for (const std::string party : {"party-a", "party-b", "party-a"}) ASSERT_TRUE(make(party));
  const AuditHead head = *store->ExportHead();
  EXPECT_EQ(head.sequence, 3);
  ASSERT_TRUE(make("party-c"));
  auto report = store->VerifyChain(head);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok) << report->what;
  EXPECT_TRUE(report->tail_checked);
  EXPECT_EQ(report->count, 4);
  // A whole chain is taken away by who can do everything, with its head.
  const auto damage = [&](const std::string& sql) {
    server_.Run(database_,
                "SET search_path = musubi_link; ALTER TABLE audit DISABLE TRIGGER ALL;"
                "ALTER TABLE audit_checkpoints DISABLE TRIGGER ALL;" +
                    sql);
  };
  damage("CREATE TABLE kept AS SELECT * FROM audit; DELETE FROM audit WHERE sequence = 2");
  EXPECT_EQ(store->VerifyChain(std::nullopt)->fault, AuditFault::kHeadMismatch);
  damage(
      "UPDATE audit_heads SET sequence = 1, mac = (SELECT mac FROM audit WHERE"
      " audit.relying_party_id = 'party-a') WHERE relying_party_id = 'party-a'");
  EXPECT_TRUE(store->VerifyChain(std::nullopt)->ok);
  report = store->VerifyChain(head);
  EXPECT_EQ(report->fault, AuditFault::kHeadMissing);
  EXPECT_NE(report->what.find("party-a"), std::string::npos) << report->what;
  damage(
      "DELETE FROM audit WHERE relying_party_id = 'party-b';"
      "DELETE FROM audit_heads WHERE relying_party_id = 'party-b'");
  EXPECT_TRUE(store->VerifyChain(std::nullopt)->ok);
  EXPECT_FALSE(store->VerifyChain(head)->ok);
  damage("DELETE FROM audit_checkpoints");
  EXPECT_EQ(store->VerifyChain(head)->fault, AuditFault::kHeadMissing);
}

TEST_F(PostgresLinkStoreTest, AppendsOfDifferentRelyingPartiesDoNotWaitForEachOther) {
  const auto store = Open();
  const auto make = [&](const std::string& account, const std::string& party) {
    return store->CreateLink(Request(), LinkOf(account, party), AccountPolicy::kOneLinkPerAccount)
        .status();
  };
  // A transaction appends for party-a, which has no chain yet, and does not end.
  const auto held = Connection::Open(server_.Conninfo(database_), {.search_path = "musubi_link"});
  ASSERT_TRUE(held.ok()) << held.status();
  const auto append = [&] {
    const AuditFact fact{
        .at = clock_.Now(), .event = AuditEvent::kNotMe, .relying_party_id = "party-a"};
    return AppendFacts(**held, {&fact, 1}, audit_keyring_);
  };
  for (const std::string round : {"first entries", "later ones"}) {
    auto transaction = postgres::Transaction::Begin(**held);
    ASSERT_TRUE(append().ok()) << round;
    // All of this would fail by its deadline if it waited.
    EXPECT_TRUE(make("taro " + round, "party-b").ok()) << round;
    EXPECT_TRUE(make("hanako " + round, "party-c").ok()) << round;
    // The same relying party's waits until the transaction ends.
    absl::Status waited = absl::UnknownError("");
    std::thread other([&] { waited = make("taro " + round, "party-a"); });
    while ((*held)->Run("SELECT 1 FROM pg_locks WHERE NOT granted")->empty()) {
    }
    ASSERT_TRUE(transaction.Commit().ok());
    other.join();
    EXPECT_TRUE(waited.ok()) << waited;
  }
  const auto report = store->VerifyChain(std::nullopt);
  EXPECT_TRUE(report->ok) << report->what;
  EXPECT_EQ(report->count, 8);
  const auto heads = store->ListHeads();
  ASSERT_TRUE(heads.ok()) << heads.status();
  EXPECT_EQ(*heads, report->chains);
  ASSERT_EQ(heads->size(), 3u);
  EXPECT_EQ((*heads)[0].relying_party_id, "party-a");
  EXPECT_EQ((*heads)[0].head.sequence, 4);
}

TEST_F(PostgresLinkStoreTest, HasNoAccountInPlainNorAHashThatCanBeTried) {
  const auto store = Open();
  const auto link =
      store->CreateLink(Request(), LinkOf("shiken-ichigo-0001"), AccountPolicy::kOneLinkPerAccount);
  ASSERT_TRUE(link.ok()) << link.status();
  const auto connection =
      Connection::Open(server_.Conninfo(database_), {.search_path = "musubi_link"});
  for (const std::string table :
       {"links", "session_end", "requests", "audit", "audit_heads", "account_keys"}) {
    const auto rows = (*connection)->Run("SELECT t::text FROM " + table + " t");
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_FALSE(rows->empty()) << table;
    for (int i = 0; i < rows->rows(); ++i) {
      const std::string text = rows->row(i).Text(0);
      for (const std::string& secret : {link->account.subject, link->account.issuer}) {
        EXPECT_EQ(text.find(secret), std::string::npos) << text;
        EXPECT_EQ(text.find(base::HexEncode(base::AsBytes(secret))), std::string::npos) << text;
      }
    }
  }
}

}  // namespace
}  // namespace musubi::link
