#include "lib/jpki/prepared_issuers.h"

#include <gtest/gtest.h>

#include <functional>

#include "lib/crypto/hash.h"
#include "lib/jpki/card_validator.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::jpki {
namespace {

using base::Bytes;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
using pki::VerdictReason;
namespace der = fakes::der;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone());

const TestKey& CardKey() { return TestKey::Get(KeyKind::kRsa2048, 10); }

pki::TrustStore Store(std::vector<pki::TrustAnchor> anchors) {
  return pki::TrustStore::Create(pki::Environment::kSim, std::move(anchors)).value();
}

PreparedIssuers Prepare(std::vector<pki::TrustAnchor> anchors) {
  return PreparedIssuers::Create(Store(std::move(anchors)), pki::AnchorRole::kUserAuthentication)
      .value();
}

// The id of the anchor that a card is accepted under, else the reason why not: the same on both
// paths.
std::string Judge(const std::vector<pki::TrustAnchor>& anchors, base::ByteView certificate) {
  std::string answers[2];
  for (const auto paths : {CardValidator::Paths::kAuto, CardValidator::Paths::kSlowOnly}) {
    const CardValidator validator =
        CardValidator::Create(
            Store(anchors),
            Hierarchy::Create(pki::Environment::kSim,
                              {{CertificateKind::kUserAuthentication, {"2.999.1.30"}}})
                .value(),
            {.paths = paths})
            .value();
    const CardCheck check = validator.Check(certificate, std::nullopt, kNow);
    answers[paths == CardValidator::Paths::kAuto ? 0 : 1] =
        check.path ? check.path->anchor_id : std::string(pki::Name(check.verdict.reason));
  }
  EXPECT_EQ(answers[0], answers[1]);
  return answers[0];
}

CertificateSpec WithAki(CertificateSpec spec, std::optional<Bytes> key_identifier,
                        std::optional<Bytes> name, std::optional<Bytes> serial) {
  spec.Set(fakes::kAuthorityKeyIdentifierOid, false,
           fakes::AuthorityKeyIdentifierValue(key_identifier, name, serial));
  return spec;
}

TEST(PreparedIssuers, OfEvilTwinsOnlyTheSignatureDecides) {
  const TestCa ca;
  const TestCa twin({.key_number = 1, .key_identifier = ca.key_identifier()});
  const Bytes card = ca.Issue(ca.CardSpec(CardKey()));
  const Bytes twins_card = twin.Issue(twin.CardSpec(CardKey()));
  // One that is not configured is nobody, whatever it is called.
  EXPECT_EQ(Judge({ca.Anchor("auth-01")}, twins_card), "BAD_ISSUER_SIGNATURE");
  // Two that are: each answers for its own, in either order.
  for (const auto& anchors : {std::vector{ca.Anchor("auth-01"), twin.Anchor("twin-01")},
                              std::vector{twin.Anchor("twin-01"), ca.Anchor("auth-01")}}) {
    EXPECT_EQ(Judge(anchors, card), "auth-01");
    EXPECT_EQ(Judge(anchors, twins_card), "twin-01");
  }
}

TEST(PreparedIssuers, AKeyIdentifierOrdersAndExcludesButNeverDecides) {
  const TestCa first;
  const TestCa third({.key_number = 3, .serial = 3});
  const std::vector<pki::TrustAnchor> anchors{first.Anchor("auth-01"), third.Anchor("auth-03")};
  const CertificateSpec card = third.CardSpec(CardKey());
  const struct {
    const char* what;
    CertificateSpec spec;
    const char* answer;
  } kCases[] = {
      {"its own", card, "auth-03"},
      {"absent", CertificateSpec(card).Remove(fakes::kAuthorityKeyIdentifierOid), "auth-03"},
      {"empty", WithAki(card, {}, {}, {}), "auth-03"},
      {"the key alone", WithAki(card, third.key_identifier(), {}, {}), "auth-03"},
      {"the serial alone", WithAki(card, {}, {}, third.serial()), "auth-03"},
      {"the name alone, which both have", WithAki(card, {}, third.name(), {}), "auth-03"},
      {"of the wrong generation",
       WithAki(card, first.key_identifier(), first.name(), first.serial()), "BAD_ISSUER_SIGNATURE"},
      {"contradictory: key of one, serial of the other",
       WithAki(card, third.key_identifier(), third.name(), first.serial()), "ISSUER_UNKNOWN"},
      {"contradictory: another name",
       WithAki(card, third.key_identifier(), der::Name({{"C", "JP"}}), third.serial()),
       "ISSUER_UNKNOWN"},
      {"of nobody", WithAki(card, Bytes(20, 7), {}, {}), "ISSUER_UNKNOWN"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Judge(anchors, third.Issue(c.spec)), c.answer) << c.what;
  }
}

