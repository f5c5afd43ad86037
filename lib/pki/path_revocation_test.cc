#include "lib/pki/path_revocation.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::pki {
namespace {

namespace der = fakes::der;
using base::Bytes;
using fakes::CrlSpec;
using fakes::TestCa;
using fakes::TestKey;

const absl::Time kThisUpdate =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 3, 0, 0), absl::UTCTimeZone());
const absl::Time kNow = kThisUpdate + absl::Hours(1);
constexpr uint64_t kSerial = 0x01234567;
const Bytes kSerialOctets{0x01, 0x23, 0x45, 0x67};
const Bytes kFlag{0xff};

class PathRevocationTest : public testing::Test {
 protected:
  PathRevocationTest() {
    // A signer of CRLs with a certificate of its own, below the CA and of the CA's name.
    fakes::CertificateSpec signer = ca_.SubordinateSpec(signer_key_, "unused");
    signer.subject = ca_.name();
    fakes::SetExtension(signer.extensions, fakes::kKeyUsageOid, true,
                        fakes::KeyUsageValue(static_cast<uint16_t>(KeyUsage::kCrlSign)));
    fakes::RemoveExtension(signer.extensions, fakes::kBasicConstraintsOid);
    signer_ = fakes::ParseCertificate(ca_.Issue(signer));
  }

  CrlSpec Spec(uint64_t number = 7) const {
    return fakes::MakeCrlSpec(ca_, fakes::DistributionPointName("Mihon-shi"), number, kThisUpdate);
  }
  // The list of the whole CA, on which its own signers are.
  CrlSpec FullSpec() const { return fakes::MakeCrlSpec(ca_, {}, 7, kThisUpdate); }
  static CrlSpec WithPoint(CrlSpec spec, std::initializer_list<base::ByteView> parts) {
    return spec.Set(fakes::kIssuingDistributionPointOid, true, fakes::IdpValue(parts));
  }
  Crl Issue(const CrlSpec& spec) const { return Issue(spec, ca_.key()); }
  static Crl Issue(const CrlSpec& spec, const TestKey& key) {
    const CrlParseResult parsed = ParseCrl(fakes::IssueCrl(spec, key), CrlForms::kAll);
    EXPECT_EQ(parsed.outcome, CrlOutcome::kUsable);
    return *parsed.crl;
  }

  RevocationFinding Check(std::vector<Crl> crls, absl::Time validation_time = kNow,
                          absl::Time now = kNow) const {
    ValidationProfile profile = ValidationProfile::Rfc5280();
    profile.conformance = Conformance::kNotAsked;
    const PathValidator validator({ca_.Anchor("ca")}, profile);
    const ValidatedPath path{{card_, ca_.certificate()}, "ca"};
    const std::vector<Certificate> certificates{signer_};
    const auto findings =
        CheckPathRevocation(path, {crls, certificates}, validator, validation_time, now, options_);
    EXPECT_EQ(findings.size(), 1u);
    return findings[0];
  }
  RevocationOutcome Outcome(std::vector<Crl> crls) const { return Check(std::move(crls)).outcome; }

  TestCa ca_;
  const TestKey& signer_key_ = TestKey::Get(fakes::KeyKind::kRsa2048, 3);
  Certificate card_ = fakes::ParseCertificate(
      ca_.Issue(ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9), kSerial)));
  Certificate signer_ = card_;
  PathRevocationOptions options_;
};

TEST_F(PathRevocationTest, AListOfThePointInForceDecides) {
  const RevocationFinding good = Check({Issue(Spec())});
  EXPECT_EQ(good.outcome, RevocationOutcome::kGood);
  EXPECT_EQ(good.this_update, kThisUpdate);

  const absl::Time at = kThisUpdate - absl::Hours(9);
  const RevocationFinding revoked = Check({Issue(Spec().Revoke(kSerialOctets, at, 1))});
  EXPECT_EQ(revoked.outcome, RevocationOutcome::kRevoked);
  EXPECT_EQ(revoked.revoked_at, at);
  EXPECT_EQ(revoked.reason, CrlReason::kKeyCompromise);
}

