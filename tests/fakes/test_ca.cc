#include "tests/fakes/test_ca.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/crypto/hash.h"
#include "tests/fakes/der_writer.h"

namespace musubi::fakes {
namespace {

using base::Bytes;

absl::Time Utc(int year, int month, int day, int hour, int minute, int second) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                         absl::UTCTimeZone());
}

uint16_t Bits(std::initializer_list<pki::KeyUsage> usages) {
  uint16_t bits = 0;
  for (const pki::KeyUsage usage : usages) bits = static_cast<uint16_t>(bits | uint16_t(usage));
  return bits;
}

// Content octets of a non-negative INTEGER.
Bytes IntegerContent(uint64_t value) {
  const Bytes encoded = der::Integer(value);
  return Bytes(encoded.begin() + 2, encoded.end());
}

Bytes ConcatenatedOids(std::initializer_list<std::string_view> oids) {
  Bytes content;
  for (const std::string_view oid : oids) base::Append(content, der::Oid(oid));
  return content;
}

// certificatePolicies of one OID with a CPS qualifier, as the cards have it.
Bytes CardPolicyValue(std::string_view oid) {
  return der::Sequence({der::Sequence(
      {der::Oid(oid), der::Sequence({der::Sequence({der::Oid("1.3.6.1.5.5.7.2.1"),
                                                    der::Ia5("http://jpki-sim.example/cps")})})})});
}

Bytes DirectoryNameValue(base::ByteView name) { return der::Sequence({der::Context(4, {name})}); }

}  // namespace

CertificateSpec& CertificateSpec::Set(std::string_view oid, bool critical, Bytes value) {
  for (ExtensionSpec& extension : extensions) {
    if (extension.oid == oid) {
      extension.critical = critical;
      extension.value = std::move(value);
      return *this;
    }
  }
  extensions.push_back({std::string(oid), critical, std::move(value)});
  return *this;
}

CertificateSpec& CertificateSpec::Remove(std::string_view oid) {
  std::erase_if(extensions, [&](const ExtensionSpec& extension) { return extension.oid == oid; });
  return *this;
}

Bytes KeyUsageValue(uint16_t bits) {
  Bytes octets(2, 0);
  int last = -1;
  for (int i = 0; i < 9; ++i) {
    if ((bits & (1 << i)) == 0) continue;
    octets[static_cast<size_t>(i / 8)] |= static_cast<uint8_t>(0x80 >> (i % 8));
    last = i;
  }
  octets.resize(static_cast<size_t>(last + 8) / 8);
  const Bytes unused{static_cast<uint8_t>(last < 0 ? 0 : 7 - last % 8)};
  return der::Tlv(0x03, {unused, octets});
}

Bytes ExtendedKeyUsageValue(std::initializer_list<std::string_view> oids) {
  return der::Sequence({ConcatenatedOids(oids)});
}

Bytes PoliciesValue(std::initializer_list<std::string_view> oids) {
  Bytes content;
  for (const std::string_view oid : oids) base::Append(content, der::Sequence({der::Oid(oid)}));
  return der::Sequence({content});
}

Bytes BasicConstraintsValue(bool ca, std::optional<int> path_length) {
  Bytes content;
  if (ca) base::Append(content, der::Boolean(true));
  if (path_length) base::Append(content, der::Integer(static_cast<uint64_t>(*path_length)));
  return der::Sequence({content});
}

Bytes AuthorityKeyIdentifierValue(std::optional<Bytes> key_identifier,
                                  std::optional<Bytes> issuer_name, std::optional<Bytes> serial) {
  Bytes content;
  if (key_identifier) base::Append(content, der::ContextPrimitive(0, *key_identifier));
  if (issuer_name) {
    base::Append(content, der::Context(1, {der::Context(4, {*issuer_name})}));
  }
  if (serial) base::Append(content, der::ContextPrimitive(2, *serial));
  return der::Sequence({content});
}

