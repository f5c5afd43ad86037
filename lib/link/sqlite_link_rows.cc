#include "lib/link/sqlite_link_rows.h"

#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::link {
namespace {

using base::Error;
using base::ErrorReason;
using sqlite::Statement;

}  // namespace

Link ReadLink(const Statement& row) {
  Link link{.id = row.Array<16>(1),
            .relying_party_id = row.Text(2),
            .account = {row.Text(3), row.Text(4)},
            .subject = row.Array<32>(5),
            .person_id = row.Array<16>(6),
            .session_id = row.Array<16>(7),
            .verdict_summary = row.Text(8),
            .created_at = absl::FromUnixMicros(row.Int(9)),
            .ended_at = std::nullopt,
            .end_reason = static_cast<EndReason>(row.Int(11))};
  if (!row.IsNull(10)) link.ended_at = absl::FromUnixMicros(row.Int(10));
  return link;
}

absl::StatusOr<std::optional<Link>> FirstLink(sqlite::Database& db, std::string_view condition,
                                              std::initializer_list<sqlite::Value> values) {
  Statement query = db.Query("SELECT " + std::string(kLinkColumns) + " FROM links WHERE " +
                                 std::string(condition) + " LIMIT 1",
                             values);
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return ReadLink(query);
}

absl::StatusOr<std::vector<Link>> ActiveLinksOfAccount(sqlite::Database& db,
                                                       std::string_view relying_party_id,
                                                       const Account& account) {
  Statement query = db.Query("SELECT " + std::string(kLinkColumns) +
                                 " FROM links WHERE account_issuer = ?1 AND account_subject = ?2"
                                 " AND relying_party_id = ?3 AND ended_at IS NULL ORDER BY row",
                             {account.issuer, account.subject, relying_party_id});
  std::vector<Link> links;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return links;
    links.push_back(ReadLink(query));
  }
}

absl::Status InsertLinkRow(sqlite::Database& db, const Link& link) {
  return db.Execute(
      "INSERT INTO links (link_id, relying_party_id, account_issuer, account_subject, subject,"
      " person_id, session_id, verdict_summary, created_at)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
      {link.id, link.relying_party_id, link.account.issuer, link.account.subject, link.subject,
       link.person_id, link.session_id, link.verdict_summary, absl::ToUnixMicros(link.created_at)});
}

absl::Status MarkEnded(sqlite::Database& db, const Link& link) {
  return db.Execute(
      "UPDATE links SET ended_at = ?2, end_reason = ?3 WHERE link_id = ?1",
      {link.id, absl::ToUnixMicros(*link.ended_at), static_cast<int>(link.end_reason)});
}

absl::Status SessionAlreadyUsed(SessionOutcome outcome) {
  return Error(ErrorReason::kSessionAlreadyUsed,
               "the session has ended as " + std::string(Name(outcome)),
               {{"outcome", std::string(Name(outcome))}});
}

absl::StatusOr<std::optional<SessionEnd>> FindSessionEnd(sqlite::Database& db,
                                                         const SessionId& session_id,
                                                         std::string* relying_party_id) {
  Statement query = db.Query(
      "SELECT how, link_id, answer, at, relying_party_id FROM session_end WHERE session_id = ?1",
      {session_id});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  if (relying_party_id != nullptr) *relying_party_id = query.Text(4);
  return SessionEnd{.outcome = static_cast<SessionOutcome>(query.Int(0)),
                    .link_id = OptionalArray<16>(query, 1),
                    .answer = query.Text(2),
                    .at = absl::FromUnixMicros(query.Int(3))};
}

absl::Status RequireUnused(sqlite::Database& db, const SessionId& session_id) {
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<SessionEnd> end,
                          FindSessionEnd(db, session_id, nullptr));
  if (end.has_value()) return SessionAlreadyUsed(end->outcome);
  // The link outlives the session's end, which Prune forgets.
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<Link> made,
                          FirstLink(db, "session_id = ?1", {session_id}));
  return made.has_value() ? SessionAlreadyUsed(SessionOutcome::kLinked) : absl::OkStatus();
}

absl::Status InsertSessionEnd(sqlite::Database& db, const SessionId& session_id,
                              std::string_view relying_party_id, const SessionEnd& end) {
  return db.Execute(
      "INSERT INTO session_end (session_id, relying_party_id, how, link_id, answer, at)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      {session_id, relying_party_id, static_cast<int>(end.outcome), end.link_id,
       base::AsBytes(end.answer), absl::ToUnixMicros(end.at)});
}

absl::StatusOr<std::optional<Link>> StoredAnswer(sqlite::Database& db, const RequestKey& request,
                                                 Operation operation) {
  Statement query = db.Query(
      "SELECT body_hash, operation, link_id FROM requests WHERE request_id = ?1", {request.id});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  if (query.Array<32>(0) != request.body_hash || query.Int(1) != static_cast<int64_t>(operation)) {
    return Error(ErrorReason::kRequestIdReused, "the request id was used with another body");
  }
  return FirstLink(db, "link_id = ?1", {query.Blob(2)});
}

absl::Status StoreAnswer(sqlite::Database& db, const RequestKey& request, Operation operation,
                         const LinkId& link_id, absl::Time now) {
  return db.Execute(
      "INSERT INTO requests (request_id, body_hash, operation, link_id, at)"
      " VALUES (?1, ?2, ?3, ?4, ?5)",
      {request.id, request.body_hash, static_cast<int>(operation), link_id,
       absl::ToUnixMicros(now)});
}

}  // namespace musubi::link
