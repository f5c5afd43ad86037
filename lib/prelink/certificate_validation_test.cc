#include "lib/prelink/certificate_validation.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/prelink/card_fixture.h"

namespace musubi::prelink {
namespace {

using revocation::RevocationMode;

constexpr std::string_view kMessage = "what the card signed";

enum class Says { kGood, kRevoked, kUnknown, kNothing };
enum class Proof { kNone, kGood, kWrong };

// Fails when told to, as lanes do that contradict OpenSSL.
struct Lanes : crypto::BatchVerifier {
  explicit Lanes(const crypto::SignatureVerifier& verifier_in) : verifier(verifier_in) {}
  absl::Status VerifyBatch(crypto::SignatureClass, std::span<const crypto::SignatureCheck> checks,
                           std::span<crypto::SignatureOutcome> outcomes) const override {
    return broken ? absl::InternalError("broken") : verifier.Verify(checks, outcomes);
  }
  const crypto::SignatureVerifier& verifier;
  bool broken = false;
};

class CertificateValidationTest : public CardFixture, private ValidationObserver {
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
    return validation_.Validate(query).value();
  }
  // The same without waiting on this thread: by DecideMany, and AskResponder where it is needed.
  CardDecision Decide(RevocationMode mode, Proof proof) {
    const auto algorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
    const base::Bytes signature = card_key_.Sign(algorithm, base::AsBytes(kMessage));
    CardValidationQuery query{.certificate_der = card_der_,
                              .revocation_mode = mode,
                              .deadline = clock_.Now() + absl::Seconds(5)};
    if (proof != Proof::kNone) {
      query.proof = jpki::Proof{base::AsBytes(kMessage), signature, algorithm};
    }
    CardDecision decision;
    EXPECT_TRUE(validation_.DecideMany({&query, 1}, {&decision, 1}).ok());
    if (!decision.needs_responder) return decision;
    std::promise<CardDecision> decided;
    validation_.AskResponder(query, std::move(decision),
                             [&](CardDecision made) { decided.set_value(std::move(made)); });
    return decided.get_future().get();
  }
  CardValidationResult Recheck(RevocationMode mode) {
    return validation_
        .RecheckRevocation({.certificate_der = card_der_}, mode, clock_.Now() + absl::Seconds(5))
        .value();
  }
  void OnStart() override { ++started_; }
  void OnVerdict(const pki::Verdict& verdict) override { heard_.push_back(verdict.status); }

  static std::string Text(const pki::Verdict& verdict) {
    return std::string(pki::Name(verdict.status)) + " " + std::string(pki::Name(verdict.reason)) +
           " " + std::string(pki::Name(verdict.revocation.outcome));
  }

  int started_ = 0;
  std::vector<pki::VerdictStatus> heard_;  // By joined_.
  const std::unique_ptr<crypto::SignatureVerifier> verifier_ =
      OrDie(crypto::SignatureVerifier::Create({}));
  Lanes lanes_{*verifier_};
  const std::unique_ptr<crypto::SignatureBatcher> batcher_ =
      OrDie(crypto::SignatureBatcher::Create(lanes_, clock_, {}));
  // With signatures joined, and observed.
  const CertificateValidation joined_{{.clock = clock_,
                                       .card_validator = card_validator_,
                                       .revocation_checker = *checker_,
                                       .observer = this,
                                       .signatures = batcher_.get()}};
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
      // No CRL speaks for it at all: see below.
      {RevocationMode::kDegradedWithProof, Proof::kGood, Says::kNothing,
       "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER"},
      {RevocationMode::kNone, Proof::kGood, Says::kNothing, "VALID UNSPECIFIED NOT_ASKED"},
      // Last: a revocation stays known.
      {RevocationMode::kDegradedWithProof, Proof::kGood, Says::kRevoked, "INVALID REVOKED REVOKED"},
      {RevocationMode::kCrlOnly, Proof::kGood, Says::kNothing, "INVALID REVOKED REVOKED"},
  };
  for (const auto& test_case : cases) {
    OcspSays(test_case.says);
    const CardDecision decision = Decide(test_case.mode, test_case.proof);
    EXPECT_EQ(Text(decision.verdict), test_case.verdict) << Name(test_case.mode);
    EXPECT_FALSE(decision.needs_responder);
    EXPECT_NE(decision.issuer, nullptr);
    const CardValidationResult result = Validate(test_case.mode, test_case.proof);
    EXPECT_EQ(Text(result.verdict), test_case.verdict) << Name(test_case.mode);
    EXPECT_EQ(result.card.has_value(), test_case.proof == Proof::kGood);
    clock_.Advance(absl::Hours(2));  // Past the answers that were kept.
  }
}

