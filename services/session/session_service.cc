#include "services/session/session_service.h"

#include <optional>
#include <utility>

#include "lib/base/status.h"
#include "services/wire/state_stream.h"
#include "services/wire/wire.h"

namespace musubi::services::session {
namespace {

using musubi::session::SessionRecord;
using musubi::session::State;
using wire::SameNumber;
using wire::ToTimestamp;

v1::SessionView ToProto(const prelink::SessionView& view) {
  const SessionRecord& record = view.record;
  const bool device = view.viewer == musubi::session::Party::kDevice;
  v1::SessionView proto;
  proto.set_session_id(wire::ToOctets(record.id));
  proto.set_act(SameNumber<v1::Act>(record.act));
  proto.set_flow(SameNumber<v1::Flow>(record.flow));
  proto.set_flow_policy(SameNumber<v1::FlowPolicy>(record.flow_policy));
  proto.set_state(SameNumber<v1::SessionState>(record.state));
  *proto.mutable_expires_at() = ToTimestamp(record.expires_at);
  if (record.state == State::kReady && record.ready_expires_at.has_value()) {
    *proto.mutable_ready_until() = ToTimestamp(*record.ready_expires_at);
  }
  *proto.mutable_relying_party() = wire::ToProto(*view.relying_party);
  proto.set_locale(record.locale);
  proto.set_generation(record.generation);
  proto.set_proof_tries_left(static_cast<uint32_t>(view.proof_tries_left));
  if (record.state == State::kClaimed && record.pairing_code.has_value()) {
    *proto.mutable_code_expires_at() = ToTimestamp(record.pairing_code->expires_at);
  }
  proto.set_account_bound(record.account.has_value());
  if (record.account.has_value()) proto.set_masked_account_hint(record.account->masked_hint);
  if (device) {
    *proto.mutable_client_context() = wire::ToProto(record.client_context);
    if (record.kept_proof.has_value()) {
      *proto.mutable_proof_kept_until() = ToTimestamp(record.kept_proof->expires_at);
    }
  } else {
    proto.set_qr_refreshes_left(static_cast<uint32_t>(view.qr_refreshes_left));
    proto.set_code_tries_left(static_cast<uint32_t>(view.code_tries_left));
    proto.set_second_phone_tried(record.second_phone_refused);
  }
  if (view.card_name.has_value()) proto.set_card_name(view.card_name->Reveal());
  if (view.verdict.has_value()) *proto.mutable_verdict() = wire::ToProto(*view.verdict);
  if (view.consent.has_value()) *proto.mutable_consent() = wire::ToProto(*view.consent);
  if (record.state == State::kCancelled || record.state == State::kExpired ||
      record.state == State::kFailed) {
    v1::SessionEnd& end = *proto.mutable_end();
    end.set_by(SameNumber<v1::Party>(record.ended_by));
    end.set_reason(SameNumber<v1::CancelReason>(record.cancel_reason));
    if (record.ended_at.has_value()) *end.mutable_at() = ToTimestamp(*record.ended_at);
  }
  return proto;
}

absl::StatusOr<prelink::CreateSessionArgs> ParseCreate(const v1::CreateSessionRequest& request) {
  prelink::CreateSessionArgs args{
      .relying_party_id = request.relying_party_id(),
      .act = SameNumber<musubi::session::Act>(request.act()),
      .flow_policy = SameNumber<musubi::session::FlowPolicy>(request.flow_policy()),
      .locale = request.locale(),
      .client_context = {.browser = request.client_context().browser(),
                         .operating_system = request.client_context().operating_system(),
                         .network = request.client_context().network()},
      .caller_state = request.state(),
      .return_uri = request.return_uri(),
      .client_network = request.client_network()};
  MUSUBI_ASSIGN_OR_RETURN(args.request_id, wire::ParseRequestId(request.request_id()));
  MUSUBI_RETURN_IF_ERROR(wire::CheckEnum("act", request.act(), v1::Act_IsValid));
  MUSUBI_RETURN_IF_ERROR(
      wire::CheckEnum("flow_policy", request.flow_policy(), v1::FlowPolicy_IsValid));
  if (request.has_account()) args.account = wire::ToAccountBinding(request.account());
  return args;
}

}  // namespace

grpc::ServerUnaryReactor* SessionService::CreateSession(grpc::CallbackServerContext* context,
                                                        const v1::CreateSessionRequest* request,
                                                        v1::CreateSessionResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::CreateSessionRequest& in,
             v1::CreateSessionResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const prelink::CreateSessionArgs args, ParseCreate(in));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::CreatedSession created,
                                dependencies_.sessions.Create(wire::ToCaller(call.caller), args));
        out.set_session_id(wire::ToOctets(created.id));
        *out.mutable_expires_at() = ToTimestamp(created.expires_at);
        if (created.browser_credential.has_value()) {
          out.set_browser_credential(wire::ToOctets(created.browser_credential->RevealBytes()));
        }
        if (created.start.has_value()) {
          v1::Start& start = *out.mutable_start();
          start.set_start_code(wire::ToOctets(created.start->code.RevealBytes()));
          start.set_start_url(created.start->url.Reveal());
          *start.mutable_expires_at() = ToTimestamp(created.start->expires_at);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SessionService::ClaimStart(grpc::CallbackServerContext* context,
                                                     const v1::ClaimStartRequest* request,
                                                     v1::ClaimStartResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo&, const v1::ClaimStartRequest& in,
             v1::ClaimStartResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session_id,
                                wire::ParseId("session_id", in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto code, wire::ParseSecret("start_code", in.start_code()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::ClaimedStart claimed,
                                dependencies_.sessions.ClaimStart(session_id, request_id, code));
        out.set_browser_credential(wire::ToOctets(claimed.browser_credential.RevealBytes()));
        out.set_act(SameNumber<v1::Act>(claimed.act));
        *out.mutable_expires_at() = ToTimestamp(claimed.expires_at);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SessionService::GetSession(grpc::CallbackServerContext* context,
                                                     const v1::GetSessionRequest* request,
                                                     v1::GetSessionResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::GetSessionRequest& in,
             v1::GetSessionResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::SessionView view,
                                dependencies_.sessions.GetView(session));
        *out.mutable_session() = ToProto(view);
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::WatchSessionResponse>* SessionService::WatchSession(
    grpc::CallbackServerContext* context, const v1::WatchSessionRequest* request) {
  using Stream = wire::StateStream<v1::WatchSessionResponse>;
  return dependencies_.calls.Watch<v1::WatchSessionResponse>(
      context, request,
      [this](const rpc::CallInfo& call, const v1::WatchSessionRequest& in,
             Stream::Writer writer) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        auto look = [&sessions = dependencies_.sessions,
                     session]() -> absl::StatusOr<wire::StateStep<v1::WatchSessionResponse>> {
          MUSUBI_ASSIGN_OR_RETURN(const prelink::SessionView view, sessions.GetView(session));
          wire::StateStep<v1::WatchSessionResponse> step{
              .last = musubi::session::IsTerminal(view.record.state),
              .again_in = view.until_deadline};
          *step.message.emplace().mutable_session() = ToProto(view);
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

grpc::ServerUnaryReactor* SessionService::BindAccount(grpc::CallbackServerContext* context,
                                                      const v1::BindAccountRequest* request,
                                                      v1::BindAccountResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::BindAccountRequest& in,
             v1::BindAccountResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const base::Secret256 credential,
                                dependencies_.sessions.BindAccount(
                                    session, request_id, wire::ToAccountBinding(in.account())));
        out.set_browser_credential(wire::ToOctets(credential.RevealBytes()));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* SessionService::CancelSession(grpc::CallbackServerContext* context,
                                                        const v1::CancelSessionRequest* request,
                                                        v1::CancelSessionResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::CancelSessionRequest& in,
             v1::CancelSessionResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session, wire::ParseSessionCall(call, in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_RETURN_IF_ERROR(wire::CheckEnum("reason", in.reason(), v1::CancelReason_IsValid));
        MUSUBI_RETURN_IF_ERROR(dependencies_.sessions.Cancel(
            session, request_id, SameNumber<musubi::session::CancelReason>(in.reason())));
        out.set_state(v1::SESSION_STATE_CANCELLED);
        return absl::OkStatus();
      });
}

}  // namespace musubi::services::session
