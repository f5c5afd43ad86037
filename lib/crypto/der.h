// Just enough DER for keys, algorithm identifiers and ECDSA signatures, over views: definite,
// minimal lengths below 2^16, one identifier octet. For certificates see lib/pki/der.h, which this
// folder may not include.
#ifndef MUSUBI_LIB_CRYPTO_DER_H_
#define MUSUBI_LIB_CRYPTO_DER_H_

#include <optional>

#include "lib/base/bytes.h"

namespace musubi::crypto::der {

inline constexpr uint8_t kInteger = 0x02;
inline constexpr uint8_t kBitString = 0x03;
inline constexpr uint8_t kOid = 0x06;
inline constexpr uint8_t kSequence = 0x30;

// Take removes the next element from `rest` and returns its content; nothing if `rest` does not
// start with a well-formed element of this identifier octet.
inline std::optional<base::ByteView> Take(base::ByteView& rest, uint8_t tag) {
  if (rest.size() < 2 || rest[0] != tag) return std::nullopt;
  size_t header = 2;
  size_t length = rest[1];
  if (length == 0x81 && rest.size() >= 3) {
    header = 3;
    length = rest[2];
    if (length < 0x80) return std::nullopt;
  } else if (length == 0x82 && rest.size() >= 4) {
    header = 4;
    length = static_cast<size_t>(rest[2]) << 8 | rest[3];
    if (length < 0x100) return std::nullopt;
  } else if (length >= 0x80) {
    return std::nullopt;
  }
  if (rest.size() - header < length) return std::nullopt;
  const base::ByteView content = rest.subspan(header, length);
  rest = rest.subspan(header + length);
  return content;
}

// TakeAll is the content of an input that is exactly one element.
inline std::optional<base::ByteView> TakeAll(base::ByteView input, uint8_t tag) {
  const auto content = Take(input, tag);
  if (!content.has_value() || !input.empty()) return std::nullopt;
  return content;
}

// TakePositive takes a minimal INTEGER above 0 and returns its magnitude, without a leading zero.
inline std::optional<base::ByteView> TakePositive(base::ByteView& rest) {
  const auto content = Take(rest, kInteger);
  if (!content.has_value() || content->empty()) return std::nullopt;
  if ((*content)[0] & 0x80) return std::nullopt;
  if ((*content)[0] != 0) return content;
  // A zero in front is right only where the next octet would read as a sign.
  if (content->size() == 1 || ((*content)[1] & 0x80) == 0) return std::nullopt;
  return content->subspan(1);
}

}  // namespace musubi::crypto::der

#endif  // MUSUBI_LIB_CRYPTO_DER_H_