Bytes CrlDistributionPointsValue(base::ByteView directory_name) {
  return der::Sequence(
      {der::Sequence({der::Context(0, {der::Context(0, {der::Context(4, {directory_name})})})})});
}

Bytes IssueCertificate(const CertificateSpec& spec, const TestKey& signer) {
  Bytes extensions;
  for (const ExtensionSpec& extension : spec.extensions) {
    const Bytes critical = extension.critical ? der::Boolean(true) : Bytes();
    base::Append(extensions, der::Sequence({der::Oid(extension.oid), critical,
                                            der::OctetString(extension.value)}));
  }
  const Bytes version =
      spec.version ? der::Context(0, {der::Integer(static_cast<uint64_t>(*spec.version - 1))})
                   : Bytes();
  const Bytes algorithm = signer.CertificateAlgorithmDer();
  const Bytes tbs = der::Sequence(
      {version, der::Tlv(0x02, {spec.serial}), spec.inner_algorithm.value_or(algorithm),
       spec.issuer,
       spec.validity.value_or(
           der::Sequence({der::Time(spec.not_before), der::Time(spec.not_after)})),
       spec.subject, spec.spki,
       extensions.empty() ? Bytes() : der::Context(3, {der::Sequence({extensions})})});
  return der::Sequence(
      {tbs, spec.outer_algorithm.value_or(algorithm), der::BitString(signer.SignCertificate(tbs))});
}

Bytes DistributionPointName(std::string_view municipality) {
  return der::Name({{"C", "JP"},
                    {"O", "JPKI-SIM"},
                    {"OU", "JPKI for user authentication"},
                    {"OU", "CRL Distribution Points"},
                    {"OU", "Mihon-ken"},
                    {"CN", std::string(municipality) + " CRLDP"}});
}

TestCa::TestCa(Options options)
    : options_(std::move(options)),
      key_(TestKey::Get(options_.key_kind, options_.key_number)),
      name_(der::Name({{"C", "JP"},
                       {"O", options_.organization},
                       {"OU", options_.organizational_unit},
                       {"OU", "Japan Agency for Local Authority Information Systems"}})),
      serial_(IntegerContent(options_.serial)),
      key_identifier_(options_.key_identifier.value_or(key_.KeyIdentifier())),
      certificate_der_(Issue(AnchorSpec())) {}

pki::Certificate TestCa::certificate() const { return ParseCertificate(certificate_der_); }

pki::TrustAnchor TestCa::Anchor(std::string id) const {
  return AnchorOf(certificate(), std::move(id));
}

CertificateSpec TestCa::AnchorSpec() const {
  using pki::KeyUsage;
  CertificateSpec spec;
  spec.serial = serial_;
  spec.issuer = name_;
  spec.subject = name_;
  spec.not_before = options_.not_before;
  spec.not_after = options_.not_after;
  spec.spki = key_.spki_der();
  spec.Set(kKeyUsageOid, true, KeyUsageValue(Bits({KeyUsage::kKeyCertSign, KeyUsage::kCrlSign})));
  spec.Set(kBasicConstraintsOid, true, BasicConstraintsValue(true));
  spec.Set("2.5.29.17", false,
           DirectoryNameValue(der::Name({{"C", "JP"}, {"O", "公的個人認証サービス（模擬）"}})));
  spec.Set(kCrlDistributionPointsOid, false, CrlDistributionPointsValue(name_));
  spec.Set(kSubjectKeyIdentifierOid, false, der::OctetString(key_identifier_));
  return spec;
}

CertificateSpec TestCa::EndEntitySpec(const TestKey& card_key, uint64_t serial) const {
  CertificateSpec spec;
  spec.serial = IntegerContent(serial);
  spec.issuer = name_;
  spec.not_before = Utc(2026, 1, 10, 1, 2, 3);
  spec.not_after = Utc(2030, 6, 14, 14, 59, 59);
  spec.spki = card_key.spki_der();
  return spec;
}

