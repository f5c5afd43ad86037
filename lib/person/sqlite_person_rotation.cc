#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/person/person_rotation.h"
#include "lib/person/person_values.h"
#include "lib/person/sealed_tables.h"
#include "lib/person/sqlite_person_schema.h"

namespace musubi::person {
namespace {

using crypto::KeyCounts;
using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

absl::StatusOr<std::unique_ptr<Database>> OpenDatabase(const std::string& path) {
  return Database::Open(path, kSqlitePersonSchema, Database::Mode::kExisting);
}

class DataRows final : public crypto::KeyedRows {
 public:
  DataRows(std::unique_ptr<Database> db, crypto::Keyring keyring, base::SecureRandom& random)
      : db_(std::move(db)), keyring_(std::move(keyring)), random_(random) {}

  absl::StatusOr<KeyCounts> Count() override;
  absl::StatusOr<Batch> MoveBatch() override;
  absl::Status Retire(std::string_view key_id) override;

 private:
  struct Row {
    base::Bytes row;
    PersonId person{};
    std::array<base::Bytes, 2> sealed;
  };
  // The next rows of the table with a value of another key.
  absl::StatusOr<std::vector<Row>> Next();
  // Reads them again under the write lock, which is not taken where there is nothing to do.
  absl::StatusOr<int64_t> Move(std::vector<Row>& rows);
  absl::StatusOr<int64_t> MoveRow(const SealedTable& table, const Row& row);

  const std::unique_ptr<Database> db_;
  const crypto::Keyring keyring_;
  base::SecureRandom& random_;
  size_t table_ = 0;
  base::Bytes after_;  // The last row of this pass; empty: before all.
};

absl::StatusOr<KeyCounts> DataRows::Count() {
  KeyCounts counts;
  for (const SealedTable& table : SealedTables()) {
    for (const SealedColumn& column : table.columns) {
      // The id is at most kMaxIdLength octets behind the one of its length.
      Statement query = db_->Query("SELECT substr(" + column.name + ", 1, 17) FROM " + table.name +
                                   " WHERE " + column.name + " IS NOT NULL");
      while (true) {
        MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
        if (!found) break;
        ++counts[crypto::SealedKeyId(query.Blob(0))];
      }
    }
  }
  return counts;
}

absl::StatusOr<crypto::KeyedRows::Batch> DataRows::MoveBatch() {
  const std::string& active = keyring_.active().id;
  MUSUBI_ASSIGN_OR_RETURN(const bool registered,
                          db_->Query("SELECT 1 FROM data_keys WHERE key_id = ?1", {active}).Step());
  if (!registered) return crypto::NotYetActive(active);
  Batch batch;
  MUSUBI_ASSIGN_OR_RETURN(std::vector<Row> rows, Next());
  if (!rows.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(batch.moved, Move(rows));
  }
  if (rows.size() == static_cast<size_t>(crypto::kRotationBatch)) {
    after_ = rows.back().row;
    return batch;
  }
  after_.clear();
  table_ = (table_ + 1) % SealedTables().size();
  batch.last = table_ == 0;
  // The log still has what the old key opens.
  if (batch.last) MUSUBI_RETURN_IF_ERROR(db_->Checkpoint());
  return batch;
}

absl::StatusOr<std::vector<DataRows::Row>> DataRows::Next() {
  const SealedTable& table = SealedTables()[table_];
  const auto& [first, second] = table.columns;
  const base::Bytes prefix = crypto::SealedPrefix(keyring_.active().id);
  Statement query =
      db_->Query("SELECT " + table.row + ", person_id, " + first.name + ", " + second.name +
                     " FROM " + table.name + " WHERE " + table.row + " > ?1 AND (substr(" +
                     first.name + ", 1, ?2) <> ?3 OR substr(" + second.name +
                     ", 1, ?2) <> ?3) ORDER BY " + table.row + " LIMIT ?4",
                 {after_, static_cast<int64_t>(prefix.size()), prefix, crypto::kRotationBatch});
  std::vector<Row> rows;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return rows;
    rows.push_back({query.Blob(0), query.Array<16>(1), {query.Blob(2), query.Blob(3)}});
  }
}

absl::StatusOr<int64_t> DataRows::Move(std::vector<Row>& rows) {
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(rows, Next());
  int64_t moved = 0;
  for (const Row& row : rows) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t values, MoveRow(SealedTables()[table_], row));
    moved += values;
  }
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return moved;
}

absl::StatusOr<int64_t> DataRows::MoveRow(const SealedTable& table, const Row& row) {
  int64_t moved = 0;
  for (size_t i = 0; i < row.sealed.size(); ++i) {
    if (row.sealed[i].empty()) continue;  // NULL.
    MUSUBI_ASSIGN_OR_RETURN(
        const std::optional<base::Bytes> anew,
        Reseal(row.person, table.columns[i].sealed, row.sealed[i], keyring_, random_));
    if (!anew.has_value()) continue;
    MUSUBI_RETURN_IF_ERROR(db_->Execute("UPDATE " + table.name + " SET " + table.columns[i].name +
                                            " = ?2 WHERE " + table.row + " = ?1",
                                        {row.row, *anew}));
    ++moved;
  }
  return moved;
}

