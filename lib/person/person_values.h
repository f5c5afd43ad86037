// What the PersonStores on SQLite and on PostgreSQL have in common: how a card is found again, how
// values are sealed, and what is refused. Knows no table. Internal to lib/person: for its
// implementations.
#ifndef MUSUBI_LIB_PERSON_PERSON_VALUES_H_
#define MUSUBI_LIB_PERSON_PERSON_VALUES_H_

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/key_rotation.h"
#include "lib/crypto/keyring.h"
#include "lib/person/person_store.h"

namespace musubi::person {

// Persons of one question to SweepUnreferenced's predicate.
inline constexpr int kSweepBatch = 256;

// HMAC of the card under one key, and under each of the keyring's.
base::Hash256 IndexHash(const crypto::Keyring::Key& key, const CardIdentity& card);
std::vector<base::Hash256> IndexHashes(const crypto::Keyring& keyring, const CardIdentity& card);

// Sealed columns. Each value is an AEAD value bound to table, column and person.
enum class Sealed { kCommitmentKey, kName, kCertificate, kIdentity };
base::Bytes SealFor(const PersonId& person, Sealed column, base::ByteView value,
                    const crypto::Keyring& keyring, base::SecureRandom& random);
absl::StatusOr<base::Secret<base::Bytes>> OpenOf(const PersonId& person, Sealed column,
                                                 base::ByteView sealed,
                                                 const crypto::Keyring& keyring);
absl::StatusOr<base::Secret<std::string>> OpenName(const PersonId& person, base::ByteView sealed,
                                                   const crypto::Keyring& keyring);
// The card itself, sealed, so that its index hash can be made anew under another key.
base::Bytes SealIdentity(const PersonId& person, const CardIdentity& card,
                         const crypto::Keyring& keyring, base::SecureRandom& random);
absl::StatusOr<CardIdentity> OpenIdentity(const PersonId& person, base::ByteView sealed,
                                          const crypto::Keyring& keyring);
// Reseal is the same value under the keyring's active key; nothing if it is under that already.
absl::StatusOr<std::optional<base::Bytes>> Reseal(const PersonId& person, Sealed column,
                                                  base::ByteView sealed,
                                                  const crypto::Keyring& keyring,
                                                  base::SecureRandom& random);
// Reindex is the card's hash under the active key. DATA_LOSS if `index_hash` is not its hash under
// the key that the row names, or that key is missing.
absl::StatusOr<base::Hash256> Reindex(const PersonId& person, base::ByteView sealed_identity,
                                      const base::Hash256& index_hash, std::string_view key_id,
                                      const crypto::Keyring& index_keyring,
                                      const crypto::Keyring& data_keyring);
// PersonStore::Commit, of the sealed commitment key.
absl::StatusOr<base::Hash256> CommitWith(const PersonId& person, base::ByteView sealed_key,
                                         const crypto::Keyring& keyring,
                                         std::initializer_list<base::ByteView> facts);

// FIELD_INVALID outside the limits of PersonStore.
absl::Status CheckCard(const CardIdentity& card);
absl::Status CheckRecord(const CardRecord& record);
absl::Status UnknownPerson();
// `database` has cards under a key that the index keyring lacks.
absl::Status IndexKeyMissing(std::string_view database, std::string_view key_id);
absl::Status DataKeyMissing(std::string_view database, std::string_view key_id);
// crypto::CheckRegistered, of the ids in the table index_keys.
absl::Status CheckIndexKeys(const crypto::KeyIds& registered, const crypto::Keyring& keyring);
// `index_hash IN ($1, ...)` with the placeholders' sign in front, for that many of IndexHashes.
std::string IndexCondition(size_t hashes, char sign);

}  // namespace musubi::person

#endif  // MUSUBI_LIB_PERSON_PERSON_VALUES_H_
