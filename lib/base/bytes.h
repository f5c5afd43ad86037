// The byte types that every interface uses, and their views. Owns no codec: see encoding.h.
#ifndef MUSUBI_LIB_BASE_BYTES_H_
#define MUSUBI_LIB_BASE_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace musubi::base {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;
// A SHA-256 value or a 256-bit secret's hash.
using Hash256 = std::array<uint8_t, 32>;
// A 128-bit identifier.
using Id128 = std::array<uint8_t, 16>;

// AsBytes views the octets of `text`, which must outlive the view.
inline ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
// AsText views `bytes` as characters (no claim about their encoding).
inline std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string ToString(ByteView bytes) { return std::string(AsText(bytes)); }
inline Bytes ToBytes(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }
inline Bytes ToBytes(std::string_view text) { return ToBytes(AsBytes(text)); }
inline void Append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// AppendUint32 writes `value` as 4 octets, big-endian.
void AppendUint32(Bytes& out, uint32_t value);
// AppendField writes the length of `value` (4 octets, big-endian) and then `value`.
void AppendField(Bytes& out, ByteView value);

// ConstantTimeEqual takes time that depends on the lengths only.
bool ConstantTimeEqual(ByteView a, ByteView b);

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_BYTES_H_