TEST_F(CertificateValidationTest, WhereRevocationIsNotAskedAboutNoCrlIsMissed) {
  Decide(RevocationMode::kNone, Proof::kGood);
  EXPECT_EQ(observer_.scopes_missing(), 0);
  Decide(RevocationMode::kCrlOnly, Proof::kGood);
  EXPECT_EQ(observer_.scopes_missing(), 1) << "or the line above shows nothing";
}

TEST_F(CertificateValidationTest, DegradedTakesAProvenCardThatACrlNotTooOldDoesNotList) {
  OcspSays(Says::kNothing);
  const auto text = [this](RevocationMode mode, Proof proof) {
    return Text(Validate(mode, proof).verdict);
  };
  const std::string unavailable = "INDETERMINATE REVOCATION_UNAVAILABLE NO_USABLE_ANSWER";
  PublishCrl(clock_.Now());
  EXPECT_EQ(text(RevocationMode::kDegradedWithProof, Proof::kGood), "VALID UNSPECIFIED GOOD");
  clock_.Advance(absl::Hours(72));
  EXPECT_EQ(text(RevocationMode::kDegradedWithProof, Proof::kGood),
            "VALID UNSPECIFIED NO_USABLE_ANSWER");
  EXPECT_EQ(text(RevocationMode::kDegradedWithProof, Proof::kNone), unavailable);
  EXPECT_EQ(text(RevocationMode::kOcspThenCrl, Proof::kGood), unavailable);
  EXPECT_EQ(Text(Recheck(RevocationMode::kDegradedWithProof).verdict),
            "VALID UNSPECIFIED NO_USABLE_ANSWER");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(text(RevocationMode::kDegradedWithProof, Proof::kGood), unavailable);
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
  EXPECT_EQ(Text(validation_.Validate(garbage)->verdict), "INVALID MALFORMED NOT_ASKED");
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

TEST_F(CertificateValidationTest, ManyAreJudgedAsOneByOneIs) {
  OcspSays(Says::kGood);
  const auto algorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
  const base::Bytes good = card_key_.Sign(algorithm, base::AsBytes(kMessage));
  const base::Bytes wrong(good.size(), 1);
  fakes::CertificateSpec expired = ca_.CardSpec(card_key_);
  expired.not_after = clock_.Now() - absl::Seconds(1);
  const base::Bytes expired_der = ca_.Issue(expired);
  std::vector<CardValidationQuery> queries;
  // More than are judged together.
  for (size_t i = 0; i < jpki::kCardsAtOnce + 9; ++i) {
    CardValidationQuery query{
        .certificate_der = i % 7 == 3 ? expired_der : card_der_,
        .revocation_mode = i % 2 == 0 ? RevocationMode::kOcspOnly : RevocationMode::kCrlOnly,
        .deadline = clock_.Now() + absl::Seconds(5)};
    if (i % 3 != 0) {
      query.proof = jpki::Proof{base::AsBytes(kMessage), i % 5 == 0 ? wrong : good, algorithm};
    }
    if (i % 11 == 10) query.statement_failure = pki::VerdictReason::kNameStatementInvalid;
    queries.push_back(query);
  }
  std::vector<pki::Verdict> verdicts(queries.size());
  ASSERT_TRUE(joined_.ValidateMany(queries, verdicts).ok());
  for (size_t i = 0; i < queries.size(); ++i) {
    const auto alone = validation_.Validate(queries[i]);
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ(Text(verdicts[i]), Text(alone->verdict)) << i;
    EXPECT_EQ(verdicts[i].possession, alone->verdict.possession) << i;
    EXPECT_EQ(verdicts[i].checked_at, clock_.Now());
  }
}

TEST_F(CertificateValidationTest, WithoutAnAnswerAboutSignaturesNothingIsDecided) {
  CardValidationQuery query{.certificate_der = card_der_,
                            .revocation_mode = RevocationMode::kNone,
                            .deadline = clock_.Now()};
  EXPECT_TRUE(joined_.Validate(query).ok());
  lanes_.broken = true;
  EXPECT_EQ(joined_.Validate(query).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(heard_.back(), pki::VerdictStatus::kUnspecified);
  std::vector<pki::Verdict> verdicts(2);
  verdicts[0].status = verdicts[1].status = pki::VerdictStatus::kValid;
  const CardValidationQuery queries[] = {query, query};
  EXPECT_EQ(joined_.ValidateMany(queries, verdicts).code(), absl::StatusCode::kInternal);
  for (const pki::Verdict& verdict : verdicts) {
    EXPECT_EQ(verdict.status, pki::VerdictStatus::kUnspecified);
  }
  EXPECT_EQ(heard_.size(), 4u);
  EXPECT_EQ(started_, 4);
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
