#include "lib/jpki/challenge.h"

#include <algorithm>
#include <string_view>

#include "absl/status/status.h"
#include "lib/base/status.h"

namespace musubi::jpki {
namespace {

constexpr std::string_view kTag = "MUSUBI-CHALLENGE";

absl::Status CheckText(std::string_view field, std::string_view value) {
  if (!value.empty() && value.size() <= kMaxChallengeTextLength) return absl::OkStatus();
  return absl::InvalidArgumentError("challenge: " + std::string(field) +
                                    " must have 1 to 512 octets");
}

bool IsAttributeName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxChallengeTextLength &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

absl::StatusOr<std::string> JoinAttributes(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  std::string joined;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!IsAttributeName(names[i]) || (i > 0 && names[i] == names[i - 1])) {
      return absl::InvalidArgumentError(
          "challenge: requested_attributes are different names of a-z and _");
    }
    if (i > 0) joined += ',';
    joined += names[i];
  }
  return joined;
}

}  // namespace

absl::StatusOr<base::Bytes> EncodeChallenge(const Challenge& challenge) {
  MUSUBI_RETURN_IF_ERROR(CheckText("relying_party_id", challenge.relying_party_id));
  MUSUBI_RETURN_IF_ERROR(CheckText("origin", challenge.origin));
  MUSUBI_RETURN_IF_ERROR(CheckText("act", challenge.act));
  MUSUBI_RETURN_IF_ERROR(CheckText("flow", challenge.flow));
  MUSUBI_RETURN_IF_ERROR(CheckText("consent_text_version", challenge.consent_text_version));
  if (!challenge.account_binding_hash.empty() && challenge.account_binding_hash.size() != 32) {
    return absl::InvalidArgumentError("challenge: account_binding_hash has 32 octets or none");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string attributes,
                          JoinAttributes(challenge.requested_attributes));
  base::Bytes encoded = base::ToBytes(kTag);
  encoded.push_back(kChallengeVersion);
  base::AppendField(encoded, base::AsBytes(challenge.relying_party_id));
  base::AppendField(encoded, base::AsBytes(challenge.origin));
  base::AppendField(encoded, base::AsBytes(challenge.act));
  base::AppendField(encoded, challenge.session_id);
  base::AppendField(encoded, challenge.account_binding_hash);
  base::AppendField(encoded, base::AsBytes(challenge.flow));
  base::AppendField(encoded, challenge.transcript);
  base::AppendField(encoded, base::AsBytes(attributes));
  base::AppendField(encoded, base::AsBytes(challenge.consent_text_version));
  base::AppendField(encoded, challenge.nonce);
  return encoded;
}

}  // namespace musubi::jpki
