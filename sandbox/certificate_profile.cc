#include "sandbox/certificate_profile.h"

#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "lib/base/status.h"
#include "sandbox/der_writer.h"

namespace musubi::sandbox {
namespace {

constexpr std::string_view kCountry = "2.5.4.6";
constexpr std::string_view kLocality = "2.5.4.7";
constexpr std::string_view kOrganization = "2.5.4.10";
constexpr std::string_view kOrganizationalUnit = "2.5.4.11";
constexpr std::string_view kCommonName = "2.5.4.3";

constexpr std::string_view kSubjectKeyIdentifier = "2.5.29.14";
constexpr std::string_view kKeyUsage = "2.5.29.15";
constexpr std::string_view kSubjectAltName = "2.5.29.17";
constexpr std::string_view kIssuerAltName = "2.5.29.18";
constexpr std::string_view kBasicConstraints = "2.5.29.19";
constexpr std::string_view kCrlDistributionPoints = "2.5.29.31";
constexpr std::string_view kCertificatePolicies = "2.5.29.32";
constexpr std::string_view kAuthorityKeyIdentifier = "2.5.29.35";
constexpr std::string_view kExtendedKeyUsage = "2.5.29.37";
constexpr std::string_view kAuthorityInfoAccess = "1.3.6.1.5.5.7.1.1";
constexpr std::string_view kOcspNoCheck = "1.3.6.1.5.5.7.48.1.5";

constexpr std::string_view kOrganizationSim = "JPKI-SIM";
constexpr std::string_view kAgency = "Japan Agency for Local Authority Information Systems";
constexpr std::string_view kServiceJapanese = "模擬公的個人認証サービス";
constexpr std::string_view kAgencyJapanese = "模擬地方公共団体情報システム機構";
constexpr std::string_view kCpsUrl = "http://www.jpki-sim.example/cps.html";
constexpr std::string_view kOcspUrl = "http://ocspauthnorm.jpki-sim.example";

using Attribute = std::pair<std::string_view, std::string_view>;

// C is a PrintableString, all else UTF8String, one attribute a SET.
base::Bytes EncodeName(std::initializer_list<Attribute> attributes) {
  base::Bytes sets;
  for (const auto& [type, value] : attributes) {
    const base::Bytes text = type == kCountry ? DerPrintableString(value) : DerUtf8String(value);
    base::Append(sets, DerSet({DerSequence({DerOid(type), text})}));
  }
  return DerTlv(0x30, sets);
}

std::string_view CaUnit(Role role) {
  return role == Role::kUserAuthentication ? "JPKI for user authentication"
                                           : "JPKI for digital signature";
}

base::Bytes JapaneseCaName(Role role) {
  return EncodeName({{kCountry, "JP"},
                     {kOrganization, kServiceJapanese},
                     {kOrganizationalUnit, role == Role::kUserAuthentication
                                               ? "模擬公的個人認証サービス利用者証明用"
                                               : "模擬公的個人認証サービス署名用"},
                     {kOrganizationalUnit, kAgencyJapanese}});
}

base::Bytes DirectoryName(base::ByteView name) { return DerExplicit(4, {name}); }

base::Bytes KeyUsageExtension(uint8_t bits, uint8_t unused_bits) {
  return DerExtension(kKeyUsage, true, DerBitString(base::Bytes{bits}, unused_bits));
}

base::Bytes OneDistributionPoint(base::ByteView name) {
  return DerExtension(kCrlDistributionPoints, false,
                      DerSequence({DerSequence({DirectoryNameDistributionPoint(name)})}));
}

base::Bytes PolicyExtension(std::string_view policy_oid) {
  const base::Bytes cps = DerSequence({DerOid("1.3.6.1.5.5.7.2.1"), DerIa5String(kCpsUrl)});
  return DerExtension(kCertificatePolicies, true,
                      DerSequence({DerSequence({DerOid(policy_oid), DerSequence({cps})})}));
}

base::Bytes SubjectKeyIdentifierExtension(base::ByteView key_identifier) {
  return DerExtension(kSubjectKeyIdentifier, false, DerOctetString(key_identifier));
}

base::Bytes UserAuthenticationExtensions(const Issuer& issuer, const CardFields& fields) {
  base::Bytes out = KeyUsageExtension(0x80, 7);  // digitalSignature
  base::Append(out, DerExtension(kExtendedKeyUsage, false,
                                 DerSequence({DerOid("1.3.6.1.5.5.7.3.2")})));  // clientAuth
  base::Append(out, PolicyExtension(fields.policy_oid));
  base::Append(out, DerExtension(kIssuerAltName, false,
                                 DerSequence({DirectoryName(JapaneseCaName(issuer.role))})));
  base::Append(out, OneDistributionPoint(DistributionPointName(issuer.role, fields.municipality)));
  base::Append(out,
               DerExtension(kAuthorityInfoAccess, false,
                            DerSequence({DerSequence({DerOid("1.3.6.1.5.5.7.48.1"),
                                                      DerImplicit(6, base::AsBytes(kOcspUrl))})})));
  base::Append(out,
               DerExtension(kAuthorityKeyIdentifier, false, FullAuthorityKeyIdentifier(issuer)));
  base::Append(out, SubjectKeyIdentifierExtension(fields.public_key.identifier));
  return out;
}

base::Bytes OtherName(std::string_view oid, std::string_view text) {
  return DerExplicit(0, {DerOid(oid), DerExplicit(0, {DerUtf8String(text)})});
}

// One '0' for each character of `text`: none of them is a substitute.
std::string NoSubstitutes(std::string_view text) {
  std::string marks;
  for (const char c : text) {
    if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) marks.push_back('0');
  }
  return marks;
}

// The holder's attributes in the order that cards have: .1 .4 .3 .5 .2 .6.
base::Bytes HolderExtension(const CardFields& fields) {
  const std::string birth =
      absl::StrFormat("42000%02d%02d", fields.birth_month, fields.birth_day);  // Era 4, Heisei.
  const std::string address = absl::StrCat(base::ToAbsl(fields.municipality.name_japanese), "一番");
  return DerExtension(
      kSubjectAltName, false,
      DerSequence({OtherName("2.999.1.5.1", fields.holder_name), OtherName("2.999.1.5.4", birth),
                   OtherName("2.999.1.5.3", "9"), OtherName("2.999.1.5.5", address),
                   OtherName("2.999.1.5.2", NoSubstitutes(fields.holder_name)),
                   OtherName("2.999.1.5.6", NoSubstitutes(address))}));
}

base::Bytes SignatureExtensions(const Issuer& issuer, const CardFields& fields) {
  base::Bytes out = KeyUsageExtension(0xc0, 6);  // digitalSignature, nonRepudiation
  base::Append(out, PolicyExtension(fields.policy_oid));
  base::Append(out, HolderExtension(fields));
  base::Append(out, DerExtension(kIssuerAltName, false,
                                 DerSequence({DirectoryName(JapaneseCaName(issuer.role))})));
  base::Append(out, OneDistributionPoint(DistributionPointName(issuer.role, fields.municipality)));
  base::Append(out,
               DerExtension(kAuthorityKeyIdentifier, false, FullAuthorityKeyIdentifier(issuer)));
  base::Append(out, SubjectKeyIdentifierExtension(fields.public_key.identifier));
  return out;
}

const absl::TimeZone kJapan = absl::FixedTimeZone(9 * 60 * 60);

absl::CivilDay BirthdayIn(absl::civil_year_t year, int month, int day) {
  const absl::CivilDay last = absl::CivilDay(absl::CivilMonth(year, month) + 1) - 1;
  return std::min(absl::CivilDay(year, month, 1) + (day - 1), last);
}

absl::Time Utc(int year, int month, int day, int hour, int minute, int second) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                         absl::UTCTimeZone());
}

}  // namespace

