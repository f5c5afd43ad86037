#include <optional>
#include <utility>

#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/person/person_rotation.h"
#include "lib/person/person_values.h"
#include "lib/person/postgres_person_schema.h"
#include "lib/person/sealed_tables.h"
#include "lib/postgres/pool.h"

namespace musubi::person {
namespace {

using crypto::KeyCounts;
using postgres::Connection;
using postgres::Pool;
using postgres::Read;
using postgres::Result;
using postgres::Transact;

// A count reads whole tables.
constexpr absl::Duration kTimeout = absl::Minutes(10);

// As the owner: servers may not move rows to another key.
absl::StatusOr<std::unique_ptr<Pool>> OpenPool(const std::string& conninfo) {
  return Pool::Open({.conninfo = conninfo,
                     .setup = {.role = "", .search_path = std::string(kPostgresPersonSchema.name)},
                     .connections = 1,
                     .timeout = kTimeout},
                    kPostgresPersonSchema);
}

// Rows that a server writes at the moment are left out, so that neither waits for the other; what
// they hold then is for the next pass.
constexpr std::string_view kLock = " FOR UPDATE SKIP LOCKED";

class DataRows final : public crypto::KeyedRows {
 public:
  DataRows(std::unique_ptr<Pool> pool, crypto::Keyring keyring, base::SecureRandom& random)
      : pool_(std::move(pool)), keyring_(std::move(keyring)), random_(random) {}

  absl::StatusOr<KeyCounts> Count() override {
    return Read(*pool_, [](Connection& db) { return CountIn(db); });
  }
  absl::StatusOr<Batch> MoveBatch() override;
  absl::Status Retire(std::string_view key_id) override;

 private:
  static absl::StatusOr<KeyCounts> CountIn(Connection& db);
  struct Moved {
    int64_t values = 0;
    int rows = 0;
    base::Bytes last;
  };
  absl::StatusOr<Moved> MoveRows(Connection& db, const SealedTable& table);

  const std::unique_ptr<Pool> pool_;
  const crypto::Keyring keyring_;
  base::SecureRandom& random_;
  size_t table_ = 0;
  base::Bytes after_;  // The last row of this pass; empty: before all.
};

absl::StatusOr<KeyCounts> DataRows::CountIn(Connection& db) {
  KeyCounts counts;
  for (const SealedTable& table : SealedTables()) {
    for (const SealedColumn& column : table.columns) {
      MUSUBI_ASSIGN_OR_RETURN(
          const Result rows,
          db.Query("SELECT substring(" + column.name + " FROM 1 FOR 1 + get_byte(" + column.name +
                   ", 0)) AS prefix, count(*) FROM " + table.name + " WHERE " + column.name +
                   " IS NOT NULL GROUP BY prefix"));
      for (int i = 0; i < rows.rows(); ++i) {
        counts[crypto::SealedKeyId(rows.row(i).View(0))] += rows.row(i).Int(1);
      }
    }
  }
  return counts;
}

absl::StatusOr<crypto::KeyedRows::Batch> DataRows::MoveBatch() {
  MUSUBI_ASSIGN_OR_RETURN(Moved moved, Transact(*pool_, [&](Connection& db) {
                            return MoveRows(db, SealedTables()[table_]);
                          }));
  Batch batch{.moved = moved.values};
  if (moved.rows == crypto::kRotationBatch) {
    after_ = std::move(moved.last);
    return batch;
  }
  after_.clear();
  table_ = (table_ + 1) % SealedTables().size();
  batch.last = table_ == 0;
  return batch;
}

absl::StatusOr<DataRows::Moved> DataRows::MoveRows(Connection& db, const SealedTable& table) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result registered,
      db.Query("SELECT 1 FROM data_keys WHERE key_id = $1", {keyring_.active().id}));
  if (registered.empty()) return crypto::NotYetActive(keyring_.active().id);
  const base::Bytes prefix = crypto::SealedPrefix(keyring_.active().id);
  const auto& [first, second] = table.columns;
  const auto other_key = [](const SealedColumn& column) {
    return "substring(" + column.name + " FROM 1 FOR $2::bigint::int) <> $3";
  };
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT " + table.row + ", person_id, " + first.name + ", " + second.name +
                   " FROM " + table.name + " WHERE " + table.row + " > $1 AND (" +
                   other_key(first) + " OR " + other_key(second) + ") ORDER BY " + table.row +
                   " LIMIT $4" + std::string(kLock),
               {after_, static_cast<int64_t>(prefix.size()), prefix, crypto::kRotationBatch}));
  Moved moved{.rows = rows.rows()};
  for (int i = 0; i < rows.rows(); ++i) {
    const Result::Row row = rows.row(i);
    moved.last = row.Blob(0);
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const int column = static_cast<int>(c) + 2;
      if (row.IsNull(column)) continue;
      MUSUBI_ASSIGN_OR_RETURN(
          const std::optional<base::Bytes> anew,
          Reseal(row.Array<16>(1), table.columns[c].sealed, row.View(column), keyring_, random_));
      if (!anew.has_value()) continue;
      MUSUBI_RETURN_IF_ERROR(db.Execute("UPDATE " + table.name + " SET " + table.columns[c].name +
                                            " = $2 WHERE " + table.row + " = $1",
                                        {row.View(0), *anew})
                                 .status());
      ++moved.values;
    }
  }
  return moved;
}

