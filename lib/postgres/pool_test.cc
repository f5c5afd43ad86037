#include "lib/postgres/pool.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <limits>
#include <thread>

#include "lib/base/call_deadline.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "tests/fakes/postgres_server.h"
#include "tests/fakes/tcp_proxy.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::postgres {
namespace {

class PostgresPool : public testing::Test {
 protected:
  PostgresPool() {
    server_.Run(database_, "CREATE TABLE things (name TEXT PRIMARY KEY, number BIGINT)");
  }

  std::unique_ptr<Pool> Make(PoolOptions options) {
    auto pool = Pool::Create(std::move(options));
    EXPECT_TRUE(pool.ok()) << pool.status();
    return *std::move(pool);
  }
  std::unique_ptr<Pool> Make() { return Make({.conninfo = server_.Conninfo(database_)}); }

  static absl::StatusOr<int64_t> Insert(Connection& connection, const std::string& name) {
    return connection.Execute("INSERT INTO things (name) VALUES ($1)", {name});
  }
  static int64_t Count(Pool& pool) {
    const auto count = Read(pool, [](Connection& c) -> absl::StatusOr<int64_t> {
      MUSUBI_ASSIGN_OR_RETURN(const Result result, c.Query("SELECT count(*) FROM things"));
      return result.row(0).Int(0);
    });
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(-1);
  }

  fakes::PostgresServer& server_ = fakes::PostgresServer::Shared();
  const std::string database_ = server_.NewDatabase();
};

TEST_F(PostgresPool, ValuesComeBackAsTheyWent) {
  const auto pool = Make();
  auto lease = pool->Acquire();
  ASSERT_TRUE(lease.ok()) << lease.status();
  const base::Bytes octets = {0, 255, 0};
  const auto result = (*lease)->Query(
      "SELECT $1::bigint, $2::bigint, $3::text, $4::bytea, $5::bytea, $6::bytea, 7::int, true",
      {std::numeric_limits<int64_t>::min(), -1, std::string("試験"), octets, base::Bytes(),
       std::optional<base::Bytes>()});
  ASSERT_TRUE(result.ok()) << result.status();
  const Result::Row row = result->row(0);
  EXPECT_EQ(row.Int(0), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(row.Int(1), -1);
  EXPECT_EQ(row.Text(2), "試験");
  EXPECT_EQ(row.Blob(3), octets);
  EXPECT_EQ(row.Array<3>(3)[1], 255);
  EXPECT_FALSE(row.IsNull(4));
  EXPECT_EQ(row.Blob(4), base::Bytes());
  EXPECT_TRUE(row.IsNull(5));
  EXPECT_EQ(row.Int(6), 7);
  EXPECT_EQ(row.Int(7), 1);
}

TEST_F(PostgresPool, AFullPoolIsOverloadedAndAWaiterGetsWhatIsGivenBack) {
  const auto none_may_wait =
      Make({.conninfo = server_.Conninfo(database_), .connections = 1, .waiting = 0});
  const auto held = none_may_wait->Acquire();
  ASSERT_TRUE(held.ok()) << held.status();
  EXPECT_EQ(base::ReasonOf(none_may_wait->Acquire().status()), base::ErrorReason::kOverloaded);

  const auto pool = Make({.conninfo = server_.Conninfo(database_), .connections = 1});
  auto lease = std::make_unique<absl::StatusOr<Pool::Lease>>(pool->Acquire());
  ASSERT_TRUE(lease->ok()) << lease->status();
  {
    const base::CallDeadline passed(absl::ZeroDuration());
    EXPECT_EQ(base::ReasonOf(pool->Acquire().status()), base::ErrorReason::kOverloaded);
  }
  std::thread waiter([&] { EXPECT_TRUE(pool->Acquire().ok()); });
  lease.reset();
  waiter.join();
  EXPECT_EQ(pool->opened(), 1u);
}

TEST_F(PostgresPool, ManyThreadsShareFewConnections) {
  const auto pool = Make({.conninfo = server_.Conninfo(database_), .connections = 4});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 32; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 20; ++i) {
        const auto done = Transact(*pool, [&](Connection& c) {
          return Insert(c, std::to_string(thread) + "-" + std::to_string(i));
        });
        EXPECT_TRUE(done.ok()) << done.status();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Count(*pool), 32 * 20);
  EXPECT_LE(pool->opened(), 4u);
}

TEST_F(PostgresPool, TheServerGivesUpAtTheCallsDeadlineAndTheConnectionStaysGood) {
  const auto pool = Make();
  {
    const base::CallDeadline deadline(absl::Seconds(5));
    auto lease = pool->Acquire();
    ASSERT_TRUE(lease.ok()) << lease.status();
    const auto timeout =
        (*lease)->Query("SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'");
    ASSERT_TRUE(timeout.ok()) << timeout.status();
    EXPECT_GT(timeout->row(0).Int(0), 0);
    EXPECT_LT(timeout->row(0).Int(0), 5000);
  }
  {
    auto lease = pool->Acquire();
    ASSERT_TRUE((*lease)->Run("SET statement_timeout = 10").ok());
    const absl::Status late = (*lease)->Query("SELECT 1 FROM pg_sleep(600)").status();
    EXPECT_EQ(FailureOf(late), Failure::kTimeout) << late;
    EXPECT_EQ(base::ReasonOf(late), base::ErrorReason::kUnavailable);
    EXPECT_TRUE((*lease)->Run("RESET statement_timeout").ok());
  }
  EXPECT_EQ(Count(*pool), 0);
  EXPECT_EQ(pool->opened(), 1u);
  const base::CallDeadline passed(absl::ZeroDuration());
  EXPECT_EQ(FailureOf(pool->Acquire().status()), Failure::kTimeout);
}

TEST_F(PostgresPool, AServerThatIsSilentIsGivenUpWithItsConnection) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = Make({.conninfo = server_.TcpConninfo(database_, proxy.port())});
  EXPECT_EQ(Count(*pool), 0);
  proxy.HoldAnswers();
  {
    const base::CallDeadline deadline(absl::Milliseconds(300));
    const absl::Status late =
        Read(*pool, [](Connection& c) { return c.Query("SELECT 1"); }).status();
    EXPECT_EQ(FailureOf(late), Failure::kTimeout) << late;
  }
  EXPECT_EQ(pool->open(), 0u);
  proxy.Cut();
  EXPECT_EQ(Count(*pool), 0);
}

