#include "services/validation/validation_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/jpki/my_number.h"
#include "services/validation/bulk_reactor.h"
#include "services/wire/wire.h"

namespace musubi::services::validation {
namespace {

using base::ErrorReason;
using wire::SameNumber;
using wire::ToOctets;
using wire::ToTimestamp;

constexpr size_t kMaxProfileLength = 64;
constexpr size_t kMaxIssuerKeyIdLength = 64;

// The numbers differ: the contract's zero means "not given".
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

absl::StatusOr<std::string> ParseAttribute(int attribute) {
  switch (attribute) {
    case v1::ATTRIBUTE_NAME:
      return std::string(prelink::Name(prelink::Attribute::kName));
    default:
      return base::FieldError(ErrorReason::kFieldInvalid, "attributes",
                              "attributes of the contract");
  }
}

v1::Attribute ToProto(prelink::Attribute attribute) {
  switch (attribute) {
    case prelink::Attribute::kName:
      return v1::ATTRIBUTE_NAME;
  }
  return v1::ATTRIBUTE_UNSPECIFIED;
}

// 1 to `longest` octets.
absl::Status CheckOctets(std::string_view field, const std::string& octets, size_t longest) {
  if (!octets.empty() && octets.size() <= longest) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, field,
                          "1 to " + std::to_string(longest) + " octets");
}

// How large it may be is the validator's to judge: TOO_LARGE is a verdict.
absl::Status CheckCertificate(const std::string& certificate) {
  if (!certificate.empty()) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, "certificate", "one certificate in DER");
}

absl::StatusOr<jpki::NameStatement> ParseNameStatement(const v1::NameStatement& statement) {
  MUSUBI_RETURN_IF_ERROR(CheckOctets("name_statement.issuer_key_id", statement.issuer_key_id(),
                                     kMaxIssuerKeyIdLength));
  jpki::NameStatement parsed{.name = base::Secret<std::string>(statement.name()),
                             .issuer_key_id = statement.issuer_key_id(),
                             .signature = base::ToBytes(statement.signature())};
  MUSUBI_ASSIGN_OR_RETURN(parsed.challenge_hash, wire::ParseHash("name_statement.challenge_hash",
                                                                 statement.challenge_hash()));
  MUSUBI_ASSIGN_OR_RETURN(
      parsed.certificate_hash,
      wire::ParseHash("name_statement.certificate_hash", statement.certificate_hash()));
  return parsed;
}

absl::StatusOr<prelink::SubmitProofArgs> ParseProof(const v1::SubmitProofRequest& request) {
  MUSUBI_ASSIGN_OR_RETURN(prelink::RequestId request_id,
                          wire::ParseRequestId(request.request_id()));
  prelink::SubmitProofArgs args{.request_id = std::move(request_id),
                                .certificate_der = base::ToBytes(request.certificate()),
                                .signature = base::ToBytes(request.signature())};
  if (!request.nonce().empty()) {
    MUSUBI_ASSIGN_OR_RETURN(args.nonce, wire::ParseHash("nonce", request.nonce()));
  }
  MUSUBI_RETURN_IF_ERROR(CheckCertificate(request.certificate()));
  MUSUBI_ASSIGN_OR_RETURN(args.algorithm, ParseAlgorithm("algorithm", request.algorithm()));
  if (request.has_name_statement()) {
    MUSUBI_ASSIGN_OR_RETURN(args.name_statement, ParseNameStatement(request.name_statement()));
  }
  return args;
}

v1::Challenge ToProto(const prelink::IssuedChallenge& issued) {
  const jpki::Challenge& challenge = issued.challenge;
  v1::Challenge proto;
  proto.set_version(jpki::kChallengeVersion);
  proto.set_relying_party_id(challenge.relying_party_id);
  proto.set_origin(challenge.origin);
  proto.set_act(SameNumber<v1::Act>(issued.record.act));
  proto.set_session_id(ToOctets(challenge.session_id));
  proto.set_account_binding_hash(ToOctets(challenge.account_binding_hash));
  proto.set_flow(SameNumber<v1::Flow>(issued.record.flow));
  proto.set_transcript_hash(ToOctets(challenge.transcript));
  for (const prelink::Attribute attribute : issued.relying_party->requested_attributes) {
    proto.add_requested_attributes(ToProto(attribute));
  }
  proto.set_consent_text_version(challenge.consent_text_version);
  proto.set_nonce(ToOctets(challenge.nonce));
  return proto;
}

