#include "lib/prelink/certificate_validation.h"

#include <utility>

#include "lib/base/check.h"

namespace musubi::prelink {
namespace {

using pki::PossessionOutcome;
using pki::RevocationOutcome;
using pki::Verdict;
using pki::VerdictReason;
using pki::VerdictStatus;
using revocation::RevocationMode;

constexpr int kTarget = 0;

void Decide(Verdict& verdict, VerdictStatus status, VerdictReason reason) {
  verdict.status = status;
  verdict.reason = reason;
  if (reason != VerdictReason::kUnspecified) verdict.cert_index = kTarget;
}

}  // namespace

void CertificateValidation::AddRevocation(const pki::ValidatedPath& path, RevocationMode mode,
                                          absl::Time deadline, Verdict& verdict) const {
  verdict.revocation = dependencies_.revocation_checker.Check(path.target(), path.issuer(),
                                                              verdict.checked_at, mode, deadline);
  switch (verdict.revocation.outcome) {
    case RevocationOutcome::kGood:
      return;
    case RevocationOutcome::kRevoked: {
      const bool later = verdict.revocation.revoked_at.has_value() &&
                         *verdict.revocation.revoked_at > verdict.checked_at;
      return Decide(verdict, VerdictStatus::kInvalid,
                    later ? VerdictReason::kRevokedLater : VerdictReason::kRevoked);
    }
    case RevocationOutcome::kUnknownToResponder:
      return Decide(verdict, VerdictStatus::kInvalid, VerdictReason::kUnknownToResponder);
    case RevocationOutcome::kNotAsked:
      if (mode == RevocationMode::kNone) return;
      break;
    case RevocationOutcome::kNoUsableAnswer:
      if (mode == RevocationMode::kDegradedWithProof &&
          verdict.possession == PossessionOutcome::kProven) {
        return;
      }
      break;
    case RevocationOutcome::kUnspecified:
      break;
  }
  Decide(verdict, VerdictStatus::kIndeterminate, VerdictReason::kRevocationUnavailable);
}

template <typename F>
CardValidationResult CertificateValidation::Observed(F judge) const {
  if (dependencies_.observer == nullptr) return judge();
  dependencies_.observer->OnStart();
  CardValidationResult result = judge();
  dependencies_.observer->OnVerdict(result.verdict);
  return result;
}

CardValidationResult CertificateValidation::Validate(const CardValidationQuery& query) const {
  MUSUBI_CHECK(query.revocation_mode != RevocationMode::kUnspecified,
               "somebody must choose the revocation mode");
  return Observed([&] { return Judge(query); });
}

CardValidationResult CertificateValidation::RecheckRevocation(person::CardRecord card,
                                                              RevocationMode mode,
                                                              absl::Time deadline) const {
  return Observed([&] { return JudgeAgain(std::move(card), mode, deadline); });
}

CardValidationResult CertificateValidation::Judge(const CardValidationQuery& query) const {
  jpki::CardCheck check = dependencies_.card_validator.Check(query.certificate_der, query.proof,
                                                             dependencies_.clock.Now());
  CardValidationResult result{.verdict = std::move(check.verdict)};
  if (!check.path.has_value()) return result;
  if (query.statement_failure != VerdictReason::kUnspecified) {
    Decide(result.verdict, VerdictStatus::kInvalid, query.statement_failure);
    return result;
  }
  if (result.verdict.possession == PossessionOutcome::kProven) {
    jpki::ProvenCard proven = jpki::ProvenCardOf(*check.path);
    result.card = person::CardRecord{
        .card = {.issuer_key_hash = proven.issuer_key_hash, .serial = std::move(proven.serial)},
        .certificate_der = std::move(proven.certificate_der)};
  }
  AddRevocation(*check.path, query.revocation_mode, query.deadline, result.verdict);
  return result;
}

CardValidationResult CertificateValidation::JudgeAgain(person::CardRecord card, RevocationMode mode,
                                                       absl::Time deadline) const {
  jpki::CardCheck check = dependencies_.card_validator.Check(card.certificate_der, std::nullopt,
                                                             dependencies_.clock.Now());
  CardValidationResult result{.verdict = std::move(check.verdict)};
  if (!check.path.has_value()) return result;
  result.verdict.possession = PossessionOutcome::kProven;
  result.card = std::move(card);
  AddRevocation(*check.path, mode, deadline, result.verdict);
  return result;
}

}  // namespace musubi::prelink
