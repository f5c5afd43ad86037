#include "lib/prelink/certificate_validation.h"

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "lib/base/check.h"
#include "lib/base/status.h"

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

void CertificateValidation::AddRevocations(std::span<const CardValidationQuery> queries,
                                           absl::Time now,
                                           std::span<jpki::CardFinding> findings) const {
  absl::InlinedVector<size_t, jpki::kCardsAtOnce> cards;
  absl::InlinedVector<revocation::CrlQuery, jpki::kCardsAtOnce> crl_queries;
  for (size_t i = 0; i < queries.size(); ++i) {
    if (findings[i].issuer == nullptr) continue;
    const revocation::CrlQuery crl_query{findings[i].issuer->key_hash, findings[i].certificate,
                                         now};
    if (queries[i].revocation_mode == RevocationMode::kNone) {
      AddRevocation(queries[i], crl_query, {}, findings[i]);
      continue;
    }
    cards.push_back(i);
    crl_queries.push_back(crl_query);
  }
  absl::InlinedVector<pki::RevocationFinding, jpki::kCardsAtOnce> crls(cards.size());
  dependencies_.revocation_checker.AskCrls(crl_queries, now, std::span(crls.data(), crls.size()));
  for (size_t k = 0; k < cards.size(); ++k) {
    AddRevocation(queries[cards[k]], crl_queries[k], crls[k], findings[cards[k]]);
  }
}

void CertificateValidation::AddRevocation(const CardValidationQuery& query,
                                          const revocation::CrlQuery& crl_query,
                                          const pki::RevocationFinding& crl,
                                          jpki::CardFinding& finding) const {
  finding.verdict.revocation = dependencies_.revocation_checker.Check(
      crl_query, crl, finding.issuer->anchor.certificate, query.revocation_mode, query.deadline);
  JudgeRevocation(query.revocation_mode, finding.verdict);
}

void CertificateValidation::JudgeRevocation(RevocationMode mode, Verdict& verdict) const {
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
          verdict.possession == PossessionOutcome::kProven && verdict.revocation.out_of_date &&
          verdict.checked_at - *verdict.revocation.this_update <= dependencies_.degraded_crl_age) {
        return;
      }
      break;
    case RevocationOutcome::kUnspecified:
      break;
  }
  Decide(verdict, VerdictStatus::kIndeterminate, VerdictReason::kRevocationUnavailable);
}

template <typename F>
absl::StatusOr<CardValidationResult> CertificateValidation::Observed(F judge) const {
  if (dependencies_.observer == nullptr) return judge();
  dependencies_.observer->OnStart();
  absl::StatusOr<CardValidationResult> result = judge();
  dependencies_.observer->OnVerdict(result.ok() ? result->verdict : Verdict());
  return result;
}

absl::StatusOr<CardValidationResult> CertificateValidation::Validate(
    const CardValidationQuery& query) const {
  return Observed([&] { return Judge(query); });
}

absl::StatusOr<CardValidationResult> CertificateValidation::RecheckRevocation(
    person::CardRecord card, RevocationMode mode, absl::Time deadline) const {
  return Observed([&] { return JudgeAgain(std::move(card), mode, deadline); });
}

absl::Status CertificateValidation::ValidateMany(std::span<const CardValidationQuery> queries,
                                                 std::span<Verdict> verdicts) const {
  MUSUBI_CHECK(queries.size() == verdicts.size(), "every query has a place for its verdict");
  if (dependencies_.observer != nullptr) {
    for (size_t i = 0; i < queries.size(); ++i) dependencies_.observer->OnStart();
  }
  const absl::Time now = dependencies_.clock.Now();
  // On the stack, and only as much of it as there are queries.
  absl::InlinedVector<jpki::CardFinding, jpki::kCardsAtOnce> findings(
      std::min(jpki::kCardsAtOnce, queries.size()));
  absl::Status status;
  for (size_t from = 0; from < queries.size(); from += findings.size()) {
    const auto some = queries.subspan(from, std::min(findings.size(), queries.size() - from));
    status = JudgeCards(some, now, std::span(findings).first(some.size()));
    if (!status.ok()) break;
    AddRevocations(some, now, std::span(findings).first(some.size()));
    for (size_t i = 0; i < some.size(); ++i) verdicts[from + i] = std::move(findings[i].verdict);
  }
  if (!status.ok()) std::ranges::fill(verdicts, Verdict());
  if (dependencies_.observer != nullptr) {
    for (const Verdict& verdict : verdicts) dependencies_.observer->OnVerdict(verdict);
  }
  return status;
}

