#include "lib/sqlite/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::sqlite {
namespace {

// How long a statement waits for another process's transaction. Transactions here take
// milliseconds; calls have 10 s at most.
constexpr int kBusyTimeoutMilliseconds = 5000;

absl::Status ToStatus(sqlite3* db, int code, std::string_view doing) {
  const char* file = db != nullptr ? sqlite3_db_filename(db, "main") : nullptr;
  const std::string where = file == nullptr || *file == '\0' ? "in memory" : file;
  const std::string detail = "SQLite (" + where + ") while " + std::string(doing) + ": " +
                             (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_NOMEM:
      return base::Error(base::ErrorReason::kUnavailable, detail);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(detail);
    default:
      return base::Error(base::ErrorReason::kInternal, detail);
  }
}

// Makes an empty file that only its owner may open: SQLite gives the files beside it (-wal, -shm)
// the same mode.
absl::Status CreatePrivately(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot open or make the database " + path);
  close(fd);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadPragma(Database& db, std::string_view pragma) {
  Statement query = db.Query("PRAGMA " + std::string(pragma));
  MUSUBI_RETURN_IF_ERROR(query.Step().status());
  return query.Int(0);
}

}  // namespace

Statement::Statement(sqlite3* db, std::string_view sql, std::span<const Value> values) : db_(db) {
  int code = sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr);
  int index = 0;
  for (const Value& value : values) {
    if (code != SQLITE_OK) break;
    ++index;
    if (const auto* number = std::get_if<int64_t>(&value.held())) {
      code = sqlite3_bind_int64(statement_, index, *number);
    } else if (const auto* text = std::get_if<std::string_view>(&value.held())) {
      code = sqlite3_bind_text64(statement_, index, text->data() == nullptr ? "" : text->data(),
                                 text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    } else if (const auto* bytes = std::get_if<base::ByteView>(&value.held())) {
      // A null pointer would bind NULL: an empty BLOB is another value.
      code = bytes->empty() ? sqlite3_bind_zeroblob(statement_, index, 0)
                            : sqlite3_bind_blob64(statement_, index, bytes->data(), bytes->size(),
                                                  SQLITE_TRANSIENT);
    } else {
      code = sqlite3_bind_null(statement_, index);
    }
  }
  if (code != SQLITE_OK) status_ = ToStatus(db, code, "preparing");
}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_), statement_(other.statement_), status_(other.status_) {
  other.statement_ = nullptr;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

absl::StatusOr<bool> Statement::Step() {
  MUSUBI_RETURN_IF_ERROR(status_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  status_ = ToStatus(db_, code, "stepping");
  return status_;
}

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }
base::ByteView Statement::View(int column) const {
  const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(statement_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}
std::string Statement::Text(int column) const { return base::ToString(View(column)); }
base::Bytes Statement::Blob(int column) const { return base::ToBytes(View(column)); }

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const Schema& schema, Mode mode) {
  const bool in_memory = path == ":memory:";
  if (path.empty())
    return absl::InvalidArgumentError("the path of the " + std::string(schema.name) + " is empty");
  if (!in_memory && mode == Mode::kExisting && access(path.c_str(), F_OK) != 0) {
    return absl::ErrnoToStatus(errno, "cannot open the " + std::string(schema.name) + " " + path);
  }
  if (!in_memory && mode == Mode::kCreateAndMigrate) MUSUBI_RETURN_IF_ERROR(CreatePrivately(path));
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  std::unique_ptr<Database> db(new Database(handle));
  if (code != SQLITE_OK) return ToStatus(handle, code, "opening " + path);
  MUSUBI_RETURN_IF_ERROR(db->Configure());
  MUSUBI_RETURN_IF_ERROR(db->Migrate(path, schema, mode));
  return db;
}

Database::~Database() { sqlite3_close_v2(db_); }

absl::Status Database::Configure() {
  sqlite3_busy_timeout(db_, kBusyTimeoutMilliseconds);
  for (const std::string_view pragma :
       {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON", "PRAGMA trusted_schema = OFF"}) {
    MUSUBI_RETURN_IF_ERROR(Execute(pragma));
  }
  return absl::OkStatus();
}

absl::Status Database::Migrate(const std::string& path, const Schema& schema, Mode mode) {
  const std::string what = std::string(schema.name) + " " + path;
  const int64_t newest = schema.first - 1 + static_cast<int64_t>(schema.steps.size());
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*this));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t application_id, ReadPragma(*this, "application_id"));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, ReadPragma(*this, "user_version"));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t writes, ReadPragma(*this, "schema_version"));
  const bool fresh = writes == 0 && version == 0 && application_id == 0;
  if (!fresh && application_id != schema.application_id) {
    return absl::FailedPreconditionError(
        "not a " + what + ": the file is another kind of database; give the right path");
  }
  if (version > newest) {
    return absl::FailedPreconditionError(
        what + " has schema version " + std::to_string(version) + " and this binary knows up to " +
        std::to_string(newest) +
        ": run the newer binary, or restore the backup made before the upgrade");
  }
  if (!fresh && version < schema.first) {
    return absl::FailedPreconditionError(
        what + " has schema version " + std::to_string(version) +
        ", of before the first release, which this binary cannot bring up to date: move the file"
        " away, and a new one is made");
  }
  if (version == newest) return absl::OkStatus();
  if (mode == Mode::kExisting) {
    return absl::FailedPreconditionError(what + " has schema version " + std::to_string(version) +
                                         " and this binary wants " + std::to_string(newest) +
                                         ": let the server of this version open it once");
  }
  for (int64_t step = fresh ? schema.first - 1 : version; step < newest; ++step) {
    std::string_view sql = schema.steps[static_cast<size_t>(step - (schema.first - 1))];
    char* error = nullptr;
    const int code = sqlite3_exec(db_, std::string(sql).c_str(), nullptr, nullptr, &error);
    sqlite3_free(error);
    if (code != SQLITE_OK) {
      return ToStatus(db_, code, "migrating to schema version " + std::to_string(step + 1));
    }
  }
  MUSUBI_RETURN_IF_ERROR(
      Execute("PRAGMA application_id = " + std::to_string(schema.application_id)));
  MUSUBI_RETURN_IF_ERROR(Execute("PRAGMA user_version = " + std::to_string(newest)));
  return transaction.Commit();
}

Statement Database::Query(std::string_view sql, std::initializer_list<Value> values) {
  return Statement(db_, sql, {values.begin(), values.size()});
}

Statement Database::Query(std::string_view sql, std::span<const Value> values) {
  return Statement(db_, sql, values);
}

absl::Status Database::Execute(std::string_view sql, std::initializer_list<Value> values) {
  Statement statement = Query(sql, values);
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return absl::OkStatus();
  }
}

int Database::Changes() const { return sqlite3_changes(db_); }

absl::Status Database::Checkpoint() { return Execute("PRAGMA wal_checkpoint(TRUNCATE)"); }

absl::StatusOr<Transaction> Transaction::Begin(Database& db) {
  MUSUBI_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return Transaction(db);
}

Transaction::~Transaction() {
  // Nothing to do about a failure: SQLite has then rolled back by itself, or will on close.
  if (db_ != nullptr) db_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  MUSUBI_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  db_ = nullptr;
  return absl::OkStatus();
}

}  // namespace musubi::sqlite
