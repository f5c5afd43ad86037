#include "services/pairing/pairing_service.h"

#include <optional>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "services/wire/state_stream.h"
#include "services/wire/wire.h"

namespace musubi::services::pairing {
namespace {

using wire::SameNumber;
using wire::ToOctets;
using wire::ToTimestamp;

v1::QrFrame ToProto(const prelink::QrFrameView& frame) {
  v1::QrFrame proto;
  proto.set_payload(frame.payload.Reveal());
  proto.set_frame_number(frame.frame_number);
  proto.set_generation(frame.generation);
  if (frame.next_frame_at < frame.page_expires_at) {
    *proto.mutable_next_frame_at() = ToTimestamp(frame.next_frame_at);
  }
  return proto;
}

// The three answers that show a frame have the same fields.
template <typename Response>
void FillFrame(const prelink::QrFrameView& frame, Response& out) {
  *out.mutable_frame() = ToProto(frame);
  *out.mutable_page_expires_at() = ToTimestamp(frame.page_expires_at);
  out.set_refreshes_left(static_cast<uint32_t>(frame.refreshes_left));
}

}  // namespace

grpc::ServerUnaryReactor* PairingService::GetQrFrame(grpc::CallbackServerContext* context,
                                                     const v1::GetQrFrameRequest* request,
                                                     v1::GetQrFrameResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::GetQrFrameRequest& in,
             v1::GetQrFrameResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::QrFrameView frame,
                                dependencies_.pairings.GetQrFrame(session));
        FillFrame(frame, out);
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::WatchQrFramesResponse>* PairingService::WatchQrFrames(
    grpc::CallbackServerContext* context, const v1::WatchQrFramesRequest* request) {
  using Stream = wire::StateStream<v1::WatchQrFramesResponse>;
  return dependencies_.calls.Watch<v1::WatchQrFramesResponse>(
      context, request,
      [this](const rpc::CallInfo& call, const v1::WatchQrFramesRequest& in,
             Stream::Writer writer) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        auto look = [&pairings = dependencies_.pairings,
                     session]() -> absl::StatusOr<wire::StateStep<v1::WatchQrFramesResponse>> {
          const auto frame = pairings.GetQrFrame(session);
          // A phone has claimed the session, or it has ended: there is no QR any more.
          if (base::ReasonOf(frame.status()) == base::ErrorReason::kWrongState) {
            return wire::StateStep<v1::WatchQrFramesResponse>{.last = true};
          }
          MUSUBI_RETURN_IF_ERROR(frame.status());
          wire::StateStep<v1::WatchQrFramesResponse> step{.again_in = frame->until_next};
          FillFrame(*frame, step.message.emplace());
          return step;
        };
        return Stream::Start(
            std::move(writer), {.timer = dependencies_.timer, .workers = dependencies_.workers},
            [&](std::function<void()> changed) {
              return dependencies_.sessions.Watch(session.session_id, std::move(changed));
            },
            look);
      });
}

