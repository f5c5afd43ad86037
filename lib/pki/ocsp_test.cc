#include "lib/pki/ocsp.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "lib/base/encoding.h"
#include "tests/fakes/der_writer.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::pki {
namespace {

namespace der = fakes::der;
using base::Bytes;
using fakes::KeyKind;
using fakes::OcspSpec;
using fakes::TestCa;
using fakes::TestKey;

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 12, 0, 0), absl::UTCTimeZone());

class OcspTest : public testing::Test {
 protected:
  // A right answer, GOOD, signed by the delegate.
  OcspSpec Spec() const {
    OcspSpec spec;
    spec.responder = fakes::ResponderByName(delegate_);
    spec.produced_at = kNow - absl::Seconds(1);
    spec.answers = {{fakes::CertIdDer(issuer_, target_.serial()), fakes::OcspGood(),
                     kNow - absl::Minutes(10), kNow + absl::Hours(1)}};
    spec.certificates = {base::ToBytes(delegate_.der())};
    return spec.Nonce(nonce_);
  }
  OcspResult Check(const OcspSpec& spec, const TestKey& signer) const {
    return CheckOcspResponse(fakes::IssueOcsp(spec, signer), target_, issuer_, nonce_, policy_,
                             kNow);
  }
  // Makes `delegate` the one whose certificate is enclosed, under `key`.
  void Enclose(OcspSpec& spec, const Bytes& delegate) const {
    spec.responder = fakes::ResponderByName(fakes::ParseCertificate(delegate));
    spec.certificates = {delegate};
  }

  const TestKey& card_key_ = TestKey::Get(KeyKind::kRsa2048, 9);
  const TestKey& delegate_key_ = TestKey::Get(KeyKind::kRsa2048, 8);
  TestCa ca_;
  TestCa other_generation_{{.key_number = 1, .serial = 2}};
  Certificate issuer_ = ca_.certificate();
  Certificate target_ = fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(card_key_)));
  Certificate delegate_ =
      fakes::ParseCertificate(ca_.Issue(fakes::OcspDelegateSpec(ca_, delegate_key_)));
  const Bytes nonce_ = Bytes(32, 0x5a);
  OcspPolicy policy_{.nonce = NoncePolicy::kRequired};
};

TEST_F(OcspTest, AnAuthenticGoodIsAnAnswer) {
  const OcspResult result = Check(Spec(), delegate_key_);
  EXPECT_EQ(Name(result.outcome), "ANSWERED");
  EXPECT_EQ(result.cert_status, OcspCertStatus::kGood);
  EXPECT_EQ(result.this_update, kNow - absl::Minutes(10));
  EXPECT_EQ(result.next_update, kNow + absl::Hours(1));
  EXPECT_EQ(result.usable_until, kNow + absl::Hours(1));
}

TEST_F(OcspTest, AnEcdsaResponseIsCheckedOnTheCurveOfItsSigner) {
  const TestCa ca({.key_kind = KeyKind::kEcP384});
  const Certificate issuer = ca.certificate();
  const Certificate target = fakes::ParseCertificate(ca.Issue(ca.CardSpec(card_key_)));
  OcspSpec spec = Spec();
  spec.responder = fakes::ResponderByName(issuer);
  spec.answers[0].cert_id = fakes::CertIdDer(issuer, target.serial());
  spec.certificates = {};
  spec.algorithm = der::Sequence({der::Oid("1.2.840.10045.4.3.2")});  // ecdsa-with-SHA256.
  spec.signed_with = crypto::SignatureAlgorithm::kEcdsaP384Sha256;
  const OcspResult result =
      CheckOcspResponse(fakes::IssueOcsp(spec, ca.key()), target, issuer, nonce_, policy_, kNow);
  EXPECT_EQ(Name(result.outcome), "ANSWERED");
}

