#include "lib/pki/certificate_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "lib/base/encoding.h"
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
namespace der = fakes::der;

const TestKey& CardKey() { return TestKey::Get(KeyKind::kRsa2048, 10); }

CertificateParse Parse(const CertificateSpec& spec) {
  CertificateView view;
  return ParseCertificateView(TestCa().Issue(spec), view);
}

CertificateParse ParseWith(std::string_view oid, const Bytes& value, bool critical = false) {
  CertificateSpec spec = TestCa().CardSpec(CardKey());
  spec.Set(oid, critical, value);
  return Parse(spec);
}

TEST(CertificateView, PointsIntoTheCallersOctets) {
  const TestCa ca;
  const Bytes encoded = ca.Issue(ca.CardSpec(CardKey()));
  CertificateView view;
  ASSERT_TRUE(ParseCertificateView(encoded, view).ok());
  EXPECT_EQ(view.der.data(), encoded.data());
  for (const base::ByteView part :
       {view.tbs, view.serial, view.issuer, view.subject, view.spki, view.public_key_bits,
        view.signature_algorithm_der, view.signature, view.extensions, *view.extended_key_usage,
        view.policies, view.crl_distribution_points, view.authority_info_access,
        *view.subject_key_identifier, *view.authority_key_identifier->serial}) {
    EXPECT_GE(part.data(), encoded.data());
    EXPECT_LE(part.data() + part.size(), encoded.data() + encoded.size());
  }
}

TEST(CertificateView, WalksOverWhatACardHolds) {
  const TestCa ca;
  const Bytes encoded = ca.Issue(ca.CardSpec(CardKey()));
  CertificateView view;
  ASSERT_TRUE(ParseCertificateView(encoded, view).ok());
  EXPECT_TRUE(view.key_usage_critical);
  EXPECT_TRUE(view.policies_critical);
  EXPECT_TRUE(view.has_critical_extensions);
  EXPECT_FALSE(view.has_path_constraints);
  EXPECT_FALSE(view.has_basic_constraints);
  EXPECT_TRUE(view.HasExtendedKeyUsage(oid::kClientAuth));
  EXPECT_FALSE(view.HasExtendedKeyUsage(oid::kOcspSigning));
  EXPECT_TRUE(view.HasPolicy(base::HexDecode("8837011e").value())) << "2.999.1.30";
  EXPECT_FALSE(view.HasPolicy(oid::kAnyPolicy));
  EXPECT_TRUE(view.HasExtension(oid::kIssuerAltName));
  EXPECT_FALSE(view.HasExtension(oid::kNameConstraints));
  OidCursor policies = view.Policies();
  EXPECT_TRUE(policies.Next().has_value());
  EXPECT_FALSE(policies.Next().has_value());
  OcspUriCursor uris = view.OcspUris();
  EXPECT_EQ(base::ToString(uris.Next().value()), "http://ocsp.jpki-sim.example");
  EXPECT_FALSE(uris.Next().has_value());
  DistributionPointCursor points = view.CrlDistributionPoints();
  const auto point = points.Next();
  ASSERT_TRUE(point.has_value());
  EXPECT_FALSE(points.Next().has_value());
  EXPECT_FALSE(point->reasons.has_value());
  EXPECT_TRUE(point->relative_name.empty());
  EXPECT_TRUE(point->crl_issuer.empty());
  GeneralNameCursor names(point->full_name);
  EXPECT_EQ(ToBytes(names.Next(general_name::kDirectoryName).value()),
            fakes::DistributionPointName("Mihon-shi"));
  EXPECT_FALSE(names.Next(general_name::kDirectoryName).has_value());
  size_t critical = 0;
  ExtensionCursor extensions = view.Extensions();
  while (const auto extension = extensions.Next()) critical += extension->critical ? 1 : 0;
  EXPECT_EQ(critical, 2u);
}

