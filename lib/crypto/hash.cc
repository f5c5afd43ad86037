#include "lib/crypto/hash.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "lib/crypto/message_digest.h"

namespace musubi::crypto {
namespace {

base::Bytes LengthPrefixed(std::initializer_list<base::ByteView> parts) {
  size_t size = 0;
  for (const base::ByteView part : parts) size += sizeof(uint64_t) + part.size();
  base::Bytes encoded;
  encoded.reserve(size);
  for (const base::ByteView part : parts) {
    for (int shift = 56; shift >= 0; shift -= 8) {
      encoded.push_back(static_cast<uint8_t>(uint64_t{part.size()} >> shift));
    }
    base::Append(encoded, part);
  }
  return encoded;
}

base::Hash256 Sha256Of(std::initializer_list<base::ByteView> parts) {
  const MessageDigest digest = DigestOf(SignatureHash::kSha256, parts);
  base::Hash256 hash;
  std::ranges::copy(digest.view(), hash.begin());
  return hash;
}

}  // namespace

base::Hash256 Sha256(base::ByteView data) { return Sha256Of({data}); }

base::Hash256 Sha256LengthPrefixed(std::initializer_list<base::ByteView> parts) {
  return Sha256(LengthPrefixed(parts));
}

// RFC 2104 section 2. Not OpenSSL's HMAC(), which looks up its implementation for each call: that
// takes four times as long as the MAC of a line of a log.
base::Hash256 HmacSha256(base::ByteView key, base::ByteView data) {
  constexpr size_t kBlock = 64;
  std::array<uint8_t, kBlock> inner{};
  if (key.size() > kBlock) {
    std::ranges::copy(Sha256(key), inner.begin());
  } else {
    std::ranges::copy(key, inner.begin());
  }
  std::array<uint8_t, kBlock> outer = inner;
  for (uint8_t& octet : inner) octet ^= 0x36;
  for (uint8_t& octet : outer) octet ^= 0x5c;
  const base::Hash256 mac = Sha256Of({outer, Sha256Of({inner, data})});
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
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
