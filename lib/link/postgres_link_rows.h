// Reading and writing the rows of PostgreSQL's tables `links`, `session_end` and `requests`. Knows
// neither pool nor transactions. Internal to lib/link: for postgres_link_store.cc and what it is
// made of.
#ifndef MUSUBI_LIB_LINK_POSTGRES_LINK_ROWS_H_
#define MUSUBI_LIB_LINK_POSTGRES_LINK_ROWS_H_

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/secure_random.h"
#include "lib/link/account_keys.h"
#include "lib/link/link_rows.h"
#include "lib/link/link_store.h"
#include "lib/postgres/connection.h"

namespace musubi::link {

// `account_hash IN ($first, ...)`, for that many of AccountKeys::Hashes.
std::string AccountCondition(size_t hashes, size_t first);

// RegisterKey makes the active key known to the other processes, after those who found nothing
// without it. FAILED_PRECONDITION if the table has a key that `accounts` lacks.
absl::Status RegisterKey(postgres::Connection& db, const AccountKeys& accounts);
// UNAVAILABLE if others may have written what this process cannot see. For the transaction that
// found nothing, after its look: a key is registered when no such transaction is under way, and
// before anything is written with it.
absl::Status CheckKeys(postgres::Connection& db, const AccountKeys& accounts);

// LockAccount keeps others who may create a link of this account waiting until the transaction
// ends. While all processes have one and the same key, the unique index over its hash does that,
// and nothing is done here; while keys change, two of them may write different hashes of one
// account.
void LockAccount(postgres::Connection& db, const AccountKeys& accounts, const Account& account);

// The first link for which the SQL condition holds; `suffix` as in "FOR SHARE".
absl::StatusOr<std::optional<Link>> FirstLink(postgres::Connection& db, const AccountKeys& accounts,
                                              std::string_view condition,
                                              std::initializer_list<postgres::Value> values,
                                              std::string_view suffix = "");
// Oldest first.
absl::StatusOr<std::vector<Link>> ActiveLinksOfAccount(postgres::Connection& db,
                                                       const AccountKeys& accounts,
                                                       std::string_view relying_party_id,
                                                       const Account& account);
// HoldLinksBeside returns the active links that the account or the card of `link` has at the
// relying party, those of the card first, and keeps them from ending before the transaction does.
// One statement, so that it sees one moment.
absl::StatusOr<std::vector<Link>> HoldLinksBeside(postgres::Connection& db,
                                                  const AccountKeys& accounts, const NewLink& link);
// CARD_ALREADY_LINKED if person or subject have an active link at the relying party.
absl::Status RequireCardFree(postgres::Connection& db, const NewLink& link);
// InsertLinkRow writes an active link, with its account sealed. `sole`: no other link of the
// account may be active and sole. Errors of CheckKeys. What is written is enqueued here, and by
// InsertSessionEnd and StoreAnswer: the transaction's next statement has its failure.
absl::Status InsertLinkRow(postgres::Connection& db, const AccountKeys& accounts, const Link& link,
                           bool sole, base::SecureRandom& random);
// MarkEnded writes the end that `link` has, and returns whether it was sole. A conflict, which is
// run again, if it has ended since it was read.
absl::StatusOr<bool> MarkEnded(postgres::Connection& db, const Link& link);

// Nothing if the session has not ended. `relying_party_id` may be null.
absl::StatusOr<std::optional<SessionEnd>> FindSessionEnd(postgres::Connection& db,
                                                         const SessionId& session_id,
                                                         std::string* relying_party_id);
// SESSION_ALREADY_USED if the session has ended or made a link.
absl::Status RequireUnused(postgres::Connection& db, const SessionId& session_id);
void InsertSessionEnd(postgres::Connection& db, const SessionId& session_id,
                      std::string_view relying_party_id, const SessionEnd& end);

// The stored answer's link, nothing for a new request, or REQUEST_ID_REUSED.
absl::StatusOr<std::optional<Link>> StoredAnswer(postgres::Connection& db,
                                                 const AccountKeys& accounts,
                                                 const RequestKey& request, Operation operation);
void StoreAnswer(postgres::Connection& db, const RequestKey& request, Operation operation,
                 const LinkId& link_id, absl::Time now);

// Reads a page of the list. Errors as of LinkStore.
absl::StatusOr<Page<Link>> ReadLinkPage(postgres::Connection& db, const AccountKeys& accounts,
                                        const LinkFilter& filter, const PageRequest& page);
absl::StatusOr<Page<AuditEntry>> ReadEventPage(postgres::Connection& db,
                                               const AccountKeys& accounts,
                                               const LinkFilter& filter, const PageRequest& page);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_POSTGRES_LINK_ROWS_H_
