#include "lib/pki/path_validator.h"

#include <gtest/gtest.h>

#include <functional>

#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::pki {
namespace {

using base::Bytes;
using fakes::CertificateSpec;
using fakes::IssueCertificate;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
namespace der = fakes::der;

absl::Time Utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  return absl::FromCivil(absl::CivilSecond(year, month, day, hour, minute, second),
                         absl::UTCTimeZone());
}
const absl::Time kNow = Utc(2026, 4, 1);

const TestKey& CardKey() { return TestKey::Get(KeyKind::kRsa2048, 10); }

// A key of this kind whose point is not on its curve.
Bytes OffCurve(KeyKind kind) {
  Bytes spki = TestKey::Get(kind, 10).spki_der();
  spki.back() ^= 1;
  return spki;
}

// A validator that finds this verdict.
void ExpectInvalid(const PathResult& result, VerdictReason reason, int cert_index) {
  EXPECT_EQ(result.verdict.status, VerdictStatus::kInvalid);
  EXPECT_EQ(Name(result.verdict.reason), Name(reason)) << result.verdict.diagnostic;
  EXPECT_EQ(result.verdict.cert_index, cert_index);
  EXPECT_EQ(result.verdict.possession, PossessionOutcome::kNotAsked);
  EXPECT_EQ(result.verdict.revocation.outcome, RevocationOutcome::kNotAsked);
  EXPECT_FALSE(result.path.has_value());
}
void ExpectValid(const PathResult& result, size_t length, const std::string& anchor) {
  ASSERT_EQ(result.verdict.status, VerdictStatus::kValid)
      << Name(result.verdict.reason) << " " << result.verdict.diagnostic;
  EXPECT_EQ(result.verdict.reason, VerdictReason::kUnspecified);
  EXPECT_EQ(result.verdict.checked_at, kNow);
  ASSERT_TRUE(result.path.has_value());
  EXPECT_EQ(result.path->certificates.size(), length);
  EXPECT_EQ(result.path->anchor_id, anchor);
}

ValidationProfile CardProfile() {
  ValidationProfile profile = ValidationProfile::Rfc5280();
  profile.name = "card";
  profile.issuer_identification = IssuerIdentification::kMustAgree;
  profile.role = AnchorRole::kUserAuthentication;
  profile.max_intermediates = 0;
  profile.target_may_be_ca = false;
  return profile;
}

// A card of `ca` with one change.
Bytes Card(const TestCa& ca, const std::function<void(CertificateSpec&)>& change = nullptr) {
  CertificateSpec spec = ca.CardSpec(CardKey());
  if (change) change(spec);
  return ca.Issue(spec);
}

PathResult ValidateCard(std::vector<TrustAnchor> anchors, const Bytes& card,
                        absl::Time time = kNow) {
  return PathValidator(std::move(anchors), CardProfile()).Validate(card, {}, time);
}

// A chain root - sub 1 - ... - sub n - card; intermediates()[0] is the card's issuer.
class Chain {
 public:
  using Change = std::function<void(int, CertificateSpec&)>;  // Level 1 is below the root.

  explicit Chain(int subordinates, const Change& change = nullptr,
                 const std::function<void(CertificateSpec&)>& change_card = nullptr) {
    const TestKey* issuer_key = &root_.key();
    Bytes issuer_name = root_.name();
    for (int level = 1; level <= subordinates; ++level) {
      const TestKey& key = TestKey::Get(KeyKind::kRsa2048, 20 + level);
      CertificateSpec spec = root_.SubordinateSpec(key, "Sub " + std::to_string(level));
      spec.issuer = issuer_name;
      spec.Set(fakes::kAuthorityKeyIdentifierOid, false,
               fakes::AuthorityKeyIdentifierValue(issuer_key->KeyIdentifier(), {}, {}));
      if (change) change(level, spec);
      intermediates_.insert(intermediates_.begin(), IssueCertificate(spec, *issuer_key));
      issuer_key = &key;
      issuer_name = spec.subject;
    }
    CertificateSpec spec = root_.CardSpec(CardKey());
    spec.issuer = issuer_name;
    spec.Set(fakes::kAuthorityKeyIdentifierOid, false,
             fakes::AuthorityKeyIdentifierValue(issuer_key->KeyIdentifier(), {}, {}));
    if (change_card) change_card(spec);
    card_ = IssueCertificate(spec, *issuer_key);
  }