CertificateSpec TestCa::CardSpec(const TestKey& card_key, uint64_t serial) const {
  CertificateSpec spec = EndEntitySpec(card_key, serial);
  spec.subject = der::Name({{"C", "JP"}, {"CN", "000000TESTCARD99999001A"}});
  spec.Set(kKeyUsageOid, true, KeyUsageValue(Bits({pki::KeyUsage::kDigitalSignature})));
  spec.Set(kExtendedKeyUsageOid, false, ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.2"}));
  spec.Set(kCertificatePoliciesOid, true, CardPolicyValue(kUserAuthenticationPolicy));
  spec.Set("2.5.29.18", false,
           DirectoryNameValue(der::Name({{"C", "JP"}, {"O", "公的個人認証サービス（模擬）"}})));
  spec.Set(kCrlDistributionPointsOid, false,
           CrlDistributionPointsValue(DistributionPointName("Mihon-shi")));
  spec.Set(kAuthorityInfoAccessOid, false,
           der::Sequence({der::Sequence(
               {der::Oid("1.3.6.1.5.5.7.48.1"),
                der::ContextPrimitive(6, base::AsBytes("http://ocsp.jpki-sim.example"))})}));
  spec.Set(kAuthorityKeyIdentifierOid, false,
           AuthorityKeyIdentifierValue(key_identifier_, name_, serial_));
  spec.Set(kSubjectKeyIdentifierOid, false, der::OctetString(card_key.KeyIdentifier()));
  return spec;
}

CertificateSpec TestCa::SignatureCardSpec(const TestKey& card_key, uint64_t serial) const {
  using pki::KeyUsage;
  CertificateSpec spec = CardSpec(card_key, serial);
  spec.subject = der::Name({{"C", "JP"},
                            {"L", "Mihon-ken"},
                            {"L", "Mihon-shi"},
                            {"CN", "2026011001020399999000000001"}});
  spec.Set(kKeyUsageOid, true,
           KeyUsageValue(Bits({KeyUsage::kDigitalSignature, KeyUsage::kNonRepudiation})));
  spec.Set(kCertificatePoliciesOid, true, CardPolicyValue(kDigitalSignaturePolicy));
  return spec.Remove(kExtendedKeyUsageOid).Remove(kAuthorityInfoAccessOid);
}

CertificateSpec TestCa::SubordinateSpec(const TestKey& key, std::string_view common_name) const {
  CertificateSpec spec = AnchorSpec();
  spec.serial = IntegerContent(0x77);
  spec.subject = der::Name({{"C", "JP"}, {"O", options_.organization}, {"CN", common_name}});
  spec.spki = key.spki_der();
  spec.Remove(kCrlDistributionPointsOid).Remove("2.5.29.17");
  spec.Set(kSubjectKeyIdentifierOid, false, der::OctetString(key.KeyIdentifier()));
  spec.Set(kAuthorityKeyIdentifierOid, false,
           AuthorityKeyIdentifierValue(key_identifier_, std::nullopt, std::nullopt));
  return spec;
}

pki::TrustAnchor AnchorOf(const pki::Certificate& certificate, std::string id) {
  using crypto::KeyType;
  using crypto::SignatureAlgorithm;
  return pki::TrustAnchor{
      .id = std::move(id),
      .certificate = certificate,
      .sha256 = crypto::Sha256(certificate.der()),
      .role = pki::AnchorRole::kUserAuthentication,
      .environment = pki::Environment::kSim,
      .not_before_use = Utc(2026, 1, 1, 0, 0, 0),
      .distrust_after = std::nullopt,
      .allowed_algorithms = {{KeyType::kRsa2048, SignatureAlgorithm::kRsaPkcs1Sha256},
                             {KeyType::kEcP384, SignatureAlgorithm::kEcdsaP384Sha384}}};
}

pki::Certificate ParseCertificate(base::ByteView der) {
  auto certificate = pki::Certificate::Parse(der);
  MUSUBI_CHECK(certificate.ok(), certificate.status().ToString());
  return *std::move(certificate);
}

}  // namespace musubi::fakes
