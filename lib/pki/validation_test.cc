#include "lib/pki/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::pki {
namespace {

using base::Bytes;
using fakes::CertificateSpec;
using fakes::KeyKind;
using fakes::TestCa;
using fakes::TestKey;

const absl::Time kNow = absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone());
const absl::Time kThen = kNow - absl::Hours(1);

// root - sub - card, and what says something about them.
class Validation : public testing::Test {
 protected:
  Validation() {
    CertificateSpec sub = root_.SubordinateSpec(sub_key_, "Sub");
    sub_name_ = sub.subject;
    sub_serial_ = sub.serial;
    intermediates_ = {root_.Issue(sub)};
    CertificateSpec card = root_.CardSpec(card_key_);
    card.issuer = sub_name_;
    card.Remove(fakes::kAuthorityKeyIdentifierOid);
    card_serial_ = card.serial;
    card_ = fakes::IssueCertificate(card, sub_key_);
  }

  fakes::CrlSpec RootCrl() const { return fakes::MakeCrlSpec(root_, {}, 1, kThen); }
  fakes::CrlSpec SubCrl() const {
    fakes::CrlSpec spec = RootCrl();
    spec.issuer = sub_name_;
    return spec;
  }
  void Publish(const fakes::CrlSpec& root, const fakes::CrlSpec& sub) {
    crls_ = {fakes::IssueCrl(root, root_.key()), fakes::IssueCrl(sub, sub_key_)};
  }
  Bytes Ocsp(const Bytes& status) const {
    const Certificate issuer = fakes::ParseCertificate(intermediates_[0]);
    fakes::OcspSpec spec;
    spec.responder = fakes::ResponderByName(issuer);
    spec.produced_at = kThen;
    spec.answers = {{.cert_id = fakes::CertIdDer(issuer, card_serial_),
                     .status = status,
                     .this_update = kThen,
                     .next_update = kNow + absl::Hours(1)}};
    return fakes::IssueOcsp(spec, sub_key_);
  }

  ValidationRequest Request(RevocationScope scope) const {
    ValidationRequest request;
    request.target = card_;
    request.intermediates = intermediates_;
    request.crls = crls_;
    request.revocation = scope;
    request.validation_time = kNow;
    return request;
  }
  Verdict Validate(const ValidationRequest& request) const {
    return Validator({root_.Anchor("root")}, ValidationProfile::Rfc5280())
        .Validate(request)
        .verdict;
  }
  Verdict Validate(RevocationScope scope) const { return Validate(Request(scope)); }

  void Expect(const Verdict& verdict, VerdictStatus status, VerdictReason reason,
              std::optional<int> cert_index, RevocationOutcome outcome) {
    EXPECT_EQ(Name(verdict.status), Name(status));
    EXPECT_EQ(Name(verdict.reason), Name(reason)) << verdict.diagnostic;
    EXPECT_EQ(verdict.cert_index, cert_index);
    EXPECT_EQ(Name(verdict.revocation.outcome), Name(outcome));
  }

  const TestCa root_;
  const TestKey& sub_key_ = TestKey::Get(KeyKind::kRsa2048, 21);
  const TestKey& card_key_ = TestKey::Get(KeyKind::kRsa2048, 10);
  Bytes sub_name_, sub_serial_, card_serial_, card_;
  std::vector<Bytes> intermediates_;
  std::vector<Bytes> crls_;
};

TEST_F(Validation, AsksWhatItIsToldToAsk) {
  Expect(Validate(RevocationScope::kNone), VerdictStatus::kValid, VerdictReason::kUnspecified,
         std::nullopt, RevocationOutcome::kNotAsked);
  Expect(Validate(RevocationScope::kTarget), VerdictStatus::kIndeterminate,
         VerdictReason::kRevocationUnavailable, 0, RevocationOutcome::kNoUsableAnswer);
  Publish(RootCrl(), SubCrl());
  Expect(Validate(RevocationScope::kWholePath), VerdictStatus::kValid, VerdictReason::kUnspecified,
         std::nullopt, RevocationOutcome::kGood);
  crls_.erase(crls_.begin());
  Expect(Validate(RevocationScope::kTarget), VerdictStatus::kValid, VerdictReason::kUnspecified,
         std::nullopt, RevocationOutcome::kGood);
  Expect(Validate(RevocationScope::kWholePath), VerdictStatus::kIndeterminate,
         VerdictReason::kRevocationUnavailable, 1, RevocationOutcome::kNoUsableAnswer);
}