  PathResult Validate(const ValidationProfile& profile = ValidationProfile::Rfc5280()) const {
    return PathValidator({root_.Anchor("root")}, profile).Validate(card_, intermediates_, kNow);
  }
  const Bytes& card() const { return card_; }
  std::vector<Bytes>& intermediates() { return intermediates_; }

 private:
  TestCa root_;
  std::vector<Bytes> intermediates_;
  Bytes card_;
};

TEST(PathValidator, ACardUnderItsAnchorIsValid) {
  const TestCa ca;
  const Bytes card = Card(ca);
  const PathResult result = ValidateCard({ca.Anchor("auth-01")}, card);
  ExpectValid(result, 2, "auth-01");
  EXPECT_EQ(base::ToBytes(result.path->target().der()), card);
  EXPECT_EQ(base::ToBytes(result.path->issuer().der()), ca.certificate_der());
  EXPECT_EQ(base::ToBytes(result.path->anchor().der()), ca.certificate_der());
}

TEST(PathValidator, ACardOfTheP384GenerationIsValid) {
  const TestCa ca({.key_kind = KeyKind::kEcP384, .serial = 4});
  const Bytes card = ca.Issue(ca.CardSpec(TestKey::Get(KeyKind::kEcP384, 10)));
  ExpectValid(ValidateCard({TestCa().Anchor("auth-01"), ca.Anchor("auth-04")}, card), 2, "auth-04");
}

TEST(PathValidator, EveryGenerationOfOneNameIsFound) {
  const TestCa first;
  const TestCa second({.key_number = 1, .serial = 2});
  const TestCa third({.key_number = 2, .serial = 3});
  const std::vector<TrustAnchor> anchors = {first.Anchor("auth-01"), second.Anchor("auth-02"),
                                            third.Anchor("auth-03")};
  ExpectValid(ValidateCard(anchors, Card(first)), 2, "auth-01");
  ExpectValid(ValidateCard(anchors, Card(second)), 2, "auth-02");
  ExpectValid(ValidateCard(anchors, Card(third)), 2, "auth-03");
}

TEST(PathValidator, AnEvilTwinNeitherPassesNorHidesTheRealIssuer) {
  const TestCa real;
  // The same name, serial and key identifier over another key.
  const TestCa twin({.key_number = 1, .key_identifier = real.key_identifier()});
  ExpectInvalid(ValidateCard({real.Anchor("real")}, Card(twin)), VerdictReason::kBadIssuerSignature,
                0);
  ExpectValid(ValidateCard({twin.Anchor("twin"), real.Anchor("real")}, Card(real)), 2, "real");
  ExpectValid(ValidateCard({real.Anchor("real"), twin.Anchor("twin")}, Card(real)), 2, "real");
}

