// The part of path validation that OpenSSL does: policies and name constraints (RFC 5280 section
// 6.1.3 (b) to (f) and 6.1.4 (a) to (j)) of one path whose signatures, times and CA bits are
// checked already, and a second opinion about CA bits. For .cc files of lib/pki.
#ifndef MUSUBI_LIB_PKI_OPENSSL_PATH_H_
#define MUSUBI_LIB_PKI_OPENSSL_PATH_H_

#include <optional>
#include <string>
#include <vector>

#include "lib/pki/certificate.h"
#include "lib/pki/path_validator.h"
#include "lib/pki/verdict.h"

namespace musubi::pki {

struct OpenSslFailure {
  VerdictReason reason;
  int cert_index;
  std::string diagnostic;
};

struct OpenSslResult {
  std::optional<OpenSslFailure> failure;
  // Without a failure: RFC 5280 section 6.1.5 (g), dotted, in alphabetical order. Any-policy stands
  // for all.
  std::vector<std::string> user_constrained_policies;
};

// ValidateWithOpenSsl takes the path from the target to the anchor. If the anchor is held to its
// constraints, its own policies, mappings and constraints count as if it were the path's first
// certificate (RFC 5937); without certificatePolicies it stands for any policy. Dies if an initial
// policy is no OID.
OpenSslResult ValidateWithOpenSsl(const std::vector<Certificate>& path, const TrustAnchor& anchor,
                                  const PathInputs& inputs);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_OPENSSL_PATH_H_
