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
inline constexpr uint8_t kUtcTime = 0x17;
inline constexpr uint8_t kGeneralizedTime = 0x18;
inline constexpr uint8_t kSequence = 0x30;
inline constexpr uint8_t kSet = 0x31;
// Context-specific [n].
constexpr uint8_t Primitive(int n) { return static_cast<uint8_t>(0x80 | n); }
constexpr uint8_t Constructed(int n) { return static_cast<uint8_t>(0xa0 | n); }
}  // namespace der_tag

// How deep elements may nest. A certificate's own structure needs 7; the limit bounds recursion.
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
  std::optional<DerElement> Read();
  // The same, and nothing if the identifier octet differs.
  std::optional<DerElement> Read(uint8_t tag);

 private:
  base::ByteView rest_;
};

// ReadSingle reads an input that is exactly one element of this identifier octet.
std::optional<DerElement> ReadSingle(base::ByteView input, uint8_t tag);

// IsStrictDer tests a sequence of elements and all that they hold, to kMaxDerDepth: canonical
// BOOLEAN, INTEGER, OBJECT IDENTIFIER, BIT STRING, NULL; universal types in their one form; SET OF
// in order. What an OCTET STRING or an implicit tag holds is not looked into.
bool IsStrictDer(base::ByteView input);

// Content octets of an INTEGER: at least one, and no more than needed.
bool IsMinimalInteger(base::ByteView content);
// ToUint64 reads a minimal non-negative INTEGER that fits.
std::optional<uint64_t> ToUint64(base::ByteView content);

// OidText writes content octets as "1.2.840..."; nothing if not minimal or an arc exceeds 64 bits.
std::optional<std::string> OidText(base::ByteView content);

// ParseTime reads a UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 demands: seconds and Z,
// no fraction, a real calendar day, no second 60. UTCTime years 50 to 99 are 19xx.
std::optional<absl::Time> ParseTime(const DerElement& element);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_DER_H_
