#include "lib/postgres/migration.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/fakes/postgres_server.h"

namespace musubi::postgres {
namespace {

constexpr std::string_view kSteps[] = {
    "CREATE TABLE words (word TEXT PRIMARY KEY); INSERT INTO words VALUES ('one')",
    "ALTER TABLE words ADD COLUMN length BIGINT; UPDATE words SET length = length(word)",
    "ALTER TABLE words ALTER COLUMN length SET NOT NULL",
};
Schema UpTo(size_t version) { return {"test_words", std::span(kSteps).first(version)}; }

class PostgresMigration : public testing::Test {
 protected:
  std::unique_ptr<Connection> Connect() {
    return std::move(Connection::Open(server_.Conninfo(database_), {})).value();
  }

  fakes::PostgresServer& server_ = fakes::PostgresServer::Shared();
  const std::string database_ = server_.NewDatabase();
  const std::unique_ptr<Connection> connection_ = Connect();
};

TEST_F(PostgresMigration, EveryEarlierVersionComesToTheNewestWithWhatItHolds) {
  for (size_t from = 0; from <= 3; ++from) {
    if (from > 0) {
      ASSERT_TRUE(Migrate(*connection_, UpTo(from)).ok()) << from;
    }
    EXPECT_EQ(CheckVersion(*connection_, UpTo(3)).ok(), from == 3);
    const auto found = Migrate(*connection_, UpTo(3));
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*found, static_cast<int64_t>(from));
    EXPECT_TRUE(CheckVersion(*connection_, UpTo(3)).ok());
    const auto word = connection_->Query("SELECT length FROM test_words.words");
    ASSERT_TRUE(word.ok()) << word.status();
    EXPECT_EQ(word->row(0).Int(0), 3);
    ASSERT_TRUE(connection_->Run("DROP SCHEMA test_words CASCADE").ok());
  }
}

TEST_F(PostgresMigration, ANewerDatabaseIsRefusedAndAnOlderOneNamesTheFix) {
  const absl::Status absent = CheckVersion(*connection_, UpTo(2));
  EXPECT_NE(absent.message().find("musubictl migrate"), std::string::npos) << absent;
  ASSERT_TRUE(Migrate(*connection_, UpTo(3)).ok());
  for (const absl::Status& newer :
       {CheckVersion(*connection_, UpTo(2)), Migrate(*connection_, UpTo(2)).status()}) {
    EXPECT_EQ(newer.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(newer.message().find("has version 3"), std::string::npos) << newer;
  }
}

TEST_F(PostgresMigration, AStepThatFailsLeavesEverythingAsItWas) {
  ASSERT_TRUE(Migrate(*connection_, UpTo(1)).ok());
  constexpr std::string_view kBad[] = {kSteps[0], kSteps[1], "SELECT 1 / 0"};
  const absl::Status failed = Migrate(*connection_, {"test_words", kBad}).status();
  EXPECT_NE(failed.message().find("to version 3"), std::string::npos) << failed;
  EXPECT_TRUE(CheckVersion(*connection_, UpTo(1)).ok());
}

TEST_F(PostgresMigration, OfSeveralAtOnceOneMigratesAndTheOthersWait) {
  std::atomic<int> migrated = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto found = Migrate(*Connect(), UpTo(3));
      EXPECT_TRUE(found.ok()) << found.status();
      if (found.value_or(-1) == 0) ++migrated;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(migrated, 1);
}

}  // namespace
}  // namespace musubi::postgres
