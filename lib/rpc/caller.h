// Who is calling: roles, and how a client certificate (or, on loopback, call metadata) names one.
// Says nothing about what a role may do: see method_table.h.
#ifndef MUSUBI_LIB_RPC_CALLER_H_
#define MUSUBI_LIB_RPC_CALLER_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace musubi::rpc {

// Bits, so that a set of roles is a number.
enum class Role : unsigned {
  kFront = 1 << 0,         // The web tier, on behalf of browsers and phones.
  kPlatform = 1 << 1,      // Asks ValidateCertificate.
  kOperator = 1 << 2,      // Runs the service.
  kRelyingParty = 1 << 3,  // Asks for journeys.
};

// As in the URI and in logs: "front", "relying-party".
std::string_view Name(Role role);

// Caller is a role and, for a relying party, which one.
struct Caller {
  Role role = Role::kFront;
  std::string relying_party_id;  // Empty unless role is kRelyingParty.

  bool operator==(const Caller&) const = default;
};

// Longest relying-party id: lower-case letters, digits and hyphens.
inline constexpr size_t kMaxRelyingPartyIdLength = 64;

// ParseCaller reads "front", "platform", "operator" or "relying-party/ID", exactly.
std::optional<Caller> ParseCaller(std::string_view text);

// CallerFromUris finds the one role among the subjectAltName URIs of a client certificate:
// musubi://role/ and what ParseCaller reads. URIs of other schemes or hosts do not count.
// CALLER_UNAUTHENTICATED if there is no role, an unknown one, or more than one.
absl::StatusOr<Caller> CallerFromUris(std::span<const std::string> uris);

// CallerFromMetadata is for plaintext on loopback: `stated` are the values of `musubi-role`.
// CALLER_UNAUTHENTICATED unless there is exactly one, and it is in `allowed` ("relying-party/ID"
// entries count for that ID alone).
absl::StatusOr<Caller> CallerFromMetadata(std::span<const std::string> stated,
                                          std::span<const Caller> allowed);

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_CALLER_H_