TEST_F(OcspTest, RevokedCarriesTimeAndReason) {
  OcspSpec spec = Spec();
  spec.answers[0].status = fakes::OcspRevoked(kNow - absl::Hours(5), 4);
  const OcspResult result = Check(spec, delegate_key_);
  EXPECT_EQ(result.cert_status, OcspCertStatus::kRevoked);
  EXPECT_EQ(result.revoked_at, kNow - absl::Hours(5));
  EXPECT_EQ(result.reason, CrlReason::kSuperseded);
}

TEST_F(OcspTest, UnknownIsAnAnswerAndNotGood) {
  OcspSpec spec = Spec();
  spec.answers[0].status = fakes::OcspUnknown();
  EXPECT_EQ(Check(spec, delegate_key_).cert_status, OcspCertStatus::kUnknown);
}

TEST_F(OcspTest, TheIssuerItselfMayAnswerByNameOrByKey) {
  OcspSpec spec = Spec();
  spec.certificates.clear();
  spec.responder = fakes::ResponderByName(issuer_);
  EXPECT_EQ(Name(Check(spec, ca_.key()).outcome), "ANSWERED");
  spec.responder = fakes::ResponderByKey(ca_.key());
  EXPECT_EQ(Name(Check(spec, ca_.key()).outcome), "ANSWERED");
  // Another generation's key under the same name.
  EXPECT_EQ(Name(Check(spec, other_generation_.key()).outcome), "BAD_SIGNATURE");
}

TEST_F(OcspTest, ADelegateMayBeNamedByItsKey) {
  OcspSpec spec = Spec();
  spec.responder = fakes::ResponderByKey(delegate_key_);
  EXPECT_EQ(Name(Check(spec, delegate_key_).outcome), "ANSWERED");
}

TEST_F(OcspTest, BothCertIdHashesAreUnderstood) {
  OcspSpec spec = Spec();
  spec.answers[0].cert_id = fakes::CertIdDer(issuer_, target_.serial(), CertIdHash::kSha1);
  EXPECT_EQ(Name(Check(spec, delegate_key_).outcome), "ANSWERED");
}

