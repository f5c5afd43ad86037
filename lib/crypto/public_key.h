// What a SubjectPublicKeyInfo holds, as views into it. Internal to lib/crypto. Tests the encoding;
// not that a point is on its curve, nor that a modulus has no small factor.
#ifndef MUSUBI_LIB_CRYPTO_PUBLIC_KEY_H_
#define MUSUBI_LIB_CRYPTO_PUBLIC_KEY_H_

#include <optional>

#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"

namespace musubi::crypto {

// PublicKey is valid as long as the octets that it was read from.
struct PublicKey {
  KeyType type;
  base::ByteView modulus;  // RSA: exactly 256, 384 or 512 octets, odd, top bit set. e = 65537.
  base::ByteView point;    // EC: X and Y, 2 x 32 or 2 x 48 octets.
  // An id-RSASSA-PSS key with parameters: the one algorithm it verifies, and its least salt.
  std::optional<SignatureAlgorithm> pss;
};

// ParsePublicKey reads DER exactly: nothing for any other type, size, exponent or encoding.
std::optional<PublicKey> ParsePublicKey(base::ByteView spki_der);

// FitsKey is Fits, and for an id-RSASSA-PSS key with parameters also RFC 4055 section 3.3: the same
// hash and mask, a salt no shorter than the key demands.
bool FitsKey(SignatureAlgorithm algorithm, const PublicKey& key);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_PUBLIC_KEY_H_