TEST(CertificateView, ReadsEveryPartOfADistributionPoint) {
  const Bytes uri = der::ContextPrimitive(6, base::AsBytes("http://crl.example/1"));
  const Bytes relative =
      der::Context(0, {der::Context(1, {der::Sequence({der::Oid("2.5.4.3"), der::Utf8("part")})})});
  const Bytes issuer = der::Context(2, {der::Context(4, {der::Name({{"CN", "other"}})})});
  CertificateSpec spec = TestCa().CardSpec(CardKey());
  spec.Set(fakes::kCrlDistributionPointsOid, false,
           der::Sequence({der::Sequence({der::Context(0, {der::Context(0, {uri})}),
                                         der::ContextPrimitive(1, Bytes{6, 0x40})}),
                          der::Sequence({relative, issuer})}));
  const Bytes encoded = TestCa().Issue(spec);
  CertificateView view;
  ASSERT_TRUE(ParseCertificateView(encoded, view).ok());
  DistributionPointCursor points = view.CrlDistributionPoints();
  const auto first = points.Next();
  const auto second = points.Next();
  ASSERT_TRUE(first && second && !points.Next());
  GeneralNameCursor uris(first->full_name);
  EXPECT_EQ(base::ToString(uris.Next(general_name::kUri).value()), "http://crl.example/1");
  EXPECT_EQ(ToBytes(first->reasons.value()), (Bytes{6, 0x40}));
  EXPECT_TRUE(second->full_name.empty());
  EXPECT_FALSE(second->relative_name.empty());
  GeneralNameCursor issuers(second->crl_issuer);
  EXPECT_EQ(ToBytes(issuers.Next(general_name::kDirectoryName).value()),
            der::Name({{"CN", "other"}}));
}

// Every extension that is read, in a form that it may have and in forms that it may not.
TEST(CertificateView, RefusesMalformedExtensionsThatItKnows) {
  constexpr std::string_view kSubjectAltName = "2.5.29.17";
  constexpr std::string_view kIssuerAltName = "2.5.29.18";
  constexpr std::string_view kNameConstraints = "2.5.29.30";
  constexpr std::string_view kPolicyMappings = "2.5.29.33";
  constexpr std::string_view kPolicyConstraints = "2.5.29.36";
  constexpr std::string_view kInhibitAnyPolicy = "2.5.29.54";
  constexpr std::string_view kNetscapeCertType = "2.16.840.1.113730.1.1";
  constexpr std::string_view kIpAddressBlocks = "1.3.6.1.5.5.7.1.7";
  constexpr std::string_view kAutonomousSystemIds = "1.3.6.1.5.5.7.1.8";
  constexpr std::string_view kProxyCertInfo = "1.3.6.1.5.5.7.1.14";
  const struct {
    const char* what;
    std::string_view oid;
    const char* hex;
    bool well_formed;
  } kCases[] = {
      {"no bit of keyUsage", fakes::kKeyUsageOid, "030100", false},
      {"AKI that is no SEQUENCE", fakes::kAuthorityKeyIdentifierOid, "3100", false},
      {"AKI without parts", fakes::kAuthorityKeyIdentifierOid, "3000", true},
      {"AKI with a padded serial", fakes::kAuthorityKeyIdentifierOid, "300482020001", false},
      {"AKI with parts out of order", fakes::kAuthorityKeyIdentifierOid, "3006820101800101", false},
      {"AKI with another part", fakes::kAuthorityKeyIdentifierOid, "3003830101", false},
      {"SKI that is no OCTET STRING", "2.5.29.14", "0500", false},
      {"a policy with empty qualifiers", fakes::kCertificatePoliciesOid, "300730050601 2a3000",
       false},
      {"a CPS URI", fakes::kCertificatePoliciesOid,
       "30163014060 12a300f300d06082b06010505070201160161", true},
      {"a CPS URI that is no IA5String", fakes::kCertificatePoliciesOid,
       "3016301406012a300f300d06082b060105050702010c0161", false},
      {"a user notice with a reference and a text", fakes::kCertificatePoliciesOid,
       "3022 3020 06012a 301b 3019 06082b06010505070202 300d 3008 0c0161 3003020101 0c0162", true},
      {"a user notice of an organization that is no text", fakes::kCertificatePoliciesOid,
       "3022 3020 06012a 301b 3019 06082b06010505070202 300d 3008 020161 3003020101 0c0162", false},
      {"reasons with a zero bit at the end", fakes::kCrlDistributionPointsOid, "3006300481020080",
       false},
      {"reasons alone", fakes::kCrlDistributionPointsOid, "3006300481020780", false},
      {"a point of nothing", fakes::kCrlDistributionPointsOid, "30023000", false},
      {"an empty cRLIssuer", fakes::kCrlDistributionPointsOid, "30043002a200", false},
      {"an empty relative name", fakes::kCrlDistributionPointsOid, "30063004a002a100", false},
      {"an empty full name", fakes::kCrlDistributionPointsOid, "30063004a002a000", false},
      {"a DNS name", kSubjectAltName, "3003820161", true},
      {"a DNS name of 8 bits", kSubjectAltName, "30038201e9", false},
      {"no names", kSubjectAltName, "3000", false},
      {"trailing octets", kSubjectAltName, "300382016100", false},
      {"an IPv4 address", kSubjectAltName, "3006870401020304", true},
      {"an address of five octets", kSubjectAltName, "300787050102030405", false},
      {"a name of form [9]", kSubjectAltName, "3003890161", false},
      {"an empty URI", kSubjectAltName, "30028600", false},
      {"otherName", kSubjectAltName, "300aa00806012aa0030c0161", true},
      {"otherName without value", kSubjectAltName, "3005a00306012a", false},
      {"otherName of two values", kSubjectAltName, "300ca00a06012aa00505000c0161", false},
      {"ediPartyName", kSubjectAltName, "3009a507a0030c0161a100", false},
      {"ediPartyName of both parts", kSubjectAltName, "300ca50aa0030c0161a1030c0162", true},
      {"ediPartyName without party", kSubjectAltName, "3007a505a0030c0161", false},
      {"registeredID", kSubjectAltName, "300388012a", true},
      {"a directoryName that is none", kSubjectAltName, "3004a4020500", false},
      {"x400Address", kSubjectAltName, "3004a3020500", true},
      {"names of the issuer", kIssuerAltName, "3003820161", true},
      {"no names of the issuer", kIssuerAltName, "3000", false},
      {"permitted host", kNameConstraints, "3007a0053003820161", true},
      {"permitted addresses", kNameConstraints, "300ea00c300a87080102030400000000", true},
      {"permitted address without mask", kNameConstraints, "300aa0083006870401020304", false},
      {"no subtrees", kNameConstraints, "3000", false},
      {"empty subtrees", kNameConstraints, "3002a000", false},
      {"minimum 0", kNameConstraints, "300aa0083006820161800100", false},
      {"minimum 1", kNameConstraints, "300aa0083006820161800101", true},
      {"negative maximum", kNameConstraints, "300aa00830068201618101ff", false},
      {"a mapping", kPolicyMappings, "3008300606012a06012b", true},
      {"a mapping of one", kPolicyMappings, "3005300306012a", false},
      {"no mapping", kPolicyMappings, "3000", false},
      {"requireExplicitPolicy", kPolicyConstraints, "3003800100", true},
      {"negative requireExplicitPolicy", kPolicyConstraints, "30038001ff", false},
      {"neither policy constraint", kPolicyConstraints, "3000", false},
      {"inhibitAnyPolicy", kInhibitAnyPolicy, "020100", true},
      {"negative inhibitAnyPolicy", kInhibitAnyPolicy, "0201ff", false},
      {"netscapeCertType", kNetscapeCertType, "03020780", true},
      {"netscapeCertType of 8 unused bits", kNetscapeCertType, "03020880", false},
      {"inherited addresses", kIpAddressBlocks, "300830060402 00010500", true},
      {"an address prefix and a range", kIpAddressBlocks,
       "301630140402000130 0e0302000a3008030200010302000200", false},
      {"addresses that are no list", kIpAddressBlocks, "3009300704020001 0101ff", false},
      {"an AS number", kAutonomousSystemIds, "3007a0053003020101", true},
      {"an AS number that is no INTEGER", kAutonomousSystemIds, "3007a0053003040101", false},
      {"a proxy without a policy", kProxyCertInfo, "3003020101", false},
  };
  for (const auto& c : kCases) {
    std::string hex = c.hex;
    std::erase(hex, ' ');
    EXPECT_EQ(ParseWith(c.oid, base::HexDecode(hex).value()).ok(), c.well_formed)
        << c.what << ": " << ParseWith(c.oid, base::HexDecode(hex).value()).what;
  }
}

