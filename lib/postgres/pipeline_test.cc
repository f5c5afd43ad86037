// What Enqueue and Transaction promise of statements that are sent together.
#include <gtest/gtest.h>

#include <thread>

#include "lib/base/call_deadline.h"
#include "lib/base/error.h"
#include "lib/postgres/pool.h"
#include "tests/fakes/postgres_server.h"
#include "tests/fakes/tcp_proxy.h"

namespace musubi::postgres {
namespace {

constexpr std::string_view kInsert = "INSERT INTO things (name) VALUES ($1)";
// Waits for whoever holds the lock 42.
constexpr std::string_view kWait = "SELECT pg_advisory_xact_lock(42)";
constexpr std::string_view kFail = "SELECT fail($1)";

class PostgresPipeline : public testing::Test {
 protected:
  PostgresPipeline() {
    server_.Run(database_,
                "CREATE TABLE things (name TEXT PRIMARY KEY);"
                "CREATE FUNCTION fail(code TEXT) RETURNS void LANGUAGE plpgsql"
                " AS $$ BEGIN RAISE 'taro' USING ERRCODE = code; END $$");
    beside_ = Connect();
  }

  std::unique_ptr<Connection> Connect() {
    auto connection = Connection::Open(server_.Conninfo(database_), {});
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  std::unique_ptr<Pool> Make(const std::string& conninfo) {
    auto pool = Pool::Create({.conninfo = conninfo, .connections = 1});
    EXPECT_TRUE(pool.ok()) << pool.status();
    return *std::move(pool);
  }
  std::unique_ptr<Pool> Make() { return Make(server_.Conninfo(database_)); }
  std::unique_ptr<Pool> MakeBehind(const fakes::TcpProxy& proxy) {
    return Make(server_.TcpConninfo(database_, proxy.port()));
  }

  // Beside what is tested.
  int64_t Count() { return beside_->Query("SELECT count(*) FROM things")->row(0).Int(0); }
  void WaitUntil(const std::string& condition) {
    while (beside_->Run("SELECT 1 WHERE " + condition)->empty()) {
    }
  }
  void WaitUntilSomebodyWaits() {
    WaitUntil("EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)");
  }
  // All that was sent to others in this database is done.
  void WaitUntilAlone() {
    WaitUntil(
        "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend')");
  }
  // After it, all statements of this file are prepared on the pool's one connection.
  static void Warm(Pool& pool) {
    auto lease = pool.Acquire();
    ASSERT_TRUE(lease.ok()) << lease.status();
    auto transaction = Transaction::Begin(**lease);
    (*lease)->Enqueue(kInsert, {"warm"});
    (*lease)->Enqueue(kWait);
    EXPECT_EQ(FailureOf((*lease)->Query(kFail, {"40001"}).status()), Failure::kSerialization);
  }

  fakes::PostgresServer& server_ = fakes::PostgresServer::Shared();
  const std::string database_ = server_.NewDatabase();
  std::unique_ptr<Connection> beside_;
};

TEST_F(PostgresPipeline, ATransactionOfWritesNeedsNoAnswerUntilItIsCommitted) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = MakeBehind(proxy);
  Warm(*pool);
  auto lease = pool->Acquire();
  ASSERT_TRUE(lease.ok()) << lease.status();
  proxy.HoldAnswers();
  absl::Status committed = absl::UnknownError("");
  std::thread writer([&] {
    auto transaction = Transaction::Begin(**lease);
    for (const char* name : {"taro", "hanako", "jiro"}) (*lease)->Enqueue(kInsert, {name});
    committed = transaction.Commit();
  });
  WaitUntil("(SELECT count(*) FROM things) = 3");
  proxy.Release();
  writer.join();
  EXPECT_TRUE(committed.ok()) << committed;
}

TEST_F(PostgresPipeline, OneStatementAfterTheOtherAndTheLastOnesRows) {
  const auto pool = Make();
  const auto names = Transact(*pool, [](Connection& c) {
    c.Enqueue(kInsert, {"taro"});
    c.Enqueue("UPDATE things SET name = name || $1", {"-ichiro"});
    c.Enqueue(kInsert, {std::string()});
    return c.Query("SELECT name FROM things ORDER BY name");
  });
  ASSERT_TRUE(names.ok()) << names.status();
  ASSERT_EQ(names->rows(), 2);
  EXPECT_EQ(names->row(0).Text(0), "");
  EXPECT_EQ(names->row(1).Text(0), "taro-ichiro");
  // Also before what is sent unprepared.
  const auto count = Transact(*pool, [](Connection& c) {
    c.Enqueue(kInsert, {"hanako"});
    return c.Run("SELECT count(*)::text FROM things");
  });
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(count->row(0).Text(0), "3");
}

TEST_F(PostgresPipeline, MoreThanABufferHoldsGoesToo) {
  const auto pool = Make();
  constexpr int kMany = 2000;
  const std::string long_name(1000, 'x');
  const auto done = Transact(*pool, [&](Connection& c) -> absl::StatusOr<bool> {
    // Answers come meanwhile, and nobody may wait for the other one to read.
    for (int i = 0; i < kMany; ++i) {
      c.Enqueue("INSERT INTO things (name) VALUES ($1) RETURNING name",
                {std::to_string(i) + long_name});
    }
    return true;
  });
  EXPECT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(Count(), kMany);
}

TEST_F(PostgresPipeline, TheFirstFailureCountsWhereverItIsAndNothingIsDone) {
  const auto pool = Make();
  ASSERT_TRUE(beside_->Execute(kInsert, {"taken"}).ok());
  for (const bool commits : {false, true}) {
    for (int bad = 0; bad < 3; ++bad) {
      SCOPED_TRACE(testing::Message() << "statement " << bad << ", commits: " << commits);
      auto lease = pool->Acquire();
      ASSERT_TRUE(lease.ok()) << lease.status();
      absl::Status failed;
      {
        auto transaction = Transaction::Begin(**lease);
        for (int i = 0; i < 3; ++i) {
          const std::string name = i == bad ? "taken" : "free-" + std::to_string(i);
          if (i == 2 && !commits) {
            failed = (*lease)->Query(kInsert, {name}).status();
          } else {
            (*lease)->Enqueue(kInsert, {name});
          }
        }
        if (commits) failed = transaction.Commit();
      }
      EXPECT_EQ(FailureOf(failed), Failure::kUniqueViolation) << failed;
      EXPECT_EQ(failed.message().find("taken"), std::string::npos) << failed;
      EXPECT_FALSE((*lease)->broken());
      EXPECT_EQ(Count(), 1);
    }
  }
  // Its next user finds no transaction and nothing left to send.
  const auto done = Transact(*pool, [](Connection& c) -> absl::StatusOr<bool> {
    c.Enqueue(kInsert, {"next"});
    return true;
  });
  EXPECT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(Count(), 2);
  EXPECT_EQ(pool->opened(), 1u);
}

TEST_F(PostgresPipeline, FailuresBeforeCommitAreToldApart) {
  const auto pool = Make();
  struct Case {
    std::string sql_state;
    Failure failure;
    int runs;
  };
  for (const Case& c : std::vector<Case>{{"40001", Failure::kSerialization, kMaxAttempts},
                                         {"40P01", Failure::kSerialization, kMaxAttempts},
                                         {"23505", Failure::kUniqueViolation, kMaxAttempts},
                                         // The server knew the statement no more.
                                         {"26000", Failure::kSerialization, kMaxAttempts},
                                         {"57014", Failure::kTimeout, 1},
                                         {"42501", Failure::kOther, 1},
                                         {"22001", Failure::kOther, 1},
                                         // Who says it may stand between us and the server.
                                         {"08006", Failure::kOutcomeUnknown, 1},
                                         {"57P01", Failure::kOutcomeUnknown, 1}}) {
    int runs = 0;
    const auto raised = Transact(*pool, [&](Connection& connection) -> absl::StatusOr<bool> {
      ++runs;
      connection.Enqueue(kInsert, {"before"});
      connection.Enqueue(kFail, {c.sql_state});
      connection.Enqueue(kInsert, {"after"});
      return true;
    });
    EXPECT_EQ(FailureOf(raised.status()), c.failure) << raised.status();
    EXPECT_EQ(runs, c.runs) << c.sql_state;
    EXPECT_EQ(Count(), 0) << c.sql_state;
  }
}

TEST_F(PostgresPipeline, WhatIsNotCommittedIsNotSent) {
  const auto pool = Make();
  const auto refused = Transact(*pool, [](Connection& c) -> absl::StatusOr<bool> {
    c.Enqueue(kInsert, {"taro"});
    return absl::NotFoundError("no");
  });
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Transact(*pool, [](Connection& c) { return c.Query("SELECT 1"); }).ok());
  EXPECT_EQ(Count(), 0);
  EXPECT_EQ(pool->opened(), 1u);
}

TEST_F(PostgresPipeline, ACutBeforeCommitWasSentIsRunAgain) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = MakeBehind(proxy);
  Warm(*pool);
  ASSERT_TRUE(beside_->Run("SELECT pg_advisory_lock(42)").ok());
  int runs = 0;
  absl::StatusOr<Result> done = absl::UnknownError("");
  std::thread caller([&] {
    done = Transact(*pool, [&](Connection& c) {
      ++runs;
      c.Enqueue(kInsert, {"taro"});
      c.Enqueue(kWait);
      return c.Query(kInsert, {"hanako"});
    });
  });
  WaitUntilSomebodyWaits();
  proxy.Cut();
  ASSERT_TRUE(beside_->Run("SELECT pg_advisory_unlock(42)").ok());
  caller.join();
  EXPECT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Count(), 2);
}