TEST(PathValidator, AuthorityKeyIdentifierNarrowsAndNeverDecides) {
  const TestCa first;
  const TestCa second({.key_number = 1, .serial = 2});
  const std::vector<TrustAnchor> both = {first.Anchor("auth-01"), second.Anchor("auth-02")};
  auto with = [](Bytes value) {
    return [value](CertificateSpec& spec) {
      spec.Set(fakes::kAuthorityKeyIdentifierOid, false, value);
    };
  };
  using fakes::AuthorityKeyIdentifierValue;
  const Bytes wrong_generation =
      AuthorityKeyIdentifierValue(second.key_identifier(), second.name(), second.serial());
  const Bytes contradictory =
      AuthorityKeyIdentifierValue(first.key_identifier(), first.name(), second.serial());
  const Bytes other_issuer = AuthorityKeyIdentifierValue(
      first.key_identifier(), der::Name({{"C", "JP"}, {"O", "Other"}}), first.serial());
  const Bytes keyid_only = AuthorityKeyIdentifierValue(first.key_identifier(), {}, {});
  const Bytes empty = AuthorityKeyIdentifierValue({}, {}, {});

  // It names the second generation, whose key did not sign.
  ExpectInvalid(ValidateCard(both, Card(first, with(wrong_generation))),
                VerdictReason::kBadIssuerSignature, 0);
  // It names a generation that is not configured.
  ExpectInvalid(ValidateCard({first.Anchor("auth-01")}, Card(first, with(wrong_generation))),
                VerdictReason::kIssuerUnknown, 0);
  // Its parts name two generations.
  ExpectInvalid(ValidateCard(both, Card(first, with(contradictory))), VerdictReason::kIssuerUnknown,
                0);
  ExpectInvalid(ValidateCard(both, Card(first, with(other_issuer))), VerdictReason::kIssuerUnknown,
                0);
  // Without it the signature finds the issuer.
  ExpectValid(ValidateCard(both, Card(first, with(keyid_only))), 2, "auth-01");
  ExpectValid(ValidateCard(both, Card(first, with(empty))), 2, "auth-01");
  ExpectValid(ValidateCard(both, Card(second,
                                      [](CertificateSpec& spec) {
                                        spec.Remove(fakes::kAuthorityKeyIdentifierOid);
                                      })),
              2, "auth-02");
  // Where it only orders, a wrong one does no harm.
  ValidationProfile lenient = CardProfile();
  lenient.issuer_identification = IssuerIdentification::kOrdersCandidates;
  ExpectValid(PathValidator(both, lenient).Validate(Card(first, with(wrong_generation)), {}, kNow),
              2, "auth-01");
}

TEST(PathValidator, AKeyUnderAnotherCasNameIsNoIssuer) {
  const TestCa auth;
  const TestCa sign({.organizational_unit = "JPKI for digital signature", .key_number = 1});
  TrustAnchor sign_anchor = sign.Anchor("sign-01");
  sign_anchor.role = AnchorRole::kDigitalSignature;
  const std::vector<TrustAnchor> anchors = {auth.Anchor("auth-01"), sign_anchor};
  // Signed by the authentication CA's key, under the signature CA's name.
  CertificateSpec spec = sign.CardSpec(CardKey());
  ExpectInvalid(ValidateCard(anchors, auth.Issue(spec)), VerdictReason::kIssuerUnknown, 0);
  // And the other way round.
  ExpectInvalid(ValidateCard(anchors, sign.Issue(auth.CardSpec(CardKey()))),
                VerdictReason::kBadIssuerSignature, 0);
  // The signature CA's own cards end at an anchor of another role.
  ExpectInvalid(ValidateCard(anchors, Card(sign)), VerdictReason::kIssuerUnknown, 0);
}

TEST(PathValidator, ASelfMadeCaIsUnknown) {
  const TestCa real;
  const TestCa own({.organizational_unit = "Own CA", .key_number = 1});
  ExpectInvalid(ValidateCard({real.Anchor("auth-01")}, Card(own)), VerdictReason::kIssuerUnknown,
                0);
  // Nor does it help to bring its certificate along.
  const PathResult result =
      PathValidator({real.Anchor("auth-01")}, ValidationProfile::Rfc5280())
          .Validate(Card(own), std::vector<Bytes>{own.certificate_der()}, kNow);
  ExpectInvalid(result, VerdictReason::kIssuerUnknown, 1);
}

