#include "lib/pki/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "lib/pki/name.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::pki {
namespace {

using base::Bytes;
using base::ToBytes;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace der = fakes::der;

const TestKey& CardKey() { return TestKey::Get(KeyKind::kRsa2048, 10); }

absl::StatusCode ParseCode(const CertificateSpec& spec) {
  return Certificate::Parse(TestCa().Issue(spec)).status().code();
}

TEST(Certificate, ReadsEveryPartOfACardsCertificate) {
  const TestCa ca;
  const Bytes encoded = ca.Issue(ca.CardSpec(CardKey()));
  const auto parsed = Certificate::Parse(encoded);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const Certificate& certificate = *parsed;
  EXPECT_EQ(ToBytes(certificate.der()), encoded);
  EXPECT_EQ(certificate.version(), 3);
  EXPECT_THAT(certificate.serial(), ElementsAre(0x01, 0x23, 0x45, 0x67));
  EXPECT_EQ(ToBytes(certificate.issuer_der()), ca.name());
  EXPECT_EQ(ToBytes(certificate.subject_der()),
            der::Name({{"C", "JP"}, {"CN", "000000TESTCARD99999001A"}}));
  EXPECT_EQ(ToBytes(certificate.spki_der()), CardKey().spki_der());
  EXPECT_EQ(certificate.key_type(), crypto::KeyType::kRsa2048);
  EXPECT_EQ(certificate.signature_algorithm(), crypto::SignatureAlgorithm::kRsaPkcs1Sha256);
  EXPECT_TRUE(crypto::VerifySignature(*certificate.signature_algorithm(), ca.key().spki_der(),
                                      certificate.tbs_der(), certificate.signature()));
  EXPECT_EQ(absl::FormatTime(absl::RFC3339_sec, certificate.not_before(), absl::UTCTimeZone()),
            "2026-01-10T01:02:03+00:00");
  EXPECT_EQ(absl::FormatTime(absl::RFC3339_sec, certificate.not_after(), absl::UTCTimeZone()),
            "2030-06-14T14:59:59+00:00");
  EXPECT_TRUE(certificate.validity_form_conforms());
  EXPECT_EQ(certificate.key_usage(), static_cast<uint16_t>(KeyUsage::kDigitalSignature));
  EXPECT_TRUE(certificate.HasKeyUsage(KeyUsage::kDigitalSignature));
  EXPECT_FALSE(certificate.HasKeyUsage(KeyUsage::kNonRepudiation));
  EXPECT_THAT(certificate.extended_key_usage().value(), ElementsAre("1.3.6.1.5.5.7.3.2"));
  EXPECT_THAT(certificate.policies(), ElementsAre("2.999.1.30"));
  EXPECT_TRUE(certificate.policies_critical());
  EXPECT_FALSE(certificate.is_ca());
  EXPECT_THAT(certificate.critical_extensions(), ElementsAre("2.5.29.15", "2.5.29.32"));
  EXPECT_TRUE(certificate.HasExtension("2.5.29.18"));
  EXPECT_FALSE(certificate.HasExtension("2.5.29.19"));
  EXPECT_THAT(certificate.ocsp_uris(), ElementsAre("http://ocsp.jpki-sim.example"));
  ASSERT_EQ(certificate.crl_distribution_points().size(), 1u);
  const DistributionPoint& point = certificate.crl_distribution_points()[0];
  EXPECT_THAT(point.directory_names_der, ElementsAre(fakes::DistributionPointName("Mihon-shi")));
  EXPECT_THAT(point.uris, IsEmpty());
  EXPECT_FALSE(point.only_some_reasons);
  EXPECT_FALSE(point.other_crl_issuer);
  const auto& aki = certificate.authority_key_identifier();
  ASSERT_TRUE(aki.has_value());
  EXPECT_EQ(aki->key_identifier, ca.key_identifier());
  EXPECT_EQ(aki->issuer_name_der, ca.name());
  EXPECT_EQ(aki->serial, ca.serial());
  EXPECT_EQ(certificate.subject_key_identifier(), CardKey().KeyIdentifier());
}

TEST(Certificate, ReadsAnAnchor) {
  const Certificate anchor = TestCa().certificate();
  EXPECT_TRUE(anchor.is_ca());
  EXPECT_EQ(anchor.path_length(), std::nullopt);
  EXPECT_TRUE(anchor.HasKeyUsage(KeyUsage::kKeyCertSign));
  EXPECT_TRUE(anchor.HasKeyUsage(KeyUsage::kCrlSign));
  EXPECT_FALSE(anchor.authority_key_identifier().has_value());
}

TEST(Certificate, CopiesShareWhatTheyRead) {
  auto certificate = std::make_unique<Certificate>(TestCa().certificate());
  const Certificate copy = *certificate;
  const auto view = certificate->der();
  certificate.reset();
  EXPECT_EQ(view.data(), copy.der().data());
}

TEST(Certificate, RefusesOneOctetMoreOrLess) {
  const TestCa ca;
  Bytes encoded = ca.certificate_der();
  encoded.push_back(0);
  EXPECT_EQ(Certificate::Parse(encoded).status().code(), absl::StatusCode::kInvalidArgument);
  encoded.resize(encoded.size() - 2);
  EXPECT_EQ(Certificate::Parse(encoded).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Certificate::Parse({}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Certificate, RefusesOneThatIsTooLarge) {
  EXPECT_EQ(Certificate::Parse(Bytes(kMaxCertificateSize)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Certificate::Parse(Bytes(kMaxCertificateSize + 1)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

// Everything else that one thing makes malformed, and what stays well-formed beside it.
TEST(Certificate, RefusesOneThingWrongAndTakesWhatIsOnlyUnusual) {
  using Change = std::function<void(CertificateSpec&)>;
  const Bytes bare_algorithm = der::Sequence({der::Oid("1.2.840.113549.1.1.11")});
  const absl::Time start = absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone());
  const struct {
    const char* what;
    bool well_formed;
    Change change;
  } kCases[] = {
      {"nothing changed", true, [](CertificateSpec&) {}},
      {"inner and outer algorithm differ", false,
       [](CertificateSpec& s) {
         s.inner_algorithm = der::Sequence({der::Oid("1.2.840.113549.1.1.12"), der::Null()});
       }},
      {"RSA parameters absent", false,
       [&](CertificateSpec& s) { s.inner_algorithm = s.outer_algorithm = bare_algorithm; }},
      {"RSA parameters an empty SEQUENCE", false,
       [](CertificateSpec& s) {
         s.inner_algorithm = s.outer_algorithm =
             der::Sequence({der::Oid("1.2.840.113549.1.1.11"), der::Sequence({})});
       }},
      {"RSA key parameters absent", false,
       [](CertificateSpec& s) {
         s.spki = der::Sequence({der::Sequence({der::Oid("1.2.840.113549.1.1.1")}),
                                 der::BitString(Bytes{0x30, 0x00})});
       }},
      {"v1 written out", false, [](CertificateSpec& s) { s.version = 1; }},
      {"v2 with extensions", false, [](CertificateSpec& s) { s.version = 2; }},
      {"v4", false, [](CertificateSpec& s) { s.version = 4; }},
      {"v1 by default with extensions", false,
       [](CertificateSpec& s) { s.version = std::nullopt; }},
      {"v1 by default without extensions", true,
       [](CertificateSpec& s) {
         s.version = std::nullopt;
         s.extensions.clear();
       }},
      {"v3 without extensions", true, [](CertificateSpec& s) { s.extensions.clear(); }},
      {"an empty serial", false, [](CertificateSpec& s) { s.serial = {}; }},
      {"a padded serial", false,
       [](CertificateSpec& s) {
         s.serial = {0, 1};
       }},
      {"a negative serial", true, [](CertificateSpec& s) { s.serial = {0xfe}; }},
      {"serial zero", true, [](CertificateSpec& s) { s.serial = {0}; }},
      {"a serial of 21 octets", true, [](CertificateSpec& s) { s.serial = Bytes(21, 0x11); }},
      {"an extension twice", false,
       [](CertificateSpec& s) { s.extensions.push_back(s.extensions[0]); }},
      {"an unknown extension twice", false,
       [](CertificateSpec& s) {
         s.extensions.push_back({"2.999.9", false, {5, 0}});
         s.extensions.push_back({"2.999.9", false, {5, 0}});
       }},
      {"an unknown critical extension", true,
       [](CertificateSpec& s) {
         s.Set("2.999.9", true, Bytes{5, 0});
       }},
      {"key usage with a zero bit at the end", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kKeyUsageOid, true, Bytes{3, 2, 0, 0x80});
       }},
      {"key usage with a set unused bit", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kKeyUsageOid, true, Bytes{3, 2, 7, 0x81});
       }},
      {"key usage beyond bit 8", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kKeyUsageOid, true, Bytes{3, 3, 6, 0x80, 0x40});
       }},
      {"key usage followed by an octet", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kKeyUsageOid, true, Bytes{3, 2, 7, 0x80, 0});
       }},
      {"decipherOnly", true,
       [](CertificateSpec& s) {
         s.Set(fakes::kKeyUsageOid, true, Bytes{3, 3, 7, 0x08, 0x80});
       }},
      {"cA written as FALSE", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kBasicConstraintsOid, true, der::Sequence({der::Boolean(false)}));
       }},
      {"cA absent", true,
       [](CertificateSpec& s) { s.Set(fakes::kBasicConstraintsOid, true, der::Sequence({})); }},
      {"a negative path length", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kBasicConstraintsOid, true,
               der::Sequence({der::Boolean(true), Bytes{2, 1, 0xff}}));
       }},
      {"an empty extended key usage", false,
       [](CertificateSpec& s) { s.Set(fakes::kExtendedKeyUsageOid, false, der::Sequence({})); }},
      {"a policy twice", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kCertificatePoliciesOid, true,
               fakes::PoliciesValue({"2.999.1.30", "2.999.1.30"}));
       }},
      {"GeneralizedTime before 2050", true,
       [start](CertificateSpec& s) {
         s.validity = der::Sequence({der::GeneralizedTime(start), der::GeneralizedTime(start)});
       }},
      {"a validity of one time", false,
       [start](CertificateSpec& s) { s.validity = der::Sequence({der::UtcTime(start)}); }},
      {"a validity of three times", false,
       [start](CertificateSpec& s) {
         const Bytes time = der::UtcTime(start);
         s.validity = der::Sequence({time, time, time});
       }},
      {"an issuer that is no Name", false,
       [](CertificateSpec& s) { s.issuer = der::Sequence({der::Null()}); }},
      {"an empty RDN", false,
       [](CertificateSpec& s) { s.subject = der::Sequence({der::Set({})}); }},
      {"an empty subject", true, [](CertificateSpec& s) { s.subject = der::Sequence({}); }},
      {"a Name beyond the limit", false,
       [](CertificateSpec& s) {
         s.subject = der::Name({{"CN", std::string(kMaxNameSize, 'x')}});
       }},
      {"a distribution point that is no SEQUENCE", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kCrlDistributionPointsOid, false, der::Sequence({der::Null()}));
       }},
      {"an OCSP URI with a control character", false,
       [](CertificateSpec& s) {
         s.Set(fakes::kAuthorityInfoAccessOid, false,
               der::Sequence(
                   {der::Sequence({der::Oid("1.3.6.1.5.5.7.48.1"),
                                   der::ContextPrimitive(6, base::AsBytes("http://a\nb"))})}));
       }},
  };
  for (const auto& c : kCases) {
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    c.change(spec);
    EXPECT_EQ(ParseCode(spec),
              c.well_formed ? absl::StatusCode::kOk : absl::StatusCode::kInvalidArgument)
        << c.what;
  }
}

