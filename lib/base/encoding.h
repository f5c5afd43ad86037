// Hexadecimal, base64url without padding and base64 with it (RFC 4648 sections 8, 5 and 4).
// Strict: what Encode would not have written, Decode refuses.
#ifndef MUSUBI_LIB_BASE_ENCODING_H_
#define MUSUBI_LIB_BASE_ENCODING_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::base {

// HexEncode writes lower-case digits.
std::string HexEncode(ByteView bytes);
// HexDecode takes lower-case digits only; INVALID_ARGUMENT otherwise.
absl::StatusOr<Bytes> HexDecode(std::string_view text);

std::string Base64UrlEncode(ByteView bytes);
// Base64UrlDecode refuses padding, other alphabets and non-zero spare bits: INVALID_ARGUMENT.
absl::StatusOr<Bytes> Base64UrlDecode(std::string_view text);

// Base64Encode writes the standard alphabet with padding, on one line: for certificates in files.
std::string Base64Encode(ByteView bytes);
// Base64Decode refuses absent padding, other alphabets and non-zero spare bits: INVALID_ARGUMENT.
absl::StatusOr<Bytes> Base64Decode(std::string_view text);

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_ENCODING_H_
