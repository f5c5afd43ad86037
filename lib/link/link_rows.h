// What the LinkStores on SQLite and on PostgreSQL have in common: the columns of their rows and how
// these are read, and refusals that both make. Internal to lib/link: for its implementations.
#ifndef MUSUBI_LIB_LINK_LINK_ROWS_H_
#define MUSUBI_LIB_LINK_LINK_ROWS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/link/account_keys.h"
#include "lib/link/audit_chain.h"
#include "lib/link/link_store.h"

namespace musubi::link {

// A row of either database: IsNull, Int, Text, Blob and Array<N> by column.

// The columns that ReadLink reads, `row` first.
inline constexpr std::string_view kLinkColumns =
    "row, link_id, relying_party_id, account_hash, account_key_id, sealed_issuer, sealed_subject, "
    "subject,"
    " person_id, session_id, verdict_summary, created_at, ended_at, end_reason";

// The columns that ReadEntry reads, `sequence` first.
inline constexpr std::string_view kAuditColumns =
    "sequence, at, event, relying_party_id, link_id, session_id, act, flow, commitment, key_id,"
    " previous_mac, mac";

// A value of N octets, nothing for NULL.
template <size_t N, typename Row>
std::optional<std::array<uint8_t, N>> OptionalArray(const Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.template Array<N>(column);
}

// DATA_LOSS if the account does not open.
template <typename Row>
absl::StatusOr<Link> ReadLink(const Row& row, const AccountKeys& accounts) {
  const LinkId id = row.template Array<16>(1);
  MUSUBI_ASSIGN_OR_RETURN(
      Account account,
      accounts.Open({row.template Array<32>(3), row.Text(4), row.Blob(5), row.Blob(6)}, id));
  Link link{.id = id,
            .relying_party_id = row.Text(2),
            .account = std::move(account),
            .subject = row.template Array<32>(7),
            .person_id = row.template Array<16>(8),
            .session_id = row.template Array<16>(9),
            .verdict_summary = row.Text(10),
            .created_at = absl::FromUnixMicros(row.Int(11)),
            .ended_at = std::nullopt,
            .end_reason = static_cast<EndReason>(row.Int(13))};
  if (!row.IsNull(12)) link.ended_at = absl::FromUnixMicros(row.Int(12));
  return link;
}

template <typename Row>
AuditEntry ReadEntry(const Row& row) {
  return {.sequence = row.Int(0),
          .fact = {.at = absl::FromUnixMicros(row.Int(1)),
                   .event = static_cast<AuditEvent>(row.Int(2)),
                   .relying_party_id = row.Text(3),
                   .link_id = OptionalArray<16>(row, 4),
                   .session_id = OptionalArray<16>(row, 5),
                   .journey = {static_cast<int>(row.Int(6)), static_cast<int>(row.Int(7))},
                   .commitment = OptionalArray<32>(row, 8)},
          .key_id = row.Text(9),
          .previous_mac = row.template Array<32>(10),
          .mac = row.template Array<32>(11)};
}

// What a stored answer answers. Numbers are stored: never renumber.
enum class Operation { kCreateLink = 1, kReplaceLink = 2, kEndLink = 3 };

// A link as it was made: its end came later and is no part of that answer.
inline Link AsMade(Link link) {
  link.ended_at.reset();
  link.end_reason = EndReason::kUnspecified;
  return link;
}

// Whether a link is of the same card, by person or pseudonym; of the same person and account.
bool IsSameCard(const Link& link, const NewLink& other);
bool IsSamePair(const Link& link, const NewLink& other);

// The entry that the session of `link` ended in `active`.
AuditFact LinkedAgain(const Link& active, const NewLink& link, absl::Time now);

absl::Status SessionAlreadyUsed(SessionOutcome outcome);
absl::Status NoLinkOfCard();
// What makes CreateLink and ReplaceLink refuse, in words.
absl::Status AccountHasLink();
absl::Status AccountHasNoLink();
absl::Status AccountHasSeveralLinks();
absl::Status CardHasLink();
// What makes EndLink refuse.
absl::Status NoSuchLinkOfAccount();
absl::Status NoActiveLinkOfAccount();
absl::Status OtherCard();
absl::Status EndedBefore();
// For an id alone.
absl::Status NoSuchLink();
absl::Status RequestIdReused();
// Of a list.
absl::Status EmptyFilter();

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_LINK_ROWS_H_
