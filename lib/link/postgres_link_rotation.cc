#include <utility>

#include "lib/base/status.h"
#include "lib/link/account_keys.h"
#include "lib/link/link_rotation.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/postgres/pool.h"

namespace musubi::link {
namespace {

using crypto::KeyCounts;
using postgres::Connection;
using postgres::Pool;
using postgres::Read;
using postgres::Result;
using postgres::Transact;

// A count reads a whole table.
constexpr absl::Duration kTimeout = absl::Minutes(10);

// As the owner: servers may not move rows to another key.
absl::StatusOr<std::unique_ptr<Pool>> OpenPool(const std::string& conninfo) {
  return Pool::Open({.conninfo = conninfo,
                     .setup = {.role = "", .search_path = std::string(kPostgresLinkSchema.name)},
                     .connections = 1,
                     .timeout = kTimeout},
                    kPostgresLinkSchema);
}

absl::StatusOr<KeyCounts> CountBy(Connection& db, std::string_view sql) {
  MUSUBI_ASSIGN_OR_RETURN(const Result rows, db.Query(sql));
  KeyCounts counts;
  for (int i = 0; i < rows.rows(); ++i) counts[rows.row(i).Text(0)] = rows.row(i).Int(1);
  return counts;
}

class AccountRows final : public crypto::KeyedRows {
 public:
  AccountRows(std::unique_ptr<Pool> pool, const crypto::Keyring& keyring,
              base::SecureRandom& random)
      : pool_(std::move(pool)), accounts_(keyring), random_(random) {}

  absl::StatusOr<KeyCounts> Count() override {
    return Read(*pool_, [](Connection& db) { return CountIn(db); });
  }
  absl::StatusOr<Batch> MoveBatch() override;
  absl::Status Retire(std::string_view key_id) override;

 private:
  static absl::StatusOr<KeyCounts> CountIn(Connection& db) {
    return CountBy(db, "SELECT account_key_id, count(*) FROM links GROUP BY account_key_id");
  }
  // The batch, and its last row.
  absl::StatusOr<std::pair<Batch, int64_t>> MoveRows(Connection& db);

  const std::unique_ptr<Pool> pool_;
  const AccountKeys accounts_;
  base::SecureRandom& random_;
  int64_t after_ = 0;  // The last row of this pass.
};

absl::StatusOr<crypto::KeyedRows::Batch> AccountRows::MoveBatch() {
  MUSUBI_ASSIGN_OR_RETURN(const auto moved,
                          Transact(*pool_, [&](Connection& db) { return MoveRows(db); }));
  after_ = moved.first.last ? 0 : moved.second;
  return moved.first;
}

absl::StatusOr<std::pair<crypto::KeyedRows::Batch, int64_t>> AccountRows::MoveRows(Connection& db) {
  const std::string& active = accounts_.active_id();
  MUSUBI_ASSIGN_OR_RETURN(const Result registered,
                          db.Query("SELECT 1 FROM account_keys WHERE key_id = $1", {active}));
  if (registered.empty()) return crypto::NotYetActive(active);
  // Rows that a server writes at the moment are left out, so that neither waits for the other.
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT row, link_id, account_hash, account_key_id, sealed_issuer, sealed_subject"
               " FROM links WHERE row > $1 AND account_key_id <> $2 ORDER BY row LIMIT $3"
               " FOR NO KEY UPDATE SKIP LOCKED",
               {after_, active, crypto::kRotationBatch}));
  std::pair<Batch, int64_t> moved = {
      {.moved = rows.rows(), .last = rows.rows() < crypto::kRotationBatch}, 0};
  for (int i = 0; i < rows.rows(); ++i) {
    const Result::Row row = rows.row(i);
    const LinkId id = row.Array<16>(1);
    MUSUBI_ASSIGN_OR_RETURN(
        const Account account,
        accounts_.Open({row.Array<32>(2), row.Text(3), row.Blob(4), row.Blob(5)}, id));
    const SealedAccount anew = accounts_.Seal(account, id, random_);
    MUSUBI_RETURN_IF_ERROR(
        db.Execute("UPDATE links SET account_hash = $2, account_key_id = $3, sealed_issuer = $4,"
                   " sealed_subject = $5 WHERE row = $1",
                   {row.Int(0), anew.hash, anew.key_id, anew.issuer, anew.subject})
            .status());
    moved.second = row.Int(0);
  }
  return moved;
}

absl::Status AccountRows::Retire(std::string_view key_id) {
  return Transact(
             *pool_,
             [&](Connection& db) -> absl::StatusOr<bool> {
               // Waits for those who are about to write under it, and who then refuse to.
               MUSUBI_RETURN_IF_ERROR(
                   db.Execute("LOCK TABLE account_keys IN ACCESS EXCLUSIVE MODE").status());
               MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, CountIn(db));
               const int64_t needed = counts[std::string(key_id)];
               if (needed > 0) return crypto::StillNeeded(key_id, needed);
               MUSUBI_RETURN_IF_ERROR(
                   db.Execute("DELETE FROM account_keys WHERE key_id = $1", {key_id}).status());
               return true;
             })
      .status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenPostgresAccountRows(
    const std::string& conninfo, const crypto::Keyring& account_keyring,
    base::SecureRandom& random) {
  MUSUBI_ASSIGN_OR_RETURN(auto pool, OpenPool(conninfo));
  return std::make_unique<AccountRows>(std::move(pool), account_keyring, random);
}

absl::StatusOr<crypto::KeyCounts> CountPostgresAuditKeys(const std::string& conninfo) {
  MUSUBI_ASSIGN_OR_RETURN(const auto pool, OpenPool(conninfo));
  return Read(*pool, [](Connection& db) {
    return CountBy(db, "SELECT key_id, count(*) FROM audit GROUP BY key_id");
  });
}

}  // namespace musubi::link