TEST_F(PathRevocationTest, WhatDoesNotFitIsNoAnswer) {
  struct Case {
    const char* what;
    std::function<void(CrlSpec&)> change;
  };
  const Case cases[] = {
      {"another issuer",
       [](CrlSpec& spec) {
         spec.issuer = der::Name({{"CN", "another"}});
       }},
      {"another point",
       [](CrlSpec& spec) {
         spec =
             WithPoint(spec, {fakes::IdpDirectoryName(fakes::DistributionPointName("Rei-machi"))});
       }},
      {"CA certificates only",
       [](CrlSpec& spec) { spec = WithPoint(spec, {der::ContextPrimitive(2, kFlag)}); }},
      {"attribute certificates only",
       [](CrlSpec& spec) { spec = WithPoint(spec, {der::ContextPrimitive(5, kFlag)}); }},
      {"in the future", [](CrlSpec& spec) { spec.this_update = kNow + absl::Seconds(1); }},
      {"stale", [](CrlSpec& spec) { spec.next_update = kNow - absl::Seconds(1); }},
      {"without an end", [](CrlSpec& spec) { spec.next_update.reset(); }},
      {"a delta alone",
       [](CrlSpec& spec) { spec.Set(fakes::kDeltaCrlIndicatorOid, true, der::Integer(6)); }},
      {"some reasons only",
       [](CrlSpec& spec) {
         spec = WithPoint(spec, {der::ContextPrimitive(3, Bytes{0x06, 0x40})});
       }},
  };
  for (const Case& c : cases) {
    CrlSpec spec = Spec();
    c.change(spec);
    EXPECT_EQ(Outcome({Issue(spec)}), RevocationOutcome::kNoUsableAnswer) << c.what;
  }
  EXPECT_EQ(Outcome({}), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(Outcome({Issue(Spec(), signer_key_)}), RevocationOutcome::kNoUsableAnswer)
      << "its signer is on no list";
  options_.max_age = absl::Hours(1);
  CrlSpec endless = Spec();
  endless.next_update.reset();
  EXPECT_EQ(Outcome({Issue(endless)}), RevocationOutcome::kGood);
  options_.max_age = absl::Hours(1) - absl::Seconds(1);
  EXPECT_EQ(Outcome({Issue(endless)}), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(Outcome({Issue(Spec())}), RevocationOutcome::kNoUsableAnswer)
      << "nextUpdate does not make it younger";
}

TEST_F(PathRevocationTest, ReasonsAddUpToAll) {
  const Bytes point = fakes::IdpDirectoryName(fakes::DistributionPointName("Mihon-shi"));
  auto list = [&](Bytes reasons) {
    return WithPoint(Spec(), {point, der::ContextPrimitive(3, reasons)});
  };
  // keyCompromise and cACompromise; all others.
  const CrlSpec compromise = list({0x05, 0x60});
  const CrlSpec others = list({0x07, 0x1f, 0x80});
  EXPECT_EQ(Outcome({Issue(compromise)}), RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(Outcome({Issue(compromise), Issue(others)}), RevocationOutcome::kGood);
  CrlSpec listed = others;
  listed.Revoke(kSerialOctets, kThisUpdate, 4);
  EXPECT_EQ(Outcome({Issue(compromise), Issue(listed)}), RevocationOutcome::kRevoked);
}

TEST_F(PathRevocationTest, ADeltaGoesBeforeWhatItUpdates) {
  const CrlSpec complete = Spec(7).Revoke(kSerialOctets, kThisUpdate, 6);
  auto delta = [&](uint64_t base, uint64_t number, std::optional<uint64_t> reason) {
    CrlSpec spec = Spec(number);
    spec.Set(fakes::kDeltaCrlIndicatorOid, true, der::Integer(base));
    return spec.Revoke(kSerialOctets, kThisUpdate, reason);
  };
  EXPECT_EQ(Outcome({Issue(complete), Issue(delta(7, 8, 8))}), RevocationOutcome::kGood)
      << "removeFromCRL";
  EXPECT_EQ(Outcome({Issue(Spec(7)), Issue(delta(6, 8, 1))}), RevocationOutcome::kRevoked);
  EXPECT_EQ(Outcome({Issue(complete), Issue(delta(8, 9, 8))}), RevocationOutcome::kRevoked)
      << "a delta of a later list";
  EXPECT_EQ(Outcome({Issue(complete), Issue(delta(6, 7, 8))}), RevocationOutcome::kRevoked)
      << "a delta that is no newer";
  EXPECT_EQ(Outcome({Issue(complete), Issue(delta(7, 8, 8), signer_key_)}),
            RevocationOutcome::kRevoked)
      << "a delta of another key";
  CrlSpec stale = Spec(7);
  stale.next_update = kNow - absl::Seconds(1);
  EXPECT_EQ(Outcome({Issue(stale), Issue(delta(7, 8, 1))}), RevocationOutcome::kRevoked)
      << "a delta keeps its list in force";
  options_.use_deltas = false;
  EXPECT_EQ(Outcome({Issue(complete), Issue(delta(7, 8, 8))}), RevocationOutcome::kRevoked);
}

TEST_F(PathRevocationTest, AnIndirectListNeedsToBeNamedByTheCertificate) {
  fakes::CertificateSpec spec = ca_.CardSpec(TestKey::Get(fakes::KeyKind::kRsa2048, 9), kSerial);
  const Bytes other = der::Name({{"C", "JP"}, {"CN", "CRL issuer"}});
  fakes::SetExtension(
      spec.extensions, fakes::kCrlDistributionPointsOid, false,
      der::Sequence({der::Sequence({der::Context(2, {der::Context(4, {other})})})}));
  card_ = fakes::ParseCertificate(ca_.Issue(spec));
  fakes::CertificateSpec signer = ca_.SubordinateSpec(signer_key_, "unused");
  signer.subject = other;
  signer_ = fakes::ParseCertificate(ca_.Issue(signer));
  CrlSpec list = FullSpec();
  list.issuer = other;
  const CrlSpec indirect = WithPoint(list, {der::ContextPrimitive(4, kFlag)});
  const Crl full = Issue(FullSpec());  // It covers the signer, and the card not at all by name.
  EXPECT_EQ(Outcome({Issue(indirect, signer_key_)}), RevocationOutcome::kNoUsableAnswer)
      << "nothing is known of its signer";
  EXPECT_EQ(Outcome({Issue(indirect, signer_key_), full}), RevocationOutcome::kGood);
  CrlSpec listed = indirect;
  listed.Revoke(kSerialOctets, kThisUpdate, 1);
  listed.entries[0].extensions.push_back({std::string(fakes::kCertificateIssuerOid), true,
                                          der::Sequence({der::Context(4, {ca_.name()})})});
  EXPECT_EQ(Outcome({Issue(listed, signer_key_), full}), RevocationOutcome::kRevoked);
  listed.entries[0].extensions.pop_back();
  listed.entries[0].extensions.pop_back();
  EXPECT_EQ(Outcome({Issue(listed, signer_key_), full}), RevocationOutcome::kGood)
      << "listed for the CRL's own issuer";
}

TEST_F(PathRevocationTest, ASignerOfListsMustNotBeRevokedItself) {
  const Crl list = Issue(Spec(), signer_key_);
  EXPECT_EQ(Outcome({list, Issue(FullSpec())}), RevocationOutcome::kGood);
  CrlSpec full = FullSpec();
  // The card's own point is asked first, so that this list decides about the signer alone.
  full.Revoke(signer_.serial(), kThisUpdate, 1);
  const Crl without_signer = Issue(full);
  EXPECT_EQ(Check({list, without_signer}).this_update, kThisUpdate);
  // Its own list does not make it good.
  EXPECT_EQ(Outcome({Issue(FullSpec(), signer_key_)}), RevocationOutcome::kNoUsableAnswer);
}

TEST_F(PathRevocationTest, AQuestionAboutThePastNeedsDataThatIsNoOlder) {
  const Crl list = Issue(Spec());
  EXPECT_EQ(Check({list}, kThisUpdate, kNow).outcome, RevocationOutcome::kGood);
  EXPECT_EQ(Check({list}, kThisUpdate + absl::Seconds(1), kNow).outcome,
            RevocationOutcome::kNoUsableAnswer);
  EXPECT_EQ(Check({list}, kNow + absl::Seconds(1), kNow).outcome,
            RevocationOutcome::kNoUsableAnswer)
      << "about the future nothing is known";
}

TEST_F(PathRevocationTest, AnExpiredCertificateIsGoodOnlyByAListThatKeepsThem) {
  const absl::Time now = card_.not_after() + absl::Hours(1);
  CrlSpec spec = Spec();
  spec.this_update = now;
  spec.next_update = now + absl::Hours(48);
  EXPECT_EQ(Check({Issue(spec)}, card_.not_after(), now).outcome,
            RevocationOutcome::kNoUsableAnswer);
  spec.Set("2.5.29.60", false, der::GeneralizedTime(card_.not_after()));
  EXPECT_EQ(Check({Issue(spec)}, card_.not_after(), now).outcome, RevocationOutcome::kGood);
}

TEST_F(PathRevocationTest, AListThatIsGoneIsNotTakenForALaterOne) {
  CrlSignatures signatures;
  const Bytes good = fakes::IssueCrl(Spec(), ca_.key());
  const Bytes bad = fakes::IssueCrl(Spec(), signer_key_);
  ASSERT_EQ(good.size(), bad.size());
  // Freed memory is used again at once: the same addresses come back.
  for (int i = 0; i < 20; ++i) {
    const Crl list = *ParseCrl(i % 2 == 0 ? good : bad, CrlForms::kAll).crl;
    const CrlOutcome expected = i % 2 == 0 ? CrlOutcome::kUsable : CrlOutcome::kBadSignature;
    EXPECT_EQ(signatures.Check(list, ca_.certificate()), expected) << i;
    const Crl copy = list;
    EXPECT_EQ(signatures.Check(copy, ca_.certificate()), expected) << i;
    EXPECT_EQ(signatures.Check(list, card_), CrlOutcome::kWrongIssuer) << "another signer";
    EXPECT_EQ(signatures.size(), static_cast<size_t>(i + 1)) << "a copy is the same list";
  }
}

TEST_F(PathRevocationTest, FewListsAndSignersAreRemembered) {
  CrlSignatures signatures;
  const Bytes der = fakes::IssueCrl(Spec(), ca_.key());
  std::vector<Crl> alive;
  for (size_t i = 0; i < 2 * kMaxRememberedCrls + 10; ++i) {
    const Crl list = *ParseCrl(der, CrlForms::kAll).crl;
    if (i % 2 == 0) alive.push_back(list);
    // The card is nobody's issuer, so that no signature is checked.
    EXPECT_EQ(signatures.Check(list, card_), CrlOutcome::kWrongIssuer);
    ASSERT_LE(signatures.size(), kMaxRememberedCrls);
  }
  EXPECT_GT(signatures.size(), 0u);
}

}  // namespace
}  // namespace musubi::pki
