#include "lib/person/postgres_person_store.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/person/person_values.h"
#include "lib/person/postgres_person_schema.h"
#include "lib/postgres/pool.h"

namespace musubi::person {
namespace {

using postgres::Connection;
using postgres::Pool;
using postgres::Read;
using postgres::Result;
using postgres::Transact;

// What a card's row says.
struct Found {
  PersonId person{};
  base::Hash256 index_hash{};
  bool has_identity = false;
};

absl::StatusOr<crypto::KeyIds> KeysOf(Connection& db, const std::string& table) {
  MUSUBI_ASSIGN_OR_RETURN(const Result rows, db.Query("SELECT key_id FROM " + table));
  crypto::KeyIds ids;
  for (int i = 0; i < rows.rows(); ++i) ids.insert(rows.row(i).Text(0));
  return ids;
}

class PostgresPersonStore final : public PersonStore {
 public:
  PostgresPersonStore(PostgresPersonStoreDependencies dependencies, std::unique_ptr<Pool> pool)
      : clock_(*dependencies.clock),
        random_(*dependencies.random),
        index_keyring_(std::move(dependencies.index_keyring)),
        data_keyring_(std::move(dependencies.data_keyring)),
        pool_(std::move(pool)) {}

  absl::Status Check();

  absl::StatusOr<PersonId> Record(const CardRecord& record) override;
  absl::StatusOr<std::optional<PersonId>> Find(const CardIdentity& card) override;
  absl::StatusOr<std::optional<base::Secret<std::string>>> GetName(const PersonId& person) override;
  absl::StatusOr<base::Secret<base::Bytes>> GetCertificate(const PersonId& person) override;
  absl::StatusOr<base::Hash256> Commit(const PersonId& person,
                                       std::initializer_list<base::ByteView> facts) override;
  absl::Status Erase(const PersonId& person) override;
  absl::StatusOr<int> SweepUnreferenced(absl::Time before, const ReferencedFn& referenced) override;

 private:
  absl::StatusOr<std::optional<Found>> FindIn(Connection& db, const CardIdentity& card);
  // UNAVAILABLE if others may have written what this process cannot see. Asked within the
  // transaction that found nothing: a key is registered when no such transaction is under way, and
  // before anything is written with it.
  absl::Status CheckKeys(Connection& db);
  absl::Status RegisterDataKey(Connection& db);
  absl::StatusOr<PersonId> Insert(Connection& db, const CardRecord& record, int64_t now);
  // The first row that `sql` gives for the person; NOT_FOUND if there is none.
  absl::StatusOr<Result> RowOf(std::string_view sql, const PersonId& person);

  const base::Clock& clock_;
  base::SecureRandom& random_;
  const crypto::Keyring index_keyring_;
  const crypto::Keyring data_keyring_;
  const std::unique_ptr<Pool> pool_;
};

absl::Status PostgresPersonStore::Check() {
  return Transact(*pool_,
                  [&](Connection& db) -> absl::StatusOr<bool> {
                    MUSUBI_RETURN_IF_ERROR(CheckVersion(db, kPostgresPersonSchema));
                    MUSUBI_RETURN_IF_ERROR(RegisterDataKey(db));
                    MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, KeysOf(db, "index_keys"));
                    for (const std::string& id : keys) {
                      if (index_keyring_.Find(id) == nullptr) {
                        return IndexKeyMissing("the person database", id);
                      }
                    }
                    const std::string& active = index_keyring_.active().id;
                    if (keys.contains(active)) return true;
                    // Waits for those who found nothing without this key.
                    MUSUBI_RETURN_IF_ERROR(
                        db.Execute("LOCK TABLE index_keys IN ACCESS EXCLUSIVE MODE").status());
                    MUSUBI_RETURN_IF_ERROR(db.Execute("INSERT INTO index_keys (key_id) VALUES ($1)"
                                                      " ON CONFLICT DO NOTHING",
                                                      {active})
                                               .status());
                    return true;
                  })
      .status();
}

absl::Status PostgresPersonStore::RegisterDataKey(Connection& db) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, KeysOf(db, "data_keys"));
  for (const std::string& id : keys) {
    if (data_keyring_.Find(id) == nullptr) return DataKeyMissing("the person database", id);
  }
  return db
      .Execute("INSERT INTO data_keys (key_id) VALUES ($1) ON CONFLICT DO NOTHING",
               {data_keyring_.active().id})
      .status();
}

