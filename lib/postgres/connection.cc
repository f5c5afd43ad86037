#include "lib/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/call_deadline.h"
#include "lib/base/check.h"
#include "lib/base/status.h"

namespace musubi::postgres {
namespace {

// The server's own limit goes in these steps, so that calls of about the same deadline need not
// tell it anew. Rounded down: the server gives up first, and the connection stays good.
constexpr int64_t kTimeoutStepMs = 250;
// For what is said of a connection before its first use.
constexpr absl::Duration kSetupTime = absl::Seconds(3);

// First line of what libpq or the server said: the lines after it may have values of rows.
std::string FirstLine(const char* message) {
  const std::string_view text = message == nullptr ? "" : message;
  return std::string(text.substr(0, text.find('\n')));
}

std::string_view SqlState(const pg_result* result) {
  const char* field = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return field == nullptr ? "" : field;
}

absl::Status ErrorOf(const pg_result* result) {
  const std::string_view state = SqlState(result);
  std::string detail = "PostgreSQL";
  if (!state.empty()) detail += " (SQLSTATE " + std::string(state) + ")";
  // Data exceptions (class 22) quote the value in their primary text too.
  if (!state.starts_with("22")) {
    const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    detail += ": " + FirstLine(text != nullptr ? text : PQresultErrorMessage(result));
  }
  if (state.starts_with("XX001") || state.starts_with("XX002")) return absl::DataLossError(detail);
  return MakeFailure(FailureOfSqlState(state), detail);
}

std::string Quoted(std::string_view identifier) { return "\"" + std::string(identifier) + "\""; }

void IgnoreNotice(void*, const char*) {}

}  // namespace

bool Result::Row::IsNull(int column) const { return PQgetisnull(result_, row_, column) != 0; }

base::ByteView Result::Row::View(int column) const {
  return {reinterpret_cast<const uint8_t*>(PQgetvalue(result_, row_, column)),
          static_cast<size_t>(PQgetlength(result_, row_, column))};
}

int64_t Result::Row::Int(int column) const {
  uint64_t value = 0;
  const base::ByteView octets = View(column);
  for (const uint8_t octet : octets) value = value << 8 | octet;
  // The smaller integer types keep their sign.
  const size_t unused = 8 * (8 - std::min<size_t>(octets.size(), 8));
  return octets.empty() ? 0 : static_cast<int64_t>(value << unused) >> unused;
}

int Result::rows() const { return PQntuples(result_.get()); }
int64_t Result::changes() const { return std::atoll(PQcmdTuples(result_.get())); }
bool Result::committed() const { return std::string_view(PQcmdStatus(result_.get())) == "COMMIT"; }
void Result::Clear::operator()(pg_result* result) const { PQclear(result); }

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& conninfo,
                                                             const Setup& setup) {
  // What is given wins over what stands before it. A server that is silent is given up; one that
  // went without a word is noticed; and after a failover the old master, now a standby, is passed.
  const char* const names[] = {
      "connect_timeout",  "tcp_user_timeout", "keepalives_idle", "target_session_attrs",
      "application_name", "client_encoding",  "dbname",          nullptr};
  const char* const values[] = {"3",    "10000",          "10",   "read-write", "musubi",
                                "UTF8", conninfo.c_str(), nullptr};
  std::unique_ptr<Connection> connection(
      new Connection(PQconnectdbParams(names, values, /*expand_dbname=*/1)));
  pg_conn* const pg = connection->connection_;
  if (PQstatus(pg) != CONNECTION_OK) {
    return MakeFailure(Failure::kConnectionLost,
                       "cannot connect to PostgreSQL: " + FirstLine(PQerrorMessage(pg)));
  }
  PQsetNoticeProcessor(pg, &IgnoreNotice, nullptr);
  PQsetnonblocking(pg, 1);
  // What was acknowledged must outlive a crash, whatever the database's default is. A transaction
  // whose process died without a word ends some time.
  std::string sql =
      "SET idle_in_transaction_session_timeout = '60s';"
      "SELECT set_config('synchronous_commit', 'on', false)"
      " WHERE current_setting('synchronous_commit') = 'off'";
  if (!setup.search_path.empty()) sql += ";SET search_path = " + Quoted(setup.search_path);
  if (!setup.role.empty()) sql += ";SET ROLE " + Quoted(setup.role);
  connection->deadline_ = base::CallDeadline::AtMost(kSetupTime);
  const absl::Status done = connection->Run(sql).status();
  if (FailureOf(done) == Failure::kOther) {
    return absl::FailedPreconditionError(
        std::string(done.message()) +
        ": was the database migrated (musubictl migrate), and is the login a member of the role " +
        setup.role + "?");
  }
  if (!done.ok()) return done;
  return connection;
}

Connection::~Connection() { PQfinish(connection_); }

