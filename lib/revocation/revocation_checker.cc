#include "lib/revocation/revocation_checker.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/certificate.h"
#include "lib/pki/ocsp.h"
#include "lib/revocation/validation_time.h"

namespace musubi::revocation {
namespace {

using pki::RevocationFinding;
using pki::RevocationOutcome;

RevocationFinding NoAnswer() {
  RevocationFinding finding;
  finding.outcome = RevocationOutcome::kNoUsableAnswer;
  return finding;
}

bool IsAnswer(const RevocationFinding& finding) {
  return finding.outcome != RevocationOutcome::kNoUsableAnswer;
}

pki::Certificate Parse(const pki::CertificateView& view) {
  auto parsed = pki::Certificate::Parse(view.der);
  MUSUBI_CHECK(parsed.ok(), "the view of a certificate is of what can be parsed");
  return *std::move(parsed);
}

// What `mode` finds without OCSP; nothing if OCSP is to be asked.
std::optional<RevocationFinding> WithoutOcsp(const RevocationFinding& crl, RevocationMode mode) {
  switch (mode) {
    case RevocationMode::kCrlOnly:
      return crl;
    case RevocationMode::kCrlThenOcsp:
      if (IsAnswer(crl)) return crl;
      return std::nullopt;
    case RevocationMode::kOcspThenCrl:
    case RevocationMode::kOcspOnly:
    case RevocationMode::kDegradedWithProof:
      return std::nullopt;
    case RevocationMode::kUnspecified:
    case RevocationMode::kNone:
      break;
  }
  return NoAnswer();
}

}  // namespace

// Makes findings of answers, and reports them.
struct RevocationChecker::Desk {
  const base::Clock& clock;
  Observer& observer;
  const std::unique_ptr<RevokedOverlay> overlay;

  // Joins the answer of OCSP with what is known without it.
  RevocationFinding Join(const CrlQuery& query, const RevocationFinding& crl, RevocationMode mode,
                         const OcspClient::Answer& answer, absl::Time now);
  RevocationFinding ToFinding(const CrlQuery& query, const OcspClient::Answer& answer,
                              absl::Time now);
  void Remember(const CrlQuery& query, const RevocationFinding& finding, absl::Time now);
  RevocationFinding Report(RevocationFinding finding);
};

RevocationChecker::RevocationChecker(Dependencies dependencies,
                                     std::unique_ptr<RevokedOverlay> overlay)
    : dependencies_(dependencies),
      desk_(new Desk{dependencies.clock, dependencies.observer, std::move(overlay)}) {}

absl::StatusOr<std::unique_ptr<RevocationChecker>> RevocationChecker::Create(
    Dependencies dependencies, Options options) {
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<RevokedOverlay> overlay,
                          RevokedOverlay::Create({.file = std::move(options.overlay_file),
                                                  .max_entries = options.max_overlay_entries},
                                                 dependencies.clock.Now()));
  return std::unique_ptr<RevocationChecker>(
      new RevocationChecker(dependencies, std::move(overlay)));
}

RevocationFinding RevocationChecker::Check(const pki::Certificate& target,
                                           const pki::Certificate& issuer,
                                           absl::Time validation_time, RevocationMode mode,
                                           absl::Time deadline) {
  const base::Hash256 issuer_key = crypto::Sha256(issuer.spki_der());
  const CrlQuery query{issuer_key, target.view(), validation_time};
  RevocationFinding crl;
  if (mode != RevocationMode::kNone) AskCrls({&query, 1}, dependencies_.clock.Now(), {&crl, 1});
  return Check(query, crl, issuer, mode, deadline);
}

void RevocationChecker::AskCrls(std::span<const CrlQuery> queries, absl::Time now,
                                std::span<RevocationFinding> findings) const {
  if (dependencies_.crl_store != nullptr) {
    dependencies_.crl_store->Lookup(queries, now, findings);
  } else {
    std::ranges::fill(findings, NoAnswer());
  }
}

RevocationFinding RevocationChecker::Check(const CrlQuery& query, const RevocationFinding& crl,
                                           const pki::Certificate& issuer, RevocationMode mode,
                                           absl::Time deadline) {
  if (auto local = CheckLocally(query, crl, mode, dependencies_.clock.Now())) return *local;
  const OcspClient::Answer answer =
      dependencies_.ocsp_client->Ask(Parse(query.target), issuer, deadline);
  return desk_->Report(desk_->Join(query, crl, mode, answer, dependencies_.clock.Now()));
}

