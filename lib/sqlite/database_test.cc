#include "lib/sqlite/database.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::sqlite {
namespace {

constexpr std::string_view kStep1 =
    "CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;"
    "CREATE TABLE things (n INTEGER, t TEXT, b BLOB,"
    " parent INTEGER REFERENCES parents (id)) STRICT;";
constexpr std::string_view kStep2 = "ALTER TABLE things ADD COLUMN extra INTEGER;";
constexpr std::array<std::string_view, 1> kOne = {kStep1};
constexpr std::array<std::string_view, 2> kTwo = {kStep1, kStep2};
constexpr std::array<std::string_view, 1> kBroken = {
    "CREATE TABLE half (n INTEGER) STRICT; NONSENSE;"};
constexpr Schema kVersion1 = {77, "test database", kOne};
constexpr Schema kVersion2 = {77, "test database", kTwo};

constexpr auto kCreate = Database::Mode::kCreateAndMigrate;
constexpr auto kExisting = Database::Mode::kExisting;

absl::StatusOr<int64_t> Number(Database& db, std::string_view sql) {
  Statement query = db.Query(sql);
  MUSUBI_RETURN_IF_ERROR(query.Step().status());
  return query.Int(0);
}

TEST(Database, KeepsEveryTypeOfValue) {
  auto db = Database::Open(":memory:", kVersion1, kCreate);
  ASSERT_TRUE(db.ok()) << db.status();
  const base::Bytes blob = {0, 1, 255};
  ASSERT_TRUE((*db)
                  ->Execute("INSERT INTO things (n, t, b) VALUES (?1, ?2, ?3)",
                            {int64_t{-5}, std::string("a\0b", 3), blob})
                  .ok());
  ASSERT_TRUE((*db)
                  ->Execute("INSERT INTO things (n, t, b) VALUES (?1, ?2, ?3)",
                            {std::nullopt, "", base::ByteView()})
                  .ok());
  EXPECT_EQ((*db)->Changes(), 1);
  Statement query = (*db)->Query("SELECT n, t, b FROM things ORDER BY rowid");
  ASSERT_TRUE(*query.Step());
  EXPECT_EQ(query.Int(0), -5);
  EXPECT_EQ(query.Text(1), std::string("a\0b", 3));
  EXPECT_EQ(query.Blob(2), blob);
  EXPECT_EQ(query.Array<3>(2)[2], 255);
  EXPECT_EQ(query.Array<4>(2), (std::array<uint8_t, 4>{}));
  ASSERT_TRUE(*query.Step());
  EXPECT_TRUE(query.IsNull(0));
  EXPECT_FALSE(query.IsNull(1));
  EXPECT_FALSE(query.IsNull(2));
  EXPECT_FALSE(*query.Step());
}

TEST(Database, IsMadePrivateWithSafePragmas) {
  fakes::TempDir dir;
  const std::string path = dir.File("db");
  auto db = Database::Open(path, kVersion1, kCreate);
  ASSERT_TRUE(db.ok()) << db.status();
  ASSERT_TRUE((*db)->Execute("INSERT INTO things (n) VALUES (1)").ok());
  for (const std::string& file : {path, path + "-wal", path + "-shm"}) {
    struct stat info;
    ASSERT_EQ(stat(file.c_str(), &info), 0) << file;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << file;
  }
  EXPECT_EQ(*Number(**db, "PRAGMA synchronous"), 2);
  EXPECT_EQ(*Number(**db, "PRAGMA secure_delete"), 1);
  Statement mode = (*db)->Query("PRAGMA journal_mode");
  ASSERT_TRUE(*mode.Step());
  EXPECT_EQ(mode.Text(0), "wal");
  EXPECT_EQ(base::ReasonOf((*db)->Execute("INSERT INTO things (parent) VALUES (9)")),
            base::ErrorReason::kInternal);  // Foreign keys are enforced.
}

TEST(Database, MigratesFromWhereItStands) {
  fakes::TempDir dir;
  const std::string path = dir.File("db");
  {
    auto old = Database::Open(path, kVersion1, kCreate);
    ASSERT_TRUE(old.ok()) << old.status();
    ASSERT_TRUE((*old)->Execute("INSERT INTO things (n) VALUES (7)").ok());
  }
  EXPECT_EQ(Database::Open(path, kVersion2, kExisting).status().code(),
            absl::StatusCode::kFailedPrecondition);
  auto db = Database::Open(path, kVersion2, kCreate);
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_EQ(*Number(**db, "SELECT n FROM things WHERE extra IS NULL"), 7);
  EXPECT_EQ(*Number(**db, "PRAGMA user_version"), 2);
  EXPECT_TRUE(Database::Open(path, kVersion2, kExisting).ok());
}

TEST(Database, RefusesASchemaNewerThanTheBinaryAndNamesTheFix) {
  fakes::TempDir dir;
  const std::string path = dir.File("db");
  ASSERT_TRUE(Database::Open(path, kVersion2, kCreate).ok());
  const absl::Status status = Database::Open(path, kVersion1, kCreate).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  for (const char* part : {"test database", "version 2", "up to 1", "run the newer binary"}) {
    EXPECT_NE(base::ToStd(status.message()).find(part), std::string_view::npos) << status;
  }
  EXPECT_NE(base::ToStd(status.message()).find(path), std::string_view::npos) << status;
}

TEST(Database, RefusesASchemaOfBeforeTheFirstAndNamesTheFix) {
  fakes::TempDir dir;
  constexpr Schema kFromVersion3 = {77, "test database", kTwo, 3};
  const std::string path = dir.File("db");
  ASSERT_TRUE(Database::Open(path, kVersion2, kCreate).ok());
  for (const Database::Mode mode : {kCreate, kExisting}) {
    const absl::Status status = Database::Open(path, kFromVersion3, mode).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    for (const char* part : {"version 2", "before the first release", "move the file away"}) {
      EXPECT_NE(base::ToStd(status.message()).find(part), std::string_view::npos) << status;
    }
  }
  auto fresh = Database::Open(dir.File("fresh"), kFromVersion3, kCreate);
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  EXPECT_EQ(*Number(**fresh, "PRAGMA user_version"), 4);
  EXPECT_EQ(*Number(**fresh, "SELECT count(*) FROM things WHERE extra IS NULL"), 0);
}

TEST(Database, RefusesAnotherKindOfFile) {
  fakes::TempDir dir;
  const std::string path = dir.File("db");
  ASSERT_TRUE(Database::Open(path, kVersion1, kCreate).ok());
  EXPECT_EQ(Database::Open(path, {78, "other database", kOne}, kCreate).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const std::string text = dir.File("text");
  ASSERT_TRUE(base::WriteFileAtomically(text, std::string(4096, 'x'), 0600).ok());
  EXPECT_EQ(Database::Open(text, kVersion1, kCreate).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Database::Open(dir.File("absent"), kVersion1, kExisting).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Database::Open("", kVersion1, kCreate).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Database, AMigrationThatFailsLeavesNothingBehind) {
  fakes::TempDir dir;
  const std::string path = dir.File("db");
  EXPECT_EQ(base::ReasonOf(Database::Open(path, {77, "test database", kBroken}, kCreate).status()),
            base::ErrorReason::kInternal);
  EXPECT_TRUE(Database::Open(path, kVersion1, kCreate).ok());
}

TEST(Transaction, RollsBackUnlessCommitted) {
  auto db = Database::Open(":memory:", kVersion1, kCreate);
  ASSERT_TRUE(db.ok()) << db.status();
  for (const bool commit : {false, true}) {
    auto transaction = Transaction::Begin(**db);
    ASSERT_TRUE(transaction.ok()) << transaction.status();
    ASSERT_TRUE((*db)->Execute("INSERT INTO things (n) VALUES (1)").ok());
    if (commit) {
      ASSERT_TRUE(transaction->Commit().ok());
    }
  }
  EXPECT_EQ(*Number(**db, "SELECT count(*) FROM things"), 1);
}

TEST(Statement, NoErrorRepeatsABoundValue) {
  constexpr std::array<std::string_view, 1> kGuarded = {
      "CREATE TABLE guarded (u TEXT UNIQUE CHECK (length(u) < 20), n INTEGER, b BLOB NOT NULL) "
      "STRICT;"
      "CREATE TRIGGER kept BEFORE DELETE ON guarded BEGIN SELECT RAISE(ABORT, 'kept'); END;"};
  auto db = Database::Open(":memory:", {77, "test database", kGuarded}, kCreate);
  ASSERT_TRUE(db.ok()) << db.status();
  const std::string secret = "shiken-ichigo";
  constexpr std::string_view kInsert = "INSERT INTO guarded (u, n, b) VALUES (?1, ?2, ?3)";
  ASSERT_TRUE((*db)->Execute(kInsert, {secret, 1, base::AsBytes(secret)}).ok());
  const absl::Status failures[] = {
      (*db)->Execute(kInsert, {secret, 1, base::AsBytes(secret)}),           // UNIQUE
      (*db)->Execute(kInsert, {secret + secret, 1, base::AsBytes(secret)}),  // CHECK
      (*db)->Execute(kInsert, {"", secret, base::AsBytes(secret)}),          // STRICT
      (*db)->Execute(kInsert, {"", 1, secret}),                              // STRICT
      (*db)->Execute(kInsert, {"", 1, std::nullopt}),                        // NOT NULL
      (*db)->Execute("DELETE FROM guarded WHERE u = ?1", {secret}),          // RAISE
      (*db)->Execute("SELECT abs(?1), json(?1)", {secret}),                  // a function's own
      (*db)->Execute("SELECT ?1", {secret, secret}),                         // out of range
  };
  for (const absl::Status& status : failures) {
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.message().find(secret), absl::string_view::npos) << status;
    EXPECT_EQ(status.ToString().find(secret), std::string::npos) << status;
  }
}

TEST(Statement, ReportsABadQueryWhenStepped) {
  auto db = Database::Open(":memory:", kVersion1, kCreate);
  ASSERT_TRUE(db.ok()) << db.status();
  EXPECT_EQ(base::ReasonOf((*db)->Execute("SELECT nothing FROM nowhere")),
            base::ErrorReason::kInternal);
  EXPECT_EQ(base::ReasonOf((*db)->Execute("SELECT ?1", {1, 2})), base::ErrorReason::kInternal);
}

}  // namespace
}  // namespace musubi::sqlite
