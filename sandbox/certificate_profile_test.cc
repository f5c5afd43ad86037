#include "sandbox/certificate_profile.h"

#include <gtest/gtest.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/encoding.h"
#include "tests/fakes/fake_random.h"

namespace musubi::sandbox {
namespace {

using base::HexEncode;

struct Extension {
  std::string oid;
  bool critical;
  std::string value;  // Hex of the DER inside the OCTET STRING.
};

std::vector<Extension> ExtensionsOf(const base::Bytes& der) {
  const unsigned char* at = der.data();
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      d2i_X509(nullptr, &at, static_cast<long>(der.size())), X509_free);  // NOLINT(runtime/int)
  std::vector<Extension> extensions;
  for (int i = 0; certificate != nullptr && i < X509_get_ext_count(certificate.get()); ++i) {
    X509_EXTENSION* extension = X509_get_ext(certificate.get(), i);
    char oid[80];
    OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(extension), 1);
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    extensions.push_back({oid, X509_EXTENSION_get_critical(extension) != 0,
                          HexEncode({ASN1_STRING_get0_data(value),
                                     static_cast<size_t>(ASN1_STRING_length(value))})});
  }
  return extensions;
}

std::string Hex(std::string_view text) { return HexEncode(base::AsBytes(text)); }

const Issuer& UserAuthenticationIssuer() {
  static const Issuer issuer = {.role = Role::kUserAuthentication,
                                .generation = *FindGeneration("03"),
                                .key = PrivateKey::Generate(KeyType::kRsa2048)};
  return issuer;
}

const absl::Time kIssuedAt = absl::FromCivil(absl::CivilSecond(2026, 4, 1), absl::UTCTimeZone());

CardFields SampleFields(CardKind kind, const PublicKey& key) {
  return {.kind = kind,
          .serial = 180'000'005,
          .issued_at = kIssuedAt,
          .birth_month = 4,
          .birth_day = 2,
          .municipality = *FindMunicipality("99001"),
          .common_name = "997794E9AGCIEG99001003A",
          .holder_name = "試験\u3000一号",
          .public_key = key};
}

// The whole Name of the CA, by hand: C is PrintableString (13), all else UTF8String (0c).
const std::string kCaName =
    "308186"
    "310b3009060355040613024a50"
    "3111300f060355040a0c08" +
    Hex("JPKI-SIM") + "31253023060355040b0c1c" + Hex("JPKI for user authentication") +
    "313d303b060355040b0c34" + Hex("Japan Agency for Local Authority Information Systems");

TEST(CertificateProfile, WritesCaNamesWithTheStringTypesOfJpki) {
  EXPECT_EQ(HexEncode(CaName(Role::kUserAuthentication)), kCaName);
}

TEST(CertificateProfile, LaysOutUserAuthenticationCertificatesAsJpkiDoes) {
  const Issuer& issuer = UserAuthenticationIssuer();
  const PrivateKey card_key = PrivateKey::Generate(KeyType::kRsa2048);
  const auto der =
      MakeCardCertificate(issuer, SampleFields(CardKind::kUserAuthentication, card_key.Public()));
  ASSERT_TRUE(der.ok()) << der.status();
  const std::vector<Extension> extensions = ExtensionsOf(*der);
  ASSERT_EQ(extensions.size(), 8u);
  const std::string distribution_point_name =
      HexEncode(DistributionPointName(Role::kUserAuthentication, *FindMunicipality("99001")));
  const std::string key_id = HexEncode(issuer.key.Public().identifier);
  const std::vector<Extension> expected = {
      {"2.5.29.15", true, "03020780"},
      {"2.5.29.37", false, "300a06082b06010505070302"},
      {"2.5.29.32", true,
       "303c303a06048837011e3032303006082b060105050702011624" +
           Hex("http://www.jpki-sim.example/cps.html")},
      {"2.5.29.18", false, ""},
      {"2.5.29.31", false, "3081a83081a5a081a2a0819fa4819c" + distribution_point_name},
      {"1.3.6.1.5.5.7.1.1", false,
       "3032303006082b060105050730018624" + Hex("http://ocspauthnorm.jpki-sim.example")},
      {"2.5.29.35", false, "3081ab8014" + key_id + "a1818ca48189" + kCaName + "820406cb8081"},
      {"2.5.29.14", false, "0414" + HexEncode(card_key.Public().identifier)},
  };
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(extensions[i].oid, expected[i].oid) << i;
    EXPECT_EQ(extensions[i].critical, expected[i].critical) << i;
    // The Japanese DN is checked on its own.
    if (expected[i].value.empty()) continue;
    EXPECT_EQ(extensions[i].value, expected[i].value) << i;
  }
}

TEST(CertificateProfile, NamesTheIssuerInJapaneseAsSimulated) {
  const PrivateKey card_key = PrivateKey::Generate(KeyType::kEcP384);
  const auto der = MakeCardCertificate(
      UserAuthenticationIssuer(), SampleFields(CardKind::kUserAuthentication, card_key.Public()));
  ASSERT_TRUE(der.ok()) << der.status();
  const std::string value = ExtensionsOf(*der)[3].value;
  for (const char* part : {"模擬公的個人認証サービス", "模擬公的個人認証サービス利用者証明用",
                           "模擬地方公共団体情報システム機構"}) {
    EXPECT_NE(value.find(Hex(part)), std::string::npos) << part;
  }
}

