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
};

struct SqliteLinkStoreOptions {
  std::string path;  // ":memory:" for a store that dies with the object.
  // False: NOT_FOUND if the file is absent, and an older schema is an error, not migrated.
  bool create_and_migrate = true;
};

// CreateSqliteLinkStore opens the file, makes it (mode 0600) if absent and brings its schema up to
// date. FAILED_PRECONDITION, naming file and fix, if the schema is newer than this binary or the
// file is another kind of database.
absl::StatusOr<std::unique_ptr<LinkStore>> CreateSqliteLinkStore(
    SqliteLinkStoreDependencies dependencies, const SqliteLinkStoreOptions& options);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_SQLITE_LINK_STORE_H_
