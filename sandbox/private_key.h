// Key pairs of the simulated world: made, kept as PKCS #8, used to sign. OpenSSL's randomness and
// key generation underneath. Verifies nothing.
#ifndef MUSUBI_SANDBOX_PRIVATE_KEY_H_
#define MUSUBI_SANDBOX_PRIVATE_KEY_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"

struct evp_pkey_st;

namespace musubi::sandbox {

enum class KeyType {
  kRsa2048,  // e = 65537; signs with PKCS #1 v1.5 and SHA-256.
  kEcP256,   // Signs with ECDSA and SHA-256. For TLS only.
  kEcP384,   // Signs with ECDSA and SHA-384.
  kEd25519,  // Signs the message itself (RFC 8032).
};

// SignatureHash: SHA-1 is for forgeries only, with RSA or EC keys.
enum class SignatureHash { kOfKeyType, kSha1 };

// PublicKey is what a certificate says of a key.
struct PublicKey {
  base::Bytes info;        // The whole SubjectPublicKeyInfo.
  base::Bytes identifier;  // SHA-1 of the key's BIT STRING (RFC 5280 section 4.2.1.2, method 1).
};

// PrivateKey is immutable, shared by its copies, and thread-safe.
class PrivateKey {
 public:
  static PrivateKey Generate(KeyType type);

  // FromPkcs8 takes DER, FromPem takes unencrypted PEM. INVALID_ARGUMENT if it is not one key of
  // a type above; the message holds nothing of the key.
  static absl::StatusOr<PrivateKey> FromPkcs8(base::ByteView der);
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);

  KeyType type() const { return type_; }
  base::Secret<base::Bytes> Pkcs8() const;
  base::Secret<std::string> Pem() const;

  PublicKey Public() const;
  // What the BIT STRING of the SubjectPublicKeyInfo holds: for Ed25519 the key's 32 octets.
  base::Bytes PublicKeyBits() const;

  // Sign hashes and signs as the type says, unless another hash is asked for.
  base::Bytes Sign(base::ByteView message, SignatureHash hash = SignatureHash::kOfKeyType) const;
  // The whole AlgorithmIdentifier of what Sign makes.
  base::Bytes SignatureAlgorithm(SignatureHash hash = SignatureHash::kOfKeyType) const;

  // For OpenSSL's own calls (sandbox only).
  evp_pkey_st* handle() const { return key_.get(); }

 private:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, KeyType type) : key_(std::move(key)), type_(type) {}
  static absl::StatusOr<PrivateKey> Adopt(evp_pkey_st* key);

  std::shared_ptr<evp_pkey_st> key_;
  KeyType type_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_PRIVATE_KEY_H_