TEST(PathValidator, ValidityIsInclusiveAtBothEnds) {
  const TestCa ca;
  const Bytes card = Card(ca);
  const std::vector<TrustAnchor> anchors = {ca.Anchor("auth-01")};
  const absl::Time from = Utc(2026, 1, 10, 1, 2, 3);
  const absl::Time to = Utc(2030, 6, 14, 14, 59, 59);
  EXPECT_TRUE(ValidateCard(anchors, card, from).verdict.valid());
  EXPECT_TRUE(ValidateCard(anchors, card, to).verdict.valid());
  ExpectInvalid(ValidateCard(anchors, card, from - absl::Seconds(1)), VerdictReason::kNotYetValid,
                0);
  ExpectInvalid(ValidateCard(anchors, card, to + absl::Seconds(1)), VerdictReason::kExpired, 0);
  // Times count in whole seconds: notAfter's own second belongs to the validity.
  EXPECT_TRUE(ValidateCard(anchors, card, to + absl::Milliseconds(999)).verdict.valid());
  ExpectInvalid(ValidateCard(anchors, card, from - absl::Milliseconds(1)),
                VerdictReason::kNotYetValid, 0);
}

TEST(PathValidator, AnExpiredAnchorIsReportedAsTheIssuer) {
  const TestCa old({.not_after = Utc(2026, 3, 31)});
  ExpectInvalid(ValidateCard({old.Anchor("auth-01")}, Card(old)), VerdictReason::kExpired, 1);
}

TEST(PathValidator, AnAnchorOutsideItsUseIsRefused) {
  const TestCa ca;
  const Bytes card = Card(ca);
  TrustAnchor anchor = ca.Anchor("auth-01");
  anchor.not_before_use = kNow;
  anchor.distrust_after = kNow;
  EXPECT_TRUE(ValidateCard({anchor}, card, kNow).verdict.valid());
  ExpectInvalid(ValidateCard({anchor}, card, kNow - absl::Seconds(1)),
                VerdictReason::kIssuerNotInUse, 1);
  ExpectInvalid(ValidateCard({anchor}, card, kNow + absl::Seconds(1)),
                VerdictReason::kIssuerNotInUse, 1);
}

TEST(PathValidator, AnAnchorSignsOnlyInItsAllowedAlgorithms) {
  const TestCa ca;
  TrustAnchor anchor = ca.Anchor("auth-01");
  anchor.allowed_algorithms = {
      {crypto::KeyType::kEcP384, crypto::SignatureAlgorithm::kEcdsaP384Sha384}};
  ExpectInvalid(ValidateCard({anchor}, Card(ca)), VerdictReason::kAlgorithmNotAllowed, 0);
}

TEST(PathValidator, TheTargetMustFitTheProfile) {
  const TestCa ca;
  const std::vector<TrustAnchor> anchors = {ca.Anchor("auth-01")};
  auto key = [](KeyKind kind) {
    return [kind](CertificateSpec& spec) { spec.spki = TestKey::Get(kind, 10).spki_der(); };
  };
  const struct {
    const char* what;
    VerdictReason reason;
    std::function<void(CertificateSpec&)> change;
  } kCases[] = {
      {"v1", VerdictReason::kVersionNotSupported,
       [](CertificateSpec& spec) {
         spec.version = std::nullopt;
         spec.extensions.clear();
       }},
      {"RSA-1024", VerdictReason::kKeyNotAllowed, key(KeyKind::kRsa1024)},
      {"exponent 3", VerdictReason::kKeyNotAllowed, key(KeyKind::kRsa2048Exponent3)},
      {"P-521", VerdictReason::kKeyNotAllowed, key(KeyKind::kEcP521)},
      {"a point off P-256", VerdictReason::kKeyNotAllowed,
       [](CertificateSpec& spec) { spec.spki = OffCurve(KeyKind::kEcP256); }},
      {"a point off P-384", VerdictReason::kKeyNotAllowed,
       [](CertificateSpec& spec) { spec.spki = OffCurve(KeyKind::kEcP384); }},
      {"an unknown critical extension", VerdictReason::kUnknownCriticalExtension,
       [](CertificateSpec& spec) {
         spec.Set("2.999.9", true, Bytes{5, 0});
       }},
      {"a CA", VerdictReason::kCaCertificate,
       [](CertificateSpec& spec) {
         spec.Set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(true));
       }},
      {"serial 0", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) { spec.serial = {0}; }},
      {"a negative serial", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) { spec.serial = {0x80}; }},
      {"a serial of 21 octets", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) { spec.serial = Bytes(21, 1); }},
      {"GeneralizedTime before 2050", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) {
         spec.validity = der::Sequence(
             {der::GeneralizedTime(spec.not_before), der::GeneralizedTime(spec.not_after)});
       }},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    ExpectInvalid(ValidateCard(anchors, Card(ca, c.change)), c.reason, 0);
  }
  ValidationProfile eku = CardProfile();
  eku.required_extended_key_usage = "1.3.6.1.5.5.7.3.1";
  ExpectInvalid(PathValidator(anchors, eku).Validate(Card(ca), {}, kNow),
                VerdictReason::kWrongExtendedKeyUsage, 0);
}

