// One connection to PostgreSQL: prepared statements, rows, transactions, each bounded by a
// deadline. Values go and come in binary; integers are BIGINT in every table of ours. Statements
// whose rows nobody reads wait for the next one, and all go in one round trip. Knows no table.
// Whoever wants a connection takes it from a Pool.
#ifndef MUSUBI_LIB_POSTGRES_CONNECTION_H_
#define MUSUBI_LIB_POSTGRES_CONNECTION_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/sql_value.h"
#include "lib/postgres/failure.h"

struct pg_conn;
struct pg_result;

namespace musubi::postgres {

using Deadline = std::chrono::steady_clock::time_point;

// To bind: as NULL, BIGINT, TEXT or BYTEA.
using Value = base::SqlValue;

// Result is what one statement gave. Movable; not thread-safe. Outlives its connection.
class Result {
 public:
  explicit Result(pg_result* result) : result_(result) {}

  // Columns count from 0. A column's type is the caller's to know.
  class Row {
   public:
    Row(const pg_result* result, int row) : result_(result), row_(row) {}
    bool IsNull(int column) const;
    int64_t Int(int column) const;
    base::ByteView View(int column) const;
    std::string Text(int column) const { return base::ToString(View(column)); }
    base::Bytes Blob(int column) const { return base::ToBytes(View(column)); }
    // All zero if the value does not have N octets, which a CHECK of the schema forbids.
    template <size_t N>
    std::array<uint8_t, N> Array(int column) const {
      std::array<uint8_t, N> value{};
      const base::ByteView octets = View(column);
      if (octets.size() == N) std::copy_n(octets.begin(), N, value.begin());
      return value;
    }

   private:
    const pg_result* result_;
    int row_;
  };

  int rows() const;
  bool empty() const { return rows() == 0; }
  Row row(int index) const { return {result_.get(), index}; }
  // How many rows an INSERT, UPDATE or DELETE touched.
  int64_t changes() const;
  // Whether it is the answer COMMIT, and not ROLLBACK, to a COMMIT.
  bool committed() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// Connection is for one thread at a time. Errors of every method: those of Failure. Messages hold a
// SQLSTATE and the server's primary text, never its detail: that has values of rows.
class Connection {
 public:
  // What is said of a connection once it is there.
  struct Setup {
    std::string role;  // SET ROLE, unless empty: what the login may do beyond it is not used.
    std::string search_path;  // A schema's name, unless empty.
  };

  // Open connects, which blocks for connect_timeout (libpq's rules: for each host) at the longest.
  // UNAVAILABLE if nobody answers or the login is refused, FAILED_PRECONDITION if the role is.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& conninfo,
                                                          const Setup& setup);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Every statement from now on is bounded by `deadline`: the server gives it up, and if the server
  // does not answer either, the connection is given up.
  absl::Status SetDeadline(Deadline deadline);

  // Query runs one statement with `values` for $1, $2, ...; it is prepared when first met, so the
  // texts must be few: a value belongs into `values`.
  absl::StatusOr<Result> Query(std::string_view sql, std::initializer_list<Value> values = {}) {
    return Query(sql, std::span<const Value>(values.begin(), values.size()));
  }
  absl::StatusOr<Result> Query(std::string_view sql, std::span<const Value> values);
  // Execute is Query for its changes.
  absl::StatusOr<int64_t> Execute(std::string_view sql, std::initializer_list<Value> values = {});
  // Enqueue keeps a copy of a statement of the transaction under way, to be sent before the next
  // one or before COMMIT, and in one round trip with it. That one then has the failure of the first
  // that failed; those after it are not run. Dropped if the transaction rolls back before. Dies
  // outside a transaction: nothing might come that sends it.
  void Enqueue(std::string_view sql, std::initializer_list<Value> values = {});
  // Run sends one or several statements without values, unprepared.
  absl::StatusOr<Result> Run(const std::string& sql);

  // Whether nothing can be done with it any more.
  bool broken() const;
  // Whether the server said anything since the last statement: it says nothing unasked but
  // good-bye.
  bool Idle() const;

 private:
  friend class Transaction;

  // A statement that was not sent yet. Its values as the server gets them; nothing: NULL.
  struct Pending {
    std::string sql;
    std::vector<std::optional<std::string>> values = {};
    bool prepare = true;
  };

  explicit Connection(pg_conn* connection) : connection_(connection) {}

  void Push(std::string_view sql, std::span<const Value> values);
  // Sends what is pending, of which there is something, in one pipeline. The last one's result.
  absl::StatusOr<Result> Flush();
  // What PQgetResult gives, once it is there.
  absl::StatusOr<pg_result*> Receive();
  // Receives to the end of what was sent: the last result, or the first failure.
  absl::StatusOr<Result> Await();
  // Waits for the socket: false once the deadline has passed.
  bool Poll(short events) const;
  absl::Status Lost();
  // Prepares what of it is pending and new on this connection, each in a round trip of its own.
  absl::Status Prepare();

  pg_conn* const connection_;
  Deadline deadline_ = Deadline::max();
  int64_t timeout_ms_ = 0;  // The server's statement_timeout; 0: none.
  bool given_up_ = false;
  bool in_transaction_ = false;
  std::vector<Pending> pending_;
  std::map<std::string, std::string, std::less<>> prepared_;  // Text -> name.
};

enum class Isolation { kReadCommitted, kSnapshot };

// Transaction rolls back unless committed. One at a time on a connection.
class Transaction {
 public:
  // BEGIN goes with the first statement.
  static Transaction Begin(Connection& connection, Isolation isolation = Isolation::kReadCommitted);
  Transaction(Transaction&& other) noexcept : connection_(other.connection_) {
    other.connection_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  // COMMIT goes with what is enqueued, and is not run if one of that fails. kOutcomeUnknown if the
  // answer did not come.
  absl::Status Commit();

 private:
  explicit Transaction(Connection& connection) : connection_(&connection) {}
  void End();

  Connection* connection_;
};

// LockHashes keeps other transactions that lock one of these values waiting until this one ends:
// for what has a hash under each of several keys, where a unique index over one of them judges
// nothing. Enqueued: they are held before what comes next looks.
void LockHashes(Connection& connection, std::span<const base::Hash256> hashes);

}  // namespace musubi::postgres

#endif  // MUSUBI_LIB_POSTGRES_CONNECTION_H_
