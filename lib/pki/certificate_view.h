// One X.509 v1-v3 certificate (RFC 5280 section 4.1) as views into the caller's octets: the one
// parser of certificates. Strict DER; allocates nothing; judges nothing beyond form, trusts
// nothing. certificate.h owns octets and offers the same as text.
#ifndef MUSUBI_LIB_PKI_CERTIFICATE_VIEW_H_
#define MUSUBI_LIB_PKI_CERTIFICATE_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"
#include "lib/pki/der.h"
#include "lib/pki/general_name.h"

namespace musubi::pki {

// Largest certificate that is parsed. Cards' certificates are about 1.6 KB; the limit leaves room
// for large CA certificates and bounds what a request can cost.
inline constexpr size_t kMaxCertificateSize = 16 * 1024;
// Most extensions. Real ones stay below 16; the limit bounds the search for one that is repeated.
inline constexpr size_t kMaxExtensions = 64;
// Most policies, for the same reason. Real certificates have up to 10.
inline constexpr size_t kMaxPolicies = 256;

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

// Content octets of the OIDs of extensions (RFC 5280 sections 4.2.1 and 4.2.2) and of what they
// hold.
namespace oid {
#define MUSUBI_OID(name, ...) inline constexpr uint8_t name[] = {__VA_ARGS__}
MUSUBI_OID(kSubjectKeyIdentifier, 0x55, 0x1d, 0x0e);
MUSUBI_OID(kKeyUsage, 0x55, 0x1d, 0x0f);
MUSUBI_OID(kSubjectAltName, 0x55, 0x1d, 0x11);
MUSUBI_OID(kIssuerAltName, 0x55, 0x1d, 0x12);
MUSUBI_OID(kBasicConstraints, 0x55, 0x1d, 0x13);
MUSUBI_OID(kNameConstraints, 0x55, 0x1d, 0x1e);
MUSUBI_OID(kCrlDistributionPoints, 0x55, 0x1d, 0x1f);
MUSUBI_OID(kCertificatePolicies, 0x55, 0x1d, 0x20);
MUSUBI_OID(kAnyPolicy, 0x55, 0x1d, 0x20, 0x00);
MUSUBI_OID(kPolicyMappings, 0x55, 0x1d, 0x21);
MUSUBI_OID(kAuthorityKeyIdentifier, 0x55, 0x1d, 0x23);
MUSUBI_OID(kPolicyConstraints, 0x55, 0x1d, 0x24);
MUSUBI_OID(kExtendedKeyUsage, 0x55, 0x1d, 0x25);
MUSUBI_OID(kInhibitAnyPolicy, 0x55, 0x1d, 0x36);
MUSUBI_OID(kAuthorityInfoAccess, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01);
MUSUBI_OID(kOcspAccessMethod, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01);
MUSUBI_OID(kOcspSigning, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09);
MUSUBI_OID(kClientAuth, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02);
MUSUBI_OID(kOcspNoCheck, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x05);
#undef MUSUBI_OID
}  // namespace oid

// The cursors walk over octets that ParseCertificateView has tested; Next gives nothing at the end.
// They live as long as those octets.

struct ExtensionView {
  base::ByteView oid;  // Content octets, as everywhere here.
  bool critical = false;
  base::ByteView value;  // Content of extnValue.
};

class ExtensionCursor {
 public:
  explicit ExtensionCursor(base::ByteView content) : reader_(content) {}
  std::optional<ExtensionView> Next();

 private:
  DerReader reader_;
};

// OidCursor walks over a SEQUENCE OF OID, or of a SEQUENCE that begins with one.
class OidCursor {
 public:
  explicit OidCursor(base::ByteView content) : reader_(content) {}
  std::optional<base::ByteView> Next();

 private:
  DerReader reader_;
};

// RFC 5280 section 4.2.1.13.
struct DistributionPointView {
  // Content of GeneralNames, for GeneralNameCursor; empty if the point has no fullName.
  base::ByteView full_name;
  base::ByteView relative_name;           // Content of nameRelativeToCRLIssuer, or empty.
  std::optional<base::ByteView> reasons;  // Content of the BIT STRING.
  base::ByteView crl_issuer;              // Content of GeneralNames; empty if there is none.
};

class DistributionPointCursor {
 public:
  explicit DistributionPointCursor(base::ByteView content) : reader_(content) {}
  std::optional<DistributionPointView> Next();

 private:
  DerReader reader_;
};

// OcspUriCursor walks over the URIs of the access method id-ad-ocsp (RFC 5280 section 4.2.2.1).
class OcspUriCursor {
 public:
  explicit OcspUriCursor(base::ByteView content) : reader_(content) {}
  std::optional<base::ByteView> Next();

