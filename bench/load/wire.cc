#include "bench/load/wire.h"

namespace musubi::bench::load {
namespace {

constexpr uint64_t kVarint = 0;
constexpr uint64_t kFixed64 = 1;
constexpr uint64_t kLengthDelimited = 2;
constexpr uint64_t kFixed32 = 5;
constexpr uint64_t kMaxField = (uint64_t{1} << 29) - 1;

}  // namespace

bool WireReader::ReadVarint(uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto octet = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value |= uint64_t{octet & 0x7Fu} << shift;
    if ((octet & 0x80) == 0) return true;
  }
  return false;
}

bool WireReader::Skip(size_t size) {
  if (rest_.size() < size) return false;
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::Next() {
  if (!ok_ || rest_.empty()) return false;
  number_ = 0;
  octets_ = {};
  uint64_t tag = 0;
  ok_ = ReadVarint(tag) && (tag >> 3) >= 1 && (tag >> 3) <= kMaxField;
  if (!ok_) return false;
  field_ = static_cast<uint32_t>(tag >> 3);
  switch (tag & 7) {
    case kVarint:
      ok_ = ReadVarint(number_);
      break;
    case kFixed64:
      ok_ = Skip(8);
      break;
    case kFixed32:
      ok_ = Skip(4);
      break;
    case kLengthDelimited: {
      uint64_t size = 0;
      ok_ = ReadVarint(size) && size <= rest_.size();
      if (!ok_) break;
      octets_ = rest_.substr(0, size);
      rest_.remove_prefix(size);
      break;
    }
    default:  // Groups, which proto3 does not have.
      ok_ = false;
  }
  return ok_;
}

void AppendVarint(uint64_t value, std::string& out) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void AppendOctets(uint32_t field, std::string_view octets, std::string& out) {
  out += static_cast<char>(field << 3 | kLengthDelimited);
  AppendVarint(octets.size(), out);
  out += octets;
}

void AppendNumber(uint32_t field, uint64_t number, std::string& out) {
  if (number == 0) return;
  out += static_cast<char>(field << 3 | kVarint);
  AppendVarint(number, out);
}

}  // namespace musubi::bench::load