absl::Status PostgresPersonStore::CheckKeys(Connection& db) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, KeysOf(db, "index_keys"));
  return CheckIndexKeys(keys, index_keyring_);
}

absl::StatusOr<PersonId> PostgresPersonStore::Record(const CardRecord& record) {
  MUSUBI_RETURN_IF_ERROR(CheckRecord(record));
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  return Transact(*pool_, [&](Connection& db) -> absl::StatusOr<PersonId> {
    // With one key for all processes the primary key judges; while keys change, two of them may
    // write different hashes of one card.
    const std::vector<base::Hash256> hashes = IndexHashes(index_keyring_, record.card);
    if (hashes.size() > 1) postgres::LockHashes(db, hashes);
    MUSUBI_ASSIGN_OR_RETURN(const std::optional<Found> found, FindIn(db, record.card));
    std::optional<PersonId> person;
    if (found.has_value()) {
      person = found->person;
    } else {
      MUSUBI_ASSIGN_OR_RETURN(person, Insert(db, record, now));
    }
    if (found.has_value() && !found->has_identity) {
      db.Enqueue("UPDATE certificates SET sealed_identity = $2 WHERE index_hash = $1",
                 {found->index_hash, SealIdentity(*person, record.card, data_keyring_, random_)});
    }
    std::optional<base::Bytes> name;
    if (record.name.has_value()) {
      name = SealFor(*person, Sealed::kName, record.name->RevealBytes(), data_keyring_, random_);
    }
    MUSUBI_ASSIGN_OR_RETURN(
        const int64_t changed,
        db.Execute("UPDATE persons SET recorded_at = $2, sealed_name = coalesce($3, sealed_name)"
                   " WHERE person_id = $1",
                   {*person, now, name}));
    if (changed == 0) {
      return postgres::MakeFailure(postgres::Failure::kSerialization,
                                   "the person was erased at the same moment");
    }
    return *person;
  });
}

absl::StatusOr<PersonId> PostgresPersonStore::Insert(Connection& db, const CardRecord& record,
                                                     int64_t now) {
  MUSUBI_RETURN_IF_ERROR(CheckKeys(db));
  const PersonId person = random_.Bytes<16>();
  const base::Secret256 commitment_key(random_.Bytes<32>());
  db.Enqueue(
      "INSERT INTO persons (person_id, sealed_commitment_key, recorded_at)"
      " VALUES ($1, $2, $3)",
      {person,
       SealFor(person, Sealed::kCommitmentKey, commitment_key.RevealBytes(), data_keyring_,
               random_),
       now});
  const crypto::Keyring::Key& key = index_keyring_.active();
  db.Enqueue(
      "INSERT INTO certificates (index_hash, index_key_id, person_id,"
      " sealed_certificate, sealed_identity, added_at) VALUES ($1, $2, $3, $4, $5, $6)",
      {IndexHash(key, record.card), key.id, person,
       SealFor(person, Sealed::kCertificate, record.certificate_der, data_keyring_, random_),
       SealIdentity(person, record.card, data_keyring_, random_), now});
  return person;
}

absl::StatusOr<std::optional<PersonId>> PostgresPersonStore::Find(const CardIdentity& card) {
  MUSUBI_RETURN_IF_ERROR(CheckCard(card));
  return Read(*pool_, [&](Connection& db) -> absl::StatusOr<std::optional<PersonId>> {
    MUSUBI_ASSIGN_OR_RETURN(const std::optional<Found> found, FindIn(db, card));
    if (found.has_value()) return found->person;
    MUSUBI_RETURN_IF_ERROR(CheckKeys(db));
    return std::nullopt;
  });
}

absl::StatusOr<std::optional<Found>> PostgresPersonStore::FindIn(Connection& db,
                                                                 const CardIdentity& card) {
  // One statement for all keys: between two, the row could go from one hash to the other.
  const std::vector<base::Hash256> hashes = IndexHashes(index_keyring_, card);
  const std::vector<postgres::Value> values(hashes.begin(), hashes.end());
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT person_id, index_hash, sealed_identity IS NULL FROM certificates WHERE " +
                   IndexCondition(hashes.size(), '$'),
               values));
  if (rows.empty()) return std::nullopt;
  const Result::Row row = rows.row(0);
  return Found{row.Array<16>(0), row.Array<32>(1), row.Int(2) == 0};
}

