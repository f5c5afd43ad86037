// Moves the accounts of links from one key of the account keyring to another while servers run
// (lib/crypto/key_rotation.h), and says which audit keys are needed. For the operator's tool.
#ifndef MUSUBI_LIB_LINK_LINK_ROTATION_H_
#define MUSUBI_LIB_LINK_LINK_ROTATION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/key_rotation.h"
#include "lib/crypto/keyring.h"

namespace musubi::link {

// Each opens a database that exists: NOT_FOUND if there is no such file, FAILED_PRECONDITION if its
// schema is older or newer than this binary. On PostgreSQL it acts as whoever logs in, who owns the
// tables: servers may not do this. `random` must outlive the object.
absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenSqliteAccountRows(
    const std::string& path, const crypto::Keyring& account_keyring, base::SecureRandom& random);
absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenPostgresAccountRows(
    const std::string& conninfo, const crypto::Keyring& account_keyring,
    base::SecureRandom& random);

// Audit entries by the key that made them. They are never made anew: a key is needed as long as the
// database has an entry of it.
absl::StatusOr<crypto::KeyCounts> CountSqliteAuditKeys(const std::string& path);
absl::StatusOr<crypto::KeyCounts> CountPostgresAuditKeys(const std::string& conninfo);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_LINK_ROTATION_H_
