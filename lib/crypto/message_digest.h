// SHA-256, SHA-384 and SHA-512 as signatures need them: on the stack, without looking up an
// implementation for each call, as EVP and the one-shot functions of OpenSSL 3 do. Internal to
// lib/crypto; for everything else see hash.h.
#ifndef MUSUBI_LIB_CRYPTO_MESSAGE_DIGEST_H_
#define MUSUBI_LIB_CRYPTO_MESSAGE_DIGEST_H_

#include <array>
#include <initializer_list>

#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"

namespace musubi::crypto {

constexpr size_t DigestSize(SignatureHash hash) {
  return hash == SignatureHash::kSha256 ? 32 : hash == SignatureHash::kSha384 ? 48 : 64;
}

// MessageDigest is a hash value of any of the three lengths.
struct MessageDigest {
  std::array<uint8_t, 64> octets;
  size_t size = 0;

  base::ByteView view() const { return base::ByteView(octets).first(size); }
};

// DigestOf hashes the parts, one after the other.
MessageDigest DigestOf(SignatureHash hash, std::initializer_list<base::ByteView> parts);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_MESSAGE_DIGEST_H_
