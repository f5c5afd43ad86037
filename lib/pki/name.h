// Distinguished names: their form (RFC 5280 section 4.1.2.4) and their comparison (section 7.1).
// Nothing here tells who a name belongs to: only a signature does. Allocates nothing.
#ifndef MUSUBI_LIB_PKI_NAME_H_
#define MUSUBI_LIB_PKI_NAME_H_

#include <cstddef>

#include "lib/base/bytes.h"

namespace musubi::pki {

// Largest Name, and most attributes in one RelativeDistinguishedName. Real ones stay below 500
// octets and 4 attributes; the limits bound what comparing and indexing them can cost.
inline constexpr size_t kMaxNameSize = 4 * 1024;
inline constexpr size_t kMaxRdnAttributes = 32;

// IsName tests a whole DER Name: every RDN a non-empty SET in order, every attribute an OID and a
// value, strict to its leaves.
bool IsName(base::ByteView whole);
// IsCommonName tests the same, and that every value is of a type that OpenSSL takes in a Name: a
// text but VisibleString, NumericString, BIT STRING or SEQUENCE. Certificates hold no others, so
// that both paths take the same ones.
bool IsCommonName(base::ByteView whole);
// IsCommonRdn tests the content of one RelativeDistinguishedName in the same way.
bool IsCommonRdn(base::ByteView content);

// SameName compares two whole DER Names: equal octets, or RDN by RDN the same attributes in any
// order, where texts are equal after the folding of ASCII case, white space and string type (a
// TeletexString is read as Latin-1, as everybody does), and other values if their octets are. False
// if either is not a Name.
bool SameName(base::ByteView a, base::ByteView b);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_NAME_H_