TEST(PathValidator, AnAlgorithmThatWeDoNotVerifyIsRefused) {
  const TestCa ca({.key_kind = KeyKind::kEcP521});
  ExpectInvalid(ValidateCard({ca.Anchor("auth-01")},
                             Card(ca,
                                  [](CertificateSpec& spec) {
                                    spec.inner_algorithm = spec.outer_algorithm =
                                        der::Sequence({der::Oid("1.2.840.10045.4.3.4")});
                                  })),
                VerdictReason::kAlgorithmNotAllowed, 0);
}

TEST(PathValidator, ReportsTheFirstFailureInThePublishedOrder) {
  const TestCa ca;
  const TestCa twin({.key_number = 1, .key_identifier = ca.key_identifier()});
  const TestCa stranger({.organizational_unit = "Own CA"});
  const std::vector<TrustAnchor> anchors = {ca.Anchor("auth-01")};
  const absl::Time late = Utc(2031, 1, 1);
  auto critical = [](CertificateSpec& spec) { spec.Set("2.999.9", true, Bytes{5, 0}); };
  // Each line has every later failure too.
  ExpectInvalid(ValidateCard(anchors, Bytes(kMaxCertificateSize + 1), late),
                VerdictReason::kTooLarge, 0);
  ExpectInvalid(ValidateCard(anchors, Bytes(9), late), VerdictReason::kMalformed, 0);
  ExpectInvalid(ValidateCard(anchors, Card(stranger, critical), late),
                VerdictReason::kUnknownCriticalExtension, 0);
  ExpectInvalid(ValidateCard(anchors, Card(stranger), late), VerdictReason::kIssuerUnknown, 0);
  ExpectInvalid(ValidateCard(anchors, Card(twin), late), VerdictReason::kBadIssuerSignature, 0);
  ExpectInvalid(ValidateCard(anchors, Card(ca), late), VerdictReason::kExpired, 0);
}

TEST(PathValidator, ReportsSizeAndFormOfIntermediatesAsGiven) {
  const TestCa ca;
  const PathValidator validator({ca.Anchor("auth-01")}, ValidationProfile::Rfc5280());
  ExpectInvalid(
      validator.Validate(Card(ca), std::vector<Bytes>{ca.certificate_der(), Bytes(9)}, kNow),
      VerdictReason::kMalformed, 2);
  ExpectInvalid(
      validator.Validate(Bytes(9), std::vector<Bytes>{Bytes(kMaxCertificateSize + 1)}, kNow),
      VerdictReason::kTooLarge, 1);
}

TEST(PathValidator, WalksIntermediatesInAnyOrder) {
  Chain chain(3);
  ExpectValid(chain.Validate(), 5, "root");
  std::reverse(chain.intermediates().begin(), chain.intermediates().end());
  ExpectValid(chain.Validate(), 5, "root");
  chain.intermediates().erase(chain.intermediates().begin());
  ExpectInvalid(chain.Validate(), VerdictReason::kIssuerUnknown, 2);
}

TEST(PathValidator, AProfileWithoutIntermediatesUsesNone) {
  ExpectInvalid(Chain(1).Validate(CardProfile()), VerdictReason::kIssuerUnknown, 0);
}

