#include "lib/pki/path_rules.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::pki {
namespace {

using base::Bytes;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
namespace der = fakes::der;

using Change = std::function<void(CertificateSpec&)>;

constexpr std::string_view kSubjectAltName = "2.5.29.17";

// Forms of GeneralName.
Bytes Rfc822(std::string_view text) { return der::ContextPrimitive(1, base::AsBytes(text)); }
Bytes Dns(std::string_view text) { return der::ContextPrimitive(2, base::AsBytes(text)); }
Bytes Uri(std::string_view text) { return der::ContextPrimitive(6, base::AsBytes(text)); }
Bytes Ip(const Bytes& octets) { return der::ContextPrimitive(7, octets); }
Bytes Subtree(const Bytes& base) { return der::Sequence({base}); }

Bytes Permitted(const Bytes& base) { return der::Sequence({der::Context(0, {Subtree(base)})}); }
Bytes Excluded(const Bytes& base) { return der::Sequence({der::Context(1, {Subtree(base)})}); }

Change Set(std::string_view oid, bool critical, Bytes value) {
  return [oid, critical, value](CertificateSpec& spec) { spec.Set(oid, critical, value); };
}
Change Remove(std::string_view oid) {
  return [oid](CertificateSpec& spec) { spec.Remove(oid); };
}
Change AltName(const Bytes& name) { return Set(kSubjectAltName, false, der::Sequence({name})); }

class Rules : public testing::Test {
 protected:
  Certificate Card(const Change& change = nullptr) const {
    CertificateSpec spec = ca_.CardSpec(TestKey::Get(KeyKind::kRsa2048, 10));
    if (change) change(spec);
    return fakes::ParseCertificate(ca_.Issue(spec));
  }
  Certificate Sub(const Change& change = nullptr) const {
    CertificateSpec spec = ca_.SubordinateSpec(TestKey::Get(KeyKind::kRsa2048, 11), "Sub");
    if (change) change(spec);
    return fakes::ParseCertificate(ca_.Issue(spec));
  }
  Certificate Anchor(const Change& change = nullptr) const {
    CertificateSpec spec = ca_.AnchorSpec();
    if (change) change(spec);
    return fakes::ParseCertificate(ca_.Issue(spec));
  }

  // Of what the parser refuses already, nothing is asked.
  bool Conforms(const Change& change, bool sub = false) const {
    CertificateSpec spec = sub ? ca_.SubordinateSpec(TestKey::Get(KeyKind::kRsa2048, 11), "Sub")
                               : ca_.CardSpec(TestKey::Get(KeyKind::kRsa2048, 10));
    change(spec);
    const auto parsed = Certificate::Parse(ca_.Issue(spec));
    return parsed.ok() && !CheckConformance(*parsed);
  }

