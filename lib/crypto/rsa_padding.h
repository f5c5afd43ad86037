// The encodings that an RSA signature opens to: RFC 8017 section 9. Internal to lib/crypto.
#ifndef MUSUBI_LIB_CRYPTO_RSA_PADDING_H_
#define MUSUBI_LIB_CRYPTO_RSA_PADDING_H_

#include <span>

#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"

namespace musubi::crypto {

// The longest encoded message: a modulus of 4096 bits.
inline constexpr size_t kMaxModulusSize = 512;

// EncodePkcs1 fills `encoded` (256 octets or more) with EMSA-PKCS1-v1_5, section 9.2: the one value
// that a good signature opens to. Built and compared; never parsed.
void EncodePkcs1(SignatureHash hash, base::ByteView digest, std::span<uint8_t> encoded);

// IsPss is EMSA-PSS-VERIFY, section 9.1.2, for a modulus of exactly 8 * encoded.size() bits.
bool IsPss(SignatureAlgorithm algorithm, base::ByteView digest, base::ByteView encoded);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_RSA_PADDING_H_