TEST_F(PostgresPool, FindsTheServerAgainAfterItsRestart) {
  const auto pool = Make();
  ASSERT_TRUE(Transact(*pool, [](Connection& c) { return Insert(c, "before"); }).ok());
  server_.Stop();
  const absl::Status away = Read(*pool, [](Connection& c) { return c.Query("SELECT 1"); }).status();
  EXPECT_EQ(base::ReasonOf(away), base::ErrorReason::kUnavailable) << away;
  server_.Start();
  EXPECT_EQ(Count(*pool), 1);
  EXPECT_EQ(pool->open(), 1u);
}

TEST_F(PostgresPool, AConflictIsRunAgainAndSeenThen) {
  const auto pool = Make();
  int runs = 0;
  const auto done = Transact(*pool, [&](Connection& c) -> absl::StatusOr<int64_t> {
    ++runs;
    MUSUBI_ASSIGN_OR_RETURN(const Result there,
                            c.Query("SELECT 1 FROM things WHERE name = $1", {"taro"}));
    if (!there.empty()) return 0;
    // Another one, between the look and the write.
    server_.Run(database_, "INSERT INTO things (name) VALUES ('taro')");
    return Insert(c, "taro");
  });
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(*done, 0);
  EXPECT_EQ(runs, 2);

  runs = 0;
  const absl::Status always = Transact(*pool, [&](Connection& c) {
                                ++runs;
                                return Insert(c, "taro");
                              }).status();
  EXPECT_EQ(FailureOf(always), Failure::kUniqueViolation);
  EXPECT_EQ(runs, kMaxAttempts);
  EXPECT_EQ(always.message().find("taro"), std::string::npos) << always;
}

TEST_F(PostgresPool, FailuresAreToldApart) {
  const auto pool = Make({.conninfo = server_.Conninfo(database_), .connections = 1});
  struct Case {
    std::string sql_state;
    Failure failure;
    int runs;
  };
  for (const Case& c : std::vector<Case>{{"40001", Failure::kSerialization, kMaxAttempts},
                                         {"40P01", Failure::kSerialization, kMaxAttempts},
                                         {"57P01", Failure::kConnectionLost, kMaxAttempts},
                                         {"53100", Failure::kConnectionLost, kMaxAttempts},
                                         {"42501", Failure::kOther, 1},
                                         {"22001", Failure::kOther, 1}}) {
    int runs = 0;
    const auto raised = Transact(*pool, [&](Connection& connection) {
      ++runs;
      return connection.Run("DO $$ BEGIN RAISE 'taro' USING ERRCODE = '" + c.sql_state +
                            "'; END $$");
    });
    EXPECT_EQ(FailureOf(raised.status()), c.failure) << raised.status();
    EXPECT_EQ(runs, c.runs) << c.sql_state;
    EXPECT_EQ(raised.status().message().find("taro") == std::string::npos,
              c.sql_state.starts_with("22"));
  }
  // Nothing of it is left in the one connection.
  EXPECT_EQ(Count(*pool), 0);
}

