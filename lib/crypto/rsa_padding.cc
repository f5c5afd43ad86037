#include "lib/crypto/rsa_padding.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "lib/base/check.h"
#include "lib/crypto/message_digest.h"

namespace musubi::crypto {
namespace {

using base::ByteView;

// DigestInfo in front of a hash, RFC 8017 section 9.2 note 1. The three differ in two lengths and
// the last arc.
constexpr size_t kDigestInfoSize = 19;
std::array<uint8_t, kDigestInfoSize> DigestInfo(SignatureHash hash) {
  const uint8_t size = static_cast<uint8_t>(DigestSize(hash));
  const uint8_t arc = static_cast<uint8_t>(static_cast<uint8_t>(hash) + 1);
  return {0x30, static_cast<uint8_t>(17 + size),
          0x30, 0x0d,
          0x06, 0x09,
          0x60, 0x86,
          0x48, 0x01,
          0x65, 0x03,
          0x04, 0x02,
          arc,  0x05,
          0x00, 0x04,
          size};
}
static_assert(static_cast<int>(SignatureHash::kSha256) == 0 &&
              static_cast<int>(SignatureHash::kSha384) == 1 &&
              static_cast<int>(SignatureHash::kSha512) == 2);

}  // namespace

void EncodePkcs1(SignatureHash hash, ByteView digest, std::span<uint8_t> encoded) {
  const auto info = DigestInfo(hash);
  const size_t tail = info.size() + digest.size();
  MUSUBI_CHECK(digest.size() == DigestSize(hash) && encoded.size() >= tail + 11, "sizes");
  const auto zero = encoded.end() - static_cast<long>(tail) - 1;
  encoded[0] = 0x00;
  encoded[1] = 0x01;
  std::fill(encoded.begin() + 2, zero, 0xff);
  *zero = 0x00;
  std::copy(digest.begin(), digest.end(), std::copy(info.begin(), info.end(), zero + 1));
}

bool IsPss(SignatureAlgorithm algorithm, ByteView digest, ByteView encoded) {
  const size_t hash_size = DigestSize(algorithm.hash);
  const size_t salt_size = algorithm.salt_size;
  MUSUBI_CHECK(digest.size() == hash_size && encoded.size() <= kMaxModulusSize, "sizes");
  if (encoded.size() < hash_size + salt_size + 2 || encoded.back() != 0xbc) return false;
  const size_t block_size = encoded.size() - hash_size - 1;
  const ByteView masked = encoded.first(block_size);
  const ByteView hash = encoded.subspan(block_size, hash_size);
  // emBits is one less than the modulus has: the top bit is no part of the block.
  if ((masked[0] & 0x80) != 0) return false;
  std::array<uint8_t, kMaxModulusSize> block;
  // MGF1, appendix B.2.1.
  size_t at = 0;
  for (uint8_t counter = 0; at < block_size; ++counter) {
    const uint8_t count[4] = {0, 0, 0, counter};
    const MessageDigest mask = DigestOf(algorithm.hash, {hash, count});
    for (size_t i = 0; i < hash_size && at < block_size; ++i, ++at) {
      block[at] = masked[at] ^ mask.octets[i];
    }
  }
  block[0] &= 0x7f;
  const size_t zeros = block_size - salt_size - 1;
  if (std::any_of(block.begin(), block.begin() + static_cast<long>(zeros),
                  [](uint8_t octet) { return octet != 0; }) ||
      block[zeros] != 0x01) {
    return false;
  }
  constexpr uint8_t kEightZeros[8] = {};
  const ByteView salt = ByteView(block).subspan(zeros + 1, salt_size);
  const MessageDigest want = DigestOf(algorithm.hash, {kEightZeros, digest, salt});
  return std::equal(hash.begin(), hash.end(), want.octets.begin());
}

}  // namespace musubi::crypto
