#include "sandbox/challenge_encoder.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/status.h"

namespace musubi::sandbox {
namespace {

constexpr std::string_view kTag = "MUSUBI-CHALLENGE";
constexpr uint8_t kVersion = 1;
constexpr size_t kMaxTextSize = 512;

bool IsText(std::string_view text) { return !text.empty() && text.size() <= kMaxTextSize; }

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> allowed) {
  return std::find(allowed.begin(), allowed.end(), text) != allowed.end();
}

bool IsAttributeName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// The name of the first field that the document does not allow, or nothing.
std::string_view WrongField(const ChallengeFields& fields) {
  if (!IsText(fields.relying_party_id)) return "relying-party id";
  if (!IsText(fields.origin)) return "origin";
  if (!IsOneOf(fields.act, {"LINK", "UNLINK", "VERIFY", "REPLACE"})) return "act";
  if (fields.session_id.size() != 16) return "session id";
  if (!fields.account_binding_hash.empty() && fields.account_binding_hash.size() != 32) {
    return "account-binding hash";
  }
  if (!IsOneOf(fields.flow, {"CROSS_DEVICE", "ONE_DEVICE"})) return "flow";
  if (fields.transcript.size() != 32) return "transcript";
  for (const std::string& name : fields.requested_attributes) {
    if (!IsAttributeName(name)) return "requested attributes";
  }
  if (!IsText(fields.consent_text_version)) return "consent-text version";
  if (fields.nonce.size() != 32) return "nonce";
  return {};
}

void AppendField(base::Bytes& out, base::ByteView value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<uint8_t>(value.size() >> shift));
  }
  base::Append(out, value);
}

}  // namespace

absl::StatusOr<base::Bytes> EncodeChallenge(const ChallengeFields& fields) {
  if (const std::string_view wrong = WrongField(fields); !wrong.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("challenge: the ", base::ToAbsl(wrong), " is not in its range"));
  }
  std::vector<std::string> attributes = fields.requested_attributes;
  std::sort(attributes.begin(), attributes.end());
  if (std::adjacent_find(attributes.begin(), attributes.end()) != attributes.end()) {
    return absl::InvalidArgumentError("challenge: an attribute is requested twice");
  }

  base::Bytes out = base::ToBytes(kTag);
  out.push_back(kVersion);
  AppendField(out, base::AsBytes(fields.relying_party_id));
  AppendField(out, base::AsBytes(fields.origin));
  AppendField(out, base::AsBytes(fields.act));
  AppendField(out, fields.session_id);
  AppendField(out, fields.account_binding_hash);
  AppendField(out, base::AsBytes(fields.flow));
  AppendField(out, fields.transcript);
  AppendField(out, base::AsBytes(absl::StrJoin(attributes, ",")));
  AppendField(out, base::AsBytes(fields.consent_text_version));
  AppendField(out, fields.nonce);
  return out;
}

}  // namespace musubi::sandbox
