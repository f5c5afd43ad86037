// How the link database keeps accounts: sealed, and found again by a keyed hash. Knows no table.
// Internal to lib/link: for sqlite_link_store.cc and what it is made of.
#ifndef MUSUBI_LIB_LINK_ACCOUNT_KEYS_H_
#define MUSUBI_LIB_LINK_ACCOUNT_KEYS_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/key_rotation.h"
#include "lib/crypto/keyring.h"
#include "lib/link/link_store.h"

namespace musubi::link {

// An account as a row has it. Issuer and subject are AEAD values bound to column and link.
struct SealedAccount {
  base::Hash256 hash{};  // AccountKeys::Hash, by which the row is found.
  std::string key_id;
  base::Bytes issuer;
  base::Bytes subject;
};

// AccountKeys is what one keyring gives: for each of its keys one that hashes and one that seals.
// Immutable and so thread-safe.
class AccountKeys {
 public:
  explicit AccountKeys(const crypto::Keyring& keyring);

  // The id of the key that Seal and Hash use.
  const std::string& active_id() const { return active_id_; }
  bool Has(std::string_view key_id) const { return keys_.contains(key_id); }
  // crypto::CheckRegistered, of the ids in the table account_keys.
  absl::Status CheckRegistered(const crypto::KeyIds& registered) const;

  // Hash is HMAC-SHA-256 over the length-prefixed issuer and subject, under the active key.
  base::Hash256 Hash(const Account& account) const;
  // Hashes has one for every key, for rows of old keys too. Never empty.
  std::vector<base::Hash256> Hashes(const Account& account) const;

  SealedAccount Seal(const Account& account, const LinkId& link, base::SecureRandom& random) const;
  // Open reverses Seal. DATA_LOSS if the keyring lacks the key, the value was changed or is
  // another link's, or the hash is another account's. The message names the key's id and nothing of
  // the account.
  absl::StatusOr<Account> Open(const SealedAccount& sealed, const LinkId& link) const;

 private:
  struct Keys {
    base::Secret256 index;
    base::Secret256 data;
  };

  std::string active_id_;
  std::map<std::string, Keys, std::less<>> keys_;
};

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_ACCOUNT_KEYS_H_
