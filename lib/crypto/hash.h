// SHA-256 and what is built from it: HMAC (RFC 2104) and HKDF (RFC 5869). No other hash: SHA-1 and
// SHA-384 appear only inside certificate validation (lib/pki).
#ifndef MUSUBI_LIB_CRYPTO_HASH_H_
#define MUSUBI_LIB_CRYPTO_HASH_H_

#include <initializer_list>
#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/secret.h"

namespace musubi::crypto {

// Sha256 hashes `data`. Never fails.
base::Hash256 Sha256(base::ByteView data);

// Sha256LengthPrefixed hashes each part with its length (8 octets, big-endian) in front, so that
// no two different lists of parts give the same input.
base::Hash256 Sha256LengthPrefixed(std::initializer_list<base::ByteView> parts);

// HmacSha256 authenticates `data` under `key` (of any length, 32 octets or more for security).
base::Hash256 HmacSha256(base::ByteView key, base::ByteView data);

// HmacSha256LengthPrefixed is HMAC over the encoding that Sha256LengthPrefixed hashes.
base::Hash256 HmacSha256LengthPrefixed(base::ByteView key,
                                       std::initializer_list<base::ByteView> parts);

// DeriveKey makes a 256-bit key for one purpose out of `secret`: HKDF-SHA256, no salt, `label` and
// then `context` as info. Different labels give independent keys.
base::Secret256 DeriveKey(base::ByteView secret, std::string_view label,
                          base::ByteView context = {});

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_HASH_H_