TEST_F(PostgresPipeline, ACutAfterCommitWasSentIsNotRunAgainThoughAStatementBeforeItHasNoAnswer) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = MakeBehind(proxy);
  Warm(*pool);
  ASSERT_TRUE(beside_->Run("SELECT pg_advisory_lock(42)").ok());
  int runs = 0;
  absl::StatusOr<bool> done = absl::UnknownError("");
  std::thread caller([&] {
    done = Transact(*pool, [&](Connection& c) -> absl::StatusOr<bool> {
      ++runs;
      c.Enqueue(kInsert, {"taro"});
      c.Enqueue(kWait);
      c.Enqueue(kInsert, {"hanako"});
      return true;
    });
  });
  WaitUntilSomebodyWaits();
  proxy.Cut();
  caller.join();
  EXPECT_EQ(FailureOf(done.status()), Failure::kOutcomeUnknown) << done.status();
  EXPECT_EQ(base::ReasonOf(done.status()), base::ErrorReason::kUnavailable);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(pool->open(), 0u);
  // The server has it all, and goes on: this is why.
  ASSERT_TRUE(beside_->Run("SELECT pg_advisory_unlock(42)").ok());
  WaitUntilAlone();
  EXPECT_EQ(Count(), 2);
}

TEST_F(PostgresPipeline, ACommitThatIsLostOnItsWayHasAnUnknownOutcomeToo) {
  fakes::TcpProxy proxy(server_.port());
  const auto pool = MakeBehind(proxy);
  Warm(*pool);
  proxy.CutOn("COMMIT");
  int runs = 0;
  const auto done = Transact(*pool, [&](Connection& c) -> absl::StatusOr<bool> {
    ++runs;
    c.Enqueue(kInsert, {"taro"});
    return true;
  });
  EXPECT_EQ(FailureOf(done.status()), Failure::kOutcomeUnknown) << done.status();
  EXPECT_EQ(runs, 1);
  WaitUntilAlone();
  EXPECT_EQ(Count(), 0);
}

