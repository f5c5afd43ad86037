#include "sandbox/journey/parties.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "musubi/v1/link.grpc.pb.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/challenge_encoder.h"

namespace musubi::sandbox {
namespace {

// A watch may last as long as a journey with a person in it, not a session's whole life.
constexpr absl::Duration kWatchDeadline = absl::Minutes(5);

template <size_t N>
std::string RandomOctets(base::SecureRandom& random) {
  return base::ToString(random.Bytes<N>());
}

// "LINK" of "ACT_LINK": the words of the challenge encoding are the enums' names.
std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  return name.substr(std::min(prefix.size(), name.size()));
}

base::Bytes Octets(const std::string& field) { return base::ToBytes(field); }

absl::StatusOr<v1::SessionView> GetSessionOver(const Connection& front,
                                               const std::string& session_id,
                                               const std::string& credential) {
  v1::GetSessionRequest request;
  request.set_session_id(session_id);
  MUSUBI_ASSIGN_OR_RETURN(
      v1::GetSessionResponse response,
      front.Call<v1::SessionService>(&v1::SessionService::Stub::GetSession, request, credential));
  return std::move(*response.mutable_session());
}

absl::Status CancelOver(const Connection& front, base::SecureRandom& random,
                        const std::string& session_id, const std::string& credential,
                        v1::CancelReason reason) {
  v1::CancelSessionRequest request;
  request.set_session_id(session_id);
  request.set_request_id(NewRequestId(random));
  request.set_reason(reason);
  return front
      .Call<v1::SessionService>(&v1::SessionService::Stub::CancelSession, request, credential)
      .status();
}

bool IsOver(v1::SessionState state) {
  return state == v1::SESSION_STATE_USED || state == v1::SESSION_STATE_CANCELLED ||
         state == v1::SESSION_STATE_EXPIRED || state == v1::SESSION_STATE_FAILED;
}

}  // namespace

std::string NewRequestId(base::SecureRandom& random) { return RandomOctets<16>(random); }

absl::Status Browser::CreateSession(v1::CreateSessionRequest request) {
  request.set_request_id(NewRequestId(random_));
  MUSUBI_ASSIGN_OR_RETURN(
      const v1::CreateSessionResponse response,
      front_.Call<v1::SessionService>(&v1::SessionService::Stub::CreateSession, request, ""));
  session_id_ = response.session_id();
  credential_ = response.browser_credential();
  return absl::OkStatus();
}

absl::Status Browser::ClaimStart(const std::string& session_id, const std::string& start_code) {
  v1::ClaimStartRequest request;
  request.set_request_id(NewRequestId(random_));
  request.set_session_id(session_id);
  request.set_start_code(start_code);
  MUSUBI_ASSIGN_OR_RETURN(
      const v1::ClaimStartResponse response,
      front_.Call<v1::SessionService>(&v1::SessionService::Stub::ClaimStart, request, ""));
  session_id_ = session_id;
  credential_ = response.browser_credential();
  return absl::OkStatus();
}

absl::StatusOr<v1::QrFrame> Browser::GetQrFrame() {
  v1::GetQrFrameRequest request;
  request.set_session_id(session_id_);
  MUSUBI_ASSIGN_OR_RETURN(
      v1::GetQrFrameResponse response,
      front_.Call<v1::PairingService>(&v1::PairingService::Stub::GetQrFrame, request, credential_));
  return std::move(*response.mutable_frame());
}

absl::StatusOr<v1::QrFrame> Browser::RefreshQr() {
  v1::RefreshQrRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  MUSUBI_ASSIGN_OR_RETURN(
      v1::RefreshQrResponse response,
      front_.Call<v1::PairingService>(&v1::PairingService::Stub::RefreshQr, request, credential_));
  return std::move(*response.mutable_frame());
}

absl::StatusOr<v1::SessionState> Browser::ConfirmCode(const std::string& pairing_code) {
  v1::ConfirmCodeRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  request.set_pairing_code(pairing_code);
  MUSUBI_ASSIGN_OR_RETURN(const v1::ConfirmCodeResponse response,
                          front_.Call<v1::PairingService>(&v1::PairingService::Stub::ConfirmCode,
                                                          request, credential_));
  return response.state();
}

absl::StatusOr<std::string> Browser::CreateHandoff() {
  v1::CreateHandoffRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  MUSUBI_ASSIGN_OR_RETURN(const v1::CreateHandoffResponse response,
                          front_.Call<v1::PairingService>(&v1::PairingService::Stub::CreateHandoff,
                                                          request, credential_));
  return response.handoff_token();
}