absl::Status CertificateValidation::DecideMany(std::span<const CardValidationQuery> queries,
                                               std::span<CardDecision> decisions) const {
  MUSUBI_CHECK(queries.size() == decisions.size() && queries.size() <= jpki::kCardsAtOnce,
               "every query has a place for its decision, and they fit one batch");
  const absl::Time now = dependencies_.clock.Now();
  absl::InlinedVector<jpki::CardFinding, jpki::kCardsAtOnce> findings(queries.size());
  const auto some = std::span(findings.data(), findings.size());
  MUSUBI_RETURN_IF_ERROR(JudgeCards(queries, now, some));
  DecideRevocations(queries, now, some, decisions);
  for (size_t i = 0; i < queries.size(); ++i) {
    CardDecision& decision = decisions[i];
    decision.verdict = std::move(findings[i].verdict);
    decision.issuer = findings[i].issuer;
    if (decision.issuer != nullptr) decision.serial = findings[i].certificate.serial;
    if (!decision.needs_responder) Tell(decision.verdict);
  }
  return absl::OkStatus();
}

// What is known without asking, of the findings that have an issuer; the others are decided.
void CertificateValidation::DecideRevocations(std::span<const CardValidationQuery> queries,
                                              absl::Time now, std::span<jpki::CardFinding> findings,
                                              std::span<CardDecision> decisions) const {
  revocation::RevocationChecker& checker = dependencies_.revocation_checker;
  const auto decide = [&](size_t i, const revocation::CrlQuery& crl_query,
                          const pki::RevocationFinding& crl) {
    const RevocationMode mode = queries[i].revocation_mode;
    std::optional<pki::RevocationFinding> known = checker.CheckLocally(crl_query, crl, mode, now);
    decisions[i].needs_responder = !known.has_value();
    if (!known.has_value()) return;
    findings[i].verdict.revocation = *std::move(known);
    JudgeRevocation(mode, findings[i].verdict);
  };
  absl::InlinedVector<size_t, jpki::kCardsAtOnce> cards;
  absl::InlinedVector<revocation::CrlQuery, jpki::kCardsAtOnce> crl_queries;
  for (size_t i = 0; i < queries.size(); ++i) {
    decisions[i].needs_responder = false;
    if (findings[i].issuer == nullptr) continue;
    const revocation::CrlQuery crl_query{findings[i].issuer->key_hash, findings[i].certificate,
                                         now};
    if (queries[i].revocation_mode == RevocationMode::kNone) {
      decide(i, crl_query, {});
      continue;
    }
    cards.push_back(i);
    crl_queries.push_back(crl_query);
  }
  absl::InlinedVector<pki::RevocationFinding, jpki::kCardsAtOnce> crls(cards.size());
  checker.AskCrls(crl_queries, now, std::span(crls.data(), crls.size()));
  for (size_t k = 0; k < cards.size(); ++k) decide(cards[k], crl_queries[k], crls[k]);
}

void CertificateValidation::AskResponder(const CardValidationQuery& query, CardDecision decision,
                                         std::function<void(CardDecision)> done) const {
  const absl::Time now = dependencies_.clock.Now();
  pki::CertificateView certificate;
  MUSUBI_CHECK(pki::ParseCertificateView(query.certificate_der, certificate).ok(),
               "what needs a responder was parsed before");
  const revocation::CrlQuery crl_query{decision.issuer->key_hash, certificate, now};
  pki::RevocationFinding crl;
  dependencies_.revocation_checker.AskCrls({&crl_query, 1}, now, {&crl, 1});
  const jpki::PreparedIssuer& issuer = *decision.issuer;
  dependencies_.revocation_checker.CheckAsync(
      crl_query, crl, issuer.anchor.certificate, query.revocation_mode, query.deadline,
      [this, mode = query.revocation_mode, decision = std::move(decision),
       done = std::move(done)](const pki::RevocationFinding& finding) mutable {
        decision.verdict.revocation = finding;
        JudgeRevocation(mode, decision.verdict);
        decision.needs_responder = false;
        Tell(decision.verdict);
        done(std::move(decision));
      });
}

