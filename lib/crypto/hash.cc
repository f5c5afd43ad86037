#include "lib/crypto/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "lib/base/check.h"

namespace musubi::crypto {
namespace {

base::Bytes LengthPrefixed(std::initializer_list<base::ByteView> parts) {
  base::Bytes encoded;
  for (const base::ByteView part : parts) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      encoded.push_back(static_cast<uint8_t>(uint64_t{part.size()} >> shift));
    }
    base::Append(encoded, part);
  }
  return encoded;
}

}  // namespace

base::Hash256 Sha256(base::ByteView data) {
  base::Hash256 digest;
  SHA256(data.data(), data.size(), digest.data());
  return digest;
}

base::Hash256 Sha256LengthPrefixed(std::initializer_list<base::ByteView> parts) {
  return Sha256(LengthPrefixed(parts));
}

base::Hash256 HmacSha256(base::ByteView key, base::ByteView data) {
  base::Hash256 mac;
  unsigned int length = 0;
  // A null key pointer would mean "reuse the last key": an empty key still needs an address.
  static constexpr uint8_t kEmpty = 0;
  const uint8_t* key_data = key.empty() ? &kEmpty : key.data();
  MUSUBI_CHECK(HMAC(EVP_sha256(), key_data, static_cast<int>(key.size()), data.data(), data.size(),
                    mac.data(), &length) != nullptr &&
                   length == mac.size(),
               "HMAC-SHA256 failed");
  return mac;
}

base::Hash256 HmacSha256LengthPrefixed(base::ByteView key,
                                       std::initializer_list<base::ByteView> parts) {
  return HmacSha256(key, LengthPrefixed(parts));
}

base::Secret256 DeriveKey(base::ByteView secret, std::string_view label, base::ByteView context) {
  // One block of output, so expand is a single HMAC with the counter octet 1 (RFC 5869 2.3).
  static constexpr base::Hash256 kNoSalt{};
  const base::Secret256 pseudorandom_key(HmacSha256(kNoSalt, secret));
  base::Bytes info = LengthPrefixed({base::AsBytes(label), context});
  info.push_back(1);
  return base::Secret256(HmacSha256(pseudorandom_key.RevealBytes(), info));
}

}  // namespace musubi::crypto