TEST_F(OcspTest, RefusesWhatItMustNotBelieve) {
  const auto delegate = [&](std::function<void(fakes::CertificateSpec&)> change) {
    return [this, change](OcspSpec& spec) {
      fakes::CertificateSpec certificate = fakes::OcspDelegateSpec(ca_, delegate_key_);
      change(certificate);
      Enclose(spec, ca_.Issue(certificate));
    };
  };
  const auto sha1_delegate = [](fakes::CertificateSpec& spec) {
    spec.inner_algorithm = spec.outer_algorithm = fakes::Sha1WithRsaAlgorithm();
  };
  const auto not_ca_signed = [this](OcspSpec& spec) {
    Enclose(spec, fakes::IssueCertificate(fakes::OcspDelegateSpec(ca_, delegate_key_),
                                          other_generation_.key()));
  };
  const struct {
    const char* name;
    const char* outcome;
    std::function<void(OcspSpec&)> change;
  } cases[] = {
      {"tryLater", "ERROR_STATUS", [](OcspSpec& spec) { spec.response_status = 3; }},
      {"unauthorized", "UNAUTHORIZED", [](OcspSpec& spec) { spec.response_status = 6; }},
      {"a status that there is not", "ERROR_STATUS",
       [](OcspSpec& spec) { spec.response_status = 7; }},
      {"a status of which 32 bits are 0", "MALFORMED",
       [](OcspSpec& spec) { spec.response_status = uint64_t{0x73} << 32; }},
      {"another response type", "RESPONSE_TYPE_NOT_SUPPORTED",
       [](OcspSpec& spec) { spec.response_type = fakes::kUnheardOfOid; }},
      {"v2", "VERSION_NOT_SUPPORTED", [](OcspSpec& spec) { spec.version = 1; }},
      {"v1, written", "ANSWERED", [](OcspSpec& spec) { spec.version = 0; }},
      {"another serial", "NO_MATCHING_ANSWER",
       [&](OcspSpec& spec) { spec.answers[0].cert_id = fakes::CertIdDer(issuer_, Bytes{0x42}); }},
      {"the same serial of another generation", "NO_MATCHING_ANSWER",
       [&](OcspSpec& spec) {
         spec.answers[0].cert_id =
             fakes::CertIdDer(other_generation_.certificate(), target_.serial());
       }},
      {"responder that is no Name", "MALFORMED",
       [](OcspSpec& spec) {
         spec.responder = der::Context(1, {der::Sequence({der::Sequence({})})});
       }},
      {"RSA without parameters", "ALGORITHM_NOT_ALLOWED",
       [](OcspSpec& spec) { spec.algorithm = der::Sequence({der::Oid("1.2.840.113549.1.1.11")}); }},
      {"algorithm without an OID", "MALFORMED",
       [](OcspSpec& spec) { spec.algorithm = der::Sequence({der::Null()}); }},
      {"another CertID with two parameters of its hash", "MALFORMED",
       [](OcspSpec& spec) {
         spec.answers.push_back(spec.answers[0]);
         spec.answers[1].cert_id = der::Sequence(
             {der::Sequence({der::Oid(fakes::kUnheardOfOid), der::Null(), der::Null()}),
              der::OctetString(Bytes{1}), der::OctetString(Bytes{1}), der::Integer(1)});
       }},
      {"no answer", "NO_MATCHING_ANSWER", [](OcspSpec& spec) { spec.answers.clear(); }},
      {"two answers", "SEVERAL_ANSWERS",
       [](OcspSpec& spec) { spec.answers.push_back(spec.answers[0]); }},
      {"two answers, by both hashes", "SEVERAL_ANSWERS",
       [&](OcspSpec& spec) {
         spec.answers.push_back(spec.answers[0]);
         spec.answers[1].cert_id = fakes::CertIdDer(issuer_, target_.serial(), CertIdHash::kSha1);
       }},
      {"an answer about somebody else beside it", "ANSWERED",
       [&](OcspSpec& spec) {
         spec.answers.push_back(spec.answers[0]);
         spec.answers[1].cert_id = fakes::CertIdDer(issuer_, Bytes{0x42});
       }},
      {"65 answers", "TOO_LARGE",
       [&](OcspSpec& spec) {
         spec.answers[0].cert_id = fakes::CertIdDer(issuer_, Bytes{0x42});
         spec.answers.resize(65, spec.answers[0]);
       }},
      {"unknown critical extension", "UNKNOWN_CRITICAL_EXTENSION",
       [](OcspSpec& spec) {
         fakes::SetExtension(spec.extensions, fakes::kUnheardOfOid, true, der::Null());
       }},
      {"unknown critical extension of the answer", "UNKNOWN_CRITICAL_EXTENSION",
       [](OcspSpec& spec) {
         fakes::SetExtension(spec.answers[0].extensions, fakes::kUnheardOfOid, true, der::Null());
       }},
      {"unknown extension that is not critical", "ANSWERED",
       [](OcspSpec& spec) {
         fakes::SetExtension(spec.extensions, fakes::kUnheardOfOid, false, der::Null());
       }},
      // Who signed.
      {"nobody's name", "RESPONDER_UNKNOWN",
       [](OcspSpec& spec) {
         spec.responder = der::Context(1, {der::Name({{"CN", "nobody"}})});
       }},
      {"the delegate's certificate is not there", "RESPONDER_UNKNOWN",
       [](OcspSpec& spec) { spec.certificates.clear(); }},
      {"a delegate of another generation's key", "DELEGATE_OF_ANOTHER_ISSUER", not_ca_signed},
      {"a delegate of another CA", "DELEGATE_OF_ANOTHER_ISSUER", delegate([](auto& spec) {
         spec.issuer = der::Name({{"CN", "another CA"}});
       })},
      {"a card certificate", "DELEGATE_NOT_AUTHORISED",
       delegate([&](auto& spec) { spec = ca_.CardSpec(delegate_key_, 0x99); })},
      {"a card's signature certificate, which has no EKU", "DELEGATE_NOT_AUTHORISED",
       delegate([&](auto& spec) { spec = ca_.SignatureCardSpec(delegate_key_, 0x99); })},
      {"anyExtendedKeyUsage", "DELEGATE_NOT_AUTHORISED", delegate([](auto& spec) {
         spec.Set(fakes::kExtendedKeyUsageOid, false,
                  fakes::ExtendedKeyUsageValue({"2.5.29.37.0"}));
       })},
      {"keyUsage without digitalSignature", "DELEGATE_KEY_USAGE", delegate([](auto& spec) {
         spec.Set(fakes::kKeyUsageOid, true,
                  fakes::KeyUsageValue(uint16_t(KeyUsage::kNonRepudiation)));
       })},
      {"no keyUsage", "ANSWERED", delegate([](auto& spec) { spec.Remove(fakes::kKeyUsageOid); })},
      {"delegate's unknown critical extension", "UNKNOWN_CRITICAL_EXTENSION",
       delegate([](auto& spec) { spec.Set(fakes::kUnheardOfOid, true, der::Null()); })},
      {"delegate expired", "DELEGATE_NOT_VALID",
       delegate([](auto& spec) { spec.not_after = kNow - absl::Seconds(1); })},
      {"delegate not yet valid when it signed", "DELEGATE_NOT_VALID",
       delegate([](auto& spec) { spec.not_before = kNow; })},
      {"delegate without nocheck", "DELEGATE_UNCHECKED",
       delegate([](auto& spec) { spec.Remove(fakes::kNocheckOid); })},
      {"delegate certified with SHA-1", "ALGORITHM_NOT_ALLOWED", delegate(sha1_delegate)},
      {"signed with SHA-1", "ALGORITHM_NOT_ALLOWED",
       [](OcspSpec& spec) { spec.algorithm = fakes::Sha1WithRsaAlgorithm(); }},
      {"nine certificates", "TOO_LARGE",
       [](OcspSpec& spec) { spec.certificates.resize(9, spec.certificates[0]); }},
      {"a certificate that is none", "MALFORMED",
       [](OcspSpec& spec) { spec.certificates = {der::Sequence({der::Integer(1)})}; }},
      // When.
      {"no nonce", "NONCE_MISSING", [](OcspSpec& spec) { spec.extensions.clear(); }},
      {"another nonce", "WRONG_NONCE", [](OcspSpec& spec) { spec.Nonce(Bytes(32, 0x5b)); }},
      {"a nonce cut short", "WRONG_NONCE", [](OcspSpec& spec) { spec.Nonce(Bytes(31, 0x5a)); }},
      {"nextUpdate passed", "STALE",
       [](OcspSpec& spec) { spec.answers[0].next_update = kNow - absl::Seconds(1); }},
      {"nextUpdate now", "ANSWERED", [](OcspSpec& spec) { spec.answers[0].next_update = kNow; }},
      {"no nextUpdate, and too old", "STALE",
       [](OcspSpec& spec) {
         spec.answers[0].next_update.reset();
         spec.answers[0].this_update = kNow - absl::Hours(1) - absl::Seconds(1);
       }},
      {"no nextUpdate, at the maximum age", "ANSWERED",
       [](OcspSpec& spec) {
         spec.answers[0].next_update.reset();
         spec.answers[0].this_update = kNow - absl::Hours(1);
       }},
      {"thisUpdate in the future", "NOT_YET_VALID",
       [](OcspSpec& spec) {
         spec.answers[0].this_update = kNow + absl::Minutes(5) + absl::Seconds(1);
       }},
      {"thisUpdate in the future, within the skew", "ANSWERED",
       [](OcspSpec& spec) { spec.answers[0].this_update = kNow + absl::Minutes(5); }},
      {"producedAt in the future", "NOT_YET_VALID",
       [](OcspSpec& spec) { spec.produced_at = kNow + absl::Minutes(5) + absl::Seconds(1); }},
      {"reason 7", "MALFORMED",
       [](OcspSpec& spec) { spec.answers[0].status = fakes::OcspRevoked(kNow, 7); }},
      {"status of an unknown form", "MALFORMED",
       [](OcspSpec& spec) { spec.answers[0].status = der::ContextPrimitive(3, {}); }},
  };
  for (const auto& test_case : cases) {
    OcspSpec spec = Spec();
    test_case.change(spec);
    const OcspResult result = Check(spec, delegate_key_);
    EXPECT_EQ(Name(result.outcome), test_case.outcome) << test_case.name;
    EXPECT_EQ(result.cert_status.has_value(), result.outcome == OcspOutcome::kAnswered)
        << test_case.name;
  }
}

