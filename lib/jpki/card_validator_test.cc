#include "lib/jpki/card_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>

#include "lib/base/error.h"
#include "lib/crypto/hash.h"
#include "lib/jpki/gate.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"

namespace musubi::jpki {
namespace {

using base::AsBytes;
using base::Bytes;
using crypto::SignatureAlgorithm;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;
using pki::PossessionOutcome;
using pki::VerdictReason;
using pki::VerdictStatus;
using ::testing::HasSubstr;
namespace der = fakes::der;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone());
constexpr std::string_view kChallenge = "challenge";

const TestKey& CardKey() { return TestKey::Get(KeyKind::kRsa2048, 10); }

Hierarchy SimHierarchy() {
  return Hierarchy::Create(pki::Environment::kSim,
                           {{CertificateKind::kUserAuthentication, {"2.999.1.30"}},
                            {CertificateKind::kDigitalSignature, {"2.999.1.20"}},
                            {CertificateKind::kPhone, {"2.999.1.40"}},
                            {CertificateKind::kTest, {"2.999.2.30"}}})
      .value();
}

CardValidator Validator(std::vector<pki::TrustAnchor> anchors,
                        CardValidator::Options options = {}) {
  return CardValidator::Create(
             pki::TrustStore::Create(pki::Environment::kSim, std::move(anchors)).value(),
             SimHierarchy(), options)
      .value();
}

void ExpectInvalid(const CardCheck& check, VerdictReason reason,
                   PossessionOutcome possession = PossessionOutcome::kNotAsked) {
  EXPECT_EQ(check.verdict.status, VerdictStatus::kInvalid);
  EXPECT_EQ(pki::Name(check.verdict.reason), pki::Name(reason)) << check.verdict.diagnostic;
  EXPECT_EQ(check.verdict.cert_index, 0);
  EXPECT_EQ(check.verdict.checked_at, kNow);
  EXPECT_EQ(check.verdict.possession, possession);
  EXPECT_EQ(check.verdict.revocation.outcome, pki::RevocationOutcome::kNotAsked);
  EXPECT_FALSE(check.path.has_value());
}

void ExpectValid(const CardCheck& check, PossessionOutcome possession) {
  EXPECT_EQ(check.verdict.status, VerdictStatus::kValid) << pki::Name(check.verdict.reason);
  EXPECT_EQ(check.verdict.possession, possession);
  EXPECT_EQ(check.verdict.revocation.outcome, pki::RevocationOutcome::kNotAsked);
  EXPECT_TRUE(check.path.has_value());
}

Proof ProofOf(const Bytes& signature, SignatureAlgorithm algorithm) {
  return {AsBytes(kChallenge), signature, algorithm};
}

TEST(CardValidator, ACardThatSignedIsProven) {
  const TestCa ca;
  const Bytes card = ca.Issue(ca.CardSpec(CardKey()));
  const Bytes signature = CardKey().Sign(SignatureAlgorithm::kRsaPkcs1Sha256, AsBytes(kChallenge));
  const CardCheck check =
      Validator({ca.Anchor("auth-01")})
          .Check(card, ProofOf(signature, SignatureAlgorithm::kRsaPkcs1Sha256), kNow);
  ExpectValid(check, PossessionOutcome::kProven);
  const ProvenCard proven = ProvenCardOf(*check.path);
  EXPECT_EQ(proven.issuer_key_hash, crypto::Sha256(ca.key().spki_der()));
  EXPECT_EQ(proven.serial, (Bytes{0x01, 0x23, 0x45, 0x67}));
  EXPECT_EQ(proven.not_after, check.path->target().not_after());
  EXPECT_EQ(proven.certificate_der, card);
  EXPECT_FALSE(proven.name.has_value());
}

TEST(CardValidator, ACardOfTheP384GenerationIsProven) {
  const TestCa ca({.key_kind = KeyKind::kEcP384, .serial = 4});
  const TestKey& key = TestKey::Get(KeyKind::kEcP384, 10);
  const Bytes signature = key.Sign(SignatureAlgorithm::kEcdsaP384Sha384, AsBytes(kChallenge));
  ExpectValid(Validator({TestCa().Anchor("auth-01"), ca.Anchor("auth-04")})
                  .Check(ca.Issue(ca.CardSpec(key)),
                         ProofOf(signature, SignatureAlgorithm::kEcdsaP384Sha384), kNow),
              PossessionOutcome::kProven);
}

TEST(CardValidator, WithoutAProofPossessionIsNotAsked) {
  const TestCa ca;
  ExpectValid(
      Validator({ca.Anchor("auth-01")}).Check(ca.Issue(ca.CardSpec(CardKey())), std::nullopt, kNow),
      PossessionOutcome::kNotAsked);
}

TEST(CardValidator, AWrongProofIsAFailureOfPossession) {
  const TestCa ca;
  const Bytes card = ca.Issue(ca.CardSpec(CardKey()));
  const CardValidator validator = Validator({ca.Anchor("auth-01")});
  const TestKey& other = TestKey::Get(KeyKind::kRsa2048, 11);
  const TestKey& p384 = TestKey::Get(KeyKind::kEcP384, 10);
  const struct {
    const char* what;
    Bytes signature;
    SignatureAlgorithm algorithm;
    VerdictReason reason;
  } kCases[] = {
      {"another card's signature",
       other.Sign(SignatureAlgorithm::kRsaPkcs1Sha256, AsBytes(kChallenge)),
       SignatureAlgorithm::kRsaPkcs1Sha256, VerdictReason::kPossessionFailed},
      {"another challenge", CardKey().Sign(SignatureAlgorithm::kRsaPkcs1Sha256, AsBytes("other")),
       SignatureAlgorithm::kRsaPkcs1Sha256, VerdictReason::kPossessionFailed},
      {"no signature", {}, SignatureAlgorithm::kRsaPkcs1Sha256, VerdictReason::kPossessionFailed},
      {"PSS", CardKey().Sign(SignatureAlgorithm::kRsaPssSha256, AsBytes(kChallenge)),
       SignatureAlgorithm::kRsaPssSha256, VerdictReason::kProofAlgorithmNotAllowed},
      {"the algorithm of another key",
       p384.Sign(SignatureAlgorithm::kEcdsaP384Sha384, AsBytes(kChallenge)),
       SignatureAlgorithm::kEcdsaP384Sha384, VerdictReason::kProofAlgorithmNotAllowed},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    ExpectInvalid(validator.Check(card, ProofOf(c.signature, c.algorithm), kNow), c.reason,
                  PossessionOutcome::kFailed);
  }
}

TEST(CardValidator, TakesPssOnlyWhereChosen) {
  const TestCa ca;
  const Bytes signature = CardKey().Sign(SignatureAlgorithm::kRsaPssSha256, AsBytes(kChallenge));
  ExpectValid(Validator({ca.Anchor("auth-01")}, {.accept_pss_proofs = true})
                  .Check(ca.Issue(ca.CardSpec(CardKey())),
                         ProofOf(signature, SignatureAlgorithm::kRsaPssSha256), kNow),
              PossessionOutcome::kProven);
}

TEST(CardValidator, TheGateTellsWhatItIsAndThenHowItIsMade) {
  using pki::KeyUsage;
  auto policies = [](std::initializer_list<std::string_view> oids) {
    const Bytes value = fakes::PoliciesValue(oids);
    return
        [value](CertificateSpec& spec) { spec.Set(fakes::kCertificatePoliciesOid, true, value); };
  };
  auto key_usage = [](bool critical, uint16_t bits) {
    return [=](CertificateSpec& spec) {
      spec.Set(fakes::kKeyUsageOid, critical, fakes::KeyUsageValue(bits));
    };
  };
  auto key = [](KeyKind kind) {
    return [kind](CertificateSpec& spec) { spec.spki = TestKey::Get(kind, 10).spki_der(); };
  };
  const auto digital_signature = static_cast<uint16_t>(KeyUsage::kDigitalSignature);
  const auto non_repudiation = static_cast<uint16_t>(KeyUsage::kNonRepudiation);
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
      {"a CA with the card's policy", VerdictReason::kCaCertificate,
       [](CertificateSpec& spec) {
         spec.Set(fakes::kBasicConstraintsOid, true, fakes::BasicConstraintsValue(true));
       }},
      {"the signature policy", VerdictReason::kDigitalSignatureCertificate,
       policies({"2.999.1.20"})},
      {"the signature policy beside the card's", VerdictReason::kDigitalSignatureCertificate,
       policies({"2.999.1.30", "2.999.1.20"})},
      {"a phone's policy", VerdictReason::kPhoneCertificate, policies({"2.999.1.40"})},
      {"a test policy", VerdictReason::kTestHierarchy, policies({"2.999.2.30"})},
      {"another policy", VerdictReason::kUnknownPolicy, policies({"2.999.1.31"})},
      {"another policy beside the card's", VerdictReason::kUnknownPolicy,
       policies({"2.999.1.30", "2.999.1.31"})},
      {"anyPolicy", VerdictReason::kUnknownPolicy, policies({"2.5.29.32.0"})},
      {"no policy", VerdictReason::kUnknownPolicy,
       [](CertificateSpec& spec) { spec.Remove(fakes::kCertificatePoliciesOid); }},
      {"RSA-1024", VerdictReason::kKeyNotAllowed, key(KeyKind::kRsa1024)},
      {"RSA-3072", VerdictReason::kKeyNotAllowed, key(KeyKind::kRsa3072)},
      {"exponent 3", VerdictReason::kKeyNotAllowed, key(KeyKind::kRsa2048Exponent3)},
      {"P-256", VerdictReason::kKeyNotAllowed, key(KeyKind::kEcP256)},
      {"P-521", VerdictReason::kKeyNotAllowed, key(KeyKind::kEcP521)},
      {"a point off P-384", VerdictReason::kKeyNotAllowed,
       [](CertificateSpec& spec) {
         spec.spki = TestKey::Get(KeyKind::kEcP384, 10).spki_der();
         spec.spki.back() ^= 1;
       }},
      {"an unknown critical extension", VerdictReason::kUnknownCriticalExtension,
       [](CertificateSpec& spec) {
         spec.Set("2.999.9", true, Bytes{5, 0});
       }},
      {"a critical extendedKeyUsage", VerdictReason::kUnknownCriticalExtension,
       [](CertificateSpec& spec) {
         spec.Set(fakes::kExtendedKeyUsageOid, true,
                  fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.2"}));
       }},
      {"nonRepudiation too", VerdictReason::kWrongKeyUsage,
       key_usage(true, digital_signature | non_repudiation)},
      {"nonRepudiation alone", VerdictReason::kWrongKeyUsage, key_usage(true, non_repudiation)},
      {"keyUsage not critical", VerdictReason::kWrongKeyUsage, key_usage(false, digital_signature)},
      {"no keyUsage", VerdictReason::kWrongKeyUsage,
       [](CertificateSpec& spec) { spec.Remove(fakes::kKeyUsageOid); }},
      {"no extendedKeyUsage", VerdictReason::kWrongExtendedKeyUsage,
       [](CertificateSpec& spec) { spec.Remove(fakes::kExtendedKeyUsageOid); }},
      {"serverAuth", VerdictReason::kWrongExtendedKeyUsage,
       [](CertificateSpec& spec) {
         spec.Set(fakes::kExtendedKeyUsageOid, false,
                  fakes::ExtendedKeyUsageValue({"1.3.6.1.5.5.7.3.1"}));
       }},
      {"anyExtendedKeyUsage", VerdictReason::kWrongExtendedKeyUsage,
       [](CertificateSpec& spec) {
         spec.Set(fakes::kExtendedKeyUsageOid, false,
                  fakes::ExtendedKeyUsageValue({"2.5.29.37.0"}));
       }},
      {"policies not critical", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) {
         spec.Set(fakes::kCertificatePoliciesOid, false, fakes::PoliciesValue({"2.999.1.30"}));
       }},
      {"serial 0", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) { spec.serial = {0}; }},
      {"GeneralizedTime before 2050", VerdictReason::kProfileMismatch,
       [](CertificateSpec& spec) {
         spec.validity = der::Sequence(
             {der::GeneralizedTime(spec.not_before), der::GeneralizedTime(spec.not_after)});
       }},
      {"a phone's policy and P-256", VerdictReason::kPhoneCertificate,
       [&](CertificateSpec& spec) {
         policies({"2.999.1.40"})(spec);
         key(KeyKind::kEcP256)(spec);
       }},
  };
  const TestCa ca;
  const CardValidator validator = Validator({ca.Anchor("auth-01")});
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    CertificateSpec spec = ca.CardSpec(CardKey());
    c.change(spec);
    ExpectInvalid(validator.Check(ca.Issue(spec), std::nullopt, kNow), c.reason);
  }
}

