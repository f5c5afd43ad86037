#include "tests/fakes/der_writer.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "lib/base/check.h"

namespace musubi::fakes::der {
namespace {

using base::Bytes;
using base::ByteView;

Bytes TlvOf(uint8_t tag, ByteView content) {
  Bytes out{tag};
  const size_t size = content.size();
  if (size < 0x80) {
    out.push_back(static_cast<uint8_t>(size));
  } else {
    Bytes octets;
    for (size_t rest = size; rest != 0; rest >>= 8) {
      octets.insert(octets.begin(), static_cast<uint8_t>(rest));
    }
    out.push_back(static_cast<uint8_t>(0x80 | octets.size()));
    base::Append(out, octets);
  }
  base::Append(out, content);
  return out;
}

Bytes Number(uint8_t tag, uint64_t value) {
  Bytes content;
  do {
    content.insert(content.begin(), static_cast<uint8_t>(value));
    value >>= 8;
  } while (value != 0);
  if ((content.front() & 0x80) != 0) content.insert(content.begin(), 0);
  return TlvOf(tag, content);
}

Bytes FormattedTime(uint8_t tag, const char* format, absl::Time time) {
  return TlvOf(tag, base::AsBytes(absl::FormatTime(format, time, absl::UTCTimeZone())));
}

}  // namespace

Bytes Tlv(uint8_t tag, std::initializer_list<ByteView> parts) {
  Bytes content;
  for (const ByteView part : parts) base::Append(content, part);
  return TlvOf(tag, content);
}

Bytes Sequence(std::initializer_list<ByteView> parts) { return Tlv(0x30, parts); }
Bytes Set(std::initializer_list<ByteView> parts) { return Tlv(0x31, parts); }
Bytes Context(int n, std::initializer_list<ByteView> parts) {
  return Tlv(static_cast<uint8_t>(0xa0 | n), parts);
}
Bytes ContextPrimitive(int n, ByteView content) {
  return TlvOf(static_cast<uint8_t>(0x80 | n), content);
}

Bytes Boolean(bool value) { return value ? Bytes{1, 1, 0xff} : Bytes{1, 1, 0}; }
Bytes Integer(uint64_t value) { return Number(0x02, value); }
Bytes Enumerated(uint64_t value) { return Number(0x0a, value); }

Bytes Oid(std::string_view dotted) {
  std::vector<uint64_t> arcs;
  const std::string text(dotted);
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    arcs.push_back(std::strtoull(at, &end, 10));
    at = *end == '.' ? end + 1 : end;
  }
  MUSUBI_CHECK(arcs.size() >= 2, "an OID has two arcs or more");
  arcs[1] += 40 * arcs[0];
  Bytes content;
  for (size_t i = 1; i < arcs.size(); ++i) {
    Bytes octets{static_cast<uint8_t>(arcs[i] & 0x7f)};
    for (uint64_t rest = arcs[i] >> 7; rest != 0; rest >>= 7) {
      octets.insert(octets.begin(), static_cast<uint8_t>(0x80 | (rest & 0x7f)));
    }
    base::Append(content, octets);
  }
  return TlvOf(0x06, content);
}

Bytes Null() { return {5, 0}; }
Bytes OctetString(ByteView content) { return TlvOf(0x04, content); }
Bytes BitString(ByteView content) {
  static constexpr uint8_t kNoUnusedBits[] = {0};
  return Tlv(0x03, {kNoUnusedBits, content});
}
Bytes Utf8(std::string_view text) { return TlvOf(0x0c, base::AsBytes(text)); }
Bytes Printable(std::string_view text) { return TlvOf(0x13, base::AsBytes(text)); }
Bytes Ia5(std::string_view text) { return TlvOf(0x16, base::AsBytes(text)); }
Bytes UtcTime(absl::Time time) { return FormattedTime(0x17, "%y%m%d%H%M%SZ", time); }
Bytes GeneralizedTime(absl::Time time) { return FormattedTime(0x18, "%Y%m%d%H%M%SZ", time); }
Bytes Time(absl::Time time) {
  const bool early = absl::ToCivilYear(time, absl::UTCTimeZone()).year() < 2050;
  return early ? UtcTime(time) : GeneralizedTime(time);
}

Bytes Name(std::initializer_list<std::pair<std::string_view, std::string_view>> attributes) {
  Bytes content;
  for (const auto& [type, value] : attributes) {
    const std::string_view oid = type == "C"    ? "2.5.4.6"
                                 : type == "O"  ? "2.5.4.10"
                                 : type == "OU" ? "2.5.4.11"
                                 : type == "CN" ? "2.5.4.3"
                                                : "2.5.4.7";
    const Bytes text = type == "C" ? Printable(value) : Utf8(value);
    base::Append(content, Set({Sequence({Oid(oid), text})}));
  }
  return TlvOf(0x30, content);
}

}  // namespace musubi::fakes::der
