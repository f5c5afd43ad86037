#include "sandbox/der_writer.h"

#include <charconv>
#include <string>

#include "lib/base/check.h"

namespace musubi::sandbox {
namespace {

base::Bytes Constructed(uint8_t tag, std::initializer_list<base::ByteView> parts) {
  base::Bytes content;
  for (const base::ByteView part : parts) base::Append(content, part);
  return DerTlv(tag, content);
}

// Base 128, most significant group first (X.690 section 8.19.2).
void AppendArc(base::Bytes& out, uint64_t arc) {
  int groups = 1;
  while (groups < 10 && arc >> (7 * groups) != 0) ++groups;
  for (int i = groups - 1; i >= 0; --i) {
    const auto low = static_cast<uint8_t>(arc >> (7 * i) & 0x7f);
    out.push_back(i == 0 ? low : low | 0x80);
  }
}

base::Bytes Unsigned(uint8_t tag, uint64_t value) {
  base::Bytes content;
  for (int shift = 56; shift >= 0; shift -= 8) {
    const auto octet = static_cast<uint8_t>(value >> shift);
    if (octet == 0 && content.empty() && shift != 0) continue;
    if (content.empty() && octet >= 0x80) content.push_back(0);
    content.push_back(octet);
  }
  return DerTlv(tag, content);
}

}  // namespace

base::Bytes DerTlv(uint8_t tag, base::ByteView content) {
  base::Bytes out = {tag};
  const size_t size = content.size();
  if (size < 0x80) {
    out.push_back(static_cast<uint8_t>(size));
  } else {
    int octets = 1;
    while (octets < 8 && size >> (8 * octets) != 0) ++octets;
    out.push_back(static_cast<uint8_t>(0x80 | octets));
    for (int i = octets - 1; i >= 0; --i) out.push_back(static_cast<uint8_t>(size >> (8 * i)));
  }
  base::Append(out, content);
  return out;
}

base::Bytes DerSequence(std::initializer_list<base::ByteView> parts) {
  return Constructed(0x30, parts);
}
base::Bytes DerSet(std::initializer_list<base::ByteView> parts) { return Constructed(0x31, parts); }

base::Bytes DerExplicit(uint8_t number, std::initializer_list<base::ByteView> parts) {
  return Constructed(static_cast<uint8_t>(0xa0 | number), parts);
}
base::Bytes DerImplicit(uint8_t number, base::ByteView content) {
  return DerTlv(static_cast<uint8_t>(0x80 | number), content);
}

base::Bytes DerTrue() { return {0x01, 0x01, 0xff}; }
base::Bytes DerNull() { return {0x05, 0x00}; }
base::Bytes DerInteger(uint64_t value) { return Unsigned(0x02, value); }
base::Bytes DerEnumerated(uint8_t value) { return Unsigned(0x0a, value); }

base::Bytes DerOid(std::string_view dotted) {
  base::Bytes content;
  uint64_t first = 0;
  int index = 0;
  const char* at = dotted.data();
  const char* const end = at + dotted.size();
  while (at != end) {
    uint64_t arc = 0;
    const auto [next, error] = std::from_chars(at, end, arc);
    MUSUBI_CHECK(error == std::errc() && (next == end || (*next == '.' && next + 1 != end)),
                 "an OID constant is not dotted numbers");
    if (index == 0) {
      first = arc;
    } else {
      AppendArc(content, index == 1 ? first * 40 + arc : arc);
    }
    ++index;
    at = next == end ? end : next + 1;
  }
  MUSUBI_CHECK(index >= 2, "an OID constant has fewer than two arcs");
  return DerTlv(0x06, content);
}

base::Bytes DerOctetString(base::ByteView content) { return DerTlv(0x04, content); }

base::Bytes DerBitString(base::ByteView bits, uint8_t unused_bits) {
  base::Bytes content = {unused_bits};
  base::Append(content, bits);
  return DerTlv(0x03, content);
}

base::Bytes DerUtf8String(std::string_view text) { return DerTlv(0x0c, base::AsBytes(text)); }
base::Bytes DerPrintableString(std::string_view text) { return DerTlv(0x13, base::AsBytes(text)); }
base::Bytes DerIa5String(std::string_view text) { return DerTlv(0x16, base::AsBytes(text)); }

base::Bytes DerTime(absl::Time time) {
  if (absl::ToCivilYear(time, absl::UTCTimeZone()) > absl::CivilYear(2049)) {
    return DerGeneralizedTime(time);
  }
  return DerTlv(0x17, base::AsBytes(absl::FormatTime("%y%m%d%H%M%SZ", time, absl::UTCTimeZone())));
}

base::Bytes DerGeneralizedTime(absl::Time time) {
  return DerTlv(0x18, base::AsBytes(absl::FormatTime("%Y%m%d%H%M%SZ", time, absl::UTCTimeZone())));
}

}  // namespace musubi::sandbox
