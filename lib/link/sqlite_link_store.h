// LinkStore on SQLite: the embedded default, for one machine. Several processes may open one file.
#ifndef MUSUBI_LIB_LINK_SQLITE_LINK_STORE_H_
#define MUSUBI_LIB_LINK_SQLITE_LINK_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"
#include "lib/link/link_store.h"

namespace musubi::link {

struct SqliteLinkStoreDependencies {
  const base::Clock* clock = nullptr;    // Must outlive the store.
  base::SecureRandom* random = nullptr;  // Must outlive the store.
  crypto::Keyring audit_keyring;
  // Seals accounts and finds them again. To change the key, first add the new one behind the active
  // one on every process, then make it the active one: a process that lacks a key in use would not
  // see an account's links, and so refuses. Page tokens of lists by account end with the change.
  crypto::Keyring account_keyring;
};

struct SqliteLinkStoreOptions {
  std::string path;  // ":memory:" for a store that dies with the object.
};

// CreateSqliteLinkStore opens the file, makes it (mode 0600) if absent and brings its schema up to
// date. FAILED_PRECONDITION, naming file and fix, if the schema is newer than this binary or of
// before accounts were sealed, the file is another kind of database, or the account keyring lacks a
// key that rows were made with.
absl::StatusOr<std::unique_ptr<LinkStore>> CreateSqliteLinkStore(
    SqliteLinkStoreDependencies dependencies, const SqliteLinkStoreOptions& options);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_SQLITE_LINK_STORE_H_
