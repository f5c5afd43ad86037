// Authenticated encryption of small values (AES-256-GCM, NIST SP 800-38D) under a keyring or a
// derived key. Not for streams, and not for more than 2^32 values a key.
#ifndef MUSUBI_LIB_CRYPTO_AEAD_H_
#define MUSUBI_LIB_CRYPTO_AEAD_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"
#include "lib/crypto/keyring.h"

namespace musubi::crypto {

// SealWithKey encrypts `plaintext` and authenticates it with `associated_data`, which the opener
// must know. The result is nonce (12 octets), ciphertext, tag (16).
base::Bytes SealWithKey(const base::Secret256& key, base::ByteView plaintext,
                        base::ByteView associated_data, base::SecureRandom& random);

// OpenWithKey reverses SealWithKey. DATA_LOSS if the value was made with another key or other
// associated data, or was changed.
absl::StatusOr<base::Secret<base::Bytes>> OpenWithKey(const base::Secret256& key,
                                                      base::ByteView sealed,
                                                      base::ByteView associated_data);

// Seal is SealWithKey under the keyring's active key, with the key's id (1 octet of length, then
// the id) in front.
base::Bytes Seal(const Keyring& keyring, base::ByteView plaintext, base::ByteView associated_data,
                 base::SecureRandom& random);

// SealedPrefix is how every value of Seal under that key begins, and of no other key.
base::Bytes SealedPrefix(std::string_view key_id);
// SealedKeyId is the id of the key that made the value, or nothing if none of Seal's begins so.
std::string SealedKeyId(base::ByteView sealed);

// Open reverses Seal with the key that the value names. DATA_LOSS as above, or if the keyring has
// no such key; the message names the key id.
absl::StatusOr<base::Secret<base::Bytes>> Open(const Keyring& keyring, base::ByteView sealed,
                                               base::ByteView associated_data);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_AEAD_H_
