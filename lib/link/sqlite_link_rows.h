// Reading and writing the rows of the link database's tables `links`, `session_end` and `requests`.
// Knows neither locks nor transactions: the caller guards the connection, and begins a transaction
// where several statements belong together. Internal to lib/link: for sqlite_link_store.cc and what
// it is made of.
#ifndef MUSUBI_LIB_LINK_SQLITE_LINK_ROWS_H_
#define MUSUBI_LIB_LINK_SQLITE_LINK_ROWS_H_

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
#include "lib/sqlite/database.h"

namespace musubi::link {

// `account_hash IN (?, ...)`, for that many of AccountKeys::Hashes.
std::string AccountCondition(size_t hashes);

// RegisterKey makes the active key known to the other processes; `path` is for the message.
// FAILED_PRECONDITION if the table has a key that `accounts` lacks.
absl::Status RegisterKey(sqlite::Database& db, const AccountKeys& accounts, std::string_view path);
// UNAVAILABLE if others may have written what this process cannot see. Asked after nothing was
// found: a key is registered before anything is written with it.
absl::Status CheckKeys(sqlite::Database& db, const AccountKeys& accounts);

// Whether there is a link for which the SQL condition holds.
absl::StatusOr<bool> LinkExists(sqlite::Database& db, std::string_view condition,
                                std::initializer_list<sqlite::Value> values);
// The first link for which the SQL condition holds.
absl::StatusOr<std::optional<Link>> FirstLink(sqlite::Database& db, const AccountKeys& accounts,
                                              std::string_view condition,
                                              std::initializer_list<sqlite::Value> values);
// Oldest first.
absl::StatusOr<std::vector<Link>> ActiveLinksOfAccount(sqlite::Database& db,
                                                       const AccountKeys& accounts,
                                                       std::string_view relying_party_id,
                                                       const Account& account);
// InsertLinkRow writes an active link, with its account sealed. Errors of CheckKeys.
absl::Status InsertLinkRow(sqlite::Database& db, const AccountKeys& accounts, const Link& link,
                           base::SecureRandom& random);
// MarkEnded writes the end that `link` has.
absl::Status MarkEnded(sqlite::Database& db, const Link& link);

// Nothing if the session has not ended. `relying_party_id` may be null.
absl::StatusOr<std::optional<SessionEnd>> FindSessionEnd(sqlite::Database& db,
                                                         const SessionId& session_id,
                                                         std::string* relying_party_id);
// SESSION_ALREADY_USED if the session has ended or made a link.
absl::Status RequireUnused(sqlite::Database& db, const SessionId& session_id);
absl::Status InsertSessionEnd(sqlite::Database& db, const SessionId& session_id,
                              std::string_view relying_party_id, const SessionEnd& end);

// The stored answer's link, nothing for a new request, or REQUEST_ID_REUSED.
absl::StatusOr<std::optional<Link>> StoredAnswer(sqlite::Database& db, const AccountKeys& accounts,
                                                 const RequestKey& request, Operation operation);
absl::Status StoreAnswer(sqlite::Database& db, const RequestKey& request, Operation operation,
                         const LinkId& link_id, absl::Time now);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_SQLITE_LINK_ROWS_H_