absl::Status DataRows::Retire(std::string_view key_id) {
  return Transact(*pool_,
                  [&](Connection& db) -> absl::StatusOr<bool> {
                    MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, CountIn(db));
                    const int64_t needed = counts[std::string(key_id)];
                    if (needed > 0) return crypto::StillNeeded(key_id, needed);
                    MUSUBI_RETURN_IF_ERROR(
                        db.Execute("DELETE FROM data_keys WHERE key_id = $1", {key_id}).status());
                    return true;
                  })
      .status();
}

class IndexRows final : public crypto::KeyedRows {
 public:
  IndexRows(std::unique_ptr<Pool> pool, crypto::Keyring index_keyring, crypto::Keyring data_keyring)
      : pool_(std::move(pool)),
        index_keyring_(std::move(index_keyring)),
        data_keyring_(std::move(data_keyring)) {}

  absl::StatusOr<KeyCounts> Count() override {
    return Read(*pool_, [](Connection& db) { return CountIn(db); });
  }
  absl::StatusOr<Batch> MoveBatch() override;
  absl::Status Retire(std::string_view key_id) override;

 private:
  static absl::StatusOr<KeyCounts> CountIn(Connection& db);
  // The batch, and its last row.
  absl::StatusOr<std::pair<Batch, int64_t>> MoveRows(Connection& db);

  const std::unique_ptr<Pool> pool_;
  const crypto::Keyring index_keyring_;
  const crypto::Keyring data_keyring_;
  int64_t after_ = 0;
};

absl::StatusOr<KeyCounts> IndexRows::CountIn(Connection& db) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT index_key_id, count(*) FROM certificates GROUP BY index_key_id"));
  KeyCounts counts;
  for (int i = 0; i < rows.rows(); ++i) counts[rows.row(i).Text(0)] = rows.row(i).Int(1);
  return counts;
}

absl::StatusOr<crypto::KeyedRows::Batch> IndexRows::MoveBatch() {
  MUSUBI_ASSIGN_OR_RETURN(const auto moved,
                          Transact(*pool_, [&](Connection& db) { return MoveRows(db); }));
  after_ = moved.first.last ? 0 : moved.second;
  return moved.first;
}

absl::StatusOr<std::pair<crypto::KeyedRows::Batch, int64_t>> IndexRows::MoveRows(Connection& db) {
  const std::string& active = index_keyring_.active().id;
  MUSUBI_ASSIGN_OR_RETURN(const Result registered,
                          db.Query("SELECT 1 FROM index_keys WHERE key_id = $1", {active}));
  if (registered.empty()) return crypto::NotYetActive(active);
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows, db.Query("SELECT row, index_hash, index_key_id, person_id, sealed_identity"
                                  " FROM certificates WHERE row > $1 AND index_key_id <> $2"
                                  " AND sealed_identity IS NOT NULL ORDER BY row LIMIT $3" +
                                      std::string(kLock),
                                  {after_, active, crypto::kRotationBatch}));
  std::pair<Batch, int64_t> moved = {
      {.moved = rows.rows(), .last = rows.rows() < crypto::kRotationBatch}, 0};
  for (int i = 0; i < rows.rows(); ++i) {
    const Result::Row row = rows.row(i);
    MUSUBI_ASSIGN_OR_RETURN(const base::Hash256 anew,
                            Reindex(row.Array<16>(3), row.View(4), row.Array<32>(1), row.Text(2),
                                    index_keyring_, data_keyring_));
    MUSUBI_RETURN_IF_ERROR(
        db.Execute("UPDATE certificates SET index_hash = $2, index_key_id = $3 WHERE row = $1",
                   {row.Int(0), anew, active})
            .status());
    moved.second = row.Int(0);
  }
  return moved;
}

absl::Status IndexRows::Retire(std::string_view key_id) {
  return Transact(*pool_,
                  [&](Connection& db) -> absl::StatusOr<bool> {
                    // Waits for those who are about to write under it, and who then refuse to.
                    MUSUBI_RETURN_IF_ERROR(
                        db.Execute("LOCK TABLE index_keys IN ACCESS EXCLUSIVE MODE").status());
                    MUSUBI_ASSIGN_OR_RETURN(KeyCounts counts, CountIn(db));
                    const int64_t needed = counts[std::string(key_id)];
                    if (needed > 0) return crypto::StillNeeded(key_id, needed);
                    MUSUBI_RETURN_IF_ERROR(
                        db.Execute("DELETE FROM index_keys WHERE key_id = $1", {key_id}).status());
                    return true;
                  })
      .status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenPostgresDataRows(
    const std::string& conninfo, crypto::Keyring data_keyring, base::SecureRandom& random) {
  MUSUBI_ASSIGN_OR_RETURN(auto pool, OpenPool(conninfo));
  return std::make_unique<DataRows>(std::move(pool), std::move(data_keyring), random);
}

absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenPostgresIndexRows(
    const std::string& conninfo, crypto::Keyring index_keyring, crypto::Keyring data_keyring) {
  MUSUBI_ASSIGN_OR_RETURN(auto pool, OpenPool(conninfo));
  return std::make_unique<IndexRows>(std::move(pool), std::move(index_keyring),
                                     std::move(data_keyring));
}

}  // namespace musubi::person