v1::ChallengeDisplay ToDisplay(const prelink::IssuedChallenge& issued) {
  v1::ChallengeDisplay proto;
  *proto.mutable_relying_party() = wire::ToProto(*issued.relying_party);
  *proto.mutable_purpose() = wire::ToProto(issued.relying_party->purpose);
  proto.set_account_bound(issued.record.account.has_value());
  if (issued.record.account.has_value()) {
    proto.set_masked_account_hint(issued.record.account->masked_hint);
  }
  *proto.mutable_client_context() = wire::ToProto(issued.record.client_context);
  return proto;
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

absl::Time ValidationService::NetworkDeadline(const rpc::CallInfo& call) const {
  const absl::Duration left = call.deadline - dependencies_.calls.clock().Now() - kAnswerMargin;
  return dependencies_.clock.Now() + std::clamp(left, absl::ZeroDuration(), kMaxNetworkTime);
}

absl::StatusOr<v1::Verdict> ValidationService::Validate(const v1::CertificateQuery& query,
                                                        const rpc::CallInfo& call) const {
  MUSUBI_RETURN_IF_ERROR(CheckQuery(query));
  prelink::CardValidationQuery question{
      .certificate_der = base::AsBytes(query.certificate()),
      .revocation_mode = SameNumber<revocation::RevocationMode>(query.revocation_mode()),
      .deadline = NetworkDeadline(call)};
  if (query.has_proof()) {
    MUSUBI_ASSIGN_OR_RETURN(question.proof, ParsePossession(query.proof()));
  }
  MUSUBI_ASSIGN_OR_RETURN(const prelink::CardValidationResult result,
                          dependencies_.validation.Validate(question));
  MUSUBI_RETURN_IF_ERROR(Note(query, call, result));
  return wire::ToProto(result.verdict);
}

absl::Status ValidationService::Note(const v1::CertificateQuery& query, const rpc::CallInfo& call,
                                     const prelink::CardValidationResult& result) const {
  const pki::Verdict& verdict = result.verdict;
  checklog::CheckRow row{.at = verdict.checked_at,
                         .caller = std::string(rpc::Name(call.caller.role)),
                         .purpose = SameNumber<checklog::CheckPurpose>(query.purpose()),
                         .method = verdict.revocation.method,
                         .status = verdict.status,
                         .reason = verdict.reason};
  if (verdict.revocation.this_update.has_value()) {
    row.data_age = verdict.checked_at - *verdict.revocation.this_update;
  }
  if (result.identity.has_value()) {
    row.card =
        dependencies_.check_log.HashCard(result.identity->issuer_key_hash, result.identity->serial);
  }
  return dependencies_.check_log.Append(std::move(row));
}

grpc::ServerUnaryReactor* ValidationService::GetChallenge(grpc::CallbackServerContext* context,
                                                          const v1::GetChallengeRequest* request,
                                                          v1::GetChallengeResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::GetChallengeRequest& in,
             v1::GetChallengeResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::IssuedChallenge issued,
                                dependencies_.proofs.GetChallenge(session));
        *out.mutable_challenge() = ToProto(issued);
        *out.mutable_display() = ToDisplay(issued);
        *out.mutable_expires_at() = ToTimestamp(issued.expires_at);
        out.set_proof_tries_left(static_cast<uint32_t>(issued.proof_tries_left));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ValidationService::SubmitProof(grpc::CallbackServerContext* context,
                                                         const v1::SubmitProofRequest* request,
                                                         v1::SubmitProofResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::SubmitProofRequest& in,
             v1::SubmitProofResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::SubmitProofArgs args, ParseProof(in));
        MUSUBI_ASSIGN_OR_RETURN(
            const prelink::ProofAnswer answer,
            dependencies_.proofs.SubmitProof(session, args, NetworkDeadline(call)));
        *out.mutable_verdict() = wire::ToProto(answer.verdict);
        out.set_state(SameNumber<v1::SessionState>(answer.state));
        out.set_proof_tries_left(static_cast<uint32_t>(answer.proof_tries_left));
        if (answer.consent.has_value()) *out.mutable_consent() = wire::ToProto(*answer.consent);
        if (answer.proof_kept_until.has_value()) {
          *out.mutable_proof_kept_until() = ToTimestamp(*answer.proof_kept_until);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ValidationService::GrantConsent(grpc::CallbackServerContext* context,
                                                          const v1::GrantConsentRequest* request,
                                                          v1::GrantConsentResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::GrantConsentRequest& in,
             v1::GrantConsentResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        std::vector<std::string> attributes;
        for (const int attribute : in.attributes()) {
          MUSUBI_ASSIGN_OR_RETURN(attributes.emplace_back(), ParseAttribute(attribute));
        }
        MUSUBI_ASSIGN_OR_RETURN(const prelink::GrantedConsent granted,
                                dependencies_.proofs.GrantConsent(
                                    session, request_id, in.consent_text_version(), attributes));
        out.set_state(SameNumber<v1::SessionState>(granted.state));
        if (granted.ticket.has_value()) *out.mutable_ticket() = wire::ToProto(*granted.ticket);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ValidationService::ValidateCertificate(
    grpc::CallbackServerContext* context, const v1::ValidateCertificateRequest* request,
    v1::ValidateCertificateResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::ValidateCertificateRequest& in,
             v1::ValidateCertificateResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(*out.mutable_verdict(), Validate(in.query(), call));
        return absl::OkStatus();
      });
}

grpc::ServerBidiReactor<v1::ValidateCertificatesRequest, v1::ValidateCertificatesResponse>*
ValidationService::ValidateCertificates(grpc::CallbackServerContext* context) {
  static const std::string method = rpc::MethodOf(*v1::ValidateCertificatesRequest::descriptor());
  return BulkReactor::Start(dependencies_.calls.Begin(context, method, 0),
                            dependencies_.bulk_workers,
                            [this](const v1::CertificateQuery& query, const rpc::CallInfo& call) {
                              return Validate(query, call);
                            });
}

}  // namespace musubi::services::validation
