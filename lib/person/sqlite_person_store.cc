#include "lib/person/sqlite_person_store.h"

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/person/person_values.h"
#include "lib/person/sqlite_person_schema.h"
#include "lib/sqlite/database.h"

namespace musubi::person {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// What a card's row says.
struct Found {
  PersonId person{};
  base::Hash256 index_hash{};
  bool has_identity = false;
};

class SqlitePersonStore final : public PersonStore {
 public:
  SqlitePersonStore(SqlitePersonStoreDependencies dependencies, std::unique_ptr<Database> db)
      : clock_(*dependencies.clock),
        random_(*dependencies.random),
        index_keyring_(std::move(dependencies.index_keyring)),
        data_keyring_(std::move(dependencies.data_keyring)),
        db_(std::move(db)) {}

  // RegisterKeys makes the active keys known to the other processes. FAILED_PRECONDITION if rows
  // were made with a key that a keyring lacks.
  absl::Status RegisterKeys(const std::string& path);

  absl::StatusOr<PersonId> Record(const CardRecord& record) override;
  absl::StatusOr<std::optional<PersonId>> Find(const CardIdentity& card) override;
  absl::StatusOr<std::optional<base::Secret<std::string>>> GetName(const PersonId& person) override;
  absl::StatusOr<base::Secret<base::Bytes>> GetCertificate(const PersonId& person) override;
  absl::StatusOr<base::Hash256> Commit(const PersonId& person,
                                       std::initializer_list<base::ByteView> facts) override;
  absl::Status Erase(const PersonId& person) override;
  absl::StatusOr<int> SweepUnreferenced(absl::Time before, const ReferencedFn& referenced) override;

 private:
  absl::StatusOr<std::optional<Found>> FindLocked(const CardIdentity& card)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<crypto::KeyIds> KeysOf(const std::string& table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // UNAVAILABLE if others may have written what this process cannot see. Asked after nothing was
  // found: a key is registered before anything is written with it.
  absl::Status CheckKeys() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<PersonId> InsertLocked(const CardRecord& record, int64_t now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Persons recorded before `before`, in order of id, after `after`.
  absl::StatusOr<std::vector<PersonId>> SweepCandidates(int64_t before,
                                                        const std::optional<PersonId>& after);
  base::Bytes Seal(base::ByteView value, Sealed column, const PersonId& person) {
    return SealFor(person, column, value, data_keyring_, random_);
  }

  const base::Clock& clock_;
  base::SecureRandom& random_;
  const crypto::Keyring index_keyring_;
  const crypto::Keyring data_keyring_;
  base::Mutex mutex_;
  const std::unique_ptr<Database> db_ ABSL_PT_GUARDED_BY(mutex_);
};

absl::Status SqlitePersonStore::RegisterKeys(const std::string& path) {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds index_keys, KeysOf("index_keys"));
  for (const std::string& id : index_keys) {
    if (index_keyring_.Find(id) == nullptr) {
      return IndexKeyMissing("person database " + path, id);
    }
  }
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds data_keys, KeysOf("data_keys"));
  for (const std::string& id : data_keys) {
    if (data_keyring_.Find(id) == nullptr) return DataKeyMissing("person database " + path, id);
  }
  MUSUBI_RETURN_IF_ERROR(
      db_->Execute("INSERT INTO data_keys (key_id) VALUES (?1) ON CONFLICT DO NOTHING",
                   {data_keyring_.active().id}));
  MUSUBI_RETURN_IF_ERROR(
      db_->Execute("INSERT INTO index_keys (key_id) VALUES (?1) ON CONFLICT DO NOTHING",
                   {index_keyring_.active().id}));
  return transaction.Commit();
}

absl::StatusOr<crypto::KeyIds> SqlitePersonStore::KeysOf(const std::string& table) {
  Statement query = db_->Query("SELECT key_id FROM " + table);
  crypto::KeyIds ids;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return ids;
    ids.insert(query.Text(0));
  }
}

absl::Status SqlitePersonStore::CheckKeys() {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, KeysOf("index_keys"));
  return CheckIndexKeys(keys, index_keyring_);
}

absl::StatusOr<PersonId> SqlitePersonStore::Record(const CardRecord& record) {
  MUSUBI_RETURN_IF_ERROR(CheckRecord(record));
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<Found> found, FindLocked(record.card));
  std::optional<PersonId> person;
  if (found.has_value()) {
    person = found->person;
  } else {
    MUSUBI_ASSIGN_OR_RETURN(person, InsertLocked(record, now));
  }
  if (found.has_value() && !found->has_identity) {
    MUSUBI_RETURN_IF_ERROR(db_->Execute(
        "UPDATE certificates SET sealed_identity = ?2 WHERE index_hash = ?1",
        {found->index_hash, SealIdentity(*person, record.card, data_keyring_, random_)}));
  }
  MUSUBI_RETURN_IF_ERROR(
      db_->Execute("UPDATE persons SET recorded_at = ?2 WHERE person_id = ?1", {*person, now}));
  if (record.name.has_value()) {
    MUSUBI_RETURN_IF_ERROR(
        db_->Execute("UPDATE persons SET sealed_name = ?2 WHERE person_id = ?1",
                     {*person, Seal(record.name->RevealBytes(), Sealed::kName, *person)}));
  }
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return *person;
}

