#include "lib/link/audit_reader.h"

#include <utility>

#include "lib/base/status.h"
#include "lib/link/postgres_audit.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/link/sqlite_audit.h"
#include "lib/link/sqlite_link_schema.h"
#include "lib/postgres/pool.h"

namespace musubi::link {
namespace {

// Both databases: a chain's last sequence, then the mac of one entry, NULL without one.
template <typename Row>
AuditPlace ReadPlace(const Row& row) {
  AuditPlace place{.last = row.IsNull(0) ? 0 : row.Int(0)};
  if (!row.IsNull(1)) place.mac = row.template Array<32>(1);
  return place;
}

class SqliteReader final : public AuditReader {
 public:
  explicit SqliteReader(std::unique_ptr<sqlite::Database> db) : db_(std::move(db)) {}

  absl::StatusOr<AuditHead> Head(absl::Time) override { return LastAuditHead(*db_); }
  absl::StatusOr<AuditReport> Verify(const crypto::Keyring& keyring,
                                     const std::optional<AuditHead>& expected_head,
                                     OnAuditEntry on_entry) override {
    return VerifyStoredChain(*db_, AuditVerifier(keyring, expected_head), on_entry);
  }
  absl::StatusOr<AuditPlace> Find(const std::string& relying_party_id, int64_t sequence) override {
    if (!relying_party_id.empty()) return AuditPlace{};
    sqlite::Statement query = db_->Query(
        "SELECT (SELECT max(sequence) FROM audit), (SELECT mac FROM audit WHERE sequence = ?1)",
        {sequence});
    MUSUBI_RETURN_IF_ERROR(query.Step().status());
    return ReadPlace(query);
  }

 private:
  const std::unique_ptr<sqlite::Database> db_;
};

class PostgresReader final : public AuditReader {
 public:
  explicit PostgresReader(std::unique_ptr<postgres::Pool> pool) : pool_(std::move(pool)) {}

  absl::StatusOr<AuditHead> Head(absl::Time now) override {
    return Transact(*pool_, [&](postgres::Connection& db) { return Checkpoint(db, now); });
  }
  // Not begun again when the connection is lost: on_entry has got entries already.
  absl::StatusOr<AuditReport> Verify(const crypto::Keyring& keyring,
                                     const std::optional<AuditHead>& expected_head,
                                     OnAuditEntry on_entry) override {
    MUSUBI_ASSIGN_OR_RETURN(postgres::Pool::Lease db, pool_->Acquire());
    return VerifyChains(*db, keyring, expected_head, on_entry);
  }
  absl::StatusOr<AuditPlace> Find(const std::string& relying_party_id, int64_t sequence) override {
    return Read(*pool_, [&](postgres::Connection& db) -> absl::StatusOr<AuditPlace> {
      MUSUBI_ASSIGN_OR_RETURN(
          const postgres::Result rows,
          db.Query("SELECT (SELECT max(sequence) FROM audit WHERE relying_party_id = $1),"
                   " (SELECT mac FROM audit WHERE relying_party_id = $1 AND sequence = $2)",
                   {relying_party_id, sequence}));
      return ReadPlace(rows.row(0));
    });
  }

 private:
  const std::unique_ptr<postgres::Pool> pool_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<AuditReader>> OpenSqliteAudit(const std::string& path) {
  using sqlite::Database;
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Database> db,
                          Database::Open(path, kSqliteLinkSchema, Database::Mode::kExisting));
  return std::make_unique<SqliteReader>(std::move(db));
}

absl::StatusOr<std::unique_ptr<AuditReader>> OpenPostgresAudit(const std::string& conninfo) {
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<postgres::Pool> pool,
      postgres::Pool::Open({.conninfo = conninfo,
                            .setup = {.role = kPostgresAuditRole,
                                      .search_path = std::string(kPostgresLinkSchema.name)},
                            .connections = 1},
                           kPostgresLinkSchema));
  return std::make_unique<PostgresReader>(std::move(pool));
}

absl::StatusOr<AuditReport> VerifySqliteAudit(const std::string& path,
                                              const crypto::Keyring& keyring,
                                              const std::optional<AuditHead>& expected_head) {
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, OpenSqliteAudit(path));
  return reader->Verify(keyring, expected_head);
}

absl::StatusOr<AuditReport> VerifyPostgresAudit(const std::string& conninfo,
                                                const crypto::Keyring& keyring,
                                                const std::optional<AuditHead>& expected_head) {
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, OpenPostgresAudit(conninfo));
  return reader->Verify(keyring, expected_head);
}

absl::StatusOr<AuditHead> ReadSqliteAuditHead(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, OpenSqliteAudit(path));
  return reader->Head(absl::UnixEpoch());  // Which SQLite does not note.
}

}  // namespace musubi::link
