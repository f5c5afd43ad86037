// One signature at a time, on OpenSSL's big numbers and curves without EVP: no look-up of an
// implementation, and what a check works with is kept by its thread. RSA allocates nothing once a
// thread has warmed up. Internal to lib/crypto.
#ifndef MUSUBI_LIB_CRYPTO_SCALAR_VERIFIER_H_
#define MUSUBI_LIB_CRYPTO_SCALAR_VERIFIER_H_

#include <memory>
#include <span>

#include "lib/base/bytes.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/signature.h"

struct bn_mont_ctx_st;
struct ec_key_st;

namespace musubi::crypto {

struct MontgomeryDeleter {
  void operator()(bn_mont_ctx_st* context) const;
};
struct EcKeyDeleter {
  void operator()(ec_key_st* key) const;
};

// What OpenSSL computes of a key before it can check a signature. Made once for a key that comes
// often. Immutable, so shared by threads. Empty if not made.
struct ScalarConstants {
  std::unique_ptr<bn_mont_ctx_st, MontgomeryDeleter> montgomery;  // RSA
  std::unique_ptr<ec_key_st, EcKeyDeleter> ec_key;                // EC
};

// MakeScalarConstants fails, leaving both empty, for a point off its curve.
ScalarConstants MakeScalarConstants(const PublicKey& key);

// IsOnCurve tells whether the point of an EC key is on its curve. Thread-safe.
bool IsOnCurve(const PublicKey& key);

// ScalarVerify checks a signature over a message with this digest. The key fits the algorithm.
// `constants` are the key's own, or null. False for everything that VerifySignature refuses.
// Thread-safe.
bool ScalarVerify(SignatureAlgorithm algorithm, const PublicKey& key,
                  const ScalarConstants* constants, base::ByteView digest,
                  base::ByteView signature);

// OpenRsa is the public operation alone: base^65537 mod modulus, both of one size, base below the
// modulus. `result` is as long.
void OpenRsa(base::ByteView modulus, base::ByteView base, std::span<uint8_t> result);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_SCALAR_VERIFIER_H_