absl::Status DataRows::Retire(std::string_view key_id) {
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, Count());
  const int64_t needed = counts[std::string(key_id)];
  if (needed > 0) return crypto::StillNeeded(key_id, needed);
  MUSUBI_RETURN_IF_ERROR(db_->Execute("DELETE FROM data_keys WHERE key_id = ?1", {key_id}));
  return transaction.Commit();
}

class IndexRows final : public crypto::KeyedRows {
 public:
  IndexRows(std::unique_ptr<Database> db, crypto::Keyring index_keyring,
            crypto::Keyring data_keyring)
      : db_(std::move(db)),
        index_keyring_(std::move(index_keyring)),
        data_keyring_(std::move(data_keyring)) {}

  absl::StatusOr<KeyCounts> Count() override;
  absl::StatusOr<Batch> MoveBatch() override;
  absl::Status Retire(std::string_view key_id) override;

 private:
  struct Row {
    int64_t row = 0;
    base::Hash256 hash{};
    std::string key_id;
    PersonId person{};
    base::Bytes identity;
  };
  // The next rows of another key, and their move: as of DataRows.
  absl::StatusOr<std::vector<Row>> Next();
  absl::Status Move(std::vector<Row>& rows);

  const std::unique_ptr<Database> db_;
  const crypto::Keyring index_keyring_;
  const crypto::Keyring data_keyring_;
  int64_t after_ = 0;
};

absl::StatusOr<KeyCounts> IndexRows::Count() {
  Statement query =
      db_->Query("SELECT index_key_id, count(*) FROM certificates GROUP BY index_key_id");
  KeyCounts counts;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return counts;
    counts[query.Text(0)] = query.Int(1);
  }
}

absl::StatusOr<crypto::KeyedRows::Batch> IndexRows::MoveBatch() {
  const std::string& active = index_keyring_.active().id;
  MUSUBI_ASSIGN_OR_RETURN(
      const bool registered,
      db_->Query("SELECT 1 FROM index_keys WHERE key_id = ?1", {active}).Step());
  if (!registered) return crypto::NotYetActive(active);
  MUSUBI_ASSIGN_OR_RETURN(std::vector<Row> rows, Next());
  if (!rows.empty()) MUSUBI_RETURN_IF_ERROR(Move(rows));
  const Batch batch{.moved = static_cast<int64_t>(rows.size()),
                    .last = rows.size() < static_cast<size_t>(crypto::kRotationBatch)};
  after_ = batch.last ? 0 : rows.back().row;
  return batch;
}

absl::StatusOr<std::vector<IndexRows::Row>> IndexRows::Next() {
  Statement query = db_->Query(
      "SELECT rowid, index_hash, index_key_id, person_id, sealed_identity FROM certificates"
      " WHERE rowid > ?1 AND index_key_id <> ?2 AND sealed_identity IS NOT NULL"
      " ORDER BY rowid LIMIT ?3",
      {after_, index_keyring_.active().id, crypto::kRotationBatch});
  std::vector<Row> rows;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return rows;
    rows.push_back(
        {query.Int(0), query.Array<32>(1), query.Text(2), query.Array<16>(3), query.Blob(4)});
  }
}

absl::Status IndexRows::Move(std::vector<Row>& rows) {
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(rows, Next());
  for (const Row& row : rows) {
    MUSUBI_ASSIGN_OR_RETURN(
        const base::Hash256 anew,
        Reindex(row.person, row.identity, row.hash, row.key_id, index_keyring_, data_keyring_));
    MUSUBI_RETURN_IF_ERROR(
        db_->Execute("UPDATE certificates SET index_hash = ?2, index_key_id = ?3 WHERE rowid = ?1",
                     {row.row, anew, index_keyring_.active().id}));
  }
  return transaction.Commit();
}

absl::Status IndexRows::Retire(std::string_view key_id) {
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, Count());
  const int64_t needed = counts[std::string(key_id)];
  if (needed > 0) return crypto::StillNeeded(key_id, needed);
  MUSUBI_RETURN_IF_ERROR(db_->Execute("DELETE FROM index_keys WHERE key_id = ?1", {key_id}));
  return transaction.Commit();
}

}  // namespace

absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenSqliteDataRows(const std::string& path,
                                                                      crypto::Keyring data_keyring,
                                                                      base::SecureRandom& random) {
  MUSUBI_ASSIGN_OR_RETURN(auto db, OpenDatabase(path));
  return std::make_unique<DataRows>(std::move(db), std::move(data_keyring), random);
}

absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenSqliteIndexRows(
    const std::string& path, crypto::Keyring index_keyring, crypto::Keyring data_keyring) {
  MUSUBI_ASSIGN_OR_RETURN(auto db, OpenDatabase(path));
  return std::make_unique<IndexRows>(std::move(db), std::move(index_keyring),
                                     std::move(data_keyring));
}

}  // namespace musubi::person