std::string_view Name(Role role) {
  return role == Role::kUserAuthentication ? "user_authentication" : "digital_signature";
}

absl::StatusOr<Role> ParseRole(std::string_view name) {
  for (const Role role : kRoles) {
    if (Name(role) == name) return role;
  }
  return absl::InvalidArgumentError(absl::StrCat("no role ", base::ToAbsl(name),
                                                 ": use user_authentication or digital_signature"));
}

std::string_view Name(CardKind kind) {
  switch (kind) {
    case CardKind::kUserAuthentication:
      return "user-auth";
    case CardKind::kSignature:
      return "signature";
    case CardKind::kPhone:
      return "phone";
    case CardKind::kTest:
      break;
  }
  return "test";
}

absl::StatusOr<CardKind> ParseCardKind(std::string_view name) {
  for (const CardKind kind :
       {CardKind::kUserAuthentication, CardKind::kSignature, CardKind::kPhone, CardKind::kTest}) {
    if (Name(kind) == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no kind ", base::ToAbsl(name), ": use user-auth, signature, phone or test"));
}

std::string_view PolicyOid(CardKind kind) {
  switch (kind) {
    case CardKind::kUserAuthentication:
      return "2.999.1.30";
    case CardKind::kSignature:
      return "2.999.1.20";
    case CardKind::kPhone:
      return "2.999.1.40";
    case CardKind::kTest:
      break;
  }
  return "2.999.2.30";
}

Role RoleOf(CardKind kind) {
  return kind == CardKind::kSignature ? Role::kDigitalSignature : Role::kUserAuthentication;
}

std::span<const Generation> Generations() {
  static const std::array kGenerations = {
      Generation{"01", KeyType::kRsa2048, Utc(2015, 10, 20, 0, 0, 0), Utc(2025, 10, 19, 14, 59, 59),
                 1, 1},
      Generation{"02", KeyType::kRsa2048, Utc(2019, 9, 14, 0, 0, 0), Utc(2029, 9, 14, 14, 59, 59),
                 20'000'001, 19'900'001},
      Generation{"03", KeyType::kRsa2048, Utc(2023, 7, 16, 0, 0, 0), Utc(2033, 7, 15, 14, 59, 59),
                 114'000'001, 108'000'001},
      Generation{"04", KeyType::kEcP384, Utc(2026, 3, 1, 0, 0, 0), Utc(2036, 2, 29, 14, 59, 59),
                 180'000'001, 172'000'001},
  };
  return kGenerations;
}

absl::StatusOr<Generation> FindGeneration(std::string_view id) {
  for (const Generation& generation : Generations()) {
    if (generation.id == id) return generation;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no generation ", base::ToAbsl(id), ": use 01, 02, 03 or 04"));
}

std::string AnchorId(Role role, const Generation& generation) {
  return absl::StrCat(role == Role::kUserAuthentication ? "auth-" : "sign-",
                      base::ToAbsl(generation.id));
}

base::Bytes CaName(Role role) {
  return EncodeName({{kCountry, "JP"},
                     {kOrganization, kOrganizationSim},
                     {kOrganizationalUnit, CaUnit(role)},
                     {kOrganizationalUnit, kAgency}});
}

base::Bytes DistributionPointName(Role role, const Municipality& municipality) {
  const std::string common_name = absl::StrCat(base::ToAbsl(municipality.name), " CRLDP");
  return EncodeName({{kCountry, "JP"},
                     {kOrganization, kOrganizationSim},
                     {kOrganizationalUnit, CaUnit(role)},
                     {kOrganizationalUnit, "CRL Distribution Points"},
                     {kOrganizationalUnit, municipality.prefecture},
                     {kCommonName, common_name}});
}

base::Bytes DirectoryNameDistributionPoint(base::ByteView name) {
  return DerExplicit(0, {DerExplicit(0, {DirectoryName(name)})});
}

base::Bytes KeyIdOnlyAuthorityKeyIdentifier(const Issuer& issuer) {
  return DerSequence({DerImplicit(0, issuer.key.Public().identifier)});
}

base::Bytes FullAuthorityKeyIdentifier(const Issuer& issuer) {
  base::Bytes serial = DerInteger(issuer.generation.serial(issuer.role));
  serial[0] = 0x82;  // IMPLICIT [2]
  return DerSequence({DerImplicit(0, issuer.key.Public().identifier),
                      DerExplicit(1, {DirectoryName(CaName(issuer.role))}), serial});
}

base::Bytes DerExtension(std::string_view oid, bool critical, base::ByteView value) {
  const base::Bytes flag = critical ? DerTrue() : base::Bytes{};
  return DerSequence({DerOid(oid), flag, DerOctetString(value)});
}

base::Bytes SignCertificate(const CertificateFields& fields, const PrivateKey& key,
                            SignatureHash hash) {
  const base::Bytes algorithm = key.SignatureAlgorithm(hash);
  const base::Bytes tbs = DerSequence(
      {DerExplicit(0, {DerInteger(2)}), DerInteger(fields.serial), algorithm, fields.issuer_name,
       DerSequence({DerTime(fields.not_before), DerTime(fields.not_after)}), fields.subject_name,
       fields.public_key_info, DerExplicit(3, {DerTlv(0x30, fields.extensions)})});
  return DerSequence({tbs, algorithm, DerBitString(key.Sign(tbs, hash))});
}

base::Bytes MakeCaCertificate(const Issuer& issuer) {
  base::Bytes extensions = KeyUsageExtension(0x06, 1);  // keyCertSign, cRLSign
  base::Append(extensions, DerExtension(kSubjectAltName, false,
                                        DerSequence({DirectoryName(JapaneseCaName(issuer.role))})));
  base::Append(extensions, DerExtension(kBasicConstraints, true, DerSequence({DerTrue()})));
  base::Append(extensions, OneDistributionPoint(CaName(issuer.role)));
  base::Append(extensions, SubjectKeyIdentifierExtension(issuer.key.Public().identifier));
  return SignCertificate({.serial = issuer.generation.serial(issuer.role),
                          .issuer_name = CaName(issuer.role),
                          .not_before = issuer.generation.not_before,
                          .not_after = issuer.generation.not_after,
                          .subject_name = CaName(issuer.role),
                          .public_key_info = issuer.key.Public().info,
                          .extensions = std::move(extensions)},
                         issuer.key);
}

absl::StatusOr<CertificateFields> FillCardCertificate(const Issuer& issuer,
                                                      const CardFields& fields) {
  if (RoleOf(fields.kind) != issuer.role) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a certificate of kind ", base::ToAbsl(Name(fields.kind)), " is not issued by this CA"));
  }
  const Generation& generation = issuer.generation;
  const absl::Time not_after = CardExpiry(fields.issued_at, fields.birth_month, fields.birth_day);
  if (fields.issued_at < generation.not_before || not_after > generation.not_after) {
    return absl::FailedPreconditionError(absl::StrCat(
        "generation ", base::ToAbsl(generation.id), " issues no card at ",
        absl::FormatTime(fields.issued_at), ": a card's certificate (5 years) must lie within ",
        absl::FormatTime(generation.not_before), " and ", absl::FormatTime(generation.not_after),
        "; choose another --generation or --now"));
  }
  const bool signature = fields.kind == CardKind::kSignature;
  return CertificateFields{
      .serial = fields.serial,
      .issuer_name = CaName(issuer.role),
      .not_before = fields.issued_at,
      .not_after = not_after,
      .subject_name = signature ? EncodeName({{kCountry, "JP"},
                                              {kLocality, fields.municipality.prefecture},
                                              {kLocality, fields.municipality.name},
                                              {kCommonName, fields.common_name}})
                                : EncodeName({{kCountry, "JP"}, {kCommonName, fields.common_name}}),
      .public_key_info = fields.public_key.info,
      .extensions = signature ? SignatureExtensions(issuer, fields)
                              : UserAuthenticationExtensions(issuer, fields)};
}

absl::StatusOr<base::Bytes> MakeCardCertificate(const Issuer& issuer, const CardFields& fields) {
  MUSUBI_ASSIGN_OR_RETURN(const CertificateFields filled, FillCardCertificate(issuer, fields));
  return SignCertificate(filled, issuer.key);
}

absl::StatusOr<uint64_t> SerialOf(base::ByteView certificate) {
  const unsigned char* at = certificate.data();
  const std::unique_ptr<X509, decltype(&X509_free)> parsed(
      d2i_X509(nullptr, &at, static_cast<long>(certificate.size())),  // NOLINT(runtime/int)
      X509_free);
  uint64_t serial = 0;
  if (parsed == nullptr ||
      ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(parsed.get())) != 1) {
    return absl::InvalidArgumentError("not a certificate of JPKI-SIM");
  }
  return serial;
}

base::Bytes MakeOcspResponderCertificate(const Issuer& issuer, uint64_t serial,
                                         const PublicKey& public_key) {
  const std::string common_name =
      absl::StrCat("OCSP responder ", AnchorId(issuer.role, issuer.generation));
  base::Bytes extensions = KeyUsageExtension(0x80, 7);  // digitalSignature
  base::Append(extensions,
               DerExtension(kExtendedKeyUsage, false, DerSequence({DerOid("1.3.6.1.5.5.7.3.9")})));
  base::Append(extensions, DerExtension(kOcspNoCheck, false, DerNull()));
  base::Append(extensions, DerExtension(kAuthorityKeyIdentifier, false,
                                        KeyIdOnlyAuthorityKeyIdentifier(issuer)));
  base::Append(extensions, SubjectKeyIdentifierExtension(public_key.identifier));
  return SignCertificate({.serial = serial,
                          .issuer_name = CaName(issuer.role),
                          .not_before = issuer.generation.not_before,
                          .not_after = issuer.generation.not_after,
                          .subject_name = EncodeName({{kCountry, "JP"},
                                                      {kOrganization, kOrganizationSim},
                                                      {kOrganizationalUnit, CaUnit(issuer.role)},
                                                      {kCommonName, common_name}}),
                          .public_key_info = public_key.info,
                          .extensions = std::move(extensions)},
                         issuer.key);
}

absl::Time CardExpiry(absl::Time issued_at, int birth_month, int birth_day) {
  const absl::CivilDay issued = absl::ToCivilDay(issued_at, kJapan);
  const bool this_year = BirthdayIn(issued.year(), birth_month, birth_day) > issued;
  const absl::CivilDay fifth =
      BirthdayIn(issued.year() + (this_year ? 4 : 5), birth_month, birth_day);
  return absl::FromCivil(absl::CivilSecond(fifth + 1), kJapan) - absl::Seconds(1);
}

std::string MakeCommonName(CardKind kind, const Municipality& municipality, absl::Time issued_at,
                           base::SecureRandom& random) {
  auto draw = [&random](std::string_view alphabet, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      text.push_back(alphabet[random.Uniform(static_cast<uint32_t>(alphabet.size()))]);
    }
    return text;
  };
  constexpr std::string_view kDigits = "0123456789";
  if (kind == CardKind::kSignature) {
    return absl::StrCat(absl::FormatTime("%Y%m%d%H%M%S", issued_at, kJapan), draw(kDigits, 14));
  }
  return absl::StrCat(draw("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", 14),
                      base::ToAbsl(municipality.code), draw(kDigits, 3), "A");
}

}  // namespace musubi::sandbox
