#include "lib/prelink/certificate_validation.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "lib/prelink/card_fixture.h"

namespace musubi::prelink {
namespace {

using revocation::RevocationMode;

constexpr std::string_view kMessage = "what the card signed";

enum class Says { kGood, kRevoked, kUnknown, kNothing };
enum class Proof { kNone, kGood, kWrong };

class CertificateValidationTest : public CardFixture {
 protected:
  void OcspSays(Says says) {
    ocsp_down_ = says == Says::kNothing;
    responder_.Say(says == Says::kRevoked   ? fakes::OcspRevoked(clock_.Now() - absl::Hours(1))
                   : says == Says::kUnknown ? fakes::OcspUnknown()
                                            : fakes::OcspGood());
  }
  CardValidationResult Validate(
      RevocationMode mode, Proof proof,
      pki::VerdictReason statement_failure = pki::VerdictReason::kUnspecified) {
    const auto algorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
    const fakes::TestKey& key =
        proof == Proof::kWrong ? fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 3) : card_key_;
    const base::Bytes signature = key.Sign(algorithm, base::AsBytes(kMessage));
    CardValidationQuery query{.certificate_der = card_der_,
                              .statement_failure = statement_failure,
                              .revocation_mode = mode,
                              .deadline = clock_.Now() + absl::Seconds(5)};
    if (proof != Proof::kNone) {
      query.proof = jpki::Proof{base::AsBytes(kMessage), signature, algorithm};
    }
    return validation_.Validate(query);
  }
  CardValidationResult Recheck(RevocationMode mode) {
    return validation_.RecheckRevocation({.certificate_der = card_der_}, mode,
                                         clock_.Now() + absl::Seconds(5));
  }
  static std::string Text(const pki::Verdict& verdict) {
    return std::string(pki::Name(verdict.status)) + " " + std::string(pki::Name(verdict.reason)) +
           " " + std::string(pki::Name(verdict.revocation.outcome));
  }
};

TEST_F(CertificateValidationTest, TheAnswerAboutRevocationAndTheModeMakeTheVerdict) {
  const struct {
    RevocationMode mode;
    Proof proof;
    Says says;
    const char* verdict;
  } cases[] = {
      {RevocationMode::kOcspOnly, Proof::kGood, Says::kGood, "VALID UNSPECIFIED GOOD"},
      {RevocationMode::kOcspOnly, Proof::kNone, Says::kGood, "VALID UNSPECIFIED GOOD"},
      {RevocationMode::kOcspOnly, Proof::kGood, Says::kUnknown,
       "INVALID UNKNOWN_TO_RESPONDER UNKNOWN_TO_RESPONDER"},
      {RevocationMode::kDegradedWithProof, Proof::kGood, Says::kUnknown,
       "INVALID UNKNOWN_TO_RESPONDER UNKNOWN_TO_RESPONDER"},
      {RevocationMode::kOcspThenCrl, Proof::kGood, Says::kNothing,
       "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER"},
      {RevocationMode::kCrlThenOcsp, Proof::kGood, Says::kNothing,
       "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER"},
      {RevocationMode::kOcspOnly, Proof::kGood, Says::kNothing,
       "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER"},
      {RevocationMode::kCrlOnly, Proof::kGood, Says::kNothing,
       "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER"},
      {RevocationMode::kDegradedWithProof, Proof::kGood, Says::kNothing,
       "VALID UNSPECIFIED NO_USABLE_ANSWER"},
      {RevocationMode::kDegradedWithProof, Proof::kNone, Says::kNothing,
       "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER"},
      {RevocationMode::kNone, Proof::kGood, Says::kNothing, "VALID UNSPECIFIED NOT_ASKED"},
      // Last: a revocation stays known.
      {RevocationMode::kDegradedWithProof, Proof::kGood, Says::kRevoked, "INVALID REVOKED REVOKED"},
      {RevocationMode::kCrlOnly, Proof::kGood, Says::kNothing, "INVALID REVOKED REVOKED"},
  };
  for (const auto& test_case : cases) {
    OcspSays(test_case.says);
    const CardValidationResult result = Validate(test_case.mode, test_case.proof);
    EXPECT_EQ(Text(result.verdict), test_case.verdict) << Name(test_case.mode);
    EXPECT_EQ(result.card.has_value(), test_case.proof == Proof::kGood);
    clock_.Advance(absl::Hours(2));  // Past the answers that were kept.
  }
}

TEST_F(CertificateValidationTest, RevokedAfterTheValidationTimeIsRevokedLater) {
  responder_.Say(fakes::OcspRevoked(clock_.Now() + absl::Minutes(1)));
  EXPECT_EQ(Text(Validate(RevocationMode::kOcspOnly, Proof::kGood).verdict),
            "INVALID REVOKED_LATER REVOKED");
}

TEST_F(CertificateValidationTest, NobodyIsAskedBeforeEverythingElseHolds) {
  EXPECT_EQ(Text(Validate(RevocationMode::kOcspOnly, Proof::kWrong).verdict),
            "INVALID POSSESSION_FAILED NOT_ASKED");
  EXPECT_EQ(Text(Validate(RevocationMode::kOcspOnly, Proof::kGood,
                          pki::VerdictReason::kNameStatementInvalid)
                     .verdict),
            "INVALID NAME_STATEMENT_INVALID NOT_ASKED");
  CardValidationQuery garbage{.certificate_der = base::AsBytes("garbage"),
                              .revocation_mode = RevocationMode::kOcspOnly,
                              .deadline = clock_.Now() + absl::Seconds(5)};
  EXPECT_EQ(Text(validation_.Validate(garbage).verdict), "INVALID MALFORMED NOT_ASKED");
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(CertificateValidationTest, ARecheckAsksOnlyAboutRevocationAndStaysProven) {
  OcspSays(Says::kNothing);
  EXPECT_EQ(Text(Validate(RevocationMode::kOcspOnly, Proof::kGood).verdict),
            "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER");
  OcspSays(Says::kGood);
  const CardValidationResult good = Recheck(RevocationMode::kOcspOnly);
  EXPECT_EQ(Text(good.verdict), "VALID UNSPECIFIED GOOD");
  EXPECT_EQ(good.verdict.possession, pki::PossessionOutcome::kProven);
  EXPECT_TRUE(good.card.has_value());
  clock_.Advance(absl::Hours(2));
  OcspSays(Says::kRevoked);
  EXPECT_EQ(Text(Recheck(RevocationMode::kOcspOnly).verdict), "INVALID REVOKED REVOKED");
}

TEST_F(CertificateValidationTest, ARecheckOfACardThatHasExpiredSinceIsInvalid) {
  clock_.Advance(fakes::ParseCertificate(card_der_).not_after() - clock_.Now() + absl::Seconds(1));
  const CardValidationResult result = Recheck(RevocationMode::kOcspOnly);
  EXPECT_EQ(Text(result.verdict), "INVALID EXPIRED NOT_ASKED");
  EXPECT_FALSE(result.card.has_value());
  EXPECT_TRUE(http_.requests().empty());
}

}  // namespace
}  // namespace musubi::prelink