TEST(PathValidator, ChecksEveryIntermediate) {
  const struct {
    const char* what;
    VerdictReason reason;
    int cert_index;
    Chain::Change change;  // Level 1 is cert_index 2, level 2 is cert_index 1.
  } kCases[] = {
      {"no cA", VerdictReason::kBasicConstraintsViolated, 1,
       [](int level, CertificateSpec& spec) {
         if (level == 2) spec.Remove(fakes::kBasicConstraintsOid);
       }},
      {"path length 0 with a CA below", VerdictReason::kPathTooLong, 2,
       [](int level, CertificateSpec& spec) {
         if (level == 1) {
           spec.Set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(true, 0));
         }
       }},
      {"no keyCertSign", VerdictReason::kIssuerKeyUsage, 2,
       [](int level, CertificateSpec& spec) {
         if (level == 1) {
           spec.Set(fakes::kKeyUsageOid, true,
                    fakes::KeyUsageValue(static_cast<uint16_t>(KeyUsage::kCrlSign)));
         }
       }},
      {"expired", VerdictReason::kExpired, 1,
       [](int level, CertificateSpec& spec) {
         if (level == 2) spec.not_after = Utc(2026, 3, 1);
       }},
      {"not yet valid", VerdictReason::kNotYetValid, 2,
       [](int level, CertificateSpec& spec) {
         if (level == 1) spec.not_before = Utc(2026, 5, 1);
       }},
      {"an unknown critical extension", VerdictReason::kUnknownCriticalExtension, 2,
       [](int level, CertificateSpec& spec) {
         if (level == 1) spec.Set("2.999.9", true, Bytes{5, 0});
       }},
      {"name constraints that the card breaks", VerdictReason::kNameConstraintsViolated, 0,
       [](int level, CertificateSpec& spec) {
         if (level != 2) return;
         const Bytes other = der::Name({{"C", "US"}});
         spec.Set(fakes::kNameConstraintsOid, true,
                  der::Sequence({der::Context(0, {der::Sequence({der::Context(4, {other})})})}));
       }},
      {"an explicit policy that the path has not", VerdictReason::kPolicyConstraintsViolated, 0,
       [](int level, CertificateSpec& spec) {
         if (level == 1) {
           spec.Set(fakes::kPolicyConstraintsOid, true,
                    der::Sequence({der::ContextPrimitive(0, Bytes{0})}));
         }
       }},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const PathResult result = Chain(2, c.change).Validate();
    EXPECT_EQ(result.verdict.status, VerdictStatus::kInvalid);
    EXPECT_EQ(Name(result.verdict.reason), Name(c.reason)) << result.verdict.diagnostic;
    // OpenSSL tells no certificate for policies.
    if (c.reason != VerdictReason::kPolicyConstraintsViolated) {
      EXPECT_EQ(result.verdict.cert_index, c.cert_index);
    }
  }
}

TEST(PathValidator, AnIntermediateWithAPointOffItsCurveHasSignedNothing) {
  const TestCa root;
  for (const KeyKind kind : {KeyKind::kEcP256, KeyKind::kEcP384}) {
    const TestKey& key = TestKey::Get(kind, 10);
    CertificateSpec sub = root.SubordinateSpec(key, "Sub");
    CertificateSpec card = root.CardSpec(CardKey());
    card.issuer = sub.subject;
    card.Remove(fakes::kAuthorityKeyIdentifierOid);
    const Bytes issued = IssueCertificate(card, key);
    const PathValidator validator({root.Anchor("root")}, ValidationProfile::Rfc5280());
    ExpectValid(validator.Validate(issued, std::vector<Bytes>{root.Issue(sub)}, kNow), 3, "root");
    sub.spki = OffCurve(kind);
    const std::vector<Bytes> off = {root.Issue(sub)};
    ExpectInvalid(validator.Validate(issued, off, kNow), VerdictReason::kBadIssuerSignature, 0);
    // As a target it is a certificate like any other.
    ExpectInvalid(validator.Validate(off[0], {}, kNow), VerdictReason::kKeyNotAllowed, 0);
  }
}

