// PersonStore on PostgreSQL: for several machines, in a schema and under a role of its own. It may
// be another database than that of the links.
#ifndef MUSUBI_LIB_PERSON_POSTGRES_PERSON_STORE_H_
#define MUSUBI_LIB_PERSON_POSTGRES_PERSON_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"
#include "lib/person/person_store.h"

namespace musubi::person {

struct PostgresPersonStoreDependencies {
  const base::Clock* clock = nullptr;    // Must outlive the store.
  base::SecureRandom* random = nullptr;  // Must outlive the store.
  crypto::Keyring index_keyring;         // To change its key: as of SqlitePersonStoreDependencies.
  crypto::Keyring data_keyring;
};

struct PostgresPersonStoreOptions {
  std::string conninfo;  // postgres::PoolOptions: without a password.
  size_t connections = 16;
};

// CreatePostgresPersonStore connects and checks; `musubictl migrate` has made the tables.
// FAILED_PRECONDITION, naming the fix, if the schema is older or newer than this binary, the login
// may not act as musubi_person, or a keyring lacks a key that rows were made with;
// UNAVAILABLE if the database does not answer.
//
// Beside PersonStore's errors: OVERLOADED if all connections are in use for too long. What is
// erased is out of reach at once; its sealed octets stay in PostgreSQL's files until vacuum and the
// log's turn, and in backups (docs/privacy.md).
absl::StatusOr<std::unique_ptr<PersonStore>> CreatePostgresPersonStore(
    PostgresPersonStoreDependencies dependencies, const PostgresPersonStoreOptions& options);

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_POSTGRES_PERSON_STORE_H_