absl::StatusOr<v1::SessionView> Browser::WaitFor(v1::SessionState state) {
  v1::WatchSessionRequest request;
  request.set_session_id(session_id_);
  grpc::ClientContext context;
  front_.Prepare(context, credential_, kWatchDeadline);
  const auto stub = v1::SessionService::NewStub(front_.channel());
  const auto reader = stub->WatchSession(&context, request);
  v1::WatchSessionResponse response;
  while (reader->Read(&response)) {
    if (response.session().state() == state) {
      context.TryCancel();
      return response.session();
    }
    if (IsOver(response.session().state())) {
      context.TryCancel();
      return absl::FailedPreconditionError(
          absl::StrCat("the session is ", v1::SessionState_Name(response.session().state()),
                       " and will not be ", v1::SessionState_Name(state)));
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return rpc::FromGrpc(status);
  return absl::FailedPreconditionError("the server ended the watch before the session got there");
}

absl::StatusOr<v1::SessionView> Browser::GetSession() {
  return GetSessionOver(front_, session_id_, credential_);
}

absl::Status Browser::BindAccount(const v1::AccountBinding& account) {
  v1::BindAccountRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  *request.mutable_account() = account;
  MUSUBI_ASSIGN_OR_RETURN(const v1::BindAccountResponse response,
                          front_.Call<v1::SessionService>(&v1::SessionService::Stub::BindAccount,
                                                          request, credential_));
  credential_ = response.browser_credential();
  return absl::OkStatus();
}

absl::StatusOr<v1::CompleteReturnResponse> Browser::CompleteReturn(const std::string& return_code) {
  v1::CompleteReturnRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  request.set_return_code(return_code);
  MUSUBI_ASSIGN_OR_RETURN(v1::CompleteReturnResponse response,
                          front_.Call<v1::PairingService>(&v1::PairingService::Stub::CompleteReturn,
                                                          request, credential_));
  credential_ = response.browser_credential();
  return response;
}

absl::Status Browser::Cancel(v1::CancelReason reason) {
  return CancelOver(front_, random_, session_id_, credential_, reason);
}

absl::StatusOr<v1::CreateLinkResponse> Browser::CreateLink(const v1::SignIn& sign_in) {
  v1::CreateLinkRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  *request.mutable_sign_in() = sign_in;
  return front_.Call<v1::LinkService>(&v1::LinkService::Stub::CreateLink, request, "");
}

absl::StatusOr<v1::DeleteLinkResponse> Browser::DeleteLink(const v1::SignIn& sign_in) {
  v1::DeleteLinkRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  *request.mutable_sign_in() = sign_in;
  return front_.Call<v1::LinkService>(&v1::LinkService::Stub::DeleteLink, request, "");
}

Phone::Phone(const Connection& front, base::SecureRandom& random, VirtualCard& card,
             std::string origin)
    : front_(front),
      random_(random),
      card_(card),
      origin_(std::move(origin)),
      claim_key_(RandomOctets<32>(random)) {}

absl::StatusOr<std::string> Phone::ClaimQr(const std::string& payload) {
  v1::ClaimQrRequest request;
  request.set_payload(payload);
  request.set_claim_key(claim_key_);
  MUSUBI_ASSIGN_OR_RETURN(
      const v1::ClaimQrResponse response,
      front_.Call<v1::PairingService>(&v1::PairingService::Stub::ClaimQr, request, ""));
  session_id_ = response.session_id();
  credential_ = response.device_credential();
  act_ = response.act();
  flow_ = v1::FLOW_CROSS_DEVICE;
  return response.pairing_code();
}

absl::Status Phone::ClaimHandoff(const std::string& session_id, const std::string& handoff_token) {
  v1::ClaimHandoffRequest request;
  request.set_session_id(session_id);
  request.set_handoff_token(handoff_token);
  request.set_claim_key(claim_key_);
  MUSUBI_ASSIGN_OR_RETURN(
      const v1::ClaimHandoffResponse response,
      front_.Call<v1::PairingService>(&v1::PairingService::Stub::ClaimHandoff, request, ""));
  session_id_ = session_id;
  credential_ = response.device_credential();
  act_ = response.act();
  flow_ = v1::FLOW_ONE_DEVICE;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Phone::RefreshCode() {
  v1::RefreshCodeRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  MUSUBI_ASSIGN_OR_RETURN(const v1::RefreshCodeResponse response,
                          front_.Call<v1::PairingService>(&v1::PairingService::Stub::RefreshCode,
                                                          request, credential_));
  return response.pairing_code();
}

absl::StatusOr<v1::GetChallengeResponse> Phone::GetChallenge() {
  v1::GetChallengeRequest request;
  request.set_session_id(session_id_);
  return front_.Call<v1::ValidationService>(&v1::ValidationService::Stub::GetChallenge, request,
                                            credential_);
}

absl::StatusOr<v1::SubmitProofRequest> Phone::ReadCard(const v1::Challenge& challenge,
                                                       const Pins& pins) {
  const auto refuse = [](std::string_view what) {
    return absl::FailedPreconditionError(
        absl::StrCat("the app refuses the challenge: it is for another ", base::ToAbsl(what),
                     " than the app's"));
  };
  if (challenge.version() != 1) return refuse("version of the encoding");
  if (challenge.origin() != origin_) return refuse("origin");
  if (challenge.session_id() != session_id_) return refuse("session");
  if (challenge.act() != act_) return refuse("act");
  if (challenge.flow() != flow_) return refuse("flow");
  return SignAnything(challenge, pins);
}

absl::StatusOr<v1::SubmitProofRequest> Phone::SignAnything(const v1::Challenge& challenge,
                                                           const Pins& pins) {
  ChallengeFields fields = {.relying_party_id = challenge.relying_party_id(),
                            .origin = challenge.origin(),
                            .act = WithoutPrefix(v1::Act_Name(challenge.act()), "ACT_"),
                            .session_id = Octets(challenge.session_id()),
                            .account_binding_hash = Octets(challenge.account_binding_hash()),
                            .flow = WithoutPrefix(v1::Flow_Name(challenge.flow()), "FLOW_"),
                            .transcript = Octets(challenge.transcript_hash()),
                            .consent_text_version = challenge.consent_text_version(),
                            .nonce = Octets(challenge.nonce())};
  bool name_requested = false;
  for (const int attribute : challenge.requested_attributes()) {
    fields.requested_attributes.push_back(absl::AsciiStrToLower(
        WithoutPrefix(v1::Attribute_Name(static_cast<v1::Attribute>(attribute)), "ATTRIBUTE_")));
    if (attribute == v1::ATTRIBUTE_NAME) name_requested = true;
  }
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes encoded, EncodeChallenge(fields));

  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes signature, card_.Sign(pins.authentication, encoded));
  v1::SubmitProofRequest proof;
  proof.set_session_id(session_id_);
  proof.set_request_id(NewRequestId(random_));
  proof.set_nonce(challenge.nonce());
  proof.set_certificate(base::ToString(card_.ReadCertificate()));
  proof.set_algorithm(card_.key_type() == KeyType::kEcP384
                          ? v1::SIGNATURE_ALGORITHM_ECDSA_P384_SHA384
                          : v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
  proof.set_signature(base::ToString(signature));
  if (name_requested) {
    MUSUBI_ASSIGN_OR_RETURN(const NameStatement read, card_.ReadName(pins.card_info, encoded));
    v1::NameStatement& statement = *proof.mutable_name_statement();
    statement.set_name(read.name);
    statement.set_issuer_key_id(read.issuer_id);
    statement.set_challenge_hash(base::ToString(crypto::Sha256(encoded)));
    statement.set_certificate_hash(base::ToString(crypto::Sha256(card_.ReadCertificate())));
    statement.set_signature(base::ToString(read.signature));
  }
  return proof;
}

absl::StatusOr<v1::SubmitProofResponse> Phone::SubmitProof(const v1::SubmitProofRequest& proof) {
  return front_.Call<v1::ValidationService>(&v1::ValidationService::Stub::SubmitProof, proof,
                                            credential_);
}

absl::StatusOr<v1::GrantConsentResponse> Phone::GrantConsent(const v1::ConsentRequest& shown) {
  v1::GrantConsentRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  request.set_consent_text_version(shown.consent_text_version());
  for (const v1::ConsentAttribute& attribute : shown.attributes()) {
    request.add_attributes(attribute.attribute());
  }
  return front_.Call<v1::ValidationService>(&v1::ValidationService::Stub::GrantConsent, request,
                                            credential_);
}

absl::StatusOr<v1::ReturnTicket> Phone::RefreshReturnCode() {
  v1::RefreshReturnCodeRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  MUSUBI_ASSIGN_OR_RETURN(v1::RefreshReturnCodeResponse response,
                          front_.Call<v1::PairingService>(
                              &v1::PairingService::Stub::RefreshReturnCode, request, credential_));
  return std::move(*response.mutable_ticket());
}

absl::StatusOr<v1::SessionView> Phone::GetSession() {
  return GetSessionOver(front_, session_id_, credential_);
}

absl::Status Phone::Cancel(v1::CancelReason reason) {
  return CancelOver(front_, random_, session_id_, credential_, reason);
}

absl::StatusOr<v1::CreateSessionResponse> RelyingParty::CreateSession(
    v1::CreateSessionRequest request) {
  state_ = base::Base64UrlEncode(random_.Bytes<32>());
  request.set_request_id(NewRequestId(random_));
  request.set_act(v1::ACT_VERIFY);
  request.set_state(state_);
  MUSUBI_ASSIGN_OR_RETURN(
      v1::CreateSessionResponse response,
      connection_.Call<v1::SessionService>(&v1::SessionService::Stub::CreateSession, request, ""));
  session_id_ = response.session_id();
  return response;
}

absl::StatusOr<v1::ResolveLinkResponse> RelyingParty::Resolve(
    const v1::VerifyReturn& verify_return) {
  if (verify_return.state() != state_) {
    return absl::PermissionDeniedError(
        "the browser came back with the state of another journey: begin again");
  }
  v1::ResolveLinkRequest request;
  request.set_session_id(session_id_);
  request.set_request_id(NewRequestId(random_));
  request.set_result_code(verify_return.result_code());
  return connection_.Call<v1::LinkService>(&v1::LinkService::Stub::ResolveLink, request, "");
}

}  // namespace musubi::sandbox