TEST(PreparedIssuers, OneKeyUnderAnotherRolesNameIssuesNoCards) {
  const TestCa auth;
  // The other CA with the very key of the first.
  const TestCa sign({.organizational_unit = "JPKI for digital signature"});
  pki::TrustAnchor sign_anchor = sign.Anchor("sign-01");
  sign_anchor.role = pki::AnchorRole::kDigitalSignature;
  const std::vector<pki::TrustAnchor> anchors{auth.Anchor("auth-01"), sign_anchor};
  CertificateSpec spec = auth.CardSpec(CardKey());
  EXPECT_EQ(Judge(anchors, auth.Issue(spec)), "auth-01");
  spec.issuer = sign.name();
  EXPECT_EQ(Judge(anchors, auth.Issue(spec)), "ISSUER_UNKNOWN");
  spec.Remove(fakes::kAuthorityKeyIdentifierOid);
  EXPECT_EQ(Judge(anchors, auth.Issue(spec)), "ISSUER_UNKNOWN");
}

TEST(PreparedIssuers, WhatAClientSendsNeverEntersShadowsOrEvictsOne) {
  const TestCa ca;
  const TestCa forger({.key_number = 1, .key_identifier = ca.key_identifier()});
  const CardValidator validator =
      CardValidator::Create(
          Store({ca.Anchor("auth-01")}),
          Hierarchy::Create(pki::Environment::kSim,
                            {{CertificateKind::kUserAuthentication, {"2.999.1.30"}}})
              .value())
          .value();
  // The forger's own CA certificate, a card of its making, then honest ones: in one batch, and in
  // many.
  CertificateSpec as_card = forger.CardSpec(TestKey::Get(KeyKind::kRsa2048, 1));
  as_card.subject = ca.name();
  const Bytes sent[] = {forger.certificate_der(), forger.Issue(as_card),
                        forger.Issue(forger.CardSpec(CardKey())), ca.Issue(ca.CardSpec(CardKey()))};
  const VerdictReason reasons[] = {VerdictReason::kCaCertificate,
                                   VerdictReason::kBadIssuerSignature,
                                   VerdictReason::kBadIssuerSignature, VerdictReason::kUnspecified};
  std::vector<CardQuestion> questions;
  for (int i = 0; i < 100; ++i) questions.push_back({sent[i % 4], std::nullopt});
  std::vector<CardFinding> findings(questions.size());
  ASSERT_TRUE(validator.CheckBatch(questions, kNow, findings, VerifyOneByOne).ok());
  for (size_t i = 0; i < findings.size(); ++i) {
    EXPECT_EQ(findings[i].verdict.reason, reasons[i % 4]) << i;
    EXPECT_EQ(findings[i].verdict.valid(), i % 4 == 3) << i;
    ASSERT_EQ(findings[i].issuer != nullptr, i % 4 == 3) << i;
    if (i % 4 == 3) {
      EXPECT_EQ(findings[i].issuer->anchor.id, "auth-01");
    }
  }
}