TEST(CertificateView, ReportsWhatOnlyTheSlowPathUnderstands) {
  for (const char* extension : {"2.5.29.30", "2.5.29.33", "2.5.29.36", "2.5.29.54"}) {
    const bool names = extension == std::string("2.5.29.30");
    const bool mappings = extension == std::string("2.5.29.33");
    const bool inhibit = extension == std::string("2.5.29.54");
    const char* hex = names      ? "3007a0053003820161"
                      : mappings ? "3008300606012a06012b"
                      : inhibit  ? "020100"
                                 : "3003800100";
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    spec.Set(extension, true, base::HexDecode(hex).value());
    CertificateView view;
    ASSERT_TRUE(ParseCertificateView(TestCa().Issue(spec), view).ok()) << extension;
    EXPECT_TRUE(view.has_path_constraints) << extension;
  }
}

TEST(CertificateView, AnEmptySubjectNeedsACriticalSubjectAltName) {
  for (const bool critical : {false, true}) {
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    spec.subject = der::Sequence({});
    spec.Set("2.5.29.17", critical, base::HexDecode("3003820161").value());
    EXPECT_EQ(Parse(spec).ok(), critical);
  }
}

TEST(CertificateView, AProxyCertificateHasNoOtherNamesAndIsNoCa) {
  const Bytes proxy = base::HexDecode("3005300306012a").value();
  CertificateSpec spec = TestCa().CardSpec(CardKey()).Remove("2.5.29.18");
  spec.Set("1.3.6.1.5.5.7.1.14", true, proxy);
  EXPECT_TRUE(Parse(spec).ok());
  CertificateSpec ca = spec;
  ca.Set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(true));
  EXPECT_FALSE(Parse(ca).ok());
  spec.Set("2.5.29.17", false, base::HexDecode("3003820161").value());
  EXPECT_FALSE(Parse(spec).ok());
}