TEST_F(OcspTest, TheSignatureMustBeTheDelegates) {
  EXPECT_EQ(Name(Check(Spec(), card_key_).outcome), "BAD_SIGNATURE");
}

TEST_F(OcspTest, ADelegateWithoutNocheckIsAsGoodAsItsCheck) {
  fakes::CertificateSpec certificate =
      fakes::OcspDelegateSpec(ca_, delegate_key_).Remove(fakes::kNocheckOid);
  OcspSpec spec = Spec();
  Enclose(spec, ca_.Issue(certificate));
  const std::pair<RevocationOutcome, const char*> cases[] = {
      {RevocationOutcome::kGood, "ANSWERED"},
      {RevocationOutcome::kRevoked, "DELEGATE_REVOKED"},
      {RevocationOutcome::kUnknownToResponder, "DELEGATE_UNCHECKED"},
      {RevocationOutcome::kNoUsableAnswer, "DELEGATE_UNCHECKED"},
      {RevocationOutcome::kNotAsked, "DELEGATE_UNCHECKED"},
  };
  for (const auto& [answer, outcome] : cases) {
    policy_.delegate_check = [answer = answer](const Certificate&, const Certificate&) {
      return answer;
    };
    EXPECT_EQ(Name(Check(spec, delegate_key_).outcome), outcome);
  }
}

