// One X.509 v1-v3 certificate (RFC 5280 section 4.1) that owns its octets, parsed and not trusted:
// certificate_view.h, and what its extensions hold as text. Judges nothing: see path_validator.h.
// No I/O, no clock.
#ifndef MUSUBI_LIB_PKI_CERTIFICATE_H_
#define MUSUBI_LIB_PKI_CERTIFICATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"
#include "lib/pki/certificate_view.h"

namespace musubi::pki {

// RFC 5280 section 4.2.1.1.
struct AuthorityKeyIdentifier {
  std::optional<base::Bytes> key_identifier;
  std::optional<base::Bytes> issuer_name_der;  // The directoryName of authorityCertIssuer.
  std::optional<base::Bytes> serial;           // Content octets of authorityCertSerialNumber.
};

// RFC 5280 section 4.2.1.13, as far as names go.
struct DistributionPoint {
  std::vector<base::Bytes> directory_names_der;  // fullName entries of form directoryName.
  std::vector<std::string> uris;                 // fullName entries of form URI.
  bool only_some_reasons = false;                // `reasons` is present.
  bool other_crl_issuer = false;                 // `cRLIssuer` is present.
};

// Certificate is immutable and cheap to copy (shared); thread-safe. Views live as long as any copy.
class Certificate {
 public:
  // Parse takes exactly one DER certificate, as ParseCertificateView does: INVALID_ARGUMENT if it
  // is malformed, RESOURCE_EXHAUSTED if larger than kMaxCertificateSize.
  static absl::StatusOr<Certificate> Parse(base::ByteView der);

  // The same without text: lives as long as any copy.
  const CertificateView& view() const;

  base::ByteView der() const { return view().der; }
  base::ByteView tbs_der() const { return view().tbs; }
  int version() const { return view().version; }
  base::ByteView serial() const { return view().serial; }
  base::ByteView issuer_der() const { return view().issuer; }
  base::ByteView subject_der() const { return view().subject; }
  base::ByteView spki_der() const { return view().spki; }
  base::ByteView public_key_bits() const { return view().public_key_bits; }
  std::optional<crypto::KeyType> key_type() const { return view().key_type; }
  base::ByteView signature_algorithm_der() const { return view().signature_algorithm_der; }
  std::optional<crypto::SignatureAlgorithm> signature_algorithm() const {
    return view().signature_algorithm;
  }
  base::ByteView signature() const { return view().signature; }
  absl::Time not_before() const { return view().not_before; }
  absl::Time not_after() const { return view().not_after; }
  bool validity_form_conforms() const { return view().validity_form_conforms; }

  // Extensions; absent ones are nullopt or empty. OIDs are dotted text.
  std::optional<uint16_t> key_usage() const { return view().key_usage; }
  bool HasKeyUsage(KeyUsage usage) const { return view().HasKeyUsage(usage); }
  const std::optional<std::vector<std::string>>& extended_key_usage() const;
  const std::vector<std::string>& policies() const;
  bool policies_critical() const { return view().policies_critical; }
  bool is_ca() const { return view().is_ca; }
  std::optional<uint64_t> path_length() const { return view().path_length; }
  const std::optional<AuthorityKeyIdentifier>& authority_key_identifier() const;
  const std::optional<base::Bytes>& subject_key_identifier() const;
  const std::vector<DistributionPoint>& crl_distribution_points() const;
  const std::vector<std::string>& ocsp_uris() const;
  bool HasExtension(const std::string& oid) const;
  const std::vector<std::string>& critical_extensions() const;  // In order of appearance.

 private:
  struct Parsed;

  explicit Certificate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CERTIFICATE_H_