TEST_F(Validation, ARevokedCertificateOfThePathIsNamed) {
  Publish(RootCrl(), SubCrl().Revoke(card_serial_, kThen, 1));
  const Verdict target = Validate(RevocationScope::kWholePath);
  Expect(target, VerdictStatus::kInvalid, VerdictReason::kRevoked, 0, RevocationOutcome::kRevoked);
  EXPECT_EQ(target.revocation.method, RevocationMethod::kCrl);
  EXPECT_EQ(target.revocation.revoked_at, kThen);
  EXPECT_EQ(target.revocation.reason, CrlReason::kKeyCompromise);
  Publish(RootCrl().Revoke(sub_serial_, kThen), SubCrl());
  Expect(Validate(RevocationScope::kWholePath), VerdictStatus::kInvalid, VerdictReason::kRevoked, 1,
         RevocationOutcome::kRevoked);
  // It is so whether or not anything is known about the target.
  crls_.pop_back();
  Expect(Validate(RevocationScope::kWholePath), VerdictStatus::kInvalid, VerdictReason::kRevoked, 1,
         RevocationOutcome::kRevoked);
}

TEST_F(Validation, RevokedLaterIsSaidSo) {
  Publish(RootCrl(), SubCrl().Revoke(card_serial_, kNow + absl::Seconds(1)));
  Expect(Validate(RevocationScope::kWholePath), VerdictStatus::kInvalid,
         VerdictReason::kRevokedLater, 0, RevocationOutcome::kRevoked);
}

TEST_F(Validation, AListThatCannotBeUsedSaysNothing) {
  fakes::CrlSpec stale = SubCrl();
  stale.next_update = kNow - absl::Seconds(1);
  fakes::CrlSpec future = SubCrl();
  future.this_update = kNow + absl::Seconds(1);
  for (const fakes::CrlSpec& spec : {stale, future}) {
    Publish(RootCrl(), spec);
    Expect(Validate(RevocationScope::kTarget), VerdictStatus::kIndeterminate,
           VerdictReason::kRevocationUnavailable, 0, RevocationOutcome::kNoUsableAnswer);
    EXPECT_EQ(Validate(RevocationScope::kTarget).revocation.method, RevocationMethod::kUnspecified);
  }
  // Signed by another key, cut off, no list at all.
  crls_ = {fakes::IssueCrl(SubCrl(), root_.key()), fakes::IssueCrl(SubCrl(), sub_key_), Bytes{1}};
  crls_[1].pop_back();
  Expect(Validate(RevocationScope::kTarget), VerdictStatus::kIndeterminate,
         VerdictReason::kRevocationUnavailable, 0, RevocationOutcome::kNoUsableAnswer);
}

TEST_F(Validation, ListsConformWhereTheWholePathHasTo) {
  ValidationProfile profile = ValidationProfile::Rfc5280();
  auto valid = [&](const fakes::CrlSpec& spec) {
    crls_ = {fakes::IssueCrl(spec, root_.key())};
    ValidationRequest request = Request(RevocationScope::kTarget);
    request.target = intermediates_[0];
    request.intermediates = {};
    return Validator({root_.Anchor("root")}, profile).Validate(request).verdict.valid();
  };
  auto without = [&](std::string_view oid) {
    fakes::CrlSpec spec = RootCrl();
    fakes::RemoveExtension(spec.extensions, oid);
    return spec;
  };
  auto critical = [&](std::string_view oid) {
    fakes::CrlSpec spec = RootCrl();
    for (auto& extension : spec.extensions) {
      if (extension.oid == oid) extension.critical = true;
    }
    return spec;
  };
  const fakes::CrlSpec wrong[] = {without(fakes::kCrlNumberOid), critical(fakes::kCrlNumberOid),
                                  without(fakes::kAuthorityKeyIdentifierOid),
                                  critical(fakes::kAuthorityKeyIdentifierOid)};
  EXPECT_TRUE(valid(RootCrl()));
  for (const fakes::CrlSpec& spec : wrong) EXPECT_TRUE(valid(spec));
  profile.conformance = Conformance::kWholePath;
  EXPECT_TRUE(valid(RootCrl()));
  for (const fakes::CrlSpec& spec : wrong) EXPECT_FALSE(valid(spec));
}

