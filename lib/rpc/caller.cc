#include "lib/rpc/caller.h"

#include <algorithm>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::rpc {
namespace {

constexpr std::string_view kUriPrefix = "musubi://role/";
constexpr std::string_view kRelyingPartyPrefix = "relying-party/";

bool IsRelyingPartyId(std::string_view id) {
  return !id.empty() && id.size() <= kMaxRelyingPartyIdLength &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

absl::Status Unauthenticated(std::string_view detail) {
  return base::Error(base::ErrorReason::kCallerUnauthenticated, detail);
}

}  // namespace

std::string_view Name(Role role) {
  switch (role) {
    case Role::kFront:
      return "front";
    case Role::kPlatform:
      return "platform";
    case Role::kOperator:
      return "operator";
    case Role::kRelyingParty:
      return "relying-party";
  }
  MUSUBI_CHECK(false, "not a Role");
}

std::optional<Caller> ParseCaller(std::string_view text) {
  for (const Role role : {Role::kFront, Role::kPlatform, Role::kOperator}) {
    if (text == Name(role)) return Caller{.role = role, .relying_party_id = {}};
  }
  if (!text.starts_with(kRelyingPartyPrefix)) return std::nullopt;
  text.remove_prefix(kRelyingPartyPrefix.size());
  if (!IsRelyingPartyId(text)) return std::nullopt;
  return Caller{.role = Role::kRelyingParty, .relying_party_id = std::string(text)};
}

absl::StatusOr<Caller> CallerFromUris(std::span<const std::string> uris) {
  std::vector<std::string_view> roles;
  for (const std::string& uri : uris) {
    if (uri.starts_with(kUriPrefix)) {
      roles.push_back(std::string_view(uri).substr(kUriPrefix.size()));
    }
  }
  if (roles.empty()) {
    return Unauthenticated("the client certificate has no subjectAltName URI musubi://role/...");
  }
  if (roles.size() > 1) {
    return Unauthenticated("the client certificate names more than one role; it must name one");
  }
  const std::optional<Caller> caller = ParseCaller(roles.front());
  if (!caller.has_value()) return Unauthenticated("the client certificate names an unknown role");
  return *caller;
}

absl::StatusOr<Caller> CallerFromMetadata(std::span<const std::string> stated,
                                          std::span<const Caller> allowed) {
  if (stated.size() != 1) {
    return Unauthenticated("on plaintext the call metadata must hold musubi-role exactly once");
  }
  const std::optional<Caller> caller = ParseCaller(stated.front());
  if (!caller.has_value()) return Unauthenticated("the metadata musubi-role is no known role");
  if (std::find(allowed.begin(), allowed.end(), *caller) == allowed.end()) {
    return Unauthenticated("the metadata musubi-role is not among insecure_loopback_roles");
  }
  return *caller;
}

}  // namespace musubi::rpc
