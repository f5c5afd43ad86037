// One X.509 v1-v3 certificate (RFC 5280 section 4.1), parsed and not trusted. Judges nothing: see
// path_validator.h. No I/O, no clock.
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

namespace musubi::pki {

// Largest certificate that Parse takes. Cards' certificates are about 1.6 KB; the limit leaves
// room for large CA certificates and bounds what a request can cost.
inline constexpr size_t kMaxCertificateSize = 16 * 1024;
// Most extensions and largest Name that Parse takes. Real ones stay below 16 and 500 octets; the
// limits bound what comparing and indexing them can cost.
inline constexpr size_t kMaxExtensions = 64;
inline constexpr size_t kMaxNameSize = 4 * 1024;

// RFC 5280 section 4.2.1.3; the bit order is that of the BIT STRING, bit 0 first.
enum class KeyUsage : uint16_t {
  kDigitalSignature = 1 << 0,
  kNonRepudiation = 1 << 1,
  kKeyEncipherment = 1 << 2,
  kDataEncipherment = 1 << 3,
  kKeyAgreement = 1 << 4,
  kKeyCertSign = 1 << 5,
  kCrlSign = 1 << 6,
  kEncipherOnly = 1 << 7,
  kDecipherOnly = 1 << 8,
};

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
  // Parse takes exactly one DER certificate. INVALID_ARGUMENT if it is malformed or followed by
  // anything; RESOURCE_EXHAUSTED if larger than kMaxCertificateSize. Correct but unusual forms
  // (long or negative serials, v1, GeneralizedTime before 2050) are taken and reported.
  static absl::StatusOr<Certificate> Parse(base::ByteView der);

  base::ByteView der() const;
  base::ByteView tbs_der() const;
  int version() const;                 // 1, 2 or 3.
  base::ByteView serial() const;       // Content octets of the INTEGER, as encoded.
  base::ByteView issuer_der() const;   // The whole Name.
  base::ByteView subject_der() const;  // The whole Name.
  base::ByteView spki_der() const;     // The whole SubjectPublicKeyInfo.
  base::ByteView public_key_bits()
      const;  // Content of subjectPublicKey without the unused-bits octet.
  // Nothing if the key is of no type that we verify with.
  std::optional<crypto::KeyType> key_type() const;
  base::ByteView signature_algorithm_der() const;  // The whole outer AlgorithmIdentifier.
  // Nothing if it is no algorithm that we verify.
  std::optional<crypto::SignatureAlgorithm> signature_algorithm() const;
  base::ByteView signature() const;  // Content of signatureValue without the unused-bits octet.
  absl::Time not_before() const;
  absl::Time not_after() const;  // Inclusive.
  // Whether both times have the form of RFC 5280 section 4.1.2.5: UTCTime through 2049.
  bool validity_form_conforms() const;

  // Extensions; absent ones are nullopt or empty. OIDs are dotted text.
  std::optional<uint16_t> key_usage() const;  // Bits of KeyUsage.
  bool HasKeyUsage(KeyUsage usage) const;     // False if the extension is absent.
  const std::optional<std::vector<std::string>>& extended_key_usage() const;
  const std::vector<std::string>& policies() const;
  bool policies_critical() const;
  bool is_ca() const;  // basicConstraints with cA TRUE.
  std::optional<uint64_t> path_length() const;
  const std::optional<AuthorityKeyIdentifier>& authority_key_identifier() const;
  const std::optional<base::Bytes>& subject_key_identifier() const;
  const std::vector<DistributionPoint>& crl_distribution_points() const;
  const std::vector<std::string>& ocsp_uris() const;
  bool HasExtension(const std::string& oid) const;
  const std::vector<std::string>& critical_extensions() const;  // In order of appearance.

  // The parsed form for other files of lib/pki; opaque elsewhere.
  struct Parsed;
  const Parsed& parsed() const { return *parsed_; }

 private:
  explicit Certificate(std::shared_ptr<const Parsed> parsed) : parsed_(std::move(parsed)) {}

  std::shared_ptr<const Parsed> parsed_;
};

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CERTIFICATE_H_
