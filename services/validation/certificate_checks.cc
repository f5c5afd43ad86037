#include "services/validation/certificate_checks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/hash/hash.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/jpki/my_number.h"
#include "services/wire/wire.h"

namespace musubi::services::validation {
namespace {

using base::ErrorReason;
using wire::SameNumber;

constexpr size_t kMaxProfileLength = 64;

// 1 to `longest` octets.
absl::Status CheckOctets(std::string_view field, const std::string& octets, size_t longest) {
  if (!octets.empty() && octets.size() <= longest) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, field,
                          "1 to " + std::to_string(longest) + " octets");
}

absl::Status CheckQuery(const v1::CertificateQuery& query) {
  MUSUBI_RETURN_IF_ERROR(CheckCertificate(query.certificate()));
  if (query.intermediates_size() > 0) {
    return base::FieldError(ErrorReason::kFieldNotAllowed, "intermediates",
                            "empty: cards' certificates are issued by an anchor");
  }
  if (query.profile().size() > kMaxProfileLength) {
    return base::FieldError(ErrorReason::kFieldInvalid, "profile",
                            "at most " + std::to_string(kMaxProfileLength) + " octets");
  }
  if (!query.profile().empty() && query.profile() != kUserAuthenticationProfile) {
    return base::Error(ErrorReason::kNotSupported, "this server has no validation profile so named",
                       {{"option", "profile"}});
  }
  if (query.has_validation_time()) {
    return base::FieldError(ErrorReason::kFieldNotAllowed, "validation_time",
                            "absent: the profile judges for now");
  }
  if (query.revocation_mode() == v1::REVOCATION_MODE_UNSPECIFIED) {
    return base::FieldError(ErrorReason::kFieldInvalid, "revocation_mode", "a caller must choose");
  }
  MUSUBI_RETURN_IF_ERROR(
      wire::CheckEnum("revocation_mode", query.revocation_mode(), v1::RevocationMode_IsValid));
  if (query.purpose() == v1::CHECK_PURPOSE_UNSPECIFIED) {
    return base::FieldError(ErrorReason::kFieldInvalid, "purpose", "a caller says why it asks");
  }
  return wire::CheckEnum("purpose", query.purpose(), v1::CheckPurpose_IsValid);
}

// Views into `proof`.
absl::StatusOr<jpki::Proof> ParsePossession(const v1::PossessionProof& proof) {
  MUSUBI_RETURN_IF_ERROR(CheckOctets("proof.message", proof.message(), kMaxPossessionMessage));
  MUSUBI_RETURN_IF_ERROR(
      CheckOctets("proof.signature", proof.signature(), kMaxPossessionSignature));
  MUSUBI_ASSIGN_OR_RETURN(const crypto::SignatureAlgorithm algorithm,
                          ParseAlgorithm("proof.algorithm", proof.algorithm()));
  const base::ByteView message = base::AsBytes(proof.message());
  if (jpki::HoldsMyNumber(message)) {
    return base::Error(ErrorReason::kMyNumberPresent, "the signed message holds My Number data",
                       {{"field", "proof.message"}});
  }
  return jpki::Proof{
      .message = message, .signature = base::AsBytes(proof.signature()), .algorithm = algorithm};
}

}  // namespace

absl::StatusOr<crypto::SignatureAlgorithm> ParseAlgorithm(std::string_view field,
                                                          v1::SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256:
      return crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
    case v1::SIGNATURE_ALGORITHM_RSA_PSS_SHA256:
      return crypto::SignatureAlgorithm::kRsaPssSha256;
    case v1::SIGNATURE_ALGORITHM_ECDSA_P256_SHA256:
      return crypto::SignatureAlgorithm::kEcdsaP256Sha256;
    case v1::SIGNATURE_ALGORITHM_ECDSA_P384_SHA384:
      return crypto::SignatureAlgorithm::kEcdsaP384Sha384;
    default:
      return base::FieldError(ErrorReason::kFieldInvalid, field, "an algorithm of the contract");
  }
}

absl::Status CheckCertificate(const std::string& certificate) {
  if (!certificate.empty()) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, "certificate", "one certificate in DER");
}

absl::Time CertificateChecks::NetworkDeadline(const rpc::CallInfo& call) const {
  const absl::Duration left = call.deadline - dependencies_.calls.clock().Now() - kAnswerMargin;
  return dependencies_.clock.Now() + std::clamp(left, absl::ZeroDuration(), kMaxNetworkTime);
}

base::SteadyTime CertificateChecks::CallDeadline(const rpc::CallInfo& call) const {
  // No call of the contract may take longer.
  const absl::Duration left = call.deadline - dependencies_.calls.clock().Now();
  return base::SteadyNow() + base::ToSteady(std::min(left, absl::Hours(1)));
}

absl::StatusOr<prelink::CardValidationQuery> CertificateChecks::Parse(
    const v1::CertificateQuery& query, absl::Time network_deadline) const {
  MUSUBI_RETURN_IF_ERROR(CheckQuery(query));
  prelink::CardValidationQuery question{
      .certificate_der = base::AsBytes(query.certificate()),
      .revocation_mode = SameNumber<revocation::RevocationMode>(query.revocation_mode()),
      .deadline = network_deadline};
  if (query.has_proof()) {
    MUSUBI_ASSIGN_OR_RETURN(question.proof, ParsePossession(query.proof()));
  }
  return question;
}

absl::Status CertificateChecks::Close(const absl::StatusOr<prelink::CardDecision>& decision,
                                      rpc::Role caller, v1::CheckPurpose purpose) const {
  if (!decision.ok()) return decision.status();
  const pki::Verdict& verdict = decision->verdict;
  checklog::CheckRow row{.at = verdict.checked_at,
                         .caller = std::string(rpc::Name(caller)),
                         .purpose = SameNumber<checklog::CheckPurpose>(purpose),
                         .method = verdict.revocation.method,
                         .status = verdict.status,
                         .reason = verdict.reason};
  if (verdict.revocation.this_update.has_value()) {
    row.data_age = verdict.checked_at - *verdict.revocation.this_update;
  }
  if (decision->issuer != nullptr) {
    row.card = dependencies_.check_log.HashCard(decision->issuer->key_hash, decision->serial);
  }
  return dependencies_.check_log.Append(std::move(row));
}

prelink::ClientLoad& CertificateChecks::LoadOf(const rpc::CallInfo& call) {
  const size_t hash = absl::HashOf(static_cast<unsigned>(call.caller.role),
                                   call.caller.relying_party_id, call.client_name);
  return loads_[hash % loads_.size()];
}

}  // namespace musubi::services::validation
