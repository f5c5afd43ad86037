// Strict reading of the extensions of a certificate into its view (RFC 5280 section 4.2). For
// certificate_view.cc only.
#ifndef MUSUBI_LIB_PKI_CERTIFICATE_EXTENSIONS_H_
#define MUSUBI_LIB_PKI_CERTIFICATE_EXTENSIONS_H_

#include "lib/base/bytes.h"
#include "lib/pki/certificate_view.h"

namespace musubi::pki {

// ReadCertificateExtensions reads the content of [3]. It returns nullptr, or a literal that says
// what is wrong.
const char* ReadCertificateExtensions(base::ByteView content, CertificateView& out);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CERTIFICATE_EXTENSIONS_H_
