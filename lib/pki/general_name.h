// GeneralNames (RFC 5280 section 4.2.1.6): test of their form, and a walk over tested ones. Judges
// no name. Allocates nothing. For .cc files of lib/pki and for views of certificates.
#ifndef MUSUBI_LIB_PKI_GENERAL_NAME_H_
#define MUSUBI_LIB_PKI_GENERAL_NAME_H_

#include <cstdint>
#include <optional>

#include "lib/base/bytes.h"
#include "lib/pki/der.h"

namespace musubi::pki {

// Identifier octets of the forms of GeneralName.
namespace general_name {
inline constexpr uint8_t kOtherName = der_tag::Constructed(0);
inline constexpr uint8_t kRfc822Name = der_tag::Primitive(1);
inline constexpr uint8_t kDnsName = der_tag::Primitive(2);
inline constexpr uint8_t kX400Address = der_tag::Constructed(3);
inline constexpr uint8_t kDirectoryName = der_tag::Constructed(4);
inline constexpr uint8_t kEdiPartyName = der_tag::Constructed(5);
inline constexpr uint8_t kUri = der_tag::Primitive(6);
inline constexpr uint8_t kIpAddress = der_tag::Primitive(7);
inline constexpr uint8_t kRegisteredId = der_tag::Primitive(8);
}  // namespace general_name

// Names, or bases of subtrees in nameConstraints, whose addresses have a mask (RFC 5280 section
// 4.2.1.10) and whose URIs are hosts or empty.
enum class GeneralNameUse { kName, kConstraint };

// IsGeneralName tests one, strict to its leaves: IA5String of 7 bits, a URI of visible characters,
// an address of 4 or 16 octets.
bool IsGeneralName(const DerElement& name, GeneralNameUse use);
// IsGeneralNames tests the content of a SEQUENCE OF GeneralName, of at least one.
bool IsGeneralNames(base::ByteView content);

// GeneralNameCursor walks over the content of tested GeneralNames, or over nothing.
class GeneralNameCursor {
 public:
  explicit GeneralNameCursor(base::ByteView content) : reader_(content) {}

  // Next returns the content of the next name of this form: for kDirectoryName the whole Name, for
  // kUri the text. Nothing at the end.
  std::optional<base::ByteView> Next(uint8_t form) {
    while (const auto name = reader_.Read()) {
      if (name->tag == form) return name->content;
    }
    return std::nullopt;
  }

 private:
  DerReader reader_;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_GENERAL_NAME_H_
