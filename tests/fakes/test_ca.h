// A certificate authority for tests: anchors, and card certificates with the extension layout and
// order of the national cards, of which a test changes one thing. Everything is written by hand
// (der_writer.h), so nothing is checked: a wrong certificate comes out as it was described.
#ifndef MUSUBI_TESTS_FAKES_TEST_CA_H_
#define MUSUBI_TESTS_FAKES_TEST_CA_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/certificate.h"
#include "lib/pki/trust_store.h"
#include "tests/fakes/test_key.h"

namespace musubi::fakes {

// OIDs that tests name.
inline constexpr std::string_view kKeyUsageOid = "2.5.29.15";
inline constexpr std::string_view kExtendedKeyUsageOid = "2.5.29.37";
inline constexpr std::string_view kCertificatePoliciesOid = "2.5.29.32";
inline constexpr std::string_view kBasicConstraintsOid = "2.5.29.19";
inline constexpr std::string_view kNameConstraintsOid = "2.5.29.30";
inline constexpr std::string_view kPolicyConstraintsOid = "2.5.29.36";
inline constexpr std::string_view kCrlDistributionPointsOid = "2.5.29.31";
inline constexpr std::string_view kAuthorityInfoAccessOid = "1.3.6.1.5.5.7.1.1";
inline constexpr std::string_view kAuthorityKeyIdentifierOid = "2.5.29.35";
inline constexpr std::string_view kSubjectKeyIdentifierOid = "2.5.29.14";
inline constexpr std::string_view kUserAuthenticationPolicy = "2.999.1.30";
inline constexpr std::string_view kDigitalSignaturePolicy = "2.999.1.20";
inline constexpr std::string_view kPhonePolicy = "2.999.1.40";
inline constexpr std::string_view kTestPolicy = "2.999.2.30";

struct ExtensionSpec {
  std::string oid;
  bool critical = false;
  base::Bytes value;  // DER inside extnValue.
};

// CertificateSpec is what a certificate will say. All parts are DER unless told.
struct CertificateSpec {
  std::optional<int> version = 3;  // Nothing: the field is left out, which means v1.
  base::Bytes serial;              // Content octets.
  base::Bytes issuer;
  absl::Time not_before;
  absl::Time not_after;
  base::Bytes subject;
  base::Bytes spki;
  std::vector<ExtensionSpec> extensions;
  // In place of what follows from the signing key, or from the times.
  std::optional<base::Bytes> inner_algorithm;
  std::optional<base::Bytes> outer_algorithm;
  std::optional<base::Bytes> validity;

  // Replaces the extension in its place, or adds it at the end.
  CertificateSpec& Set(std::string_view oid, bool critical, base::Bytes value);
  CertificateSpec& Remove(std::string_view oid);
};

// Values of extensions.
base::Bytes KeyUsageValue(uint16_t bits);  // Bits of pki::KeyUsage.
base::Bytes ExtendedKeyUsageValue(std::initializer_list<std::string_view> oids);
base::Bytes PoliciesValue(std::initializer_list<std::string_view> oids);
base::Bytes BasicConstraintsValue(bool ca, std::optional<int> path_length = std::nullopt);
// With whichever parts are given; `issuer_name` is a Name, `serial` content octets.
base::Bytes AuthorityKeyIdentifierValue(std::optional<base::Bytes> key_identifier,
                                        std::optional<base::Bytes> issuer_name,
                                        std::optional<base::Bytes> serial);
// One point with one directoryName.
base::Bytes CrlDistributionPointsValue(base::ByteView directory_name);

// Writes and signs.
base::Bytes IssueCertificate(const CertificateSpec& spec, const TestKey& signer);

// DistributionPointName is the Name of a municipality's CRL: "Mihon-shi" gives CN=Mihon-shi CRLDP.
base::Bytes DistributionPointName(std::string_view municipality);

// TestCa is one self-signed generation of a CA. Immutable.
class TestCa {
 public:
  struct Options {
    std::string organizational_unit = "JPKI for user authentication";
    std::string organization = "JPKI-SIM";
    KeyKind key_kind = KeyKind::kRsa2048;
    int key_number = 0;
    uint64_t serial = 1;
    absl::Time not_before = absl::FromCivil(absl::CivilDay(2024, 1, 1), absl::UTCTimeZone());
    absl::Time not_after =
        absl::FromCivil(absl::CivilSecond(2034, 1, 1, 14, 59, 59), absl::UTCTimeZone());
    // In place of the key's own identifier.
    std::optional<base::Bytes> key_identifier;
  };

  TestCa() : TestCa(Options()) {}
  explicit TestCa(Options options);

  const TestKey& key() const { return key_; }
  const base::Bytes& name() const { return name_; }
  const base::Bytes& serial() const { return serial_; }
  const base::Bytes& key_identifier() const { return key_identifier_; }
  const base::Bytes& certificate_der() const { return certificate_der_; }
  pki::Certificate certificate() const;

  // As an anchor of user authentication in SIM, in use from 2026-01-01 without end, which may sign
  // with RSA-2048 and P-384.
  pki::TrustAnchor Anchor(std::string id) const;

  // The CA's own certificate, to be changed and issued again.
  CertificateSpec AnchorSpec() const;
  // A user-authentication certificate for `card_key`: valid from 2026-01-10 01:02:03 UTC through
  // 2030-06-14 14:59:59 UTC, serial 0x01234567 unless given, municipality Mihon-shi.
  CertificateSpec CardSpec(const TestKey& card_key, uint64_t serial = 0x01234567) const;
  // The card's other certificate, for signing documents.
  CertificateSpec SignatureCardSpec(const TestKey& card_key, uint64_t serial = 0x01234567) const;
  // A subordinate CA below this one.
  CertificateSpec SubordinateSpec(const TestKey& key, std::string_view common_name) const;

  // IssueCertificate with this CA's key.
  base::Bytes Issue(const CertificateSpec& spec) const { return IssueCertificate(spec, key_); }

 private:
  CertificateSpec EndEntitySpec(const TestKey& card_key, uint64_t serial) const;

  Options options_;
  const TestKey& key_;
  base::Bytes name_;
  base::Bytes serial_;
  base::Bytes key_identifier_;
  base::Bytes certificate_der_;
};

// AnchorOf is TestCa::Anchor for a CA certificate of any other making.
pki::TrustAnchor AnchorOf(const pki::Certificate& certificate, std::string id);

// ParseCertificate is Certificate::Parse on what must be well-formed; dies otherwise.
pki::Certificate ParseCertificate(base::ByteView der);

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_TEST_CA_H_
