#include "services/link/link_service.h"

#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "services/wire/wire.h"

namespace musubi::services::link {
namespace {

using base::ErrorReason;
using musubi::link::AuditEvent;
using wire::SameNumber;
using wire::ToOctets;
using wire::ToTimestamp;

// Limits of the contract's fields, in octets.
constexpr size_t kMaxIssuerLength = 512;
constexpr size_t kMaxSubjectLength = 255;
constexpr size_t kMaxAcrLength = 128;
constexpr size_t kMaxPageTokenLength = 256;

absl::Status CheckText(std::string_view field, const std::string& text, size_t longest) {
  if (!text.empty() && text.size() <= longest) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, field,
                          "1 to " + std::to_string(longest) + " octets");
}

absl::StatusOr<prelink::SignIn> ParseSignIn(const v1::SignIn& sign_in) {
  MUSUBI_RETURN_IF_ERROR(CheckText("sign_in.issuer", sign_in.issuer(), kMaxIssuerLength));
  MUSUBI_RETURN_IF_ERROR(CheckText("sign_in.subject", sign_in.subject(), kMaxSubjectLength));
  if (!sign_in.has_auth_time()) {
    return base::FieldError(ErrorReason::kFieldInvalid, "sign_in.auth_time", "the claim auth_time");
  }
  MUSUBI_RETURN_IF_ERROR(CheckText("sign_in.acr", sign_in.acr(), kMaxAcrLength));
  return prelink::SignIn{.issuer = sign_in.issuer(),
                         .subject = sign_in.subject(),
                         .auth_time = wire::ToTime(sign_in.auth_time()),
                         .acr = sign_in.acr()};
}

// Of GetLinkRequest, ListLinksRequest and ListLinkEventsRequest.
template <typename Request>
absl::StatusOr<std::optional<musubi::link::Account>> ParseAccount(const Request& request) {
  if (!request.has_account()) return std::nullopt;
  const v1::Account& account = request.account();
  MUSUBI_RETURN_IF_ERROR(CheckText("account.issuer", account.issuer(), kMaxIssuerLength));
  MUSUBI_RETURN_IF_ERROR(CheckText("account.subject", account.subject(), kMaxSubjectLength));
  return musubi::link::Account{.issuer = account.issuer(), .subject = account.subject()};
}

// Of the two lists.
template <typename Request>
absl::StatusOr<musubi::link::PageRequest> ParsePage(const Request& request) {
  if (request.page_size() > static_cast<uint32_t>(musubi::link::kMaxPageSize)) {
    return base::FieldError(ErrorReason::kFieldInvalid, "page_size",
                            "at most " + std::to_string(musubi::link::kMaxPageSize));
  }
  if (request.page_token().size() > kMaxPageTokenLength) {
    return base::FieldError(ErrorReason::kFieldInvalid, "page_token",
                            "at most " + std::to_string(kMaxPageTokenLength) + " octets");
  }
  return musubi::link::PageRequest{.size = static_cast<int>(request.page_size()),
                                   .token = request.page_token()};
}

v1::Account ToProto(const musubi::link::Account& account) {
  v1::Account proto;
  proto.set_issuer(account.issuer);
  proto.set_subject(account.subject);
  return proto;
}

v1::Link ToProto(const musubi::link::Link& link) {
  v1::Link proto;
  proto.set_link_id(ToOctets(link.id));
  proto.set_relying_party_id(link.relying_party_id);
  *proto.mutable_account() = ToProto(link.account);
  proto.set_subject(ToOctets(link.subject));
  proto.set_state(link.active() ? v1::LINK_STATE_ACTIVE : v1::LINK_STATE_ENDED);
  *proto.mutable_created_at() = ToTimestamp(link.created_at);
  if (link.ended_at.has_value()) *proto.mutable_ended_at() = ToTimestamp(*link.ended_at);
  proto.set_end_reason(SameNumber<v1::LinkEndReason>(link.end_reason));
  return proto;
}

v1::Link ToProto(const prelink::NamedLink& named) {
  v1::Link proto = ToProto(named.link);
  if (named.name.has_value()) proto.set_name(named.name->Reveal());
  return proto;
}

v1::EvidenceRecord ToProto(const prelink::EvidenceRecord& evidence) {
  v1::EvidenceRecord proto;
  proto.set_statement(evidence.statement);
  proto.set_key_id(evidence.key_id);
  proto.set_signature(ToOctets(evidence.signature));
  return proto;
}

// UNSPECIFIED for what happened to a session and not to a link: the contract has no word for it.
v1::LinkEventType EventType(AuditEvent event) {
  switch (event) {
    case AuditEvent::kLinked:
      return v1::LINK_EVENT_TYPE_CREATED;
    case AuditEvent::kReplaced:
    case AuditEvent::kUnlinked:
      return v1::LINK_EVENT_TYPE_ENDED;
    case AuditEvent::kResolved:
      return v1::LINK_EVENT_TYPE_RESOLVED;
    case AuditEvent::kNameRead:
      return v1::LINK_EVENT_TYPE_NAME_READ;
    case AuditEvent::kLinkedAgain:
      return v1::LINK_EVENT_TYPE_CONFIRMED;
    case AuditEvent::kUnspecified:
    case AuditEvent::kResolvedNothing:
    case AuditEvent::kNotMe:
    case AuditEvent::kLockedOut:
      break;
  }
  return v1::LINK_EVENT_TYPE_UNSPECIFIED;
}

// The audit entry does not spell the reason out: an unlinking has a session exactly if a card
// caused it.
v1::LinkEndReason EndReasonOf(const musubi::link::AuditFact& fact) {
  switch (fact.event) {
    case AuditEvent::kReplaced:
      return v1::LINK_END_REASON_REPLACED;
    case AuditEvent::kUnlinked:
      return fact.session_id.has_value() ? v1::LINK_END_REASON_UNLINKED_WITH_CARD
                                         : v1::LINK_END_REASON_UNLINKED_BY_SIGN_IN;
    default:
      return v1::LINK_END_REASON_UNSPECIFIED;
  }
}

v1::LinkEvent ToProto(const musubi::link::AuditEntry& entry) {
  const musubi::link::AuditFact& fact = entry.fact;
  v1::LinkEvent proto;
  proto.set_sequence(static_cast<uint64_t>(entry.sequence));
  *proto.mutable_at() = ToTimestamp(fact.at);
  proto.set_type(EventType(fact.event));
  if (fact.link_id.has_value()) proto.set_link_id(ToOctets(*fact.link_id));
  proto.set_relying_party_id(fact.relying_party_id);
  if (fact.session_id.has_value()) proto.set_session_id(ToOctets(*fact.session_id));
  proto.set_act(SameNumber<v1::Act>(fact.journey.act));
  proto.set_flow(SameNumber<v1::Flow>(fact.journey.flow));
  proto.set_end_reason(EndReasonOf(fact));
  return proto;
}

}  // namespace

