// Rules of RFC 5280 about certificates of a path that OpenSSL does not hold them to. For .cc files
// of lib/pki.
#ifndef MUSUBI_LIB_PKI_PATH_RULES_H_
#define MUSUBI_LIB_PKI_PATH_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/pki/certificate.h"

namespace musubi::pki {

// Whether both the serial and the times have the form of RFC 5280 sections 4.1.2.2 and 4.1.2.5.
bool HasConformingForms(const Certificate& certificate);

// CheckConformance returns the first MUST of RFC 5280 section 4 for CAs that the certificate
// breaks, in words for a diagnostic:
//   4.1.2.2, 4.1.2.5   serial and times;
//   4.1.2.4, 4.1.2.6   issuer not empty; subject of a CA not empty; else a critical subjectAltName;
//   4.2.1.1, 4.2.1.2   key identifiers: not critical; the issuer's in all but self-signed ones, the
//                      subject's in CA certificates;
//   4.2.1.3, 4.2.1.9   keyCertSign and pathLenConstraint only of a CA, whose basicConstraints are
//                      critical, and whose keyUsage, if there is one, has keyCertSign;
//   4.2.1.6            dNSName in preferred name syntax (a first label "*" is let be), no address;
//                      rfc822Name a Mailbox; URI absolute; iPAddress of 4 or 16 octets;
//   4.2.1.10           nameConstraints: critical, only of a CA, not empty, bases well-formed;
//   4.2.1.11, 4.2.1.14 policyConstraints and inhibitAnyPolicy critical, the first not empty;
//   4.2.1.15, 4.2.2    freshestCRL, authorityInfoAccess, subjectInfoAccess not critical.
std::optional<std::string> CheckConformance(const Certificate& certificate);

// CheckNamesOfPath finds what name constraints forbid and OpenSSL lets through, in a path from the
// target to the anchor: a wildcard that stands for an excluded name, and a URI whose host is an
// address where URIs are constrained (RFC 5280 section 4.2.1.10). Returns the index of the
// certificate with that name. The anchor's own constraints count if it is held to them.
std::optional<int> CheckNamesOfPath(const std::vector<Certificate>& path, bool anchor_is_held);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_PATH_RULES_H_
