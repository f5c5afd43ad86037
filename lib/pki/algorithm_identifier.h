// The form of an AlgorithmIdentifier (RFC 5280 section 4.1.1.2), the same for certificates, CRLs
// and OCSP responses. Which algorithm it names, and whether that may be used:
// lib/crypto/signature.h. For .cc files of lib/pki.
#ifndef MUSUBI_LIB_PKI_ALGORITHM_IDENTIFIER_H_
#define MUSUBI_LIB_PKI_ALGORITHM_IDENTIFIER_H_

#include "lib/pki/der.h"

namespace musubi::pki {

// IsAlgorithmIdentifier tests an OID and at most one element of parameters, strict to its leaves.
bool IsAlgorithmIdentifier(const DerElement& sequence);

// HasRsaParameters tests what passed that: RFC 4055 sections 1.2 and 3.1 give rsaEncryption and the
// PKCS #1 v1.5 signatures parameters of exactly NULL. True of all other algorithms.
bool HasRsaParameters(const DerElement& sequence);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_ALGORITHM_IDENTIFIER_H_
