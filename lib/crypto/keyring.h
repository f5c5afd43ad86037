// Symmetric keys with ids, from a file: the newest makes, all of them check or open, so that a key
// can be changed without losing what the old one protected. Not for key pairs.
#ifndef MUSUBI_LIB_CRYPTO_KEYRING_H_
#define MUSUBI_LIB_CRYPTO_KEYRING_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"

namespace musubi::crypto {

// Keyring holds 256-bit keys by id. Copyable; immutable and so thread-safe.
class Keyring {
 public:
  struct Key {
    std::string id;
    base::Secret256 secret;
  };

  // Longest key id: it is stored beside everything that the key protects.
  static constexpr size_t kMaxIdLength = 16;
  // Whether a key may have this id: 1 to kMaxIdLength of a-z, 0-9 and -.
  static bool IsId(std::string_view id);

  // Parse reads lines `id base64url-of-32-octets`; empty lines and lines that start with # are
  // skipped, the first key is the active one. INVALID_ARGUMENT names the line and the rule; the
  // message never holds the key.
  static absl::StatusOr<Keyring> Parse(std::string_view text);

  // Load is Parse on a file that only its owner may open (base::ReadSecretFile).
  static absl::StatusOr<Keyring> Load(const std::string& path);

  // Generate makes a keyring of one fresh key.
  static Keyring Generate(std::string id, base::SecureRandom& random);

  // Serialize writes what Parse reads.
  base::Secret<std::string> Serialize() const;

  // The key that makes new values.
  const Key& active() const { return active_; }
  // The key of this id, or nullptr.
  const Key* Find(std::string_view id) const;
  // Every key by its id, the active one too: for values that do not name the key they were made
  // with.
  const std::map<std::string, Key, std::less<>>& all() const { return keys_; }

 private:
  Keyring() = default;

  Key active_;
  std::map<std::string, Key, std::less<>> keys_;
};

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_KEYRING_H_
