#include "lib/person/sqlite_person_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/person/person_values.h"
#include "lib/sqlite/database.h"

namespace musubi::person {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// A person may have several certificates over the years: `successor` leads from an old one to the
// one that replaced it. Sealed columns are AEAD values bound to table, column and person.
constexpr std::string_view kSchemaV1 = R"sql(
CREATE TABLE persons (
  person_id BLOB PRIMARY KEY CHECK (length(person_id) = 16),
  sealed_commitment_key BLOB NOT NULL,
  sealed_name BLOB,
  recorded_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_recorded_at ON persons (recorded_at);

CREATE TABLE certificates (
  index_hash BLOB PRIMARY KEY CHECK (length(index_hash) = 32),
  index_key_id TEXT NOT NULL REFERENCES index_keys (key_id),
  person_id BLOB NOT NULL REFERENCES persons (person_id) ON DELETE CASCADE,
  sealed_certificate BLOB NOT NULL,
  successor BLOB REFERENCES certificates (index_hash) ON DELETE SET NULL,
  added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX certificates_person ON certificates (person_id);
CREATE INDEX certificates_successor ON certificates (successor);

CREATE TABLE index_keys (
  key_id TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
)sql";
constexpr std::array<std::string_view, 1> kSteps = {kSchemaV1};
// "MsPn" in ASCII.
constexpr sqlite::Schema kSchema = {0x4d73506e, "person database", kSteps};

class SqlitePersonStore final : public PersonStore {
 public:
  SqlitePersonStore(SqlitePersonStoreDependencies dependencies, std::unique_ptr<Database> db)
      : clock_(*dependencies.clock),
        random_(*dependencies.random),
        index_keyring_(std::move(dependencies.index_keyring)),
        data_keyring_(std::move(dependencies.data_keyring)),
        db_(std::move(db)) {}

  // FAILED_PRECONDITION if rows were indexed with a key that the keyring lacks.
  absl::Status CheckIndexKeys(const std::string& path);

  absl::StatusOr<PersonId> Record(const CardRecord& record) override;
  absl::StatusOr<std::optional<PersonId>> Find(const CardIdentity& card) override;
  absl::StatusOr<std::optional<base::Secret<std::string>>> GetName(const PersonId& person) override;
  absl::StatusOr<base::Secret<base::Bytes>> GetCertificate(const PersonId& person) override;
  absl::StatusOr<base::Hash256> Commit(const PersonId& person,
                                       std::initializer_list<base::ByteView> facts) override;
  absl::Status Erase(const PersonId& person) override;
  absl::StatusOr<int> SweepUnreferenced(absl::Time before, const ReferencedFn& referenced) override;

 private:
  absl::StatusOr<std::optional<PersonId>> FindLocked(const CardIdentity& card)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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

absl::Status SqlitePersonStore::CheckIndexKeys(const std::string& path) {
  base::MutexLock lock(mutex_);
  Statement query = db_->Query("SELECT key_id FROM index_keys");
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return absl::OkStatus();
    const std::string id = query.Text(0);
    if (index_keyring_.Find(id) == nullptr) {
      return IndexKeyMissing("person database " + path, id);
    }
  }
}

absl::StatusOr<PersonId> SqlitePersonStore::Record(const CardRecord& record) {
  MUSUBI_RETURN_IF_ERROR(CheckRecord(record));
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<PersonId> person, FindLocked(record.card));
  if (!person.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(person, InsertLocked(record, now));
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
  const PersonId person = random_.Bytes<16>();
  const base::Secret256 commitment_key(random_.Bytes<32>());
  MUSUBI_RETURN_IF_ERROR(db_->Execute(
      "INSERT INTO persons (person_id, sealed_commitment_key, recorded_at) VALUES (?1, ?2, ?3)",
      {person, Seal(commitment_key.RevealBytes(), Sealed::kCommitmentKey, person), now}));
  const crypto::Keyring::Key& key = index_keyring_.active();
  MUSUBI_RETURN_IF_ERROR(
      db_->Execute("INSERT INTO index_keys (key_id) VALUES (?1) ON CONFLICT DO NOTHING", {key.id}));
  MUSUBI_RETURN_IF_ERROR(db_->Execute(
      "INSERT INTO certificates (index_hash, index_key_id, person_id, sealed_certificate, added_at)"
      " VALUES (?1, ?2, ?3, ?4, ?5)",
      {IndexHash(key, record.card), key.id, person,
       Seal(record.certificate_der, Sealed::kCertificate, person), now}));
  return person;
}

absl::StatusOr<std::optional<PersonId>> SqlitePersonStore::Find(const CardIdentity& card) {
  MUSUBI_RETURN_IF_ERROR(CheckCard(card));
  base::MutexLock lock(mutex_);
  return FindLocked(card);
}

absl::StatusOr<std::optional<PersonId>> SqlitePersonStore::FindLocked(const CardIdentity& card) {
  for (const base::Hash256& hash : IndexHashes(index_keyring_, card)) {
    Statement query =
        db_->Query("SELECT person_id FROM certificates WHERE index_hash = ?1", {hash});
    MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (found) return query.Array<16>(0);
  }
  return std::nullopt;
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
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Database> db,
                          Database::Open(options.path, kSchema, Database::Mode::kCreateAndMigrate));
  auto store = std::make_unique<SqlitePersonStore>(std::move(dependencies), std::move(db));
  MUSUBI_RETURN_IF_ERROR(store->CheckIndexKeys(options.path));
  return store;
}

}  // namespace musubi::person
