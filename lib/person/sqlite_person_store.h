// PersonStore on SQLite: the embedded default, in a file of its own.
#ifndef MUSUBI_LIB_PERSON_SQLITE_PERSON_STORE_H_
#define MUSUBI_LIB_PERSON_SQLITE_PERSON_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"
#include "lib/person/person_store.h"

namespace musubi::person {

struct SqlitePersonStoreDependencies {
  const base::Clock* clock = nullptr;    // Must outlive the store.
  base::SecureRandom* random = nullptr;  // Must outlive the store.
  // HMAC keys of the card index. To change the key, first add the new one behind the active one on
  // every process, then make it the active one: a process that lacks a key in use would take a
  // known card for a new one, and so refuses.
  crypto::Keyring index_keyring;
  crypto::Keyring data_keyring;  // AEAD keys of certificate, name and commitment key.
};

struct SqlitePersonStoreOptions {
  std::string path;  // ":memory:" for a store that dies with the object.
};

// CreateSqlitePersonStore opens the file, makes it (mode 0600) if absent and brings its schema up
// to date. FAILED_PRECONDITION, naming file and fix, if the schema is newer than this binary, the
// file is another kind of database, or a keyring lacks a key that rows were made with.
absl::StatusOr<std::unique_ptr<PersonStore>> CreateSqlitePersonStore(
    SqlitePersonStoreDependencies dependencies, const SqlitePersonStoreOptions& options);

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_SQLITE_PERSON_STORE_H_