TEST(CertificateView, HoldsToItsLimits) {
  auto with_policies = [](size_t count) {
    Bytes list;
    for (size_t i = 0; i < count; ++i) {
      const std::string policy = "2.999." + std::to_string(i);
      base::Append(list, der::Sequence({der::Oid(policy)}));
    }
    return ParseWith(fakes::kCertificatePoliciesOid, der::Sequence({list})).ok();
  };
  EXPECT_TRUE(with_policies(kMaxPolicies));
  EXPECT_FALSE(with_policies(kMaxPolicies + 1));

  auto with_attributes = [](size_t count) {
    Bytes attributes;
    for (size_t i = 0; i < count; ++i) {
      base::Append(attributes,
                   der::Sequence({der::Oid("2.5.4.3"), der::Utf8(std::string(1, char('0' + i)))}));
    }
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    spec.subject = der::Sequence({der::Set({attributes})});
    return Parse(spec).ok();
  };
  EXPECT_TRUE(with_attributes(kMaxRdnAttributes));
  EXPECT_FALSE(with_attributes(kMaxRdnAttributes + 1));

  auto with_name = [](size_t size) {
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    // A Name of one attribute has 21 octets more than its text.
    spec.subject = der::Name({{"CN", std::string(size - 21, 'x')}});
    EXPECT_EQ(spec.subject.size(), size);
    return Parse(spec).ok();
  };
  EXPECT_TRUE(with_name(kMaxNameSize));
  EXPECT_FALSE(with_name(kMaxNameSize + 1));

  auto with_depth = [](int depth) {
    Bytes nested;
    for (int i = 1; i < depth; ++i) nested = der::Sequence({nested});
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    spec.subject = der::Sequence({der::Set({der::Sequence({der::Oid("2.5.4.3"), nested})})});
    return Parse(spec).ok();
  };
  EXPECT_TRUE(with_depth(kMaxDerDepth));
  EXPECT_FALSE(with_depth(kMaxDerDepth + 1));

  CertificateView view;
  EXPECT_EQ(ParseCertificateView(Bytes(kMaxCertificateSize), view).fault,
            CertificateFault::kMalformed);
  EXPECT_EQ(ParseCertificateView(Bytes(kMaxCertificateSize + 1), view).fault,
            CertificateFault::kTooLarge);
}

TEST(CertificateView, TakesNamesOfTheTypesThatOpenSslTakes) {
  const struct {
    const char* what;
    Bytes value;
    bool well_formed;
  } kCases[] = {
      {"UTF8String", der::Utf8("\xe8\xa9\xa6\xe9\xa8\x93"), true},
      {"broken UTF8String", der::Utf8("\xe8\xa9"), false},
      {"PrintableString", der::Printable("Mihon-cho (1)"), true},
      {"PrintableString with *", der::Printable("*"), false},
      {"IA5String", der::Ia5("a@b.example"), true},
      {"BMPString", der::Tlv(0x1e, {Bytes{0x8a, 0x66}}), true},
      {"odd BMPString", der::Tlv(0x1e, {Bytes{0x8a}}), false},
      {"VisibleString", der::Tlv(0x1a, {base::AsBytes("a")}), false},
      {"INTEGER", der::Integer(1), false},
      {"OCTET STRING", der::OctetString(Bytes{1}), false},
      {"context-specific", der::ContextPrimitive(0, Bytes{1}), false},
  };
  for (const auto& c : kCases) {
    CertificateSpec spec = TestCa().CardSpec(CardKey());
    spec.subject = der::Sequence({der::Set({der::Sequence({der::Oid("2.5.4.3"), c.value})})});
    EXPECT_EQ(Parse(spec).ok(), c.well_formed) << c.what;
  }
}

}  // namespace
}  // namespace musubi::pki