bool Connection::broken() const { return given_up_ || PQstatus(connection_) != CONNECTION_OK; }

bool Connection::Idle() const {
  pollfd descriptor = {PQsocket(connection_), POLLIN, 0};
  return !broken() && poll(&descriptor, 1, 0) == 0;
}

bool Connection::Poll(short events) const {
  while (true) {
    int wait = -1;
    if (deadline_ != Deadline::max()) {
      const absl::Duration left = base::CallDeadline::Left(deadline_);
      if (left == absl::ZeroDuration()) return false;
      wait = static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))));
    }
    pollfd descriptor = {PQsocket(connection_), events, 0};
    // An interrupted wait goes on; an error is for libpq to find.
    const int ready = poll(&descriptor, 1, wait);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;
  }
}

absl::Status Connection::Lost() {
  given_up_ = true;
  return MakeFailure(Failure::kConnectionLost, "the connection to PostgreSQL was lost: " +
                                                   FirstLine(PQerrorMessage(connection_)));
}

absl::StatusOr<pg_result*> Connection::Receive() {
  int unsent = PQflush(connection_);
  while (unsent > 0 || PQisBusy(connection_) != 0) {
    if (!Poll(unsent > 0 ? POLLIN | POLLOUT : POLLIN)) {
      given_up_ = true;
      return MakeFailure(Failure::kTimeout, "PostgreSQL did not answer within the deadline");
    }
    if (PQconsumeInput(connection_) == 0) return Lost();
    unsent = PQflush(connection_);
  }
  if (unsent < 0) return Lost();
  return PQgetResult(connection_);
}

absl::StatusOr<Result> Connection::Await() {
  const bool pipeline = PQpipelineStatus(connection_) != PQ_PIPELINE_OFF;
  std::optional<Result> last;
  absl::Status failed;
  while (true) {
    const absl::StatusOr<pg_result*> received = Receive();
    if (!received.ok()) return failed.ok() ? received.status() : failed;
    pg_result* const result = *received;
    if (result == nullptr) {
      // Within a pipeline the end of one statement only.
      if (pipeline && !broken()) continue;
      break;
    }
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) {
      PQclear(result);
      break;
    }
    last.emplace(result);
    // After a failure the rest of a pipeline is not run.
    if (failed.ok() && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      failed = ErrorOf(result);
      // A server that is leaving, or one that no longer knows what was prepared.
      const std::string_view state = SqlState(result);
      given_up_ =
          FailureOf(failed) == Failure::kConnectionLost || state == "26000" || state == "0A000";
    }
  }
  if (pipeline && PQexitPipelineMode(connection_) == 0) given_up_ = true;
  if (!failed.ok()) return failed;
  if (!last.has_value() || broken()) return Lost();
  return *std::move(last);
}

absl::StatusOr<Result> Connection::Run(const std::string& sql) {
  if (!pending_.empty()) MUSUBI_RETURN_IF_ERROR(Flush().status());
  if (broken()) return Lost();
  if (PQsendQuery(connection_, sql.c_str()) == 0) return Lost();
  return Await();
}

absl::Status Connection::SetDeadline(Deadline deadline) {
  deadline_ = deadline;
  int64_t wanted = 0;
  if (deadline != Deadline::max()) {
    const int64_t left = absl::ToInt64Milliseconds(base::CallDeadline::Left(deadline));
    if (left == 0) return MakeFailure(Failure::kTimeout, "the call's deadline has passed");
    wanted = std::max<int64_t>(left / kTimeoutStepMs * kTimeoutStepMs, kTimeoutStepMs);
  }
  if (wanted == timeout_ms_) return absl::OkStatus();
  MUSUBI_RETURN_IF_ERROR(Run("SET statement_timeout = " + std::to_string(wanted)).status());
  timeout_ms_ = wanted;
  return absl::OkStatus();
}

absl::Status Connection::Prepare() {
  for (const Pending& statement : pending_) {
    if (!statement.prepare || prepared_.contains(statement.sql)) continue;
    const std::string name = "s" + std::to_string(prepared_.size());
    if (PQsendPrepare(connection_, name.c_str(), statement.sql.c_str(),
                      static_cast<int>(statement.values.size()), nullptr) == 0) {
      return Lost();
    }
    MUSUBI_RETURN_IF_ERROR(Await().status());
    prepared_.emplace(statement.sql, name);
  }
  return absl::OkStatus();
}

void Connection::Push(std::string_view sql, std::span<const Value> values) {
  Pending& statement = pending_.emplace_back(Pending{.sql = std::string(sql)});
  for (const Value& value : values) {
    std::optional<std::string>& octets = statement.values.emplace_back();
    const Value::Held& held = value.held();
    if (const auto* number = std::get_if<int64_t>(&held)) {
      octets.emplace();
      for (int shift = 56; shift >= 0; shift -= 8) {
        octets->push_back(static_cast<char>(static_cast<uint64_t>(*number) >> shift));
      }
    } else if (const auto* text = std::get_if<std::string_view>(&held)) {
      octets = *text;
    } else if (const auto* bytes = std::get_if<base::ByteView>(&held)) {
      octets = base::AsText(*bytes);
    }
  }
}

