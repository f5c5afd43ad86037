#include "lib/person/sqlite_person_store.h"

#include <gtest/gtest.h>

#include "lib/base/file.h"
#include "lib/person/person_rotation.h"
#include "lib/person/person_rotation_contract.h"
#include "lib/person/person_store_contract.h"
#include "lib/person/person_values.h"
#include "lib/person/sqlite_person_schema.h"
#include "lib/sqlite/database.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::person {
namespace {

class SqliteWorld final : public PersonStoreWorld {
 public:
  absl::StatusOr<std::unique_ptr<PersonStore>> Open(const base::Clock& clock,
                                                    base::SecureRandom& random,
                                                    crypto::Keyring index_keyring,
                                                    crypto::Keyring data_keyring) override {
    return CreateSqlitePersonStore({.clock = &clock,
                                    .random = &random,
                                    .index_keyring = std::move(index_keyring),
                                    .data_keyring = std::move(data_keyring)},
                                   {.path = dir_.File("persons.db")});
  }
  absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenIndexRows(
      crypto::Keyring index_keyring, crypto::Keyring data_keyring) override {
    return OpenSqliteIndexRows(dir_.File("persons.db"), std::move(index_keyring),
                               std::move(data_keyring));
  }
  absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenDataRows(
      crypto::Keyring data_keyring, base::SecureRandom& random) override {
    return OpenSqliteDataRows(dir_.File("persons.db"), std::move(data_keyring), random);
  }

 private:
  fakes::TempDir dir_;
};
std::unique_ptr<PersonStoreWorld> MakeWorld() { return std::make_unique<SqliteWorld>(); }

INSTANTIATE_TEST_SUITE_P(Sqlite, PersonStoreContract, testing::Values(&MakeWorld));
INSTANTIATE_TEST_SUITE_P(Sqlite, PersonRotationContract, testing::Values(&MakeWorld));

class SqlitePersonStoreTest : public testing::Test {
 protected:
  std::unique_ptr<PersonStore> Open() {
    return std::move(CreateSqlitePersonStore({.clock = &clock_,
                                              .random = &random_,
                                              .index_keyring = index_,
                                              .data_keyring = data_},
                                             {.path = path_}))
        .value();
  }

