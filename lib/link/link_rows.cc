#include "lib/link/link_rows.h"

#include <string>

#include "lib/base/error.h"
#include "lib/link/link_checks.h"

namespace musubi::link {

using base::Error;
using base::ErrorReason;

absl::Status SessionAlreadyUsed(SessionOutcome outcome) {
  return Error(ErrorReason::kSessionAlreadyUsed,
               "the session has ended as " + std::string(Name(outcome)),
               {{"outcome", std::string(Name(outcome))}});
}
bool IsSameCard(const Link& link, const NewLink& other) {
  return link.person_id == other.person_id || link.subject == other.subject;
}

bool IsSamePair(const Link& link, const NewLink& other) {
  return link.person_id == other.person_id && link.account == other.account;
}

AuditFact LinkedAgain(const Link& active, const NewLink& link, absl::Time now) {
  return {.at = now,
          .event = AuditEvent::kLinkedAgain,
          .relying_party_id = active.relying_party_id,
          .link_id = active.id,
          .session_id = link.session_id,
          .journey = link.journey,
          .commitment = link.commitment};
}

absl::Status NoLinkOfCard() {
  return Error(ErrorReason::kLinkNotFound, "the card has no active link at this relying party");
}
absl::Status AccountHasLink() {
  return Error(ErrorReason::kAccountAlreadyLinked, "the account has an active link");
}
absl::Status AccountHasNoLink() {
  return Error(ErrorReason::kLinkNotFound, "the account has no active link to replace");
}
absl::Status AccountHasSeveralLinks() {
  return Error(ErrorReason::kAccountAlreadyLinked,
               "the account has several active links: end one by its id instead");
}
absl::Status CardHasLink() {
  return Error(ErrorReason::kCardAlreadyLinked, "the card has an active link");
}
absl::Status NoSuchLinkOfAccount() {
  return Error(ErrorReason::kLinkNotFound, "the account has no link of this id");
}
absl::Status NoActiveLinkOfAccount() {
  return Error(ErrorReason::kLinkNotFound, "the account has no active link");
}
absl::Status OtherCard() {
  return Error(ErrorReason::kLinkCardMismatch, "the link was made with another card");
}
absl::Status EndedBefore() { return Error(ErrorReason::kLinkEnded, "the link has ended before"); }
absl::Status NoSuchLink() { return Error(ErrorReason::kLinkNotFound, "no link has this id"); }

absl::Status RequestIdReused() {
  return Error(ErrorReason::kRequestIdReused, "the request id was used with another body");
}
absl::Status EmptyFilter() { return FieldInvalid("filter", "names no link, account or party"); }

}  // namespace musubi::link
