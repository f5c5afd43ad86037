#include "lib/jpki/my_number.h"

#include <string>

namespace musubi::jpki {
namespace {

constexpr size_t kNumDigits = 12;
// Depth of nested objects that the applets use is 2.
constexpr int kMaxDepth = 4;

// One BER-TLV header (ISO/IEC 7816-4 section 5.2.2), with tags of one or two octets.
struct Header {
  uint32_t tag = 0;
  bool constructed = false;
  size_t size = 0;    // Of the header.
  size_t length = 0;  // Of the value.
};

// Reads a header; false if there is none or its value does not fit.
bool ReadHeader(base::ByteView octets, Header& header) {
  size_t at = 0;
  if (octets.size() < 2) return false;
  header.tag = octets[at++];
  header.constructed = (header.tag & 0x20) != 0;
  if ((header.tag & 0x1f) == 0x1f) header.tag = header.tag << 8 | octets[at++];
  if (at >= octets.size()) return false;
  const uint8_t first = octets[at++];
  header.length = first;
  if (first >= 0x80) {
    size_t count = first & 0x7f;
    if (count == 0 || count > 3 || at + count > octets.size()) return false;
    header.length = 0;
    while (count-- > 0) header.length = header.length << 8 | octets[at++];
  }
  header.size = at;
  return header.length <= octets.size() - at;
}

bool HasTag(base::ByteView octets, int depth) {
  while (!octets.empty()) {
    // The applets pad with zeros and FFs between objects.
    if (octets[0] == 0x00) {
      octets = octets.subspan(1);
      continue;
    }
    Header header;
    if (!ReadHeader(octets, header)) return false;
    if (header.tag == 0xff10 || header.tag == 0xdf31) return true;
    if (header.constructed && depth < kMaxDepth &&
        HasTag(octets.subspan(header.size, header.length), depth + 1)) {
      return true;
    }
    octets = octets.subspan(header.size + header.length);
  }
  return false;
}

// The value of the digit at `at`, ASCII or full width (U+FF10 to U+FF19 in UTF-8), and its size in
// octets; -1 if there is none.
int DigitAt(base::ByteView octets, size_t at, size_t& size) {
  if (octets[at] >= '0' && octets[at] <= '9') {
    size = 1;
    return octets[at] - '0';
  }
  if (octets.size() - at >= 3 && octets[at] == 0xef && octets[at + 1] == 0xbc &&
      octets[at + 2] >= 0x90 && octets[at + 2] <= 0x99) {
    size = 3;
    return octets[at + 2] - 0x90;
  }
  return -1;
}

// The check digit of a My Number: weights 2 to 7, then 2 to 6, from the second digit from the
// right.
bool HasCheckDigit(const std::string& digits) {
  int sum = 0;
  for (size_t n = 1; n < kNumDigits; ++n) {
    const int weight = static_cast<int>(n <= 6 ? n + 1 : n - 5);
    sum += (digits[kNumDigits - 1 - n] - '0') * weight;
  }
  const int remainder = sum % 11;
  const int check = remainder <= 1 ? 0 : 11 - remainder;
  return digits.back() - '0' == check;
}

bool HasNumber(base::ByteView octets) {
  std::string run;
  for (size_t at = 0; at < octets.size();) {
    size_t size = 1;
    const int digit = DigitAt(octets, at, size);
    if (digit >= 0) {
      run.push_back(static_cast<char>('0' + digit));
      if (run.size() >= kNumDigits && HasCheckDigit(run.substr(run.size() - kNumDigits))) {
        return true;
      }
    } else if (octets[at] != ' ' && octets[at] != '-') {
      run.clear();  // Groups of four are often written apart.
    }
    at += size;
  }
  return false;
}

}  // namespace

bool HoldsMyNumber(base::ByteView octets) { return HasTag(octets, 0) || HasNumber(octets); }

}  // namespace musubi::jpki
