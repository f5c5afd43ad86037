#include "lib/person/postgres_person_store.h"

#include <atomic>
#include <thread>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/person/person_rotation.h"
#include "lib/person/person_rotation_contract.h"
#include "lib/person/person_store_contract.h"
#include "lib/person/person_values.h"
#include "lib/person/postgres_person_schema.h"
#include "lib/postgres/connection.h"
#include "tests/fakes/postgres_server.h"

namespace musubi::person {
namespace {

using postgres::Connection;

class PostgresWorld final : public PersonStoreWorld {
 public:
  PostgresWorld() {
    const auto connection = Connect("");
    MUSUBI_CHECK(connection.ok(), connection.status().ToString());
    const auto migrated = Migrate(**connection, kPostgresPersonSchema);
    MUSUBI_CHECK(migrated.ok(), migrated.status().ToString());
  }
  absl::StatusOr<std::unique_ptr<PersonStore>> Open(const base::Clock& clock,
                                                    base::SecureRandom& random,
                                                    crypto::Keyring index_keyring,
                                                    crypto::Keyring data_keyring) override {
    return CreatePostgresPersonStore({.clock = &clock,
                                      .random = &random,
                                      .index_keyring = std::move(index_keyring),
                                      .data_keyring = std::move(data_keyring)},
                                     {.conninfo = server_.Conninfo(database_)});
  }
  absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenIndexRows(
      crypto::Keyring index_keyring, crypto::Keyring data_keyring) override {
    return OpenPostgresIndexRows(server_.Conninfo(database_), std::move(index_keyring),
                                 std::move(data_keyring));
  }
  absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenDataRows(
      crypto::Keyring data_keyring, base::SecureRandom& random) override {
    return OpenPostgresDataRows(server_.Conninfo(database_), std::move(data_keyring), random);
  }
  absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& role) {
    return Connection::Open(server_.Conninfo(database_),
                            {.role = role, .search_path = "musubi_person"});
  }

