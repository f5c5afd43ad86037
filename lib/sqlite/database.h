// A thin layer over SQLite: connections, statements, transactions, schema versions. For the
// embedded stores only; knows no table.
#ifndef MUSUBI_LIB_SQLITE_DATABASE_H_
#define MUSUBI_LIB_SQLITE_DATABASE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/sql_value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace musubi::sqlite {

// To bind: as NULL, INTEGER, TEXT or BLOB.
using Value = base::SqlValue;

// Statement is one prepared query with its values bound. Movable; not thread-safe. Must go before
// its database does.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Step moves to the next row: true if there is one. A failure to prepare or bind comes out here.
  absl::StatusOr<bool> Step();

  // Columns of the current row, from 0.
  bool IsNull(int column) const;
  int64_t Int(int column) const;  // 0 for NULL.
  std::string Text(int column) const;
  base::Bytes Blob(int column) const;
  // A BLOB of exactly N octets; zeros for any other value, which a CHECK of the schema excludes.
  template <size_t N>
  std::array<uint8_t, N> Array(int column) const {
    std::array<uint8_t, N> out{};
    const base::ByteView blob = View(column);
    if (blob.size() == N) std::copy(blob.begin(), blob.end(), out.begin());
    return out;
  }

 private:
  friend class Database;
  Statement(sqlite3* db, std::string_view sql, std::span<const Value> values);
  base::ByteView View(int column) const;

  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  absl::Status status_;
};

// Schema is the whole history of a database's tables. The first step makes version `first` of
// nothing, each later one the next version; steps that were released never change.
struct Schema {
  int32_t application_id;  // Tells this kind of database from any other (PRAGMA application_id).
  std::string_view name;   // For messages, as in "link database".
  std::span<const std::string_view> steps;
  // Databases of before this version cannot be migrated and are refused.
  int64_t first = 1;
};

// Database is one connection: WAL, foreign keys on, synchronous FULL, secure_delete on. Not
// thread-safe: its owner guards it with a Mutex. Failures: UNAVAILABLE (ErrorReason kUnavailable)
// when busy for longer than kBusyTimeout, out of space or I/O; DATA_LOSS for a corrupt file;
// INTERNAL otherwise. Messages name the file and never a bound value.
class Database {
 public:
  enum class Mode {
    kCreateAndMigrate,  // Makes the file (0600) if absent, brings the schema up to date.
    kExisting,          // NOT_FOUND if absent; an older schema is FAILED_PRECONDITION.
  };

  // Open: also FAILED_PRECONDITION if the schema is newer than this binary's or older than
  // its first, or the file is a database of another kind. `path` ":memory:" makes a private one.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const Schema& schema, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Query prepares `sql` with `values` for ?1, ?2, ... The values need to live until it returns.
  Statement Query(std::string_view sql, std::initializer_list<Value> values = {});
  Statement Query(std::string_view sql, std::span<const Value> values);
  // Execute runs one statement to its end.
  absl::Status Execute(std::string_view sql, std::initializer_list<Value> values = {});
  // How many rows the last INSERT, UPDATE or DELETE touched.
  int Changes() const;
  // Drops old content from the write-ahead log, as far as other connections' reads permit.
  absl::Status Checkpoint();

 private:
  explicit Database(sqlite3* db) : db_(db) {}
  absl::Status Configure();
  absl::Status Migrate(const std::string& path, const Schema& schema, Mode mode);

  sqlite3* db_;
};

// Transaction is begun with the write lock (BEGIN IMMEDIATE), so that what it read stays true until
// it commits. Rolls back unless committed.
class Transaction {
 public:
  static absl::StatusOr<Transaction> Begin(Database& db);
  Transaction(Transaction&& other) noexcept : db_(other.db_) { other.db_ = nullptr; }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  absl::Status Commit();

 private:
  explicit Transaction(Database& db) : db_(&db) {}

  Database* db_;
};

}  // namespace musubi::sqlite

#endif  // MUSUBI_LIB_SQLITE_DATABASE_H_