absl::StatusOr<PersonId> SqlitePersonStore::InsertLocked(const CardRecord& record, int64_t now) {
  MUSUBI_RETURN_IF_ERROR(CheckKeys());
  const PersonId person = random_.Bytes<16>();
  const base::Secret256 commitment_key(random_.Bytes<32>());
  MUSUBI_RETURN_IF_ERROR(db_->Execute(
      "INSERT INTO persons (person_id, sealed_commitment_key, recorded_at) VALUES (?1, ?2, ?3)",
      {person, Seal(commitment_key.RevealBytes(), Sealed::kCommitmentKey, person), now}));
  const crypto::Keyring::Key& key = index_keyring_.active();
  MUSUBI_RETURN_IF_ERROR(db_->Execute(
      "INSERT INTO certificates (index_hash, index_key_id, person_id, sealed_certificate,"
      " sealed_identity, added_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      {IndexHash(key, record.card), key.id, person,
       Seal(record.certificate_der, Sealed::kCertificate, person),
       SealIdentity(person, record.card, data_keyring_, random_), now}));
  return person;
}

absl::StatusOr<std::optional<PersonId>> SqlitePersonStore::Find(const CardIdentity& card) {
  MUSUBI_RETURN_IF_ERROR(CheckCard(card));
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<Found> found, FindLocked(card));
  if (found.has_value()) return found->person;
  MUSUBI_RETURN_IF_ERROR(CheckKeys());
  return std::nullopt;
}

absl::StatusOr<std::optional<Found>> SqlitePersonStore::FindLocked(const CardIdentity& card) {
  // One statement for all keys: between two, the row could go from one hash to the other.
  const std::vector<base::Hash256> hashes = IndexHashes(index_keyring_, card);
  const std::vector<sqlite::Value> values(hashes.begin(), hashes.end());
  Statement query = db_->Query(
      "SELECT person_id, index_hash, sealed_identity IS NULL"
      " FROM certificates WHERE " +
          IndexCondition(hashes.size(), '?'),
      values);
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return Found{query.Array<16>(0), query.Array<32>(1), query.Int(2) == 0};
}

absl::StatusOr<std::optional<base::Secret<std::string>>> SqlitePersonStore::GetName(
    const PersonId& person) {
  base::MutexLock lock(mutex_);
  Statement query = db_->Query("SELECT sealed_name FROM persons WHERE person_id = ?1", {person});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return UnknownPerson();
  if (query.IsNull(0)) return std::nullopt;
  return OpenName(person, query.Blob(0), data_keyring_);
}

absl::StatusOr<base::Secret<base::Bytes>> SqlitePersonStore::GetCertificate(
    const PersonId& person) {
  base::MutexLock lock(mutex_);
  Statement query = db_->Query(
      "SELECT sealed_certificate FROM certificates WHERE person_id = ?1"
      " ORDER BY added_at DESC, rowid DESC LIMIT 1",
      {person});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return UnknownPerson();
  return OpenOf(person, Sealed::kCertificate, query.Blob(0), data_keyring_);
}

absl::StatusOr<base::Hash256> SqlitePersonStore::Commit(
    const PersonId& person, std::initializer_list<base::ByteView> facts) {
  base::MutexLock lock(mutex_);
  Statement query =
      db_->Query("SELECT sealed_commitment_key FROM persons WHERE person_id = ?1", {person});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return UnknownPerson();
  return CommitWith(person, query.Blob(0), data_keyring_, facts);
}

absl::Status SqlitePersonStore::Erase(const PersonId& person) {
  base::MutexLock lock(mutex_);
  // secure_delete overwrites what the row held; the checkpoint overwrites the log's copy.
  MUSUBI_RETURN_IF_ERROR(db_->Execute("DELETE FROM persons WHERE person_id = ?1", {person}));
  return db_->Checkpoint();
}

absl::StatusOr<std::vector<PersonId>> SqlitePersonStore::SweepCandidates(
    int64_t before, const std::optional<PersonId>& after) {
  base::MutexLock lock(mutex_);
  Statement query = db_->Query(
      "SELECT person_id FROM persons WHERE recorded_at < ?1 AND (?2 IS NULL OR person_id > ?2)"
      " ORDER BY person_id LIMIT ?3",
      {before, after, kSweepBatch});
  std::vector<PersonId> candidates;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return candidates;
    candidates.push_back(query.Array<16>(0));
  }
}

absl::StatusOr<int> SqlitePersonStore::SweepUnreferenced(absl::Time before,
                                                         const ReferencedFn& referenced) {
  const int64_t limit = absl::ToUnixMicros(before);
  int erased = 0;
  std::optional<PersonId> last;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const std::vector<PersonId> candidates, SweepCandidates(limit, last));
    if (candidates.empty()) break;
    last = candidates.back();
    // Asked without the lock: it is another store's work.
    MUSUBI_ASSIGN_OR_RETURN(const std::vector<PersonId> kept, referenced(candidates));
    base::MutexLock lock(mutex_);
    for (const PersonId& person : candidates) {
      if (std::find(kept.begin(), kept.end(), person) != kept.end()) continue;
      // Looks at the time again: a person recorded anew since is about to get a link.
      MUSUBI_RETURN_IF_ERROR(db_->Execute(
          "DELETE FROM persons WHERE person_id = ?1 AND recorded_at < ?2", {person, limit}));
      erased += db_->Changes();
    }
  }
  if (erased > 0) {
    base::MutexLock lock(mutex_);
    MUSUBI_RETURN_IF_ERROR(db_->Checkpoint());
  }
  return erased;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PersonStore>> CreateSqlitePersonStore(
    SqlitePersonStoreDependencies dependencies, const SqlitePersonStoreOptions& options) {
  MUSUBI_CHECK(dependencies.clock != nullptr && dependencies.random != nullptr,
               "a person store needs a clock and randomness");
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<Database> db,
      Database::Open(options.path, kSqlitePersonSchema, Database::Mode::kCreateAndMigrate));
  auto store = std::make_unique<SqlitePersonStore>(std::move(dependencies), std::move(db));
  MUSUBI_RETURN_IF_ERROR(store->RegisterKeys(options.path));
  return store;
}

}  // namespace musubi::person