grpc::ServerUnaryReactor* PairingService::ClaimQr(grpc::CallbackServerContext* context,
                                                  const v1::ClaimQrRequest* request,
                                                  v1::ClaimQrResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo&, const v1::ClaimQrRequest& in,
             v1::ClaimQrResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto claim_key,
                                wire::ParseSecret("claim_key", in.claim_key()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::ClaimedQr claimed,
                                dependencies_.pairings.ClaimQr(in.payload(), claim_key));
        out.set_session_id(ToOctets(claimed.session_id));
        out.set_device_credential(ToOctets(claimed.device_credential.RevealBytes()));
        out.set_pairing_code(claimed.pairing_code.Reveal());
        if (claimed.code_expires_at.has_value()) {
          *out.mutable_code_expires_at() = ToTimestamp(*claimed.code_expires_at);
        }
        out.set_act(SameNumber<v1::Act>(claimed.record.act));
        *out.mutable_client_context() = wire::ToProto(claimed.record.client_context);
        out.set_generation(claimed.record.generation);
        *out.mutable_expires_at() = ToTimestamp(claimed.record.expires_at);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::RefreshQr(grpc::CallbackServerContext* context,
                                                    const v1::RefreshQrRequest* request,
                                                    v1::RefreshQrResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::RefreshQrRequest& in,
             v1::RefreshQrResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::QrFrameView frame,
                                dependencies_.pairings.RefreshQr(session, request_id));
        FillFrame(frame, out);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::RefreshCode(grpc::CallbackServerContext* context,
                                                      const v1::RefreshCodeRequest* request,
                                                      v1::RefreshCodeResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::RefreshCodeRequest& in,
             v1::RefreshCodeResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::NewCode code,
                                dependencies_.pairings.RefreshCode(session, request_id));
        out.set_pairing_code(code.pairing_code.Reveal());
        if (code.expires_at.has_value()) {
          *out.mutable_code_expires_at() = ToTimestamp(*code.expires_at);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::ConfirmCode(grpc::CallbackServerContext* context,
                                                      const v1::ConfirmCodeRequest* request,
                                                      v1::ConfirmCodeResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::ConfirmCodeRequest& in,
             v1::ConfirmCodeResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_RETURN_IF_ERROR(
            dependencies_.pairings.ConfirmCode(session, request_id, in.pairing_code()));
        out.set_state(v1::SESSION_STATE_PAIRED);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::CreateHandoff(grpc::CallbackServerContext* context,
                                                        const v1::CreateHandoffRequest* request,
                                                        v1::CreateHandoffResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::CreateHandoffRequest& in,
             v1::CreateHandoffResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::Handoff handoff,
                                dependencies_.pairings.CreateHandoff(session, request_id));
        out.set_handoff_token(ToOctets(handoff.token.RevealBytes()));
        if (handoff.expires_at.has_value()) {
          *out.mutable_expires_at() = ToTimestamp(*handoff.expires_at);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::ClaimHandoff(grpc::CallbackServerContext* context,
                                                       const v1::ClaimHandoffRequest* request,
                                                       v1::ClaimHandoffResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo&, const v1::ClaimHandoffRequest& in,
             v1::ClaimHandoffResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session_id,
                                wire::ParseId("session_id", in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto token,
                                wire::ParseSecret("handoff_token", in.handoff_token()));
        MUSUBI_ASSIGN_OR_RETURN(const auto claim_key,
                                wire::ParseSecret("claim_key", in.claim_key()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::ClaimedHandoff claimed,
                                dependencies_.pairings.ClaimHandoff(session_id, token, claim_key));
        out.set_device_credential(ToOctets(claimed.device_credential.RevealBytes()));
        out.set_act(SameNumber<v1::Act>(claimed.record.act));
        *out.mutable_expires_at() = ToTimestamp(claimed.record.expires_at);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::RefreshReturnCode(
    grpc::CallbackServerContext* context, const v1::RefreshReturnCodeRequest* request,
    v1::RefreshReturnCodeResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::RefreshReturnCodeRequest& in,
             v1::RefreshReturnCodeResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::ReturnTicket ticket,
                                dependencies_.pairings.RefreshReturnCode(session, request_id));
        *out.mutable_ticket() = wire::ToProto(ticket);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* PairingService::CompleteReturn(grpc::CallbackServerContext* context,
                                                         const v1::CompleteReturnRequest* request,
                                                         v1::CompleteReturnResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::CompleteReturnRequest& in,
             v1::CompleteReturnResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        std::optional<base::Secret256> code;
        if (!in.return_code().empty()) {
          MUSUBI_ASSIGN_OR_RETURN(code, wire::ParseSecret("return_code", in.return_code()));
        }
        MUSUBI_ASSIGN_OR_RETURN(const prelink::CompletedReturn completed,
                                dependencies_.pairings.CompleteReturn(session, request_id, code));
        out.set_browser_credential(ToOctets(completed.browser_credential.RevealBytes()));
        out.set_state(SameNumber<v1::SessionState>(completed.state));
        if (completed.verify.has_value()) {
          v1::VerifyReturn& verify = *out.mutable_verify();
          verify.set_return_uri(completed.verify->return_uri);
          verify.set_state(completed.verify->caller_state.Reveal());
          verify.set_result_code(ToOctets(completed.verify->result_code.RevealBytes()));
          if (completed.verify->expires_at.has_value()) {
            *verify.mutable_expires_at() = ToTimestamp(*completed.verify->expires_at);
          }
        }
        return absl::OkStatus();
      });
}

}  // namespace musubi::services::pairing