absl::StatusOr<Result> Connection::Flush() {
  if (broken()) return Lost();
  const absl::Status prepared = Prepare();
  const std::vector<Pending> statements = std::exchange(pending_, {});
  MUSUBI_RETURN_IF_ERROR(prepared);
  if (PQenterPipelineMode(connection_) == 0) return Lost();
  for (const auto& [sql, values, prepare] : statements) {
    std::vector<const char*> pointers;
    std::vector<int> lengths;
    for (const auto& value : values) {
      pointers.push_back(value.has_value() ? value->data() : nullptr);
      lengths.push_back(value.has_value() ? static_cast<int>(value->size()) : 0);
    }
    const std::vector<int> formats(values.size(), 1);
    const int sent =
        prepare ? PQsendQueryPrepared(connection_, prepared_.find(sql)->second.c_str(),
                                      static_cast<int>(values.size()), pointers.data(),
                                      lengths.data(), formats.data(), /*resultFormat=*/1)
                : PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                                    /*resultFormat=*/1);
    if (sent == 0) return Lost();
  }
  if (PQpipelineSync(connection_) == 0) return Lost();
  return Await();
}

absl::StatusOr<Result> Connection::Query(std::string_view sql, std::span<const Value> values) {
  Push(sql, values);
  return Flush();
}

void Connection::Enqueue(std::string_view sql, std::initializer_list<Value> values) {
  MUSUBI_CHECK(in_transaction_, "what waits is sent by its transaction");
  Push(sql, {values.begin(), values.size()});
}

absl::StatusOr<int64_t> Connection::Execute(std::string_view sql,
                                            std::initializer_list<Value> values) {
  MUSUBI_ASSIGN_OR_RETURN(const Result result, Query(sql, values));
  return result.changes();
}

Transaction Transaction::Begin(Connection& connection, Isolation isolation) {
  MUSUBI_CHECK(!connection.in_transaction_, "one transaction at a time");
  connection.in_transaction_ = true;
  connection.pending_.push_back({.sql = isolation == Isolation::kSnapshot
                                            ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                                            : "BEGIN ISOLATION LEVEL READ COMMITTED",
                                 .prepare = false});
  return Transaction(connection);
}

void Transaction::End() {
  connection_->in_transaction_ = false;
  connection_ = nullptr;
}

Transaction::~Transaction() {
  if (connection_ == nullptr) return;
  Connection& connection = *connection_;
  End();
  connection.pending_.clear();
  if (connection.broken() || PQtransactionStatus(connection.connection_) == PQTRANS_IDLE) return;
  // A transaction that cannot be ended must not be met by the connection's next user.
  if (!connection.Run("ROLLBACK").ok()) connection.given_up_ = true;
}

absl::Status Transaction::Commit() {
  Connection& connection = *connection_;
  if (connection.broken()) return connection.Lost();
  // Apart: what fails here does so before COMMIT was sent.
  MUSUBI_RETURN_IF_ERROR(connection.Prepare());
  connection.pending_.push_back({.sql = "COMMIT", .prepare = false});
  const absl::StatusOr<Result> done = connection.Flush();
  if (done.ok()) {
    End();
    // The server answers ROLLBACK to the COMMIT of a transaction that had failed.
    if (done->committed()) return absl::OkStatus();
    return MakeFailure(Failure::kOther, "PostgreSQL rolled back instead of committing");
  }
  // What the server itself refused is not done, nor is a COMMIT that was sent behind it. Any other
  // end says nothing, even if statements before COMMIT were answered.
  const Failure failure = FailureOf(done.status());
  if (failure != Failure::kConnectionLost &&
      !(failure == Failure::kTimeout && connection.broken())) {
    return done.status();
  }
  return MakeFailure(Failure::kOutcomeUnknown,
                     "PostgreSQL was told to commit and did not answer: whether it did is not "
                     "known. Repeat the same request");
}

void LockHashes(Connection& connection, std::span<const base::Hash256> hashes) {
  std::vector<int64_t> locks;
  for (const base::Hash256& hash : hashes) {
    uint64_t lock = 0;
    for (size_t i = 0; i < 8; ++i) lock = lock << 8 | hash[i];
    locks.push_back(static_cast<int64_t>(lock));
  }
  // All in one order, so that nobody waits in a circle.
  std::sort(locks.begin(), locks.end());
  for (const int64_t lock : locks) {
    connection.Enqueue("SELECT pg_advisory_xact_lock($1)", {lock});
  }
}

}  // namespace musubi::postgres
