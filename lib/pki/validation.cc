#include "lib/pki/validation.h"

#include "lib/pki/crl.h"
#include "lib/pki/ocsp.h"

namespace musubi::pki {
namespace {

RevocationFinding Revoked(RevocationMethod method, absl::Time this_update,
                          std::optional<absl::Time> next_update,
                          std::optional<absl::Time> revoked_at, CrlReason reason) {
  RevocationFinding finding;
  finding.outcome = RevocationOutcome::kRevoked;
  finding.method = method;
  finding.this_update = this_update;
  finding.next_update = next_update;
  finding.revoked_at = revoked_at;
  finding.reason = reason;
  return finding;
}

// What the CRLs say about certificate `index` of the path. Of several that speak for it one that
// lists it wins.
RevocationFinding FindInCrls(const ValidatedPath& path, size_t index, std::span<const Crl> crls,
                             absl::Time time) {
  const Certificate& certificate = path.certificates[index];
  const Certificate& issuer = path.certificates[index + 1];
  RevocationFinding finding;
  finding.outcome = RevocationOutcome::kNoUsableAnswer;
  for (const Crl& crl : crls) {
    if (CheckCrlTime(crl, time, /*skew=*/absl::ZeroDuration()) != CrlOutcome::kUsable ||
        CheckCrlScope(crl, certificate) != CrlOutcome::kUsable ||
        CheckCrlSignature(crl, issuer) != CrlOutcome::kUsable) {
      continue;
    }
    if (const auto entry = crl.Find(certificate.serial())) {
      return Revoked(RevocationMethod::kCrl, crl.this_update(), crl.next_update(),
                     entry->revoked_at, entry->reason);
    }
    finding.outcome = RevocationOutcome::kGood;
    finding.method = RevocationMethod::kCrl;
    finding.this_update = crl.this_update();
    finding.next_update = crl.next_update();
  }
  return finding;
}

// What the OCSP response says about the target. Its delegate may be checked by the CRLs.
RevocationFinding FindInOcsp(const ValidatedPath& path, base::ByteView response,
                             std::span<const Crl> crls, absl::Time time) {
  OcspPolicy policy;
  policy.nonce = NoncePolicy::kNone;
  policy.skew = absl::ZeroDuration();
  policy.delegate_check = [&](const Certificate& delegate, const Certificate& issuer) {
    return FindInCrls({{delegate, issuer}, path.anchor_id}, 0, crls, time).outcome;
  };
  const OcspResult result =
      CheckOcspResponse(response, path.target(), path.issuer(), /*nonce=*/{}, policy, time);
  RevocationFinding finding;
  finding.outcome = RevocationOutcome::kNoUsableAnswer;
  if (!result.cert_status) return finding;
  if (*result.cert_status == OcspCertStatus::kRevoked) {
    return Revoked(RevocationMethod::kOcsp, result.this_update, result.next_update,
                   result.revoked_at, result.reason);
  }
  finding.outcome = *result.cert_status == OcspCertStatus::kGood
                        ? RevocationOutcome::kGood
                        : RevocationOutcome::kUnknownToResponder;
  finding.method = RevocationMethod::kOcsp;
  finding.this_update = result.this_update;
  finding.next_update = result.next_update;
  return finding;
}

// The worse of two findings about one certificate, where no answer is no finding.
RevocationFinding Join(RevocationFinding a, RevocationFinding b) {
  auto rank = [](const RevocationFinding& finding) {
    switch (finding.outcome) {
      case RevocationOutcome::kRevoked:
        return 3;
      case RevocationOutcome::kUnknownToResponder:
        return 2;
      case RevocationOutcome::kGood:
        return 1;
      default:
        return 0;
    }
  };
  return rank(b) > rank(a) ? b : a;
}

void Fail(Verdict& verdict, VerdictStatus status, VerdictReason reason, int cert_index) {
  verdict.status = status;
  verdict.reason = reason;
  verdict.cert_index = cert_index;
}

// False, and the verdict failed, unless the proof holds.
bool CheckProof(const PossessionProof& proof, const Certificate& target, Verdict& verdict) {
  const auto key = target.key_type();
  const bool fits = key && crypto::Fits(proof.algorithm, *key);
  if (fits &&
      crypto::VerifySignature(proof.algorithm, target.spki_der(), proof.message, proof.signature)) {
    verdict.possession = PossessionOutcome::kProven;
    return true;
  }
  verdict.possession = PossessionOutcome::kFailed;
  Fail(verdict, VerdictStatus::kInvalid,
       fits ? VerdictReason::kPossessionFailed : VerdictReason::kProofAlgorithmNotAllowed, 0);
  return false;
}

void CheckRevocation(const ValidatedPath& path, const ValidationRequest& request,
                     Verdict& verdict) {
  std::vector<Crl> crls;
  for (const base::Bytes& der : request.crls) {
    if (auto parsed = ParseCrl(der); parsed.crl) crls.push_back(*std::move(parsed.crl));
  }
  std::vector<RevocationFinding> findings;
  const size_t count =
      request.revocation == RevocationScope::kTarget ? 1 : path.certificates.size() - 1;
  for (size_t i = 0; i < count; ++i) {
    findings.push_back(FindInCrls(path, i, crls, request.validation_time));
  }
  if (request.ocsp_response) {
    findings[0] =
        Join(findings[0], FindInOcsp(path, *request.ocsp_response, crls, request.validation_time));
  }
  verdict.revocation = findings[0];
  auto fail_first = [&](RevocationOutcome outcome, VerdictStatus status, VerdictReason reason) {
    for (size_t i = 0; i < findings.size(); ++i) {
      if (findings[i].outcome != outcome) continue;
      verdict.revocation = findings[i];
      Fail(verdict, status, reason, static_cast<int>(i));
      const bool later = findings[i].revoked_at > request.validation_time;
      if (outcome == RevocationOutcome::kRevoked && later) {
        verdict.reason = VerdictReason::kRevokedLater;
      }
      return true;
    }
    return false;
  };
  fail_first(RevocationOutcome::kRevoked, VerdictStatus::kInvalid, VerdictReason::kRevoked) ||
      fail_first(RevocationOutcome::kUnknownToResponder, VerdictStatus::kInvalid,
                 VerdictReason::kUnknownToResponder) ||
      fail_first(RevocationOutcome::kNoUsableAnswer, VerdictStatus::kIndeterminate,
                 VerdictReason::kRevocationUnavailable);
}

}  // namespace

ValidationResult Validator::Validate(const ValidationRequest& request) const {
  PathResult path = path_validator_.Validate(request.target, request.intermediates,
                                             request.validation_time, request.inputs);
  ValidationResult result{std::move(path.verdict), {}};
  Verdict& verdict = result.verdict;
  if (!verdict.valid()) return result;
  if (request.proof && !CheckProof(*request.proof, path.path->target(), verdict)) return result;
  if (request.revocation != RevocationScope::kNone) {
    if (request.crls.size() > kMaxGivenCrls) {
      Fail(verdict, VerdictStatus::kInvalid, VerdictReason::kTooComplex, 0);
    } else {
      CheckRevocation(*path.path, request, verdict);
    }
  }
  if (verdict.valid()) result.user_constrained_policies = std::move(path.user_constrained_policies);
  return result;
}

}  // namespace musubi::pki
