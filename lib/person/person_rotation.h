// Moves what the person database keeps under one key of a keyring to another while servers run
// (lib/crypto/key_rotation.h). For the operator's tool.
#ifndef MUSUBI_LIB_PERSON_PERSON_ROTATION_H_
#define MUSUBI_LIB_PERSON_PERSON_ROTATION_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/key_rotation.h"
#include "lib/crypto/keyring.h"

namespace musubi::person {

// Each opens a database that exists: NOT_FOUND if there is no such file, FAILED_PRECONDITION if its
// schema is older or newer than this binary. On PostgreSQL it acts as whoever logs in, who owns the
// tables: servers may not do this. `random` must outlive the object.

// Certificates, the cards in them, names and commitment keys, under the data keyring. Retire stops
// nobody who runs with the key in front still: so let nobody.
absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenSqliteDataRows(const std::string& path,
                                                                      crypto::Keyring data_keyring,
                                                                      base::SecureRandom& random);
absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenPostgresDataRows(
    const std::string& conninfo, crypto::Keyring data_keyring, base::SecureRandom& random);

// The index hashes of cards, under the index keyring; the data keyring opens what they are made of.
// Cards that were recorded before that was kept stay where they are until they are recorded anew.
absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenSqliteIndexRows(
    const std::string& path, crypto::Keyring index_keyring, crypto::Keyring data_keyring);
absl::StatusOr<std::unique_ptr<crypto::KeyedRows>> OpenPostgresIndexRows(
    const std::string& conninfo, crypto::Keyring index_keyring, crypto::Keyring data_keyring);

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_PERSON_ROTATION_H_