void CertificateValidation::Tell(const Verdict& verdict) const {
  if (dependencies_.observer == nullptr) return;
  dependencies_.observer->OnStart();
  dependencies_.observer->OnVerdict(verdict);
}

absl::Status CertificateValidation::JudgeCards(std::span<const CardValidationQuery> queries,
                                               absl::Time now,
                                               std::span<jpki::CardFinding> findings) const {
  absl::InlinedVector<jpki::CardQuestion, jpki::kCardsAtOnce> questions;
  absl::Time deadline = absl::InfiniteFuture();
  for (const CardValidationQuery& query : queries) {
    MUSUBI_CHECK(query.revocation_mode != RevocationMode::kUnspecified,
                 "somebody must choose the revocation mode");
    questions.push_back({query.certificate_der, query.proof});
    deadline = std::min(deadline, query.deadline);
  }
  const auto verify = [&](std::span<const crypto::SignatureCheck> checks,
                          std::span<crypto::SignatureOutcome> outcomes) {
    return dependencies_.signatures == nullptr
               ? jpki::VerifyOneByOne(checks, outcomes)
               : dependencies_.signatures->Verify(checks, outcomes,
                                                  std::max(deadline, now + kSignatureTime));
  };
  MUSUBI_RETURN_IF_ERROR(dependencies_.card_validator.CheckBatch(questions, now, findings, verify));
  for (size_t i = 0; i < queries.size(); ++i) {
    const VerdictReason failure = queries[i].statement_failure;
    if (findings[i].issuer == nullptr || failure == VerdictReason::kUnspecified) continue;
    Decide(findings[i].verdict, VerdictStatus::kInvalid, failure);
    findings[i].issuer = nullptr;
  }
  return absl::OkStatus();
}

absl::StatusOr<CardValidationResult> CertificateValidation::Judge(
    const CardValidationQuery& query) const {
  jpki::CardFinding finding;
  const absl::Time now = dependencies_.clock.Now();
  MUSUBI_RETURN_IF_ERROR(JudgeCards({&query, 1}, now, {&finding, 1}));
  CardValidationResult result;
  if (finding.issuer != nullptr) {
    result.identity = person::CardIdentity{.issuer_key_hash = finding.issuer->key_hash,
                                           .serial = base::ToBytes(finding.certificate.serial)};
    if (finding.verdict.possession == PossessionOutcome::kProven) {
      result.card = person::CardRecord{.card = *result.identity,
                                       .certificate_der = base::ToBytes(query.certificate_der)};
    }
    AddRevocations({&query, 1}, now, {&finding, 1});
  }
  result.verdict = std::move(finding.verdict);
  return result;
}

absl::StatusOr<CardValidationResult> CertificateValidation::JudgeAgain(person::CardRecord card,
                                                                       RevocationMode mode,
                                                                       absl::Time deadline) const {
  const CardValidationQuery query{
      .certificate_der = card.certificate_der, .revocation_mode = mode, .deadline = deadline};
  jpki::CardFinding finding;
  const absl::Time now = dependencies_.clock.Now();
  MUSUBI_RETURN_IF_ERROR(JudgeCards({&query, 1}, now, {&finding, 1}));
  CardValidationResult result;
  if (finding.issuer != nullptr) {
    finding.verdict.possession = PossessionOutcome::kProven;
    AddRevocations({&query, 1}, now, {&finding, 1});
    result.identity = card.card;
    result.card = std::move(card);
  }
  result.verdict = std::move(finding.verdict);
  return result;
}

}  // namespace musubi::prelink
