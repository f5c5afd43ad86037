#include "lib/pki/validation.h"

#include "lib/pki/crl.h"
#include "lib/pki/ocsp.h"
#include "lib/pki/path_revocation.h"

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

// What the CRLs of a request say about paths of the same anchor.
class GivenCrls {
 public:
  GivenCrls(const ValidationRequest& request, const PathValidator& signer_paths)
      : time_(request.validation_time),
        signer_paths_(signer_paths),
        signatures_(request.crl_signatures) {
    const bool any_form = signer_paths.profile().conformance != Conformance::kWholePath;
    auto take = [&](const Crl& crl) {
      if (any_form || crl.conforms()) crls_.push_back(crl);
    };
    for (const base::Bytes& der : request.crls) {
      if (const auto parsed = ParseCrl(der, CrlForms::kAll); parsed.crl) take(*parsed.crl);
    }
    for (const Crl& crl : request.parsed_crls) take(crl);
    for (const base::Bytes& der : request.intermediates) {
      if (auto parsed = Certificate::Parse(der); parsed.ok()) {
        certificates_.push_back(*std::move(parsed));
      }
    }
    options_.whole_path = request.revocation == RevocationScope::kWholePath;
    options_.max_age = request.max_crl_age;
  }

  std::vector<RevocationFinding> Find(const ValidatedPath& path) const {
    return CheckPathRevocation(path, {crls_, certificates_, signatures_}, signer_paths_, time_,
                               time_, options_);
  }

 private:
  absl::Time time_;
  const PathValidator& signer_paths_;
  CrlSignatures* signatures_;
  std::vector<Crl> crls_;
  std::vector<Certificate> certificates_;
  PathRevocationOptions options_;
};

// What the OCSP response says about the target. Its delegate may be checked by the CRLs.
RevocationFinding FindInOcsp(const ValidatedPath& path, base::ByteView response,
                             const GivenCrls& crls, absl::Time time) {
  OcspPolicy policy;
  policy.nonce = NoncePolicy::kNone;
  policy.skew = absl::ZeroDuration();
  policy.delegate_check = [&](const Certificate& delegate, const Certificate&) {
    ValidatedPath of_delegate = path;
    of_delegate.certificates[0] = delegate;
    return crls.Find(of_delegate)[0].outcome;
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
                     const PathValidator& signer_paths, Verdict& verdict) {
  const GivenCrls crls(request, signer_paths);
  std::vector<RevocationFinding> findings = crls.Find(path);
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

Validator::Validator(std::vector<TrustAnchor> anchors, ValidationProfile profile)
    : path_validator_(anchors, profile), signer_paths_(std::move(anchors), [&] {
        profile.required_extended_key_usage.reset();
        profile.required_policies.clear();
        profile.target_may_be_ca = true;
        return std::move(profile);
      }()) {}

void Validator::AddRevocation(const ValidatedPath& path, const ValidationRequest& request,
                              Verdict& verdict) const {
  if (request.revocation == RevocationScope::kNone) return;
  if (request.crls.size() + request.parsed_crls.size() > kMaxGivenCrls) {
    Fail(verdict, VerdictStatus::kInvalid, VerdictReason::kTooComplex, 0);
  } else {
    CheckRevocation(path, request, signer_paths_, verdict);
  }
}

ValidationResult Validator::Validate(const ValidationRequest& request) const {
  PathResult path = path_validator_.Validate(request.target, request.intermediates,
                                             request.validation_time, request.inputs);
  ValidationResult result{std::move(path.verdict), {}, {}};
  Verdict& verdict = result.verdict;
  if (!verdict.valid()) return result;
  if (request.proof && !CheckProof(*request.proof, path.path->target(), verdict)) return result;
  result.anchor_id = path.path->anchor_id;
  AddRevocation(*path.path, request, verdict);
  if (verdict.valid()) result.user_constrained_policies = std::move(path.user_constrained_policies);
  return result;
}

}  // namespace musubi::pki