  const TestCa ca_;
};

TEST_F(Rules, OurOwnCertificatesConform) {
  EXPECT_EQ(CheckConformance(Card()), std::nullopt);
  EXPECT_EQ(CheckConformance(Sub()), std::nullopt);
  EXPECT_EQ(CheckConformance(Anchor()), std::nullopt);
}

TEST_F(Rules, EveryMustOfSection4IsChecked) {
  const Bytes empty_name = der::Sequence({});
  const uint16_t cert_sign = static_cast<uint16_t>(KeyUsage::kKeyCertSign);
  const uint16_t crl_sign = static_cast<uint16_t>(KeyUsage::kCrlSign);
  const struct {
    const char* what;
    Certificate certificate;
  } kCases[] = {
      {"serial 0", Card([](CertificateSpec& spec) { spec.serial = {0}; })},
      {"empty issuer", Card([&](CertificateSpec& spec) { spec.issuer = empty_name; })},
      {"empty subject", Card([&](CertificateSpec& spec) { spec.subject = empty_name; })},
      {"CA with an empty subject", Sub([&](CertificateSpec& spec) {
         spec.subject = empty_name;
         spec.Set(kSubjectAltName, true, der::Sequence({Dns("mihon.example")}));
       })},
      {"critical AKI", Card(Set(fakes::kAuthorityKeyIdentifierOid, true,
                                fakes::AuthorityKeyIdentifierValue(Bytes{1}, {}, {})))},
      {"AKI without keyIdentifier",
       Card(Set(fakes::kAuthorityKeyIdentifierOid, false,
                fakes::AuthorityKeyIdentifierValue({}, ca_.name(), Bytes{1})))},
      {"no AKI", Card(Remove(fakes::kAuthorityKeyIdentifierOid))},
      {"intermediate without AKI", Sub(Remove(fakes::kAuthorityKeyIdentifierOid))},
      {"self-issued without AKI, of another key", Anchor([](CertificateSpec& spec) {
         spec.spki = TestKey::Get(KeyKind::kRsa2048, 11).spki_der();
       })},
      {"critical SKI",
       Card(Set(fakes::kSubjectKeyIdentifierOid, true, der::OctetString(Bytes{1})))},
      {"CA without SKI", Sub(Remove(fakes::kSubjectKeyIdentifierOid))},
      {"basicConstraints not critical",
       Sub(Set(fakes::kBasicConstraintsOid, false, fakes::BasicConstraintsValue(true)))},
      {"keyCertSign without cA",
       Card(Set(fakes::kKeyUsageOid, true, fakes::KeyUsageValue(cert_sign)))},
      {"cA without keyCertSign",
       Sub(Set(fakes::kKeyUsageOid, true, fakes::KeyUsageValue(crl_sign)))},
      {"path length without cA",
       Card(Set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(false, 0)))},
      {"nameConstraints without cA",
       Card(Set(fakes::kNameConstraintsOid, true, Permitted(Dns("mihon.example"))))},
      {"nameConstraints not critical",
       Sub(Set(fakes::kNameConstraintsOid, false, Permitted(Dns("mihon.example"))))},
      {"policyConstraints not critical",
       Sub(Set(fakes::kPolicyConstraintsOid, false,
               der::Sequence({der::ContextPrimitive(0, Bytes{0})})))},
      {"inhibitAnyPolicy not critical", Sub(Set("2.5.29.54", false, der::Integer(0)))},
      {"critical authorityInfoAccess", Card([](CertificateSpec& spec) {
         for (auto& extension : spec.extensions) {
           if (extension.oid == fakes::kAuthorityInfoAccessOid) extension.critical = true;
         }
       })},
  };
  for (const auto& c : kCases) EXPECT_NE(CheckConformance(c.certificate), std::nullopt) << c.what;
}

TEST_F(Rules, NamesAreInTheirSyntax) {
  for (const Bytes& name : {Dns("mihon.example"), Dns("*.mihon.example"), Dns("1.mihon.example"),
                            Dns("a"), Rfc822("ichigo@mihon.example"), Rfc822("*@mihon.example"),
                            Rfc822("\"ichigo shiken\"@mihon.example"), Rfc822("a.b@[192.0.2.1]"),
                            Uri("https://mihon.example/x"), Uri("https://u@192.0.2.1:8/"),
                            Uri("urn:mihon:1"), Ip({192, 0, 2, 1})}) {
    EXPECT_TRUE(Conforms(AltName(name))) << base::AsText(name);
  }
  for (const Bytes& name :
       {Dns(".mihon.example"), Dns("mihon.example."), Dns("mihon..example"), Dns("-a.example"),
        Dns("a_b.example"), Dns("192.0.2.1"), Dns("*"), Dns("a.*.example"), Dns(" "),
        Dns(std::string(64, 'a')), Rfc822("mihon.example"), Rfc822("a..b@mihon.example"),
        Rfc822("@mihon.example"), Rfc822("a b@mihon.example"), Uri("//mihon.example/"),
        Uri("https://a_b.example/"), Uri("1x:y")}) {
    EXPECT_FALSE(Conforms(AltName(name))) << base::AsText(name);
  }
}

