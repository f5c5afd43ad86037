#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/link/account_keys.h"
#include "lib/link/link_rotation.h"
#include "lib/link/sqlite_link_schema.h"

namespace musubi::link {
namespace {

using crypto::KeyCounts;
using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

absl::StatusOr<std::unique_ptr<Database>> OpenDatabase(const std::string& path) {
  return Database::Open(path, kSqliteLinkSchema, Database::Mode::kExisting);
}

absl::StatusOr<KeyCounts> CountBy(Database& db, std::string_view sql) {
  Statement query = db.Query(sql);
  KeyCounts counts;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return counts;
    counts[query.Text(0)] = query.Int(1);
  }
}

class AccountRows final : public crypto::KeyedRows {
 public:
  AccountRows(std::unique_ptr<Database> db, const crypto::Keyring& keyring,
              base::SecureRandom& random)
      : db_(std::move(db)), accounts_(keyring), random_(random) {}

  absl::StatusOr<KeyCounts> Count() override {
    return CountBy(*db_, "SELECT account_key_id, count(*) FROM links GROUP BY account_key_id");
  }
  absl::StatusOr<Batch> MoveBatch() override;
  absl::Status Retire(std::string_view key_id) override;

 private:
  struct Row {
    int64_t row = 0;
    LinkId id{};
    SealedAccount account;
  };
  // The next rows of another key.
  absl::StatusOr<std::vector<Row>> Next();
  // Reads them again under the write lock, which is not taken where there is nothing to do.
  absl::Status Move(std::vector<Row>& rows);

  const std::unique_ptr<Database> db_;
  const AccountKeys accounts_;
  base::SecureRandom& random_;
  int64_t after_ = 0;  // The last row of this pass.
};

absl::StatusOr<crypto::KeyedRows::Batch> AccountRows::MoveBatch() {
  const std::string& active = accounts_.active_id();
  MUSUBI_ASSIGN_OR_RETURN(
      const bool registered,
      db_->Query("SELECT 1 FROM account_keys WHERE key_id = ?1", {active}).Step());
  if (!registered) return crypto::NotYetActive(active);
  MUSUBI_ASSIGN_OR_RETURN(std::vector<Row> rows, Next());
  if (!rows.empty()) MUSUBI_RETURN_IF_ERROR(Move(rows));
  const Batch batch{.moved = static_cast<int64_t>(rows.size()),
                    .last = rows.size() < static_cast<size_t>(crypto::kRotationBatch)};
  after_ = batch.last ? 0 : rows.back().row;
  // The log still has what the old key opens.
  if (batch.last) MUSUBI_RETURN_IF_ERROR(db_->Checkpoint());
  return batch;
}

absl::StatusOr<std::vector<AccountRows::Row>> AccountRows::Next() {
  Statement query = db_->Query(
      "SELECT row, link_id, account_hash, account_key_id, sealed_issuer, sealed_subject"
      " FROM links WHERE row > ?1 AND account_key_id <> ?2 ORDER BY row LIMIT ?3",
      {after_, accounts_.active_id(), crypto::kRotationBatch});
  std::vector<Row> rows;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return rows;
    rows.push_back({query.Int(0),
                    query.Array<16>(1),
                    {query.Array<32>(2), query.Text(3), query.Blob(4), query.Blob(5)}});
  }
}

absl::Status AccountRows::Move(std::vector<Row>& rows) {
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(rows, Next());
  for (const Row& row : rows) {
    MUSUBI_ASSIGN_OR_RETURN(const Account account, accounts_.Open(row.account, row.id));
    const SealedAccount anew = accounts_.Seal(account, row.id, random_);
    MUSUBI_RETURN_IF_ERROR(
        db_->Execute("UPDATE links SET account_hash = ?2, account_key_id = ?3, sealed_issuer = ?4,"
                     " sealed_subject = ?5 WHERE row = ?1",
                     {row.row, anew.hash, anew.key_id, anew.issuer, anew.subject}));
  }
  return transaction.Commit();
}

absl::Status AccountRows::Retire(std::string_view key_id) {
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, Count());
  const int64_t needed = counts[std::string(key_id)];
  if (needed > 0) return crypto::StillNeeded(key_id, needed);
  MUSUBI_RETURN_IF_ERROR(db_->Execute("DELETE FROM account_keys WHERE key_id = ?1", {key_id}));
  return transaction.Commit();
}

}  // namespace

absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenSqliteAccountRows(
    const std::string& path, const crypto::Keyring& account_keyring, base::SecureRandom& random) {
  MUSUBI_ASSIGN_OR_RETURN(auto db, OpenDatabase(path));
  return std::make_unique<AccountRows>(std::move(db), account_keyring, random);
}

absl::StatusOr<crypto::KeyCounts> CountSqliteAuditKeys(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const auto db, OpenDatabase(path));
  return CountBy(*db, "SELECT key_id, count(*) FROM audit GROUP BY key_id");
}

}  // namespace musubi::link