TEST(Certificate, RefusesMoreExtensionsThanTheLimit) {
  CertificateSpec spec = TestCa().CardSpec(CardKey());
  while (spec.extensions.size() < kMaxExtensions) {
    spec.Set("2.999.9." + std::to_string(spec.extensions.size()), false, Bytes{5, 0});
  }
  EXPECT_EQ(ParseCode(spec), absl::StatusCode::kOk);
  spec.Set("2.999.9.999", false, Bytes{5, 0});
  EXPECT_EQ(ParseCode(spec), absl::StatusCode::kInvalidArgument);
}

TEST(Certificate, RefusesUnusedBitsInTheSignature) {
  const TestCa ca;
  Bytes encoded = ca.certificate_der();
  encoded[encoded.size() - 257] = 1;
  encoded.back() &= 0xfe;
  EXPECT_EQ(Certificate::Parse(encoded).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Certificate, ReportsAValidityThatIsWrittenAgainstRfc5280) {
  CertificateSpec spec = TestCa().CardSpec(CardKey());
  spec.validity =
      der::Sequence({der::GeneralizedTime(spec.not_before), der::GeneralizedTime(spec.not_after)});
  const auto certificate = Certificate::Parse(TestCa().Issue(spec));
  ASSERT_TRUE(certificate.ok());
  EXPECT_FALSE(certificate->validity_form_conforms());
}

TEST(Certificate, EveryFlippedOctetIsParsedOrRefusedButNeverKillsUs) {
  const Bytes encoded = TestCa().Issue(TestCa().CardSpec(CardKey()));
  for (size_t at = 0; at < encoded.size(); ++at) {
    for (const uint8_t flip : {0x01, 0x80, 0xff}) {
      Bytes changed = encoded;
      changed[at] ^= flip;
      const auto parsed = Certificate::Parse(changed);
      EXPECT_TRUE(parsed.ok() || absl::IsInvalidArgument(parsed.status())) << parsed.status();
    }
  }
}

}  // namespace
}  // namespace musubi::pki
