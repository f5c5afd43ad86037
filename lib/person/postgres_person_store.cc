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
  absl::StatusOr<std::optional<PersonId>> FindIn(Connection& db, const CardIdentity& card);
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
  return Read(*pool_,
              [&](Connection& db) -> absl::StatusOr<bool> {
                MUSUBI_RETURN_IF_ERROR(CheckVersion(db, kPostgresPersonSchema));
                MUSUBI_ASSIGN_OR_RETURN(const Result keys,
                                        db.Query("SELECT key_id FROM index_keys"));
                for (int i = 0; i < keys.rows(); ++i) {
                  const std::string id = keys.row(i).Text(0);
                  if (index_keyring_.Find(id) == nullptr) {
                    return IndexKeyMissing("the person database", id);
                  }
                }
                return true;
              })
      .status();
}

absl::StatusOr<PersonId> PostgresPersonStore::Record(const CardRecord& record) {
  MUSUBI_RETURN_IF_ERROR(CheckRecord(record));
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  return Transact(*pool_, [&](Connection& db) -> absl::StatusOr<PersonId> {
    // With one key for all processes the primary key judges; while keys change, two of them may
    // write different hashes of one card.
    const std::vector<base::Hash256> hashes = IndexHashes(index_keyring_, record.card);
    if (hashes.size() > 1) MUSUBI_RETURN_IF_ERROR(postgres::LockHashes(db, hashes));
    MUSUBI_ASSIGN_OR_RETURN(std::optional<PersonId> person, FindIn(db, record.card));
    if (!person.has_value()) {
      MUSUBI_ASSIGN_OR_RETURN(person, Insert(db, record, now));
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
  const PersonId person = random_.Bytes<16>();
  const base::Secret256 commitment_key(random_.Bytes<32>());
  MUSUBI_RETURN_IF_ERROR(
      db.Execute("INSERT INTO persons (person_id, sealed_commitment_key, recorded_at)"
                 " VALUES ($1, $2, $3)",
                 {person,
                  SealFor(person, Sealed::kCommitmentKey, commitment_key.RevealBytes(),
                          data_keyring_, random_),
                  now})
          .status());
  const crypto::Keyring::Key& key = index_keyring_.active();
  // Without a look first, all transactions would wait for the first one of a new key.
  MUSUBI_ASSIGN_OR_RETURN(const Result known,
                          db.Query("SELECT 1 FROM index_keys WHERE key_id = $1", {key.id}));
  if (known.empty()) {
    MUSUBI_RETURN_IF_ERROR(
        db.Execute("INSERT INTO index_keys (key_id) VALUES ($1) ON CONFLICT DO NOTHING", {key.id})
            .status());
  }
  MUSUBI_RETURN_IF_ERROR(db.Execute("INSERT INTO certificates (index_hash, index_key_id, person_id,"
                                    " sealed_certificate, added_at) VALUES ($1, $2, $3, $4, $5)",
                                    {IndexHash(key, record.card), key.id, person,
                                     SealFor(person, Sealed::kCertificate, record.certificate_der,
                                             data_keyring_, random_),
                                     now})
                             .status());
  return person;
}

absl::StatusOr<std::optional<PersonId>> PostgresPersonStore::Find(const CardIdentity& card) {
  MUSUBI_RETURN_IF_ERROR(CheckCard(card));
  return Read(*pool_, [&](Connection& db) { return FindIn(db, card); });
}

absl::StatusOr<std::optional<PersonId>> PostgresPersonStore::FindIn(Connection& db,
                                                                    const CardIdentity& card) {
  for (const base::Hash256& hash : IndexHashes(index_keyring_, card)) {
    MUSUBI_ASSIGN_OR_RETURN(
        const Result rows,
        db.Query("SELECT person_id FROM certificates WHERE index_hash = $1", {hash}));
    if (!rows.empty()) return rows.row(0).Array<16>(0);
  }
  return std::nullopt;
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
