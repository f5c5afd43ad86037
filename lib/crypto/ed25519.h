// Ed25519 signatures (RFC 8032, pure): for our own statements, not for certificates.
#ifndef MUSUBI_LIB_CRYPTO_ED25519_H_
#define MUSUBI_LIB_CRYPTO_ED25519_H_

#include <array>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/base/secure_random.h"

namespace musubi::crypto {

using Ed25519PublicKey = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;

// Ed25519PrivateKey signs. Copyable; immutable and so thread-safe.
class Ed25519PrivateKey {
 public:
  // Generate makes a fresh key. `id` names it to those who verify.
  static Ed25519PrivateKey Generate(std::string id, base::SecureRandom& random);

  // Load reads a file that only its owner may open, in the form of a Keyring of one key: its id and
  // the 32 octets of the private key (RFC 8032 section 5.1.5). Errors as Keyring::Load.
  static absl::StatusOr<Ed25519PrivateKey> Load(const std::string& path);

  // Sign is deterministic: the same message gets the same signature.
  Ed25519Signature Sign(base::ByteView message) const;

  const std::string& id() const { return id_; }
  const Ed25519PublicKey& public_key() const { return public_key_; }
  // Serialize writes what Load reads.
  base::Secret<std::string> Serialize() const;

 private:
  Ed25519PrivateKey(std::string id, base::Secret256 seed);

  std::string id_;
  base::Secret256 seed_;
  Ed25519PublicKey public_key_;
};

// VerifyEd25519 is true if `signature` is `key`'s over `message`. Any malformed input is false.
bool VerifyEd25519(const Ed25519PublicKey& key, base::ByteView message, base::ByteView signature);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_ED25519_H_