TEST(CardValidator, RefusesTheCardsOtherCertificateAsSuch) {
  const TestCa sign({.organizational_unit = "JPKI for digital signature"});
  pki::TrustAnchor sign_anchor = sign.Anchor("sign-01");
  sign_anchor.role = pki::AnchorRole::kDigitalSignature;
  const CardValidator validator =
      Validator({TestCa({.key_number = 1}).Anchor("auth-01"), sign_anchor});
  ExpectInvalid(validator.Check(sign.Issue(sign.SignatureCardSpec(CardKey())), std::nullopt, kNow),
                VerdictReason::kDigitalSignatureCertificate);
  // Under the right policy the wrong CA is still no issuer of cards.
  ExpectInvalid(validator.Check(sign.Issue(sign.CardSpec(CardKey())), std::nullopt, kNow),
                VerdictReason::kIssuerUnknown);
}

TEST(CardValidator, RefusesAnAnchorsOwnCertificate) {
  const TestCa ca;
  ExpectInvalid(Validator({ca.Anchor("auth-01")}).Check(ca.certificate_der(), std::nullopt, kNow),
                VerdictReason::kCaCertificate);
}

TEST(CardValidator, RefusesAlgorithmsOutsideTheProfile) {
  // A whole generation on P-256: the gate refuses it before any anchor is asked.
  const TestCa ca({.key_kind = KeyKind::kEcP256});
  ExpectInvalid(Validator({TestCa().Anchor("auth-01")})
                    .Check(ca.Issue(ca.CardSpec(CardKey())), std::nullopt, kNow),
                VerdictReason::kAlgorithmNotAllowed);
}

