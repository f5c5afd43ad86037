#include "lib/revocation/revocation_checker.h"

#include "lib/pki/ocsp.h"
#include "lib/revocation/validation_time.h"

namespace musubi::revocation {
namespace {

using pki::RevocationFinding;
using pki::RevocationOutcome;

RevocationFinding NoAnswer(pki::RevocationMethod method) {
  RevocationFinding finding;
  finding.outcome = RevocationOutcome::kNoUsableAnswer;
  finding.method = method;
  return finding;
}

bool IsAnswer(const RevocationFinding& finding) {
  return finding.outcome != RevocationOutcome::kNoUsableAnswer;
}

}  // namespace

RevocationChecker::RevocationChecker(Dependencies dependencies, Options options)
    : dependencies_(dependencies), options_(options) {}

absl::StatusOr<std::unique_ptr<RevocationChecker>> RevocationChecker::Create(
    Dependencies dependencies, Options options) {
  return std::unique_ptr<RevocationChecker>(new RevocationChecker(dependencies, options));
}

RevocationFinding RevocationChecker::Check(const pki::Certificate& target,
                                           const pki::Certificate& issuer,
                                           absl::Time validation_time, RevocationMode mode,
                                           absl::Time deadline) {
  RevocationFinding finding;
  if (mode != RevocationMode::kNone) {
    finding = CheckSources(target, issuer, validation_time, mode, deadline);
  }
  dependencies_.observer.OnFinding(finding);
  return finding;
}

RevocationFinding RevocationChecker::CheckSources(const pki::Certificate& target,
                                                  const pki::Certificate& issuer,
                                                  absl::Time validation_time, RevocationMode mode,
                                                  absl::Time deadline) {
  const Key key{pki::IssuerKeyHash(issuer), base::ToBytes(target.serial())};
  if (auto known = KnownRevocation(key)) return *std::move(known);
  // The CRLs are in memory: what they list is revoked, whatever the mode.
  const RevocationFinding crl = AskCrl(target, issuer, validation_time);
  if (crl.outcome == RevocationOutcome::kRevoked) return crl;
  switch (mode) {
    case RevocationMode::kCrlOnly:
      return crl;
    case RevocationMode::kCrlThenOcsp:
      if (IsAnswer(crl)) return crl;
      return AskOcsp(key, target, issuer, validation_time, deadline);
    case RevocationMode::kOcspOnly:
      return AskOcsp(key, target, issuer, validation_time, deadline);
    case RevocationMode::kOcspThenCrl:
    case RevocationMode::kDegradedWithProof: {
      const RevocationFinding ocsp = AskOcsp(key, target, issuer, validation_time, deadline);
      return IsAnswer(ocsp) ? ocsp : crl;
    }
    case RevocationMode::kUnspecified:
    case RevocationMode::kNone:
      break;
  }
  return NoAnswer(pki::RevocationMethod::kUnspecified);
}

std::optional<RevocationFinding> RevocationChecker::KnownRevocation(const Key& key) {
  base::MutexLock lock(mutex_);
  const auto found = overlay_.find(key);
  if (found == overlay_.end()) return std::nullopt;
  return found->second.finding;
}

void RevocationChecker::Remember(const Key& key, const pki::Certificate& target,
                                 const RevocationFinding& finding) {
  bool full = false;
  {
    base::MutexLock lock(mutex_);
    if (overlay_.size() >= options_.max_overlay_entries) {
      const absl::Time now = dependencies_.clock.Now();
      std::erase_if(overlay_, [now](const auto& entry) { return entry.second.not_after < now; });
    }
    full = overlay_.size() >= options_.max_overlay_entries;
    if (!full) overlay_.insert_or_assign(key, Remembered{finding, target.not_after()});
  }
  if (full) dependencies_.observer.OnOverlayFull();
}

RevocationFinding RevocationChecker::AskCrl(const pki::Certificate& target,
                                            const pki::Certificate& issuer,
                                            absl::Time validation_time) const {
  if (dependencies_.crl_store == nullptr) return NoAnswer(pki::RevocationMethod::kCrl);
  return dependencies_.crl_store->Lookup(target, issuer, validation_time);
}

RevocationFinding RevocationChecker::AskOcsp(const Key& key, const pki::Certificate& target,
                                             const pki::Certificate& issuer,
                                             absl::Time validation_time, absl::Time deadline) {
  RevocationFinding finding = NoAnswer(pki::RevocationMethod::kOcsp);
  if (dependencies_.ocsp_client == nullptr) return finding;
  const OcspClient::Answer answer = dependencies_.ocsp_client->Ask(target, issuer, deadline);
  if (!answer.result) return finding;
  const pki::OcspResult& result = *answer.result;
  finding.source_updated_at = answer.received_at;
  finding.this_update = result.this_update;
  finding.next_update = result.next_update;
  if (result.cert_status == pki::OcspCertStatus::kRevoked) {
    finding.outcome = RevocationOutcome::kRevoked;
    finding.revoked_at = result.revoked_at;
    finding.reason = result.reason;
    Remember(key, target, finding);
    return finding;
  }
  if (result.cert_status == pki::OcspCertStatus::kUnknown) {
    finding.outcome = RevocationOutcome::kUnknownToResponder;
    return finding;
  }
  const absl::Time now = dependencies_.clock.Now();
  // A responder may have forgotten certificates that expired.
  const bool may_be_forgotten = target.not_after() < now;
  if (!may_be_forgotten && CountsAt(result.this_update, validation_time, now)) {
    finding.outcome = RevocationOutcome::kGood;
  }
  return finding;
}

}  // namespace musubi::revocation
