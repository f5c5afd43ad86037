#include "services/wire/wire.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::services::wire {
namespace {

template <size_t N>
absl::StatusOr<std::array<uint8_t, N>> ParseExactly(std::string_view field,
                                                    const std::string& octets) {
  if (octets.size() != N) {
    return base::FieldError(base::ErrorReason::kFieldInvalid, field,
                            "exactly " + std::to_string(N) + " octets");
  }
  std::array<uint8_t, N> value;
  std::ranges::copy(base::AsBytes(octets), value.begin());
  return value;
}

}  // namespace

absl::StatusOr<base::Id128> ParseId(std::string_view field, const std::string& octets) {
  return ParseExactly<16>(field, octets);
}

absl::StatusOr<prelink::RequestId> ParseRequestId(const std::string& octets) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Id128 id, ParseId("request_id", octets));
  return prelink::RequestId(id);
}

absl::StatusOr<base::Hash256> ParseHash(std::string_view field, const std::string& octets) {
  return ParseExactly<32>(field, octets);
}

absl::StatusOr<base::Secret256> ParseSecret(std::string_view field, const std::string& octets) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Hash256 value, ParseHash(field, octets));
  return base::Secret256(value);
}

absl::StatusOr<prelink::SessionCall> ParseSessionCall(const rpc::CallInfo& call,
                                                      const std::string& session_id) {
  prelink::SessionCall parsed{.credential = call.credential};
  MUSUBI_ASSIGN_OR_RETURN(parsed.session_id, ParseId("session_id", session_id));
  return parsed;
}

prelink::Caller ToCaller(const rpc::Caller& caller) {
  switch (caller.role) {
    case rpc::Role::kFront:
      return {.role = prelink::CallerRole::kFront};
    case rpc::Role::kRelyingParty:
      return {.role = prelink::CallerRole::kRelyingParty,
              .relying_party_id = caller.relying_party_id};
    case rpc::Role::kPlatform:
    case rpc::Role::kOperator:
      break;
  }
  MUSUBI_CHECK(false, "the method table lets this role into no journey");
}

musubi::session::AccountBinding ToAccountBinding(const v1::AccountBinding& account) {
  return musubi::session::AccountBinding{.issuer = account.issuer(),
                                         .subject = account.subject(),
                                         .masked_hint = account.masked_hint()};
}

absl::Status CheckEnum(std::string_view field, int value, bool (*is_valid)(int)) {
  if (is_valid(value)) return absl::OkStatus();
  return base::FieldError(base::ErrorReason::kFieldInvalid, field, "a value of the contract");
}

std::string ToOctets(base::ByteView bytes) { return base::ToString(bytes); }

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const absl::Time whole = absl::FromUnixSeconds(absl::ToUnixSeconds(time));
  timestamp.set_seconds(absl::ToUnixSeconds(time));
  timestamp.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time - whole)));
  return timestamp;
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

void SetVerdict(const pki::Verdict& verdict, v1::Verdict& proto) {
  proto.set_status(SameNumber<v1::VerdictStatus>(verdict.status));
  proto.set_reason(SameNumber<v1::VerdictReason>(verdict.reason));
  if (verdict.cert_index.has_value()) {
    proto.set_cert_index(static_cast<uint32_t>(*verdict.cert_index));
  }
  *proto.mutable_checked_at() = ToTimestamp(verdict.checked_at);
  proto.set_possession(SameNumber<v1::PossessionOutcome>(verdict.possession));
  const pki::RevocationFinding& finding = verdict.revocation;
  v1::RevocationFinding& revocation = *proto.mutable_revocation();
  revocation.set_outcome(SameNumber<v1::RevocationOutcome>(finding.outcome));
  revocation.set_method(SameNumber<v1::RevocationMethod>(finding.method));
  revocation.set_reason(SameNumber<v1::CrlReason>(finding.reason));
  if (finding.source_updated_at.has_value()) {
    *revocation.mutable_source_updated_at() = ToTimestamp(*finding.source_updated_at);
  }
  if (finding.this_update.has_value()) {
    *revocation.mutable_this_update() = ToTimestamp(*finding.this_update);
  }
  if (finding.next_update.has_value()) {
    *revocation.mutable_next_update() = ToTimestamp(*finding.next_update);
  }
  if (finding.revoked_at.has_value()) {
    *revocation.mutable_revoked_at() = ToTimestamp(*finding.revoked_at);
  }
}

v1::Verdict ToProto(const pki::Verdict& verdict) {
  v1::Verdict proto;
  SetVerdict(verdict, proto);
  return proto;
}

v1::LocalizedText ToProto(const prelink::LocalizedText& text) {
  v1::LocalizedText proto;
  proto.set_ja(text.ja);
  proto.set_en(text.en);
  return proto;
}

v1::RelyingPartyInfo ToProto(const prelink::RelyingParty& relying_party) {
  v1::RelyingPartyInfo proto;
  proto.set_relying_party_id(relying_party.id);
  *proto.mutable_name() = ToProto(relying_party.name);
  proto.set_policy_url(relying_party.policy_url);
  proto.set_terms_url(relying_party.terms_url);
  return proto;
}

v1::ClientContext ToProto(const musubi::session::ClientContext& context) {
  v1::ClientContext proto;
  proto.set_browser(context.browser);
  proto.set_operating_system(context.operating_system);
  proto.set_network(context.network);
  return proto;
}

v1::ConsentRequest ToProto(const prelink::ConsentRequest& consent) {
  v1::ConsentRequest proto;
  *proto.mutable_relying_party() = ToProto(*consent.relying_party);
  proto.set_act(SameNumber<v1::Act>(consent.act));
  proto.set_account_bound(consent.account_bound);
  proto.set_masked_account_hint(consent.masked_account_hint);
  *proto.mutable_purpose() = ToProto(consent.relying_party->purpose);
  for (const auto& item : consent.attributes) {
    v1::ConsentAttribute& attribute = *proto.add_attributes();
    attribute.set_attribute(SameNumber<v1::Attribute>(item.attribute));
    attribute.set_value(item.value.Reveal());
  }
  proto.set_consent_text_version(consent.consent_text_version);
  return proto;
}

v1::ReturnTicket ToProto(const prelink::ReturnTicket& ticket) {
  v1::ReturnTicket proto;
  proto.set_return_code(ToOctets(ticket.code.RevealBytes()));
  proto.set_return_url(ticket.url.Reveal());
  if (ticket.expires_at.has_value()) *proto.mutable_expires_at() = ToTimestamp(*ticket.expires_at);
  return proto;
}

}  // namespace musubi::services::wire