absl::StatusOr<Result> PostgresPersonStore::RowOf(std::string_view sql, const PersonId& person) {
  return Read(*pool_, [&](Connection& db) -> absl::StatusOr<Result> {
    MUSUBI_ASSIGN_OR_RETURN(Result rows, db.Query(sql, {person}));
    if (rows.empty()) return UnknownPerson();
    return rows;
  });
}

absl::StatusOr<std::optional<base::Secret<std::string>>> PostgresPersonStore::GetName(
    const PersonId& person) {
  MUSUBI_ASSIGN_OR_RETURN(const Result rows,
                          RowOf("SELECT sealed_name FROM persons WHERE person_id = $1", person));
  if (rows.row(0).IsNull(0)) return std::nullopt;
  return OpenName(person, rows.row(0).View(0), data_keyring_);
}

absl::StatusOr<base::Secret<base::Bytes>> PostgresPersonStore::GetCertificate(
    const PersonId& person) {
  MUSUBI_ASSIGN_OR_RETURN(const Result rows,
                          RowOf("SELECT sealed_certificate FROM certificates WHERE person_id = $1"
                                " ORDER BY added_at DESC, row DESC LIMIT 1",
                                person));
  return OpenOf(person, Sealed::kCertificate, rows.row(0).View(0), data_keyring_);
}

absl::StatusOr<base::Hash256> PostgresPersonStore::Commit(
    const PersonId& person, std::initializer_list<base::ByteView> facts) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      RowOf("SELECT sealed_commitment_key FROM persons WHERE person_id = $1", person));
  return CommitWith(person, rows.row(0).View(0), data_keyring_, facts);
}

absl::Status PostgresPersonStore::Erase(const PersonId& person) {
  return Transact(*pool_,
                  [&](Connection& db) {
                    return db.Execute("DELETE FROM persons WHERE person_id = $1", {person});
                  })
      .status();
}

absl::StatusOr<int> PostgresPersonStore::SweepUnreferenced(absl::Time before,
                                                           const ReferencedFn& referenced) {
  const int64_t limit = absl::ToUnixMicros(before);
  int erased = 0;
  base::Bytes last;  // Empty: before every id.
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(
        const std::vector<PersonId> candidates,
        Read(*pool_, [&](Connection& db) -> absl::StatusOr<std::vector<PersonId>> {
          MUSUBI_ASSIGN_OR_RETURN(
              const Result rows,
              db.Query("SELECT person_id FROM persons WHERE recorded_at < $1 AND person_id > $2"
                       " ORDER BY person_id LIMIT $3",
                       {limit, last, kSweepBatch}));
          std::vector<PersonId> persons;
          for (int i = 0; i < rows.rows(); ++i) persons.push_back(rows.row(i).Array<16>(0));
          return persons;
        }));
    if (candidates.empty()) return erased;
    last = base::ToBytes(candidates.back());
    // Asked without a connection: it is another store's work.
    MUSUBI_ASSIGN_OR_RETURN(const std::vector<PersonId> kept, referenced(candidates));
    MUSUBI_ASSIGN_OR_RETURN(
        const int gone, Transact(*pool_, [&](Connection& db) -> absl::StatusOr<int> {
          int64_t deleted = 0;
          for (const PersonId& person : candidates) {
            if (std::find(kept.begin(), kept.end(), person) != kept.end()) continue;
            // Looks at the time again: a person recorded anew since is about to get a link.
            MUSUBI_ASSIGN_OR_RETURN(
                const int64_t one,
                db.Execute("DELETE FROM persons WHERE person_id = $1 AND recorded_at < $2",
                           {person, limit}));
            deleted += one;
          }
          return static_cast<int>(deleted);
        }));
    erased += gone;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PersonStore>> CreatePostgresPersonStore(
    PostgresPersonStoreDependencies dependencies, const PostgresPersonStoreOptions& options) {
  MUSUBI_CHECK(dependencies.clock != nullptr && dependencies.random != nullptr,
               "a person store needs a clock and randomness");
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<Pool> pool,
      Pool::Create({.conninfo = options.conninfo,
                    .setup = {.role = kPostgresPersonRole,
                              .search_path = std::string(kPostgresPersonSchema.name)},
                    .connections = options.connections}));
  auto store = std::make_unique<PostgresPersonStore>(std::move(dependencies), std::move(pool));
  MUSUBI_RETURN_IF_ERROR(store->Check());
  return store;
}

}  // namespace musubi::person