TEST_F(Validation, TheResponseSpeaksForTheTarget) {
  auto with = [&](const Bytes& response) {
    ValidationRequest request = Request(RevocationScope::kTarget);
    request.ocsp_response = response;
    return Validate(request);
  };
  const Verdict good = with(Ocsp(fakes::OcspGood()));
  Expect(good, VerdictStatus::kValid, VerdictReason::kUnspecified, std::nullopt,
         RevocationOutcome::kGood);
  EXPECT_EQ(good.revocation.method, RevocationMethod::kOcsp);
  Expect(with(Ocsp(fakes::OcspUnknown())), VerdictStatus::kInvalid,
         VerdictReason::kUnknownToResponder, 0, RevocationOutcome::kUnknownToResponder);
  Expect(with(Bytes{1}), VerdictStatus::kIndeterminate, VerdictReason::kRevocationUnavailable, 0,
         RevocationOutcome::kNoUsableAnswer);
  // The worse of two sources counts.
  Publish(RootCrl(), SubCrl());
  Expect(with(Ocsp(fakes::OcspRevoked(kThen))), VerdictStatus::kInvalid, VerdictReason::kRevoked, 0,
         RevocationOutcome::kRevoked);
  Publish(RootCrl(), SubCrl().Revoke(card_serial_, kThen));
  Expect(with(Ocsp(fakes::OcspGood())), VerdictStatus::kInvalid, VerdictReason::kRevoked, 0,
         RevocationOutcome::kRevoked);
}

TEST_F(Validation, PossessionComesBeforeRevocation) {
  const Bytes message = base::ToBytes("challenge");
  const Bytes signature = card_key_.Sign(crypto::SignatureAlgorithm::kRsaPkcs1Sha256, message);
  Publish(RootCrl(), SubCrl().Revoke(card_serial_, kThen));
  ValidationRequest request = Request(RevocationScope::kWholePath);
  request.proof = {crypto::SignatureAlgorithm::kRsaPkcs1Sha256, base::AsBytes("another"),
                   signature};
  Verdict verdict = Validate(request);
  Expect(verdict, VerdictStatus::kInvalid, VerdictReason::kPossessionFailed, 0,
         RevocationOutcome::kNotAsked);
  EXPECT_EQ(verdict.possession, PossessionOutcome::kFailed);
  request.proof = {crypto::SignatureAlgorithm::kEcdsaP384Sha384, message, signature};
  Expect(Validate(request), VerdictStatus::kInvalid, VerdictReason::kProofAlgorithmNotAllowed, 0,
         RevocationOutcome::kNotAsked);
  request.proof = {crypto::SignatureAlgorithm::kRsaPkcs1Sha256, message, signature};
  verdict = Validate(request);
  Expect(verdict, VerdictStatus::kInvalid, VerdictReason::kRevoked, 0, RevocationOutcome::kRevoked);
  EXPECT_EQ(verdict.possession, PossessionOutcome::kProven);
  // And after the path.
  request.validation_time = kNow + absl::Hours(24 * 365 * 20);
  verdict = Validate(request);
  Expect(verdict, VerdictStatus::kInvalid, VerdictReason::kExpired, 0,
         RevocationOutcome::kNotAsked);
  EXPECT_EQ(verdict.possession, PossessionOutcome::kNotAsked);
}

TEST_F(Validation, RefusesMoreListsThanTheLimit) {
  Publish(RootCrl(), SubCrl());
  crls_.resize(kMaxGivenCrls);
  EXPECT_TRUE(Validate(RevocationScope::kWholePath).valid());
  crls_.resize(kMaxGivenCrls + 1);
  Expect(Validate(RevocationScope::kWholePath), VerdictStatus::kInvalid, VerdictReason::kTooComplex,
         0, RevocationOutcome::kNotAsked);
}

}  // namespace
}  // namespace musubi::pki