 private:
  DerReader reader_;
};

// RFC 5280 section 4.2.1.1.
struct AuthorityKeyIdentifierView {
  std::optional<base::ByteView> key_identifier;
  std::optional<base::ByteView> issuer_name;  // The first directoryName: the whole Name.
  std::optional<base::ByteView> serial;       // Content octets.
};

// CertificateView is a plain value; all views are into the octets that were parsed. Fields of an
// absent extension are nullopt, false or empty.
struct CertificateView {
  base::ByteView der;
  base::ByteView tbs;      // The whole TBSCertificate.
  int version = 1;         // 1, 2 or 3.
  base::ByteView serial;   // Content octets of the INTEGER.
  base::ByteView issuer;   // The whole Name.
  base::ByteView subject;  // The whole Name.
  absl::Time not_before;
  absl::Time not_after;  // Inclusive.
  // Whether both times have the form of RFC 5280 section 4.1.2.5: UTCTime through 2049.
  bool validity_form_conforms = true;
  base::ByteView spki;             // The whole SubjectPublicKeyInfo.
  base::ByteView public_key_bits;  // Content of subjectPublicKey without the unused-bits octet.
  std::optional<crypto::KeyType> key_type;  // Nothing if of no type that we verify with.
  base::ByteView signature_algorithm_der;   // The whole outer AlgorithmIdentifier.
  std::optional<crypto::SignatureAlgorithm> signature_algorithm;  // Nothing if not ours.
  base::ByteView signature;  // Content of signatureValue without the unused-bits octet.

  base::ByteView extensions;  // Content of the SEQUENCE OF; for ExtensionCursor.
  bool has_critical_extensions = false;
  std::optional<uint16_t> key_usage;  // Bits of KeyUsage; never none.
  bool key_usage_critical = false;
  // Content of the SEQUENCE OF OID; never empty.
  std::optional<base::ByteView> extended_key_usage;
  base::ByteView policies;  // Content of the SEQUENCE OF PolicyInformation.
  bool policies_critical = false;
  bool has_other_policy_qualifiers = false;  // Than those of RFC 5280 section 4.2.1.4.
  bool has_basic_constraints = false;
  bool is_ca = false;  // basicConstraints with cA TRUE.
  std::optional<uint64_t> path_length;
  std::optional<AuthorityKeyIdentifierView> authority_key_identifier;
  std::optional<base::ByteView> subject_key_identifier;
  base::ByteView crl_distribution_points;  // Content of the SEQUENCE OF.
  base::ByteView authority_info_access;    // Content of the SEQUENCE OF.
  // Whether it has policyMappings, policyConstraints, inhibitAnyPolicy, nameConstraints or
  // proxyCertInfo: what only the slow path understands.
  bool has_path_constraints = false;
  bool has_subject_alt_name = false;

  bool HasKeyUsage(KeyUsage usage) const {
    return (key_usage.value_or(0) & static_cast<uint16_t>(usage)) != 0;
  }
  // Whether policies that are critical, if any, have only qualifiers that everybody must know: else
  // RFC 5280 section 4.2.1.4 demands that the certificate is refused.
  bool UnderstandsPolicies() const { return !policies_critical || !has_other_policy_qualifiers; }
  bool HasExtendedKeyUsage(base::ByteView oid) const;
  bool HasPolicy(base::ByteView oid) const;
  bool HasExtension(base::ByteView oid) const;
  ExtensionCursor Extensions() const { return ExtensionCursor(extensions); }
  OidCursor ExtendedKeyUsages() const {
    return OidCursor(extended_key_usage.value_or(base::ByteView()));
  }
  OidCursor Policies() const { return OidCursor(policies); }
  DistributionPointCursor CrlDistributionPoints() const {
    return DistributionPointCursor(crl_distribution_points);
  }
  OcspUriCursor OcspUris() const { return OcspUriCursor(authority_info_access); }
};

enum class CertificateFault : uint8_t { kNone, kTooLarge, kMalformed };

// What ParseCertificateView found: `what` is a literal that says what is wrong.
struct CertificateParse {
  CertificateFault fault = CertificateFault::kNone;
  const char* what = "";

  bool ok() const { return fault == CertificateFault::kNone; }
};

// ParseCertificateView reads exactly one DER certificate: kMalformed if it is not, or is followed
// by anything; kTooLarge if larger than kMaxCertificateSize. Correct but unusual forms (long or
// negative serials, v1, GeneralizedTime before 2050) are taken and reported. Extensions that
// OpenSSL reads by itself, and those of RFC 5280 that paths or revocation depend on, must be strict
// to their leaves, also where nobody asks for them: what this takes OpenSSL takes. `out` is whole
// only if ok(). Allocates nothing; thread-safe.
[[nodiscard]] CertificateParse ParseCertificateView(base::ByteView der, CertificateView& out);

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_CERTIFICATE_VIEW_H_