grpc::ServerUnaryReactor* LinkService::CreateLink(grpc::CallbackServerContext* context,
                                                  const v1::CreateLinkRequest* request,
                                                  v1::CreateLinkResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo&, const v1::CreateLinkRequest& in,
             v1::CreateLinkResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session_id,
                                wire::ParseId("session_id", in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::SignIn sign_in, ParseSignIn(in.sign_in()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::MadeLink made,
                                dependencies_.links.CreateLink(session_id, request_id, sign_in));
        *out.mutable_link() = ToProto(made.link);
        *out.mutable_evidence() = ToProto(made.evidence);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* LinkService::GetLink(grpc::CallbackServerContext* context,
                                               const v1::GetLinkRequest* request,
                                               v1::GetLinkResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::GetLinkRequest& in,
             v1::GetLinkResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto link_id, wire::ParseId("link_id", in.link_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto account, ParseAccount(in));
        const prelink::Caller caller = wire::ToCaller(call.caller);
        if (caller.role == prelink::CallerRole::kRelyingParty && account.has_value()) {
          return base::FieldError(ErrorReason::kFieldNotAllowed, "account", "for front only");
        }
        MUSUBI_ASSIGN_OR_RETURN(
            const prelink::NamedLink named,
            dependencies_.links.GetLink(caller, link_id, account, in.include_name()));
        *out.mutable_link() = ToProto(named);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* LinkService::ListLinks(grpc::CallbackServerContext* context,
                                                 const v1::ListLinksRequest* request,
                                                 v1::ListLinksResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::ListLinksRequest& in,
             v1::ListLinksResponse& out) -> absl::Status {
        prelink::ListArgs args{.include_ended = in.include_ended(),
                               .include_name = in.include_name()};
        MUSUBI_ASSIGN_OR_RETURN(args.account, ParseAccount(in));
        MUSUBI_ASSIGN_OR_RETURN(args.page, ParsePage(in));
        MUSUBI_ASSIGN_OR_RETURN(const auto page,
                                dependencies_.links.ListLinks(wire::ToCaller(call.caller), args));
        for (const prelink::NamedLink& named : page.items) *out.add_links() = ToProto(named);
        out.set_next_page_token(page.next_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* LinkService::DeleteLink(grpc::CallbackServerContext* context,
                                                  const v1::DeleteLinkRequest* request,
                                                  v1::DeleteLinkResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo&, const v1::DeleteLinkRequest& in,
             v1::DeleteLinkResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::SignIn sign_in, ParseSignIn(in.sign_in()));
        switch (in.target_case()) {
          case v1::DeleteLinkRequest::kSessionId: {
            MUSUBI_ASSIGN_OR_RETURN(const auto session_id,
                                    wire::ParseId("session_id", in.session_id()));
            MUSUBI_ASSIGN_OR_RETURN(
                const musubi::link::Link link,
                dependencies_.links.DeleteLinkWithCard(session_id, request_id, sign_in));
            *out.mutable_link() = ToProto(link);
            return absl::OkStatus();
          }
          case v1::DeleteLinkRequest::kLinkId: {
            MUSUBI_ASSIGN_OR_RETURN(const auto link_id, wire::ParseId("link_id", in.link_id()));
            MUSUBI_ASSIGN_OR_RETURN(
                const musubi::link::Link link,
                dependencies_.links.DeleteLinkById(link_id, request_id, sign_in));
            *out.mutable_link() = ToProto(link);
            return absl::OkStatus();
          }
          case v1::DeleteLinkRequest::TARGET_NOT_SET:
            break;
        }
        return base::FieldError(ErrorReason::kFieldInvalid, "target", "session_id or link_id");
      });
}

grpc::ServerUnaryReactor* LinkService::ResolveLink(grpc::CallbackServerContext* context,
                                                   const v1::ResolveLinkRequest* request,
                                                   v1::ResolveLinkResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::ResolveLinkRequest& in,
             v1::ResolveLinkResponse& out) -> absl::Status {
        MUSUBI_ASSIGN_OR_RETURN(const auto session_id,
                                wire::ParseId("session_id", in.session_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto request_id, wire::ParseRequestId(in.request_id()));
        MUSUBI_ASSIGN_OR_RETURN(const auto code,
                                wire::ParseSecret("result_code", in.result_code()));
        MUSUBI_ASSIGN_OR_RETURN(const prelink::ResolvedLink resolved,
                                dependencies_.links.ResolveLink(wire::ToCaller(call.caller),
                                                                session_id, request_id, code));
        out.set_link_id(ToOctets(resolved.link.id));
        *out.mutable_account() = ToProto(resolved.link.account);
        out.set_subject(ToOctets(resolved.link.subject));
        out.set_flow(SameNumber<v1::Flow>(resolved.flow));
        out.set_act(v1::ACT_VERIFY);
        *out.mutable_verdict() = wire::ToProto(resolved.verdict);
        *out.mutable_evidence() = ToProto(resolved.evidence);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* LinkService::ListLinkEvents(grpc::CallbackServerContext* context,
                                                      const v1::ListLinkEventsRequest* request,
                                                      v1::ListLinkEventsResponse* response) {
  return dependencies_.calls.Unary(
      context, request, response,
      [this](const rpc::CallInfo& call, const v1::ListLinkEventsRequest& in,
             v1::ListLinkEventsResponse& out) -> absl::Status {
        prelink::ListArgs args;
        MUSUBI_ASSIGN_OR_RETURN(args.account, ParseAccount(in));
        if (!in.link_id().empty()) {
          MUSUBI_ASSIGN_OR_RETURN(args.link_id, wire::ParseId("link_id", in.link_id()));
        }
        MUSUBI_ASSIGN_OR_RETURN(args.page, ParsePage(in));
        MUSUBI_ASSIGN_OR_RETURN(const auto page,
                                dependencies_.links.ListEvents(wire::ToCaller(call.caller), args));
        for (const musubi::link::AuditEntry& entry : page.items) {
          // A page may so have fewer entries than asked for, or none, and yet a next one.
          if (EventType(entry.fact.event) == v1::LINK_EVENT_TYPE_UNSPECIFIED) continue;
          *out.add_events() = ToProto(entry);
        }
        out.set_next_page_token(page.next_token);
        return absl::OkStatus();
      });
}

}  // namespace musubi::services::link