TEST_F(PostgresPool, ACommitWhoseAnswerIsCutOffHasAnUnknownOutcome) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = Make({.conninfo = server_.TcpConninfo(database_, proxy.port())});
  auto lease = pool->Acquire();
  ASSERT_TRUE(lease.ok()) << lease.status();
  auto transaction = Transaction::Begin(**lease);
  ASSERT_TRUE(Insert(**lease, "committed").ok());
  proxy.HoldAnswers();
  absl::Status committed;
  std::thread commit([&] { committed = transaction.Commit(); });
  proxy.WaitUntilHeld();
  proxy.Cut();
  commit.join();
  EXPECT_EQ(FailureOf(committed), Failure::kOutcomeUnknown) << committed;
  EXPECT_EQ(base::ReasonOf(committed), base::ErrorReason::kUnavailable);
  EXPECT_FALSE(MayRunAgain(committed));
  EXPECT_EQ(Count(*pool), 1);
}

TEST_F(PostgresPool, AConnectionThatIsCutBeforeCommitDidNothingAndIsRunAgain) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = Make({.conninfo = server_.TcpConninfo(database_, proxy.port())});
  int runs = 0;
  const auto done = Transact(*pool, [&](Connection& c) -> absl::StatusOr<int64_t> {
    MUSUBI_RETURN_IF_ERROR(Insert(c, "once").status());
    if (++runs == 1) {
      proxy.Cut();
      return c.Execute("UPDATE things SET number = 1");
    }
    return 0;
  });
  EXPECT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Count(*pool), 1);
}

TEST_F(PostgresPool, APasswordIsInAFileAndNowhereElse) {
  constexpr char kPassword[] = "himitsu-no-kotoba";
  server_.Run(database_, "CREATE ROLE asks LOGIN PASSWORD 'himitsu-no-kotoba'");
  fakes::TempDir dir;
  const std::string passfile = dir.File("pgpass");
  const std::string conninfo = "host=127.0.0.1 port=" + std::to_string(server_.port()) +
                               " user=asks dbname=" + database_ + " sslmode=disable";
  const auto write = [&](const std::string& password) {
    return base::WriteFileAtomically(passfile, "*:*:*:*:" + password + "\n", 0600);
  };
  ASSERT_TRUE(write(kPassword).ok());
  const auto pool = Make({.conninfo = conninfo + " passfile=" + passfile});
  EXPECT_TRUE(Read(*pool, [](Connection& c) { return c.Query("SELECT 1"); }).ok());
  ASSERT_TRUE(write("another-secret").ok());
  const absl::Status refused =
      Make({.conninfo = conninfo + " passfile=" + passfile})->Acquire().status();
  EXPECT_NE(refused.message().find("password authentication failed"), std::string::npos) << refused;
  EXPECT_EQ(refused.message().find("another-secret"), std::string::npos) << refused;

  ASSERT_EQ(chmod(passfile.c_str(), 0640), 0);
  EXPECT_EQ(CheckConninfo(conninfo + " passfile=" + passfile).code(),
            absl::StatusCode::kFailedPrecondition);
  for (const std::string& bad :
       {conninfo + " password=" + kPassword, "postgresql://asks:" + std::string(kPassword) + "@h/d",
        std::string("postgresql://asks:himitsu-no-kotoba@[h/d"), std::string()}) {
    const absl::Status status = Pool::Create({.conninfo = bad}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(status.message().find(kPassword), std::string::npos) << status;
  }
  server_.Run(database_, "DROP ROLE asks");
}

TEST_F(PostgresPool, ActsAsItsRoleWhateverElseTheLoginMay) {
  server_.Run(database_, "CREATE ROLE little");
  const auto pool = Make({.conninfo = server_.Conninfo(database_), .setup = {.role = "little"}});
  const absl::Status refused =
      Read(*pool, [](Connection& c) { return c.Query("SELECT 1 FROM things"); }).status();
  EXPECT_NE(refused.message().find("42501"), std::string::npos) << refused;
  server_.Run(database_, "DROP ROLE little");
  const auto absent = Make({.conninfo = server_.Conninfo(database_), .setup = {.role = "absent"}});
  EXPECT_EQ(absent->Acquire().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(PostgresPoolOptions, OutOfRangeAreRefused) {
  for (const size_t connections : {size_t{0}, kMaxConnections + 1}) {
    EXPECT_EQ(Pool::Create({.conninfo = "dbname=x", .connections = connections}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace musubi::postgres