TEST(CertificateProfile, LaysOutSignatureCertificatesWithoutExtendedKeyUsage) {
  const Issuer issuer = {.role = Role::kDigitalSignature,
                         .generation = *FindGeneration("04"),
                         .key = PrivateKey::Generate(KeyType::kEcP384)};
  const PrivateKey card_key = PrivateKey::Generate(KeyType::kEcP384);
  const auto der =
      MakeCardCertificate(issuer, SampleFields(CardKind::kSignature, card_key.Public()));
  ASSERT_TRUE(der.ok()) << der.status();
  const std::vector<Extension> extensions = ExtensionsOf(*der);
  std::vector<std::string> oids;
  for (const Extension& extension : extensions) oids.push_back(extension.oid);
  EXPECT_EQ(oids, (std::vector<std::string>{"2.5.29.15", "2.5.29.32", "2.5.29.17", "2.5.29.18",
                                            "2.5.29.31", "2.5.29.35", "2.5.29.14"}));
  EXPECT_EQ(extensions[0].value, "030206c0");
  // The holder's attributes, in the order of cards: .1 .4 .3 .5 .2 .6.
  size_t at = 0;
  for (const char* last_arc : {"01", "04", "03", "05", "02", "06"}) {
    const size_t found = extensions[2].value.find(std::string("060588370105") + last_arc);
    ASSERT_NE(found, std::string::npos) << last_arc;
    EXPECT_GT(found, at) << last_arc;
    at = found;
  }
}

TEST(CertificateProfile, LaysOutCaCertificatesAsJpkiDoes) {
  const Issuer& issuer = UserAuthenticationIssuer();
  const std::vector<Extension> extensions = ExtensionsOf(MakeCaCertificate(issuer));
  ASSERT_EQ(extensions.size(), 5u);
  const std::vector<Extension> expected = {
      {"2.5.29.15", true, "03020106"},
      {"2.5.29.17", false, ""},
      {"2.5.29.19", true, "30030101ff"},
      {"2.5.29.31", false, "308195308192a0818fa0818ca48189" + kCaName},
      {"2.5.29.14", false, "0414" + HexEncode(issuer.key.Public().identifier)},
  };
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(extensions[i].oid, expected[i].oid);
    EXPECT_EQ(extensions[i].critical, expected[i].critical);
    if (expected[i].value.empty()) continue;
    EXPECT_EQ(extensions[i].value, expected[i].value) << i;
  }
}

TEST(CardExpiry, IsTheEndOfTheFifthBirthdayInJapan) {
  struct Case {
    const char* issued;
    int month, day;
    const char* expires;
  };
  for (const Case& c : {
           Case{"2026-04-01T00:00:00Z", 4, 2, "2030-04-02T14:59:59Z"},
           // The birthday itself is not after the issue.
           Case{"2026-04-01T00:00:00Z", 4, 1, "2031-04-01T14:59:59Z"},
           // Already 2 April in Japan.
           Case{"2026-04-01T15:00:00Z", 4, 2, "2031-04-02T14:59:59Z"},
           Case{"2026-04-01T00:00:00Z", 1, 31, "2031-01-31T14:59:59Z"},
           Case{"2026-04-01T00:00:00Z", 2, 29, "2031-02-28T14:59:59Z"},
           Case{"2023-08-01T00:00:00Z", 2, 29, "2028-02-29T14:59:59Z"},
       }) {
    absl::Time issued;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, c.issued, &issued, nullptr));
    EXPECT_EQ(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", CardExpiry(issued, c.month, c.day),
                               absl::UTCTimeZone()),
              c.expires);
  }
}

TEST(CertificateProfile, RefusesAGenerationThatEndsBeforeTheCard) {
  Issuer issuer = UserAuthenticationIssuer();
  issuer.generation = *FindGeneration("02");
  const PrivateKey key = PrivateKey::Generate(KeyType::kEcP384);
  EXPECT_EQ(
      MakeCardCertificate(issuer, SampleFields(CardKind::kPhone, key.Public())).status().code(),
      absl::StatusCode::kFailedPrecondition);
}

TEST(CertificateProfile, RefusesAKindOfTheOtherRole) {
  const PrivateKey key = PrivateKey::Generate(KeyType::kEcP384);
  EXPECT_EQ(MakeCardCertificate(UserAuthenticationIssuer(),
                                SampleFields(CardKind::kSignature, key.Public()))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(MakeCommonName, HasTheFormOfItsKind) {
  fakes::FakeRandom random;
  const Municipality municipality = *FindMunicipality("99003");
  const std::string user =
      MakeCommonName(CardKind::kUserAuthentication, municipality, kIssuedAt, random);
  EXPECT_EQ(user.size(), 23u);
  EXPECT_EQ(user.substr(14, 5), "99003");
  EXPECT_EQ(user.back(), 'A');
  const std::string signature =
      MakeCommonName(CardKind::kSignature, municipality, kIssuedAt, random);
  EXPECT_EQ(signature.size(), 28u);
  EXPECT_EQ(signature.substr(0, 14), "20260401090000");
}

}  // namespace
}  // namespace musubi::sandbox