TEST(CardValidator, TellsACardOfATestHierarchy) {
  const TestCa real;
  const TestCa test({.organization = "JPKI-SIM-TEST", .key_number = 1});
  pki::TrustAnchor test_anchor = test.Anchor("test-01");
  test_anchor.environment = pki::Environment::kTest;
  const CardValidator validator = Validator({real.Anchor("auth-01"), test_anchor});
  ExpectInvalid(validator.Check(test.Issue(test.CardSpec(CardKey())), std::nullopt, kNow),
                VerdictReason::kTestHierarchy);
}

TEST(CardValidator, ReportsTheFirstFailureInThePublishedOrder) {
  const TestCa ca;
  const TestCa twin({.key_number = 1, .key_identifier = ca.key_identifier()});
  const TestCa stranger({.organizational_unit = "Own CA"});
  const CardValidator validator = Validator({ca.Anchor("auth-01")});
  const Bytes no_signature;
  const Proof proof = ProofOf(no_signature, SignatureAlgorithm::kRsaPkcs1Sha256);
  auto expired = [](CertificateSpec spec) {
    spec.not_after = kNow - absl::Seconds(1);
    return spec;
  };
  // Each line has every later failure too.
  ExpectInvalid(validator.Check(Bytes(pki::kMaxCertificateSize + 1), proof, kNow),
                VerdictReason::kTooLarge);
  ExpectInvalid(validator.Check(Bytes(9), proof, kNow), VerdictReason::kMalformed);
  ExpectInvalid(
      validator.Check(stranger.Issue(expired(stranger.SignatureCardSpec(CardKey()))), proof, kNow),
      VerdictReason::kDigitalSignatureCertificate);
  ExpectInvalid(validator.Check(stranger.Issue(expired(stranger.CardSpec(CardKey()))), proof, kNow),
                VerdictReason::kIssuerUnknown);
  ExpectInvalid(validator.Check(twin.Issue(expired(twin.CardSpec(CardKey()))), proof, kNow),
                VerdictReason::kBadIssuerSignature);
  ExpectInvalid(validator.Check(ca.Issue(expired(ca.CardSpec(CardKey()))), proof, kNow),
                VerdictReason::kExpired);
  ExpectInvalid(validator.Check(ca.Issue(ca.CardSpec(CardKey())), proof, kNow),
                VerdictReason::kPossessionFailed, PossessionOutcome::kFailed);
}