TEST_F(PostgresPipeline, TheServerGivesUpInTheMiddleAtItsTimeoutAndTheConnectionStaysGood) {
  const auto pool = Make();
  Warm(*pool);
  {
    auto lease = pool->Acquire();
    ASSERT_TRUE(lease.ok()) << lease.status();
    ASSERT_TRUE((*lease)->Run("SET statement_timeout = 10").ok());
    {
      auto transaction = Transaction::Begin(**lease);
      (*lease)->Enqueue(kInsert, {"taro"});
      (*lease)->Enqueue("SELECT 1 FROM pg_sleep(600)");
      (*lease)->Enqueue(kInsert, {"hanako"});
      const absl::Status late = transaction.Commit();
      EXPECT_EQ(FailureOf(late), Failure::kTimeout) << late;
    }
    EXPECT_FALSE((*lease)->broken());
    EXPECT_TRUE((*lease)->Run("RESET statement_timeout").ok());
  }
  EXPECT_EQ(Count(), 0);
  EXPECT_TRUE(Transact(*pool, [](Connection& c) { return c.Query(kInsert, {"next"}); }).ok());
  EXPECT_EQ(pool->opened(), 1u);
}

TEST_F(PostgresPipeline, ADeadlineWithoutAnAnswerGivesTheConnectionUp) {
  fakes::TcpProxy proxy(server_.port());
  for (const bool commits : {false, true}) {
    SCOPED_TRACE(commits);
    const auto pool = MakeBehind(proxy);
    Warm(*pool);
    int runs = 0;
    const auto late = [&] {
      const base::CallDeadline deadline(absl::Milliseconds(300));
      return Transact(*pool, [&](Connection& c) -> absl::StatusOr<bool> {
        ++runs;
        proxy.HoldAnswers();
        c.Enqueue(kInsert, {"taro"});
        if (!commits) MUSUBI_RETURN_IF_ERROR(c.Query(kInsert, {"hanako"}).status());
        return true;
      });
    }();
    EXPECT_EQ(FailureOf(late.status()), commits ? Failure::kOutcomeUnknown : Failure::kTimeout)
        << late.status();
    EXPECT_EQ(runs, 1);
    EXPECT_EQ(pool->open(), 0u);
    proxy.Cut();
    WaitUntilAlone();
    EXPECT_EQ(Count(), commits ? 1 : 0);
  }
}

TEST_F(PostgresPipeline, NothingWaitsOutsideATransaction) {
  EXPECT_DEATH(beside_->Enqueue(kInsert, {"taro"}), "sent by its transaction");
}

}  // namespace
}  // namespace musubi::postgres