  fakes::TempDir dir_;
  fakes::SimulatedClock clock_;
  fakes::FakeRandom random_;
  const std::string path_ = dir_.File("persons.db");
  const crypto::Keyring index_ = crypto::Keyring::Generate("i1", random_);
  const crypto::Keyring data_ = crypto::Keyring::Generate("d1", random_);
};

TEST_F(SqlitePersonStoreTest, ASealedValueDoesNotOpenInAnotherRowOrColumn) {
  const auto store = Open();
  const PersonId one = *store->Record(Card(1, "試験 一号"));
  const PersonId two = *store->Record(Card(2, "試験 二号"));
  {
    auto db = sqlite::Database::Open(path_, kSqlitePersonSchema, sqlite::Database::Mode::kExisting);
    ASSERT_TRUE(db.ok()) << db.status();
    ASSERT_TRUE((*db)
                    ->Execute("UPDATE persons SET sealed_name ="
                              " (SELECT sealed_name FROM persons WHERE person_id = ?2)"
                              " WHERE person_id = ?1",
                              {one, two})
                    .ok());
    ASSERT_TRUE((*db)
                    ->Execute("UPDATE persons SET sealed_name = sealed_commitment_key"
                              " WHERE person_id = ?1",
                              {two})
                    .ok());
  }
  EXPECT_EQ(store->GetName(one).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(store->GetName(two).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqlitePersonStoreTest, ACardOfVersionOneMovesToAnotherKeyOnceItIsRecordedAnew) {
  const PersonId person = {7};
  {
    sqlite::Schema first = kSqlitePersonSchema;
    first.steps = first.steps.first(1);
    auto db = sqlite::Database::Open(path_, first, sqlite::Database::Mode::kCreateAndMigrate);
    ASSERT_TRUE(db.ok()) << db.status();
    const auto seal = [&](Sealed column, base::ByteView value) {
      return SealFor(person, column, value, data_, random_);
    };
    ASSERT_TRUE((*db)->Execute("INSERT INTO index_keys VALUES ('i1')").ok());
    ASSERT_TRUE((*db)
                    ->Execute("INSERT INTO persons VALUES (?1, ?2, NULL, 0)",
                              {person, seal(Sealed::kCommitmentKey, base::Bytes(32))})
                    .ok());
    ASSERT_TRUE((*db)
                    ->Execute("INSERT INTO certificates VALUES (?1, 'i1', ?2, ?3, NULL, 0)",
                              {IndexHash(index_.active(), Card(1).card), person,
                               seal(Sealed::kCertificate, Card(1).certificate_der)})
                    .ok());
  }
  const crypto::Keyring both = *crypto::Keyring::Parse(
      crypto::Keyring::Generate("i2", random_).Serialize().Reveal() + index_.Serialize().Reveal());
  const auto store =
      std::move(
          CreateSqlitePersonStore(
              {.clock = &clock_, .random = &random_, .index_keyring = both, .data_keyring = data_},
              {.path = path_}))
          .value();
  EXPECT_EQ(*store->Find(Card(1).card), person);
  const auto rows = std::move(OpenSqliteIndexRows(path_, both, data_)).value();
  const auto go_on = [](int64_t) { return absl::OkStatus(); };
  EXPECT_EQ(*crypto::MoveAll(*rows, go_on), 0);
  EXPECT_FALSE(rows->Retire("i1").ok());
  EXPECT_EQ(*store->Record(Card(1)), person);
  EXPECT_EQ(*crypto::MoveAll(*rows, go_on), 1);
  EXPECT_TRUE(rows->Retire("i1").ok());
  EXPECT_EQ(*store->Find(Card(1).card), person);
}

TEST_F(SqlitePersonStoreTest, NothingOfTheCardIsReadableInTheFile) {
  CardRecord record = Card(1, "TEST PERSON NUMBER ONE");
  record.card.serial = base::ToBytes("SERIAL-OCTETS");
  record.certificate_der = base::ToBytes("CERTIFICATE-OCTETS");
  {
    const auto store = Open();
    ASSERT_TRUE(store->Record(record).ok());
  }
  const auto file = base::ReadFile(path_);
  ASSERT_TRUE(file.ok());
  for (const char* text : {"TEST PERSON", "SERIAL-OCTETS", "CERTIFICATE-OCTETS"}) {
    EXPECT_EQ(file->find(text), std::string::npos) << text;
  }
}

TEST_F(SqlitePersonStoreTest, ErasingLeavesNothingNotEvenInTheFiles) {
  const auto store = Open();
  const PersonId person = *store->Record(Card(1, "試験 一号"));
  std::string sealed_key;
  {
    auto db = sqlite::Database::Open(path_, kSqlitePersonSchema, sqlite::Database::Mode::kExisting);
    ASSERT_TRUE(db.ok()) << db.status();
    sqlite::Statement query = (*db)->Query("SELECT sealed_commitment_key FROM persons");
    ASSERT_TRUE(*query.Step());
    sealed_key = query.Text(0);
  }
  const auto found_in_files = [&] {
    const auto wal = base::ReadFile(path_ + "-wal");
    return base::ReadFile(path_)->find(sealed_key) != std::string::npos ||
           (wal.ok() && wal->find(sealed_key) != std::string::npos);
  };
  ASSERT_TRUE(found_in_files());
  ASSERT_TRUE(store->Erase(person).ok());
  EXPECT_FALSE(found_in_files());
  EXPECT_EQ(store->GetName(person).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store->Commit(person, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(*store->Find(Card(1).card), std::nullopt);
  EXPECT_NE(*store->Record(Card(1)), person);  // The card comes back as somebody else.
}

}  // namespace
}  // namespace musubi::person
