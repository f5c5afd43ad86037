#include "lib/pki/der.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace musubi::pki {
namespace {

using base::ByteView;

constexpr std::array<bool, 256> MakePrintable() {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c) {
    const bool alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    table[static_cast<size_t>(c)] = alphanumeric;
  }
  for (const char c : std::string_view(" '()+,-./:=?")) table[static_cast<uint8_t>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kPrintable = MakePrintable();

bool IsScalarValue(uint32_t c) { return c < 0xd800 || (c >= 0xe000 && c <= 0x10ffff); }

// RFC 3629 section 4.
bool IsUtf8(ByteView text) {
  size_t at = 0;
  while (at < text.size()) {
    // Eight of ASCII at once: nearly all texts are.
    uint64_t eight = 0;
    if (text.size() - at >= sizeof(eight)) {
      std::memcpy(&eight, text.data() + at, sizeof(eight));
      if ((eight & 0x8080808080808080) == 0) {
        at += sizeof(eight);
        continue;
      }
    }
    const uint8_t lead = text[at++];
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - at < static_cast<size_t>(more)) return false;
    uint32_t c = lead & (0x3f >> more);
    for (int i = 0; i < more; ++i) {
      if ((text[at] & 0xc0) != 0x80) return false;
      c = (c << 6) | (text[at++] & 0x3f);
    }
    static constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (c < kSmallest[more] || !IsScalarValue(c)) return false;
  }
  return true;
}

// BMPString (2) and UniversalString (4).
bool IsWide(ByteView text, size_t width) {
  if (text.size() % width != 0) return false;
  for (size_t at = 0; at < text.size(); at += width) {
    uint32_t c = 0;
    for (size_t i = 0; i < width; ++i) c = (c << 8) | text[at + i];
    if (!IsScalarValue(c)) return false;
  }
  return true;
}

// The decimal digits of an arc less `less`, which is not more than the arc.
std::string ArcText(ByteView arc, int less) {
  std::string digits = "0";  // Least significant first.
  for (size_t i = 0; i < arc.size(); ++i) {
    int carry = (arc[i] & 0x7f) - (i + 1 == arc.size() ? less : 0);
    for (char& digit : digits) {
      carry += 128 * (digit - '0');
      digit = static_cast<char>('0' + (carry % 10 + 10) % 10);
      carry = (carry - (digit - '0')) / 10;
    }
    for (; carry > 0; carry /= 10) digits.push_back(static_cast<char>('0' + carry % 10));
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  std::ranges::reverse(digits);
  return digits;
}

template <typename Predicate>
bool All(ByteView text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
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
      return IsCanonicalText(element.tag, content);
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

DerReader::Header DerReader::ReadLongHeader(ByteView rest) {
  const uint32_t octets = rest[1] & 0x7f;
  // 0 is the indefinite form; 4 octets are more than any input of ours.
  if (octets == 0 || octets > 4 || rest.size() < 2 + octets) return {0, 0};
  uint32_t length = 0;
  for (size_t i = 0; i < octets; ++i) length = (length << 8) | rest[2 + i];
  if (length < 0x80 || (length >> (8 * (octets - 1))) == 0) return {0, 0};
  return {2 + octets, length};
}

bool IsStrictDer(ByteView input) { return IsStrictDerAt(input, 1, /*in_set=*/false); }

bool IsOid(ByteView content) {
  bool first_of_arc = true;
  for (const uint8_t octet : content) {
    if (first_of_arc && octet == 0x80) return false;
    first_of_arc = (octet & 0x80) == 0;
  }
  return !content.empty() && content.size() <= kMaxOidSize && first_of_arc;
}

bool IsCanonicalBitString(ByteView content) {
  if (content.empty() || content[0] > 7) return false;
  const int unused = content[0];
  if (content.size() == 1) return unused == 0;
  return (content.back() & ((1 << unused) - 1)) == 0;
}

bool IsCanonicalText(uint8_t tag, ByteView content) {
  switch (tag) {
    case der_tag::kUtf8String:
      return IsUtf8(content);
    case der_tag::kNumericString:
      return All(content, [](uint8_t c) { return (c >= '0' && c <= '9') || c == ' '; });
    case der_tag::kPrintableString:
      return All(content, [](uint8_t c) { return kPrintable[c]; });
    case der_tag::kIa5String:
      return All(content, [](uint8_t c) { return c < 0x80; });
    case der_tag::kVisibleString:
      return All(content, [](uint8_t c) { return c >= 0x20 && c < 0x7f; });
    case der_tag::kBmpString:
      return IsWide(content, 2);
    case der_tag::kUniversalString:
      return IsWide(content, 4);
    default:
      return true;
  }
}

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
  while (!content.empty()) {
    const auto last = std::ranges::find_if(content, [](uint8_t c) { return (c & 0x80) == 0; });
    const size_t size = static_cast<size_t>(last - content.begin()) + 1;
    const ByteView arc = content.first(size);
    content = content.subspan(size);
    if (!text.empty()) {
      text += "." + ArcText(arc, 0);
      continue;
    }
    // X.690 section 8.19.4: the first two arcs are one, and only below 2 the second is below 40.
    const int first = size > 1 ? 2 : std::min(arc[0] / 40, 2);
    text = std::to_string(first) + "." + ArcText(arc, 40 * first);
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
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (day > kDays[month - 1] + (month == 2 && leap ? 1 : 0)) return std::nullopt;
  // Days since 1970-01-01 in the Gregorian calendar, counted in years that begin in March.
  const int64_t y = month > 2 ? year : year - 1;
  const int64_t month_from_march = (month + 9) % 12;
  const int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
  const int64_t floor_years = y + 400;  // So that year 0 divides as all others do.
  const int64_t days = 365 * floor_years + floor_years / 4 - floor_years / 100 + floor_years / 400 +
                       day_of_year - 719468 - 146097;
  return absl::FromUnixSeconds(((days * 24 + hour) * 60 + minute) * 60 + second);
}

}  // namespace musubi::pki