TEST_F(OcspTest, TheNoncePolicyDecidesAboutAbsentAndWrongOnes) {
  OcspSpec none = Spec(), wrong = Spec();
  none.extensions.clear();
  wrong.Nonce(Bytes(32, 1));
  policy_.nonce = NoncePolicy::kOptional;
  EXPECT_EQ(Name(Check(none, delegate_key_).outcome), "ANSWERED");
  EXPECT_EQ(Name(Check(wrong, delegate_key_).outcome), "WRONG_NONCE");
  policy_.nonce = NoncePolicy::kNone;
  EXPECT_EQ(Name(Check(none, delegate_key_).outcome), "ANSWERED");
  EXPECT_EQ(Name(Check(wrong, delegate_key_).outcome), "ANSWERED");
}

TEST_F(OcspTest, RefusesEveryCutGarbageAndTrailingOctets) {
  const Bytes whole = fakes::IssueOcsp(Spec(), delegate_key_);
  const auto outcome = [&](const Bytes& response) {
    return CheckOcspResponse(response, target_, issuer_, nonce_, policy_, kNow).outcome;
  };
  for (size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_EQ(outcome(cut), OcspOutcome::kMalformed) << size;
  }
  Bytes trailing = whole;
  trailing.push_back(0);
  EXPECT_EQ(outcome(trailing), OcspOutcome::kMalformed);
  EXPECT_EQ(outcome(base::ToBytes("<html>502 Bad Gateway</html>")), OcspOutcome::kMalformed);
  EXPECT_EQ(outcome(Bytes(kMaxOcspResponseSize + 1)), OcspOutcome::kTooLarge);
}

TEST_F(OcspTest, ARequestAsksForTheCertIdAndCarriesTheNonce) {
  const Bytes request = BuildOcspRequest(target_, issuer_, CertIdHash::kSha1, nonce_);
  const Bytes cert_id = fakes::CertIdDer(issuer_, target_.serial(), CertIdHash::kSha1);
  EXPECT_NE(base::ToString(request).find(base::ToString(cert_id)), std::string::npos);
  EXPECT_EQ(fakes::NonceOfRequest(request), nonce_);
  EXPECT_EQ(fakes::NonceOfRequest(BuildOcspRequest(target_, issuer_, CertIdHash::kSha256, {})),
            Bytes());
}

}  // namespace
}  // namespace musubi::pki