TEST(PathValidator, PathLengthCountsTheIntermediatesBelow) {
  auto limit = [](int length) {
    return [length](int level, CertificateSpec& spec) {
      if (level == 1) {
        spec.Set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(true, length));
      }
    };
  };
  ExpectInvalid(Chain(3, limit(1)).Validate(), VerdictReason::kPathTooLong, 3);
  ExpectValid(Chain(3, limit(2)).Validate(), 5, "root");
}

TEST(PathValidator, RequiredPoliciesHoldForTheWholePath) {
  ValidationProfile profile = ValidationProfile::Rfc5280();
  profile.required_policies = {std::string(fakes::kUserAuthenticationPolicy)};
  const TestCa ca;
  const PathValidator validator({ca.Anchor("auth-01")}, profile);
  ExpectValid(validator.Validate(Card(ca), {}, kNow), 2, "auth-01");
  const Bytes other = Card(ca, [](CertificateSpec& spec) {
    spec.Set(fakes::kCertificatePoliciesOid, true,
             fakes::PoliciesValue({fakes::kDigitalSignaturePolicy}));
  });
  EXPECT_EQ(validator.Validate(other, {}, kNow).verdict.reason,
            VerdictReason::kPolicyConstraintsViolated);
  // An intermediate without policies ends them.
  EXPECT_EQ(Chain(1).Validate(profile).verdict.reason, VerdictReason::kPolicyConstraintsViolated);
}

TEST(PathValidator, AnExplicitPolicyMayBeAnyThatThePathHas) {
  const Chain chain(1, [](int, CertificateSpec& spec) {
    spec.Set(fakes::kPolicyConstraintsOid, true,
             der::Sequence({der::ContextPrimitive(0, Bytes{0})}));
    spec.Set(fakes::kCertificatePoliciesOid, false,
             fakes::PoliciesValue({fakes::kUserAuthenticationPolicy, fakes::kPhonePolicy}));
  });
  ExpectValid(chain.Validate(), 3, "root");
}

TEST(PathValidator, RefusesMoreThanTheLimits) {
  // Seven intermediates: the target and they are 8 certificates, and the path would be 9.
  ExpectValid(Chain(6).Validate(), 8, "root");
  ExpectInvalid(Chain(7).Validate(), VerdictReason::kTooComplex, 7);
  ExpectInvalid(Chain(8).Validate(), VerdictReason::kTooComplex, 0);
}

TEST(PathValidator, StopsAtTheLimitOfSignatureChecks) {
  const TestCa ca;
  const TestCa twin({.key_number = 1, .key_identifier = ca.key_identifier()});
  std::vector<TrustAnchor> anchors(kMaxSignatureChecks - 1, twin.Anchor("twin"));
  anchors.push_back(ca.Anchor("last"));
  ExpectValid(ValidateCard(anchors, Card(ca)), 2, "last");
  anchors.insert(anchors.begin(), twin.Anchor("twin"));
  ExpectInvalid(ValidateCard(anchors, Card(ca)), VerdictReason::kTooComplex, 0);
}

TEST(PathValidator, AFailureOnOnePathDoesNotHideAnother) {
  // The first generation is out of use; a cross certificate of the same key under another anchor
  // is found as an intermediate.
  const TestCa issuer;
  const TestCa other({.organizational_unit = "Other CA", .key_number = 1});
  TrustAnchor retired = issuer.Anchor("retired");
  retired.distrust_after = kNow - absl::Hours(1);
  CertificateSpec cross = other.SubordinateSpec(issuer.key(), "unused");
  cross.subject = issuer.name();
  cross.Set(fakes::kSubjectKeyIdentifierOid, false, der::OctetString(issuer.key_identifier()));
  const PathValidator validator({retired, other.Anchor("other")}, ValidationProfile::Rfc5280());
  ExpectInvalid(validator.Validate(Card(issuer), {}, kNow), VerdictReason::kIssuerNotInUse, 1);
  ExpectValid(validator.Validate(Card(issuer), std::vector<Bytes>{other.Issue(cross)}, kNow), 3,
              "other");
}

}  // namespace
}  // namespace musubi::pki