TEST(CardValidator, TheSlowPathHasPlacesOfItsOwn) {
  const TestCa ca;
  const Bytes card = ca.Issue(ca.CardSpec(CardKey(), 1));
  SlowPathPool pool({.at_once = 1, .waiting = 0});
  const std::optional<SlowPathPool::Place> taken = *pool.Take();
  for (const auto paths : {CardValidator::Paths::kAuto, CardValidator::Paths::kSlowOnly}) {
    const CardValidator validator =
        Validator({ca.Anchor("auth-01")}, {.paths = paths, .slow_paths = &pool});
    const CardQuestion question{card, {}};
    CardFinding finding;
    const absl::Status status =
        validator.CheckBatch({&question, 1}, kNow, {&finding, 1}, VerifyOneByOne);
    const bool fast = paths == CardValidator::Paths::kAuto;
    EXPECT_EQ(status.ok(), fast) << status;
    EXPECT_EQ(finding.verdict.valid(), fast);
    if (!fast) {
      EXPECT_EQ(base::ReasonOf(status), base::ErrorReason::kOverloaded);
    }
    ExpectValid(validator.Check(card, {}, kNow), PossessionOutcome::kNotAsked);
  }
}

TEST(CardValidator, NeedsAnchorsAndPoliciesOfOneEnvironment) {
  pki::TrustAnchor anchor = TestCa().Anchor("auth-01");
  anchor.environment = pki::Environment::kTest;
  const auto test_store = pki::TrustStore::Create(pki::Environment::kTest, {anchor}).value();
  const auto mixed = CardValidator::Create(test_store, SimHierarchy());
  EXPECT_EQ(mixed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(mixed.status().message()), HasSubstr("environment TEST"));
  // A SIM store with nothing but a TEST anchor, or without the role.
  const auto sim_store = pki::TrustStore::Create(pki::Environment::kSim, {anchor}).value();
  EXPECT_EQ(CardValidator::Create(sim_store, SimHierarchy()).status().code(),
            absl::StatusCode::kInvalidArgument);
  pki::TrustAnchor sign = TestCa().Anchor("sign-01");
  sign.role = pki::AnchorRole::kDigitalSignature;
  const auto sign_store = pki::TrustStore::Create(pki::Environment::kSim, {sign}).value();
  EXPECT_THAT(std::string(CardValidator::Create(sign_store, SimHierarchy()).status().message()),
              HasSubstr("user_authentication"));
}

}  // namespace
}  // namespace musubi::jpki
