// Reading of DER (X.690): elements as views into the input, no allocation, every rule of DER that
// concerns lengths, tags and primitive values enforced. Knows no certificate and writes nothing.
#ifndef MUSUBI_LIB_PKI_DER_H_
#define MUSUBI_LIB_PKI_DER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::pki {

// Identifier octets of the types that certificates, CRLs and OCSP responses are made of.
namespace der_tag {
inline constexpr uint8_t kBoolean = 0x01;
inline constexpr uint8_t kInteger = 0x02;
inline constexpr uint8_t kBitString = 0x03;
inline constexpr uint8_t kOctetString = 0x04;
inline constexpr uint8_t kNull = 0x05;
inline constexpr uint8_t kOid = 0x06;
inline constexpr uint8_t kEnumerated = 0x0a;
inline constexpr uint8_t kUtf8String = 0x0c;
inline constexpr uint8_t kNumericString = 0x12;
inline constexpr uint8_t kPrintableString = 0x13;
inline constexpr uint8_t kTeletexString = 0x14;
inline constexpr uint8_t kIa5String = 0x16;
inline constexpr uint8_t kUtcTime = 0x17;
inline constexpr uint8_t kGeneralizedTime = 0x18;
inline constexpr uint8_t kVisibleString = 0x1a;
inline constexpr uint8_t kUniversalString = 0x1c;
inline constexpr uint8_t kBmpString = 0x1e;
inline constexpr uint8_t kSequence = 0x30;
inline constexpr uint8_t kSet = 0x31;
// Context-specific [n].
constexpr uint8_t Primitive(int n) { return static_cast<uint8_t>(0x80 | n); }
constexpr uint8_t Constructed(int n) { return static_cast<uint8_t>(0xa0 | n); }
}  // namespace der_tag

// How deep elements may nest in what IsStrictDer walks over: real ones stay below 10; the limit
// bounds recursion.
inline constexpr int kMaxDerDepth = 24;

// One element: identifier octet, content, and the whole encoding.
struct DerElement {
  uint8_t tag = 0;
  base::ByteView content;
  base::ByteView whole;
};

// DerReader walks over consecutive elements. Copyable; its views live as long as the input.
class DerReader {
 public:
  explicit DerReader(base::ByteView input) : rest_(input) {}

  bool done() const { return rest_.empty(); }
  // Whether the next element has this identifier octet.
  bool Next(uint8_t tag) const { return !rest_.empty() && rest_[0] == tag; }

  // Read takes the next element; nothing, and the reader unmoved, if it is not well-formed: an
  // indefinite or over-long length, a tag number above 30, or cut off.
  std::optional<DerElement> Read() {
    if (rest_.size() < 2 || (rest_[0] & 0x1f) == 0x1f) return std::nullopt;
    Header header{2, rest_[1]};
    if (header.length >= 0x80) {
      header = ReadLongHeader(rest_);
      if (header.size == 0) return std::nullopt;
    }
    if (rest_.size() - header.size < header.length) return std::nullopt;
    const DerElement element{rest_[0], rest_.subspan(header.size, header.length),
                             rest_.first(header.size + header.length)};
    rest_ = rest_.subspan(header.size + header.length);
    return element;
  }
  // The same, and nothing if the identifier octet differs.
  std::optional<DerElement> Read(uint8_t tag) {
    if (!Next(tag)) return std::nullopt;
    return Read();
  }

 private:
  // Identifier and length octets. Small, so that it is returned in registers: an element that is
  // never in memory is what makes the parser of certificates fast.
  struct Header {
    uint32_t size;  // 0: not well-formed.
    uint32_t length;
  };
  static Header ReadLongHeader(base::ByteView rest);

  base::ByteView rest_;
};

// ReadSingle reads an input that is exactly one element of this identifier octet.
inline std::optional<DerElement> ReadSingle(base::ByteView input, uint8_t tag) {
  DerReader reader(input);
  // One object for all returns, so that the element is not copied.
  auto element = reader.Read(tag);
  if (!reader.done()) element.reset();
  return element;
}

// IsStrictDer tests a sequence of elements and all that they hold, to kMaxDerDepth: canonical
// BOOLEAN, INTEGER, OBJECT IDENTIFIER, BIT STRING, NULL; text of whole and valid characters;
// universal types in their one form; SET OF in order. What an OCTET STRING or a primitive implicit
// tag holds is not looked into.
bool IsStrictDer(base::ByteView input);

// Longest OBJECT IDENTIFIER. Real ones stay below 30 octets; the limit bounds what it costs to
// compare them and to write them as text.
inline constexpr size_t kMaxOidSize = 64;
// Content octets of an OBJECT IDENTIFIER: at least one whole arc, each minimal, and at most
// kMaxOidSize octets.
bool IsOid(base::ByteView content);
// Content octets of a BIT STRING: 0 to 7 unused bits, which are 0.
bool IsCanonicalBitString(base::ByteView content);
// Content octets of a text type (X.680 section 41): only characters that the type has, UTF-8 and
// the two- and four-octet forms without surrogates or what lies beyond U+10FFFF. True for a tag
// that is no text.
bool IsCanonicalText(uint8_t tag, base::ByteView content);

// Content octets of an INTEGER: at least one, and no more than needed.
bool IsMinimalInteger(base::ByteView content);
// SmallSerial reads the content octets of a serial number as the integer by which revocation looks
// it up: nothing unless it is minimal, above 0 and below 2^32. All other serials are identified by
// their full content octets.
inline std::optional<uint32_t> SmallSerial(base::ByteView content) {
  if (content.empty() || content.size() > 5) return std::nullopt;
  const bool pads = content[0] == 0;
  if (content[0] >= 0x80 || (pads && (content.size() == 1 || content[1] < 0x80))) {
    return std::nullopt;
  }
  uint64_t value = 0;
  for (const uint8_t octet : content) value = value << 8 | octet;
  if (value > UINT32_MAX) return std::nullopt;
  return static_cast<uint32_t>(value);
}
// ToUint64 reads a minimal non-negative INTEGER that fits.
std::optional<uint64_t> ToUint64(base::ByteView content);

// OidText writes content octets as "1.2.840...", arcs of any size; nothing if they are no IsOid.
std::optional<std::string> OidText(base::ByteView content);

// ParseTime reads a UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 demands: seconds and Z,
// no fraction, a real calendar day, no second 60. UTCTime years 50 to 99 are 19xx.
std::optional<absl::Time> ParseTime(const DerElement& element);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_DER_H_