TEST_F(Rules, BasesOfSubtreesAreInTheirSyntax) {
  auto conforms = [&](const Bytes& value) {
    return Conforms(Set(fakes::kNameConstraintsOid, true, value), /*sub=*/true);
  };
  for (const Bytes& base :
       {Dns("mihon.example"), Dns(""), Rfc822("mihon.example"), Rfc822(".mihon.example"),
        Rfc822("ichigo@mihon.example"), Uri("mihon.example"), Uri(".mihon.example"),
        Ip({192, 0, 2, 0, 255, 255, 255, 0})}) {
    EXPECT_TRUE(conforms(Permitted(base))) << base::AsText(base);
    EXPECT_TRUE(conforms(Excluded(base))) << base::AsText(base);
  }
  for (const Bytes& base : {Dns(".mihon.example"), Dns("*.mihon.example"), Rfc822("@mihon.example"),
                            Ip({192, 0, 2, 0, 255, 0, 255, 0})}) {
    EXPECT_FALSE(conforms(Permitted(base))) << base::AsText(base);
  }
}

TEST_F(Rules, CriticalPoliciesWithAQualifierOfAnotherKindAreNotUnderstood) {
  auto policies = [](std::string_view qualifier) {
    return der::Sequence(
        {der::Sequence({der::Oid("2.999.1.30"),
                        der::Sequence({der::Sequence({der::Oid(qualifier), der::Ia5("x")})})})});
  };
  const std::string_view oid = fakes::kCertificatePoliciesOid;
  EXPECT_TRUE(Card(Set(oid, true, policies("1.3.6.1.5.5.7.2.1"))).view().UnderstandsPolicies());
  EXPECT_TRUE(Card(Set(oid, false, policies("2.999.9"))).view().UnderstandsPolicies());
  EXPECT_FALSE(Card(Set(oid, true, policies("2.999.9"))).view().UnderstandsPolicies());
  EXPECT_TRUE(Card(Remove(oid)).view().UnderstandsPolicies());
}

TEST_F(Rules, AWildcardMayNotStandForAnExcludedName) {
  auto check = [&](const Bytes& constraints, const Bytes& name) {
    return CheckNamesOfPath(
        {Card(AltName(name)), Sub(Set(fakes::kNameConstraintsOid, true, constraints)), Anchor()},
        true);
  };
  EXPECT_EQ(check(Excluded(Dns("a.mihon.example")), Dns("*.mihon.example")), 0);
  EXPECT_EQ(check(Excluded(Dns("A.Mihon.example")), Dns("*.mihon.EXAMPLE")), 0);
  EXPECT_EQ(check(Excluded(Dns("a.b.mihon.example")), Dns("*.mihon.example")), std::nullopt);
  EXPECT_EQ(check(Excluded(Dns("a.other.example")), Dns("*.mihon.example")), std::nullopt);
  EXPECT_EQ(check(Permitted(Dns("a.mihon.example")), Dns("*.mihon.example")), std::nullopt);
  // One's own constraints are for those below.
  EXPECT_EQ(CheckNamesOfPath({Card(), Sub([&](CertificateSpec& spec) {
                                spec.Set(fakes::kNameConstraintsOid, true,
                                         Excluded(Dns("a.mihon.example")));
                                AltName(Dns("*.mihon.example"))(spec);
                              }),
                              Anchor()},
                             true),
            std::nullopt);
}

TEST_F(Rules, AUriWithAnAddressIsRefusedWhereUrisAreConstrained) {
  auto check = [&](const Bytes& constraints, std::string_view uri) {
    return CheckNamesOfPath({Card(AltName(Uri(uri))),
                             Sub(Set(fakes::kNameConstraintsOid, true, constraints)), Anchor()},
                            true);
  };
  EXPECT_EQ(check(Excluded(Uri("mihon.example")), "https://192.0.2.1/"), 0);
  EXPECT_EQ(check(Permitted(Uri("mihon.example")), "https://u@[2001:db8::1]:443/"), 0);
  EXPECT_EQ(check(Permitted(Uri("mihon.example")), "https://mihon.example/"), std::nullopt);
  EXPECT_EQ(check(Permitted(Dns("mihon.example")), "https://192.0.2.1/"), std::nullopt);
}

}  // namespace
}  // namespace musubi::pki
