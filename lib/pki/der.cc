#include "lib/pki/der.h"

#include <algorithm>
#include <vector>

namespace musubi::pki {
namespace {

using base::ByteView;

bool IsCanonicalBitString(ByteView content) {
  if (content.empty() || content[0] > 7) return false;
  const int unused = content[0];
  if (content.size() == 1) return unused == 0;
  return (content.back() & ((1 << unused) - 1)) == 0;
}

bool IsOid(ByteView content) {
  bool first_of_arc = true;
  for (const uint8_t octet : content) {
    if (first_of_arc && octet == 0x80) return false;
    first_of_arc = (octet & 0x80) == 0;
  }
  return !content.empty() && first_of_arc;
}

bool IsCanonicalPrimitive(const DerElement& element) {
  const ByteView content = element.content;
  switch (element.tag) {
    case 0x00:  // End-of-contents: belongs to indefinite lengths only.
      return false;
    case der_tag::kBoolean:
      return content.size() == 1 && (content[0] == 0x00 || content[0] == 0xff);
    case der_tag::kInteger:
    case der_tag::kEnumerated:
      return IsMinimalInteger(content);
    case der_tag::kBitString:
      return IsCanonicalBitString(content);
    case der_tag::kNull:
      return content.empty();
    case der_tag::kOid:
      return IsOid(content);
    default:
      return true;
  }
}

bool IsStrictDerAt(ByteView input, int depth, bool in_set) {
  if (depth > kMaxDerDepth) return false;
  DerReader reader(input);
  ByteView previous;
  while (!reader.done()) {
    const auto element = reader.Read();
    if (!element) return false;
    const bool universal = (element->tag & 0xc0) == 0;
    const bool constructed = (element->tag & 0x20) != 0;
    const int number = element->tag & 0x1f;
    if (universal) {
      // SEQUENCE, SET, EXTERNAL and EMBEDDED PDV are constructed in DER, all others primitive.
      const bool must_be_constructed =
          number == 0x10 || number == 0x11 || number == 0x08 || number == 0x0b;
      if (constructed != must_be_constructed) return false;
    }
    if (constructed) {
      if (!IsStrictDerAt(element->content, depth + 1, element->tag == der_tag::kSet)) return false;
    } else if (!IsCanonicalPrimitive(*element)) {
      return false;
    }
    if (in_set) {
      if (std::lexicographical_compare(element->whole.begin(), element->whole.end(),
                                       previous.begin(), previous.end())) {
        return false;
      }
      previous = element->whole;
    }
  }
  return true;
}

}  // namespace

std::optional<DerElement> DerReader::Read() {
  if (rest_.size() < 2) return std::nullopt;
  if ((rest_[0] & 0x1f) == 0x1f) return std::nullopt;
  size_t header = 2;
  size_t length = rest_[1];
  if (length >= 0x80) {
    const size_t octets = length & 0x7f;
    // 0 is the indefinite form; 4 octets are more than any input of ours.
    if (octets == 0 || octets > 4 || rest_.size() < 2 + octets) return std::nullopt;
    length = 0;
    for (size_t i = 0; i < octets; ++i) length = (length << 8) | rest_[2 + i];
    if (length < 0x80 || (length >> (8 * (octets - 1))) == 0) return std::nullopt;
    header += octets;
  }
  if (rest_.size() - header < length) return std::nullopt;
  DerElement element{rest_[0], rest_.subspan(header, length), rest_.first(header + length)};
  rest_ = rest_.subspan(header + length);
  return element;
}

std::optional<DerElement> DerReader::Read(uint8_t tag) {
  if (!Next(tag)) return std::nullopt;
  return Read();
}

std::optional<DerElement> ReadSingle(ByteView input, uint8_t tag) {
  DerReader reader(input);
  auto element = reader.Read(tag);
  if (!reader.done()) return std::nullopt;
  return element;
}

bool IsStrictDer(ByteView input) { return IsStrictDerAt(input, 1, /*in_set=*/false); }

bool IsMinimalInteger(ByteView content) {
  if (content.empty()) return false;
  if (content.size() == 1) return true;
  const bool sign = (content[1] & 0x80) != 0;
  return !(content[0] == 0x00 && !sign) && !(content[0] == 0xff && sign);
}

std::optional<uint64_t> ToUint64(ByteView content) {
  if (!IsMinimalInteger(content) || (content[0] & 0x80) != 0) return std::nullopt;
  if (content[0] == 0) content = content.subspan(1);
  if (content.size() > 8) return std::nullopt;
  uint64_t value = 0;
  for (const uint8_t octet : content) value = (value << 8) | octet;
  return value;
}

std::optional<std::string> OidText(ByteView content) {
  if (!IsOid(content)) return std::nullopt;
  std::string text;
  uint64_t arc = 0;
  for (const uint8_t octet : content) {
    if ((arc >> 57) != 0) return std::nullopt;
    arc = (arc << 7) | (octet & 0x7f);
    if ((octet & 0x80) != 0) continue;
    if (text.empty()) {
      const uint64_t first = std::min<uint64_t>(arc / 40, 2);
      text = std::to_string(first) + "." + std::to_string(arc - 40 * first);
    } else {
      text += "." + std::to_string(arc);
    }
    arc = 0;
  }
  return text;
}

std::optional<absl::Time> ParseTime(const DerElement& element) {
  const bool utc = element.tag == der_tag::kUtcTime;
  if (!utc && element.tag != der_tag::kGeneralizedTime) return std::nullopt;
  const ByteView text = element.content;
  const size_t year_digits = utc ? 2 : 4;
  if (text.size() != year_digits + 11 || text.back() != 'Z') return std::nullopt;
  if (!std::all_of(text.begin(), text.end() - 1, [](uint8_t c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  auto number = [text](size_t at, size_t digits) {
    int value = 0;
    for (size_t i = at; i < at + digits; ++i) value = value * 10 + (text[i] - '0');
    return value;
  };
  int year = number(0, year_digits);
  if (utc) year += year >= 50 ? 1900 : 2000;
  const int month = number(year_digits, 2);
  const int day = number(year_digits + 2, 2);
  const int hour = number(year_digits + 4, 2);
  const int minute = number(year_digits + 6, 2);
  const int second = number(year_digits + 8, 2);
  // CivilSecond normalises what is out of range: a real time comes back unchanged.
  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  if (civil.year() != year || civil.month() != month || civil.day() != day ||
      civil.hour() != hour || civil.minute() != minute || civil.second() != second) {
    return std::nullopt;
  }
  return absl::FromCivil(civil, absl::UTCTimeZone());
}

}  // namespace musubi::pki
