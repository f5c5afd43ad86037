// Comparison of distinguished names (RFC 5280 section 7.1). Nothing here tells who a name belongs
// to: only a signature does.
#ifndef MUSUBI_LIB_PKI_NAME_H_
#define MUSUBI_LIB_PKI_NAME_H_

#include "lib/base/bytes.h"

namespace musubi::pki {

// SameName compares two whole DER Names: equal octets, or equal after the folding of case, white
// space and string type. False if either is not a Name.
bool SameName(base::ByteView a, base::ByteView b);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_NAME_H_
