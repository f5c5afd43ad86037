// Between the wire contract and the domain: the conversions that more than one service needs. No
// rules: what a value means is decided in lib/.
#ifndef MUSUBI_SERVICES_WIRE_WIRE_H_
#define MUSUBI_SERVICES_WIRE_WIRE_H_

#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/pki/verdict.h"
#include "lib/prelink/caller.h"
#include "lib/prelink/consent.h"
#include "lib/prelink/pairings.h"
#include "lib/prelink/relying_party.h"
#include "lib/rpc/call.h"
#include "musubi/v1/common.pb.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/session.pb.h"

namespace musubi::services::wire {

// FIELD_INVALID, naming `field`, unless `octets` has exactly 16, or exactly 32.
absl::StatusOr<base::Id128> ParseId(std::string_view field, const std::string& octets);
absl::StatusOr<prelink::RequestId> ParseRequestId(const std::string& octets);
absl::StatusOr<base::Hash256> ParseHash(std::string_view field, const std::string& octets);
absl::StatusOr<base::Secret256> ParseSecret(std::string_view field, const std::string& octets);

// The session of a call, with the credential that the transport found.
absl::StatusOr<prelink::SessionCall> ParseSessionCall(const rpc::CallInfo& call,
                                                      const std::string& session_id);
// The caller as the use cases know it. Dies for a role that the method table keeps out.
prelink::Caller ToCaller(const rpc::Caller& caller);

musubi::session::AccountBinding ToAccountBinding(const v1::AccountBinding& account);

std::string ToOctets(base::ByteView bytes);
google::protobuf::Timestamp ToTimestamp(absl::Time time);
absl::Time ToTime(const google::protobuf::Timestamp& timestamp);
v1::Verdict ToProto(const pki::Verdict& verdict);
// The same into a message that is empty: without a copy.
void SetVerdict(const pki::Verdict& verdict, v1::Verdict& proto);
v1::RelyingPartyInfo ToProto(const prelink::RelyingParty& relying_party);
v1::LocalizedText ToProto(const prelink::LocalizedText& text);
v1::ClientContext ToProto(const musubi::session::ClientContext& context);
v1::ConsentRequest ToProto(const prelink::ConsentRequest& consent);
v1::ReturnTicket ToProto(const prelink::ReturnTicket& ticket);

// FIELD_INVALID for a number that the enumeration does not have: proto3 lets any through.
absl::Status CheckEnum(std::string_view field, int value, bool (*is_valid)(int));

// Enumerations have the same numbers on both sides; lint compares the lists.
template <typename To, typename From>
To SameNumber(From value) {
  return static_cast<To>(static_cast<int>(value));
}

}  // namespace musubi::services::wire

#endif  // MUSUBI_SERVICES_WIRE_WIRE_H_