 private:
  fakes::PostgresServer& server_ = fakes::PostgresServer::Shared();
  const std::string database_ = server_.NewDatabase();
};
std::unique_ptr<PersonStoreWorld> MakeWorld() { return std::make_unique<PostgresWorld>(); }

INSTANTIATE_TEST_SUITE_P(Postgres, PersonStoreContract, testing::Values(&MakeWorld));
INSTANTIATE_TEST_SUITE_P(Postgres, PersonRotationContract, testing::Values(&MakeWorld));

class PostgresPersonStoreTest : public testing::Test {
 protected:
  PostgresWorld world_;
  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  const crypto::Keyring index_ = crypto::Keyring::Generate("i1", random_);
  const crypto::Keyring data_ = crypto::Keyring::Generate("d1", random_);
  const std::unique_ptr<PersonStore> store_ =
      std::move(world_.Open(clock_, random_, index_, data_)).value();
};

TEST_F(PostgresPersonStoreTest, ACardOfVersionOneMovesToAnotherKeyOnceItIsRecordedAnew) {
  fakes::PostgresServer& server = fakes::PostgresServer::Shared();
  const std::string conninfo = server.Conninfo(server.NewDatabase());
  const PersonId person = {7};
  {
    const auto db = std::move(Connection::Open(conninfo, {})).value();
    postgres::Schema first = kPostgresPersonSchema;
    first.steps = first.steps.first(1);
    ASSERT_TRUE(Migrate(*db, first).ok());
    ASSERT_TRUE(db->Run("SET search_path = musubi_person").ok());
    const auto seal = [&](Sealed column, base::ByteView value) {
      return SealFor(person, column, value, data_, random_);
    };
    ASSERT_TRUE(db->Run("INSERT INTO index_keys VALUES ('i1')").ok());
    ASSERT_TRUE(db->Execute("INSERT INTO persons VALUES ($1, $2, NULL, 0)",
                            {person, seal(Sealed::kCommitmentKey, base::Bytes(32))})
                    .ok());
    ASSERT_TRUE(db->Execute("INSERT INTO certificates (index_hash, index_key_id, person_id,"
                            " sealed_certificate, added_at) VALUES ($1, 'i1', $2, $3, 0)",
                            {IndexHash(index_.active(), Card(1).card), person,
                             seal(Sealed::kCertificate, Card(1).certificate_der)})
                    .ok());
    EXPECT_EQ(*Migrate(*db, kPostgresPersonSchema), 1);
  }
  const crypto::Keyring both = *crypto::Keyring::Parse(
      crypto::Keyring::Generate("i2", random_).Serialize().Reveal() + index_.Serialize().Reveal());
  const auto store =
      std::move(
          CreatePostgresPersonStore(
              {.clock = &clock_, .random = &random_, .index_keyring = both, .data_keyring = data_},
              {.conninfo = conninfo}))
          .value();
  EXPECT_EQ(*store->Find(Card(1).card), person);
  const auto rows = std::move(OpenPostgresIndexRows(conninfo, both, data_)).value();
  const auto go_on = [](int64_t) { return absl::OkStatus(); };
  EXPECT_EQ(*crypto::MoveAll(*rows, go_on), 0);
  EXPECT_FALSE(rows->Retire("i1").ok());
  EXPECT_EQ(*store->Record(Card(1)), person);
  EXPECT_EQ(*crypto::MoveAll(*rows, go_on), 1);
  EXPECT_TRUE(rows->Retire("i1").ok());
  EXPECT_EQ(*store->Find(Card(1).card), person);
}

TEST_F(PostgresPersonStoreTest, NothingOfTheCardIsReadableInATable) {
  CardRecord record = Card(1, "TEST PERSON NUMBER ONE");
  record.card.serial = base::ToBytes("SERIAL-OCTETS");
  record.certificate_der = base::ToBytes("CERTIFICATE-OCTETS");
  ASSERT_TRUE(store_->Record(record).ok());
  const auto connection = world_.Connect("");
  for (const std::string table : {"persons", "certificates", "index_keys"}) {
    const auto rows = (*connection)->Run("SELECT t::text FROM " + table + " t");
    ASSERT_TRUE(rows.ok() && !rows->empty()) << rows.status();
    for (const char* secret : {"TEST PERSON", "SERIAL-OCTETS", "CERTIFICATE-OCTETS"}) {
      const std::string text = rows->row(0).Text(0);
      EXPECT_EQ(text.find(secret), std::string::npos) << table;
      EXPECT_EQ(text.find(base::HexEncode(base::AsBytes(secret))), std::string::npos) << table;
    }
  }
}

TEST_F(PostgresPersonStoreTest, ANewIndexKeyWaitsForWhoeverFoundNothingWithoutIt) {
  const auto looker = std::move(world_.Connect("musubi_person")).value();
  ASSERT_TRUE(looker->Run("BEGIN; SELECT key_id FROM index_keys").ok());
  std::atomic<bool> opened = false;
  std::thread other([&] {
    EXPECT_TRUE(world_
                    .Open(clock_, random_,
                          *crypto::Keyring::Parse(
                              crypto::Keyring::Generate("i2", random_).Serialize().Reveal() +
                              index_.Serialize().Reveal()),
                          data_)
                    .ok());
    opened = true;
  });
  const auto watcher = std::move(world_.Connect("")).value();
  bool waits = false;
  while (!waits && !opened) {
    waits = !watcher
                 ->Run(
                     "SELECT 1 FROM pg_locks WHERE NOT granted"
                     " AND mode = 'AccessExclusiveLock'"
                     " AND relation = 'musubi_person.index_keys'::regclass")
                 ->empty();
  }
  EXPECT_TRUE(waits);
  ASSERT_TRUE(looker->Run("COMMIT").ok());
  other.join();
  EXPECT_TRUE(opened);
}

TEST_F(PostgresPersonStoreTest, ASealedValueDoesNotOpenInAnotherRow) {
  const PersonId one = *store_->Record(Card(1, "試験 一号"));
  const PersonId two = *store_->Record(Card(2, "試験 二号"));
  ASSERT_TRUE((*world_.Connect(""))
                  ->Execute("UPDATE persons SET sealed_name ="
                            " (SELECT sealed_name FROM persons WHERE person_id = $2)"
                            " WHERE person_id = $1",
                            {one, two})
                  .ok());
  EXPECT_EQ(store_->GetName(one).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(store_->GetName(two).ok());
}

TEST_F(PostgresPersonStoreTest, ErasingLeavesNoRow) {
  const PersonId person = *store_->Record(Card(1, "試験 一号"));
  ASSERT_TRUE(store_->Erase(person).ok());
  EXPECT_EQ(store_->GetName(person).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*store_->Find(Card(1).card), std::nullopt);
  const auto left = (*world_.Connect(""))->Run("SELECT 1 FROM persons, certificates");
  EXPECT_TRUE(left.ok() && left->empty()) << left.status();
  EXPECT_NE(*store_->Record(Card(1)), person);  // The card comes back as somebody else.
}

TEST_F(PostgresPersonStoreTest, TheRolesOfLinksAndOfTheAuditSeeNoPerson) {
  ASSERT_TRUE((*world_.Connect(""))
                  ->Run("DO $$ BEGIN CREATE ROLE musubi_link; CREATE ROLE musubi_audit; END $$")
                  .ok());
  for (const std::string role : {"musubi_link", "musubi_audit"}) {
    for (const std::string table : {"persons", "certificates"}) {
      const auto connection = world_.Connect(role);
      ASSERT_TRUE(connection.ok()) << connection.status();
      const absl::Status refused =
          (*connection)->Run("SELECT 1 FROM musubi_person." + table).status();
      EXPECT_NE(refused.message().find("42501"), std::string::npos) << refused;
    }
  }
}

}  // namespace
}  // namespace musubi::person
