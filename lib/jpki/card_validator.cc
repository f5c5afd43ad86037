#include "lib/jpki/card_validator.h"

#include <algorithm>
#include <utility>

#include "lib/crypto/hash.h"
#include "lib/jpki/gate.h"

namespace musubi::jpki {
namespace {

using pki::VerdictReason;

CardCheck Invalid(VerdictReason reason, absl::Time validation_time, std::string diagnostic) {
  CardCheck check;
  check.verdict.status = pki::VerdictStatus::kInvalid;
  check.verdict.reason = reason;
  check.verdict.cert_index = 0;
  check.verdict.checked_at = validation_time;
  check.verdict.diagnostic = std::move(diagnostic);
  return check;
}

}  // namespace

ProvenCard ProvenCardOf(const pki::ValidatedPath& path) {
  const pki::Certificate& target = path.target();
  return ProvenCard{.issuer_key_hash = crypto::Sha256(path.issuer().spki_der()),
                    .serial = base::ToBytes(target.serial()),
                    .not_after = target.not_after(),
                    .certificate_der = base::ToBytes(target.der()),
                    .name = std::nullopt};
}

absl::StatusOr<CardValidator> CardValidator::Create(const pki::TrustStore& trust_store,
                                                    Hierarchy hierarchy, Options options) {
  if (trust_store.environment() != hierarchy.environment()) {
    return absl::InvalidArgumentError(
        "the anchors are of environment " + std::string(pki::Name(trust_store.environment())) +
        ", the hierarchy of " + std::string(pki::Name(hierarchy.environment())) +
        ": give two files of one environment");
  }
  std::vector<pki::TrustAnchor> anchors;
  for (const pki::TrustAnchor& anchor : trust_store.anchors()) {
    if (anchor.environment == trust_store.environment() &&
        anchor.role == pki::AnchorRole::kUserAuthentication) {
      anchors.push_back(anchor);
    }
  }
  if (anchors.empty()) {
    return absl::InvalidArgumentError(
        "no anchor of environment " + std::string(pki::Name(trust_store.environment())) +
        " has the role user_authentication: no card could be accepted");
  }
  pki::ValidationProfile profile = CardProfile(hierarchy);
  profile.time_rule = options.time_rule;
  return CardValidator(trust_store, std::move(hierarchy), options,
                       pki::PathValidator(std::move(anchors), std::move(profile)));
}

CardCheck CardValidator::Check(base::ByteView certificate_der, const std::optional<Proof>& proof,
                               absl::Time validation_time) const {
  const auto certificate = pki::Certificate::Parse(certificate_der);
  if (!certificate.ok()) {
    return Invalid(pki::ParseFailure(certificate.status()), validation_time,
                   std::string(certificate.status().message()));
  }
  if (const auto reason = CheckCardProfile(*certificate, hierarchy_)) {
    return Invalid(*reason, validation_time, "card profile");
  }
  if (IsOfOtherEnvironment(*certificate)) {
    return Invalid(VerdictReason::kTestHierarchy, validation_time, "issuer of another environment");
  }
  pki::PathResult result = path_validator_.Validate(*certificate, {}, validation_time);
  CardCheck check{std::move(result.verdict), std::move(result.path)};
  if (!check.verdict.valid() || !proof) return check;
  if (const auto reason = CheckProof(*certificate, *proof)) {
    CardCheck failed = Invalid(*reason, validation_time, "proof");
    failed.verdict.possession = pki::PossessionOutcome::kFailed;
    return failed;
  }
  check.verdict.possession = pki::PossessionOutcome::kProven;
  return check;
}

bool CardValidator::IsOfOtherEnvironment(const pki::Certificate& certificate) const {
  const auto issuers = trust_store_.FindBySubject(certificate.issuer_der());
  return !issuers.empty() &&
         std::all_of(issuers.begin(), issuers.end(), [&](const pki::TrustAnchor* anchor) {
           return anchor->environment != trust_store_.environment();
         });
}

std::optional<VerdictReason> CardValidator::CheckProof(const pki::Certificate& certificate,
                                                       const Proof& proof) const {
  const bool pss = proof.algorithm.scheme == crypto::SignatureScheme::kRsaPss;
  if ((pss && !options_.accept_pss_proofs) || !certificate.key_type() ||
      !crypto::Fits(proof.algorithm, *certificate.key_type())) {
    return VerdictReason::kProofAlgorithmNotAllowed;
  }
  if (!crypto::VerifySignature(proof.algorithm, certificate.spki_der(), proof.message,
                               proof.signature)) {
    return VerdictReason::kPossessionFailed;
  }
  return std::nullopt;
}

}  // namespace musubi::jpki
