#include "lib/base/encoding.h"

#include <array>

#include "absl/status/status.h"

namespace musubi::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Value of each character in `alphabet`, -1 where it has none.
constexpr std::array<int8_t, 256> Inverse(std::string_view alphabet) {
  std::array<int8_t, 256> table{};
  for (auto& value : table) value = -1;
  for (size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return table;
}

constexpr auto kHexValue = Inverse(kHexDigits);
constexpr auto kBase64Value = Inverse(kBase64);
constexpr auto kBase64UrlValue = Inverse(kBase64Url);

std::string EncodeSextets(ByteView bytes, std::string_view alphabet) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  uint32_t buffer = 0;
  int bits = 0;
  for (uint8_t byte : bytes) {
    buffer = buffer << 8 | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text.push_back(alphabet[buffer >> bits & 63]);
    }
  }
  if (bits > 0) text.push_back(alphabet[buffer << (6 - bits) & 63]);
  return text;
}

absl::StatusOr<Bytes> DecodeSextets(std::string_view text, const std::array<int8_t, 256>& values) {
  if (text.size() % 4 == 1) return absl::InvalidArgumentError("base64: impossible length");
  const auto value = [&](size_t at) { return int32_t{values[static_cast<uint8_t>(text[at])]}; };
  Bytes bytes(text.size() * 3 / 4);
  size_t out = 0;
  int32_t outside = 0;  // Negative once a character was outside the alphabet.
  size_t in = 0;
  for (; in + 4 <= text.size(); in += 4) {
    const int32_t sextets[] = {value(in), value(in + 1), value(in + 2), value(in + 3)};
    outside |= sextets[0] | sextets[1] | sextets[2] | sextets[3];
    bytes[out++] = static_cast<uint8_t>(sextets[0] << 2 | sextets[1] >> 4);
    bytes[out++] = static_cast<uint8_t>(sextets[1] << 4 | sextets[2] >> 2);
    bytes[out++] = static_cast<uint8_t>(sextets[2] << 6 | sextets[3]);
  }
  uint32_t buffer = 0;
  int bits = 0;
  for (; in < text.size(); ++in) {
    outside |= value(in);
    buffer = buffer << 6 | static_cast<uint32_t>(value(in) & 63);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[out++] = static_cast<uint8_t>(buffer >> bits);
    }
  }
  if (outside < 0) return absl::InvalidArgumentError("base64: character outside the alphabet");
  if ((buffer & ((1u << bits) - 1)) != 0) {
    return absl::InvalidArgumentError("base64: spare bits are not zero");
  }
  return bytes;
}

}  // namespace

std::string HexEncode(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 15]);
  }
  return text;
}

absl::StatusOr<Bytes> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return absl::InvalidArgumentError("hex: odd number of digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = kHexValue[static_cast<uint8_t>(text[i])];
    const int low = kHexValue[static_cast<uint8_t>(text[i + 1])];
    if (high < 0 || low < 0) return absl::InvalidArgumentError("hex: not a lower-case digit");
    bytes.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return bytes;
}

std::string Base64UrlEncode(ByteView bytes) { return EncodeSextets(bytes, kBase64Url); }

absl::StatusOr<Bytes> Base64UrlDecode(std::string_view text) {
  return DecodeSextets(text, kBase64UrlValue);
}

std::string Base64Encode(ByteView bytes) {
  std::string text = EncodeSextets(bytes, kBase64);
  text.resize((text.size() + 3) / 4 * 4, '=');
  return text;
}

absl::StatusOr<Bytes> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) return absl::InvalidArgumentError("base64: padding is absent");
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return DecodeSextets(text, kBase64Value);
}

}  // namespace musubi::base
