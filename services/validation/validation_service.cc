#include "services/validation/validation_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "services/validation/bulk_reactor.h"
#include "services/validation/certificate_call.h"
#include "services/wire/wire.h"

namespace musubi::services::validation {
namespace {

using base::ErrorReason;
using wire::SameNumber;
using wire::ToOctets;
using wire::ToTimestamp;

constexpr size_t kMaxIssuerKeyIdLength = 64;

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

}  // namespace

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
            dependencies_.proofs.SubmitProof(session, args, checks_.NetworkDeadline(call)));
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
  static const std::string method = rpc::MethodOf(*v1::ValidateCertificateRequest::descriptor());
  return CertificateCall::Start(dependencies_.calls.Begin(context, method, request->ByteSizeLong()),
                                checks_, *request, *response);
}

grpc::ServerBidiReactor<v1::ValidateCertificatesRequest, v1::ValidateCertificatesResponse>*
ValidationService::ValidateCertificates(grpc::CallbackServerContext* context) {
  static const std::string method = rpc::MethodOf(*v1::ValidateCertificatesRequest::descriptor());
  return BulkReactor::Start(dependencies_.calls.Begin(context, method, 0), dependencies_.calls,
                            checks_);
}

}  // namespace musubi::services::validation
