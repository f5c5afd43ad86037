// Strict reading of the extensions of a certificate into its view (RFC 5280 section 4.2), and of
// what CRLs have in common with it. For .cc files of lib/pki.
#ifndef MUSUBI_LIB_PKI_CERTIFICATE_EXTENSIONS_H_
#define MUSUBI_LIB_PKI_CERTIFICATE_EXTENSIONS_H_

#include "lib/base/bytes.h"
#include "lib/pki/certificate_view.h"

namespace musubi::pki {

// ReadCertificateExtensions reads the content of [3]. It returns nullptr, or a literal that says
// what is wrong.
const char* ReadCertificateExtensions(base::ByteView content, CertificateView& out);

// ReadAuthorityKeyIdentifier reads the value of the extension (RFC 5280 section 4.2.1.1): false if
// it is malformed, and `out` then holds any part.
bool ReadAuthorityKeyIdentifier(base::ByteView value, AuthorityKeyIdentifierView& out);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CERTIFICATE_EXTENSIONS_H_
