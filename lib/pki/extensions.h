// Reading of an Extensions value (RFC 5280 section 4.2), as CRLs and OCSP responses hold it. For
// .cc files of lib/pki.
#ifndef MUSUBI_LIB_PKI_EXTENSIONS_H_
#define MUSUBI_LIB_PKI_EXTENSIONS_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/base/bytes.h"

namespace musubi::pki {

// More in one list is refused: real ones hold three.
inline constexpr size_t kMaxListedExtensions = 32;

struct Extension {
  std::string oid;  // Dotted.
  bool critical = false;
  base::ByteView value;  // Content of extnValue.
};

// ReadExtensions reads the content of a SEQUENCE OF Extension: nothing if it is empty, malformed,
// or names an extension twice. The views live as long as the input.
std::optional<std::vector<Extension>> ReadExtensions(base::ByteView content);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_EXTENSIONS_H_
