// The part of path validation that OpenSSL does: policies and name constraints (RFC 5280 section
// 6.1.3 (b) to (f) and 6.1.4 (a) to (j)) of one path whose signatures, times and CA bits are
// checked already, and a second opinion about CA bits. For .cc files of lib/pki.
#ifndef MUSUBI_LIB_PKI_OPENSSL_PATH_H_
#define MUSUBI_LIB_PKI_OPENSSL_PATH_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/pki/certificate.h"
#include "lib/pki/path_validator.h"
#include "lib/pki/verdict.h"

struct x509_st;

namespace musubi::pki {

struct X509Deleter {
  void operator()(x509_st* certificate) const;
};
using X509Ptr = std::unique_ptr<x509_st, X509Deleter>;

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

// OpenSslAnchor is an anchor as OpenSSL needs it, read once. Immutable; thread-safe.
class OpenSslAnchor {
 public:
  explicit OpenSslAnchor(const TrustAnchor& anchor);

  // Validate takes the path from the target to this anchor. If the anchor is held to its
  // constraints, its own policies, mappings and constraints count as if it were the path's first
  // certificate (RFC 5937); without certificatePolicies it stands for any policy. Dies if an
  // initial policy is no OID.
  OpenSslResult Validate(const std::vector<Certificate>& path, const PathInputs& inputs) const;

 private:
  // What stands for the anchor, and what stands above it. Empty if OpenSSL takes it for malformed.
  std::vector<X509Ptr> top_;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_OPENSSL_PATH_H_
