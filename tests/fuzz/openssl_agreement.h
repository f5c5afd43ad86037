// What our parsers took, read again by OpenSSL: it must take it too, and find the same. Dies
// otherwise, as a harness does. What only OpenSSL takes is not looked at: we are stricter, as
// docs/rfc-coverage.md says.
#ifndef MUSUBI_TESTS_FUZZ_OPENSSL_AGREEMENT_H_
#define MUSUBI_TESTS_FUZZ_OPENSSL_AGREEMENT_H_

#include <string_view>

#include "lib/base/bytes.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/crl.h"
#include "lib/pki/ocsp.h"

namespace musubi::fuzz {

// What the checks below pass over. All else is compared.
struct Difference {
  std::string_view what;
  std::string_view reason;
};
inline constexpr Difference kDifferences[] = {
    {"a Name with a value of another type than OpenSSL's (VisibleString, INTEGER, ...): IsName and "
     "SameName take it",
     "it is DER, and OpenSSL's list of types is not RFC 5280's; what certificates, CRLs and "
     "responders are called is held to IsCommonName, and compared"},
    {"an OCSP response of another type or version, or with an unknown critical extension: we have "
     "an outcome for it, OpenSSL may call it malformed",
     "it is refused before all of it is read: no field of it is used"},
    {"the parameters of a key of an algorithm that is not ours: OpenSSL writes some of what it "
     "read "
     "(a constructed EXTERNAL) in another form",
     "such a key verifies nothing; algorithm and key bits are compared, and of ours the whole"},
};

// Of a certificate that ParseCertificateView took: all fields, and what extensions say.
void CheckCertificateAgainstOpenSsl(const pki::CertificateView& certificate);

// Of a CRL that ParseCrl took: issuer, times, number, and each entry.
void CheckCrlAgainstOpenSsl(const pki::Crl& crl);

// Of a Name that IsCommonName took.
void CheckNameAgainstOpenSsl(base::ByteView name);

// Of two such Names: the same for us if and only if they are for OpenSSL.
void CheckSameNameAgainstOpenSsl(base::ByteView a, base::ByteView b);

// Of an OCSPResponse of which CheckOcspResponse said `result`. An answer is also compared: it must
// be about the certificate with this `serial` (content octets).
void CheckOcspAgainstOpenSsl(base::ByteView response, base::ByteView serial,
                             const pki::OcspResult& result);

}  // namespace musubi::fuzz

#endif  // MUSUBI_TESTS_FUZZ_OPENSSL_AGREEMENT_H_
