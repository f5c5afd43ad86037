#include "lib/link/link_checks.h"

#include <string>

#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::link {

absl::Status FieldInvalid(std::string_view field, std::string_view rule) {
  return base::FieldError(base::ErrorReason::kFieldInvalid, field, rule);
}

absl::Status CheckLength(std::string_view field, std::string_view value, size_t limit) {
  if (!value.empty() && value.size() <= limit) return absl::OkStatus();
  return FieldInvalid(field, "has 1 to " + std::to_string(limit) + " octets");
}

absl::Status CheckParty(std::string_view relying_party_id, const Account& account) {
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("relying_party_id", relying_party_id, kMaxRelyingPartyIdLength));
  MUSUBI_RETURN_IF_ERROR(CheckLength("account.issuer", account.issuer, kMaxAccountPartLength));
  return CheckLength("account.subject", account.subject, kMaxAccountPartLength);
}

absl::Status CheckNewLink(const NewLink& link) {
  MUSUBI_RETURN_IF_ERROR(CheckParty(link.relying_party_id, link.account));
  if (link.verdict_summary.size() > kMaxVerdictSummaryLength) {
    return FieldInvalid("verdict_summary",
                        "has at most " + std::to_string(kMaxVerdictSummaryLength) + " octets");
  }
  return absl::OkStatus();
}

absl::Status CheckAnswer(std::string_view answer) {
  if (answer.size() <= kMaxAnswerLength) return absl::OkStatus();
  return FieldInvalid("answer", "has at most " + std::to_string(kMaxAnswerLength) + " octets");
}

}  // namespace musubi::link