void RevocationChecker::CheckAsync(const CrlQuery& query, const RevocationFinding& crl,
                                   const pki::Certificate& issuer, RevocationMode mode,
                                   absl::Time deadline, Done done) {
  if (auto local = CheckLocally(query, crl, mode, dependencies_.clock.Now())) return done(*local);
  const pki::Certificate target = Parse(query.target);
  dependencies_.ocsp_client->AskAsync(
      target, issuer, deadline,
      [desk = desk_, issuer_key = query.issuer_key, target, validation_time = query.validation_time,
       crl, mode, done = std::move(done)](const OcspClient::Answer& answer) {
        const CrlQuery asked{issuer_key, target.view(), validation_time};
        done(desk->Report(desk->Join(asked, crl, mode, answer, desk->clock.Now())));
      });
}

std::optional<RevocationFinding> RevocationChecker::CheckLocally(const CrlQuery& query,
                                                                 const RevocationFinding& crl,
                                                                 RevocationMode mode,
                                                                 absl::Time now) {
  if (mode == RevocationMode::kNone) return desk_->Report(RevocationFinding{});
  if (auto known = desk_->overlay->Find(query.issuer_key, query.target.serial)) {
    return desk_->Report(*known);
  }
  // The CRLs are in memory: what they list is revoked, whatever the mode.
  if (crl.outcome == RevocationOutcome::kRevoked) return desk_->Report(crl);
  if (auto finding = WithoutOcsp(crl, mode)) return desk_->Report(*finding);
  std::optional<OcspClient::Answer> answer = OcspClient::Answer{};
  if (dependencies_.ocsp_client != nullptr) {
    answer = dependencies_.ocsp_client->TryLocally(query.issuer_key, query.target.serial, now);
  }
  if (!answer) return std::nullopt;
  return desk_->Report(desk_->Join(query, crl, mode, *answer, now));
}

RevocationFinding RevocationChecker::Desk::Join(const CrlQuery& query, const RevocationFinding& crl,
                                                RevocationMode mode,
                                                const OcspClient::Answer& answer, absl::Time now) {
  const RevocationFinding ocsp = ToFinding(query, answer, now);
  const bool crl_is_second =
      mode == RevocationMode::kOcspThenCrl || mode == RevocationMode::kDegradedWithProof;
  return crl_is_second && !IsAnswer(ocsp) ? crl : ocsp;
}

RevocationFinding RevocationChecker::Desk::ToFinding(const CrlQuery& query,
                                                     const OcspClient::Answer& answer,
                                                     absl::Time now) {
  RevocationFinding finding = NoAnswer();
  if (!answer.result) return finding;
  const pki::OcspResult& result = *answer.result;
  finding.method = pki::RevocationMethod::kOcsp;
  finding.source_updated_at = answer.received_at;
  finding.this_update = result.this_update;
  finding.next_update = result.next_update;
  if (result.cert_status == pki::OcspCertStatus::kRevoked) {
    finding.outcome = RevocationOutcome::kRevoked;
    finding.revoked_at = result.revoked_at;
    finding.reason = result.reason;
    Remember(query, finding, now);
    return finding;
  }
  if (result.cert_status == pki::OcspCertStatus::kUnknown) {
    finding.outcome = RevocationOutcome::kUnknownToResponder;
    return finding;
  }
  // A responder may have forgotten certificates that expired.
  const bool may_be_forgotten = query.target.not_after < now;
  if (!may_be_forgotten && CountsAt(result.this_update, query.validation_time, now)) {
    finding.outcome = RevocationOutcome::kGood;
  }
  return finding;
}

void RevocationChecker::Desk::Remember(const CrlQuery& query, const RevocationFinding& finding,
                                       absl::Time now) {
  const absl::Status status =
      overlay->Add(query.issuer_key, query.target.serial, query.target.not_after, finding, now);
  if (absl::IsResourceExhausted(status)) {
    observer.OnOverlayFull();
  } else if (!status.ok()) {
    observer.OnOverlayNotSaved(status);
  }
}

RevocationFinding RevocationChecker::Desk::Report(RevocationFinding finding) {
  // Which source came last says nothing if none gave an answer.
  if (!IsAnswer(finding)) finding.method = pki::RevocationMethod::kUnspecified;
  observer.OnFinding(finding);
  return finding;
}

}  // namespace musubi::revocation