TEST(PreparedIssuers, CarriesWhatACardBelowItNeeds) {
  const TestCa ca;
  pki::TrustAnchor anchor = ca.Anchor("auth-01");
  anchor.distrust_after = kNow;
  const PreparedIssuers issuers = Prepare({anchor});
  const PreparedIssuer* issuer = issuers.FindById("auth-01");
  ASSERT_NE(issuer, nullptr);
  EXPECT_EQ(issuers.FindById("auth-02"), nullptr);
  EXPECT_TRUE(issuer->plain);
  EXPECT_EQ(issuer->key_hash, crypto::Sha256(ca.key().spki_der()));
  EXPECT_EQ(issuer->valid_from, anchor.not_before_use);
  EXPECT_EQ(issuer->valid_through, kNow);
  EXPECT_EQ(issuer->WhyNotAt(kNow + absl::Seconds(1)), VerdictReason::kIssuerNotInUse);
  EXPECT_EQ(issuer->WhyNotAt(anchor.certificate.not_after() + absl::Seconds(1)),
            VerdictReason::kExpired);
  EXPECT_EQ(issuer->WhyNotAt(anchor.certificate.not_before() - absl::Seconds(1)),
            VerdictReason::kNotYetValid);
  EXPECT_TRUE(issuer->Allows(crypto::SignatureAlgorithm::kRsaPkcs1Sha256));
  EXPECT_FALSE(issuer->Allows(crypto::SignatureAlgorithm::kEcdsaP384Sha384));
}

TEST(PreparedIssuers, WhatIsNotPlainGoesTheSlowPath) {
  const TestCa ca;
  auto set = [](std::string_view oid, bool critical, Bytes value) {
    return [=](CertificateSpec& spec) { spec.Set(oid, critical, value); };
  };
  const struct {
    const char* what;
    bool plain;
    std::function<void(CertificateSpec&)> change;
  } kCases[] = {
      {"as it is", true, [](CertificateSpec&) {}},
      {"path length 0", true,
       set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(true, 0))},
      {"anyPolicy", true,
       set(fakes::kCertificatePoliciesOid, false, fakes::PoliciesValue({"2.5.29.32.0"}))},
      {"another policy", false,
       set(fakes::kCertificatePoliciesOid, false, fakes::PoliciesValue({"2.999.1.30"}))},
      {"critical anyPolicy", false,
       set(fakes::kCertificatePoliciesOid, true, fakes::PoliciesValue({"2.5.29.32.0"}))},
      {"name constraints", false,
       set(fakes::kNameConstraintsOid, true,
           der::Sequence(
               {der::Context(0, {der::Sequence({der::Context(4, {der::Name({{"C", "JP"}})})})})}))},
      {"policy constraints", false,
       set(fakes::kPolicyConstraintsOid, true,
           der::Sequence({der::ContextPrimitive(0, Bytes{0})}))},
      {"inhibitAnyPolicy", false, set("2.5.29.54", true, der::Integer(0))},
      {"extended key usage", false,
       set(fakes::kExtendedKeyUsageOid, false,
           fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.2"}))},
      {"an extension that nobody knows", false, set("2.999.9", false, der::Null())},
  };
  for (const auto& c : kCases) {
    CertificateSpec spec = ca.AnchorSpec();
    c.change(spec);
    const PreparedIssuers issuers =
        Prepare({fakes::AnchorOf(fakes::ParseCertificate(ca.Issue(spec)), "auth-01")});
    EXPECT_EQ(issuers.FindById("auth-01")->plain, c.plain) << c.what;
  }
}

TEST(PreparedIssuers, FindsNamesAsRfc5280ComparesThem) {
  const TestCa ca;
  CertificateSpec spec = ca.CardSpec(CardKey());
  spec.issuer = der::Name({{"C", "JP"},
                           {"O", " jpki-sim "},
                           {"OU", "JPKI for  user AUTHENTICATION"},
                           {"OU", "japan agency for local authority information systems"}});
  EXPECT_EQ(Judge({ca.Anchor("auth-01")}, ca.Issue(spec)), "auth-01");
  spec.issuer = der::Name({{"C", "JP"}, {"O", "JPKI-SIM"}});
  EXPECT_EQ(Judge({ca.Anchor("auth-01")}, ca.Issue(spec)), "ISSUER_UNKNOWN");
}

}  // namespace
}  // namespace musubi::jpki
