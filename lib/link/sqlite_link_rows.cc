#include "lib/link/sqlite_link_rows.h"

#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::link {
namespace {

using sqlite::Statement;

absl::StatusOr<crypto::KeyIds> RegisteredKeys(sqlite::Database& db) {
  Statement query = db.Query("SELECT key_id FROM account_keys");
  crypto::KeyIds ids;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return ids;
    ids.insert(query.Text(0));
  }
}

}  // namespace

absl::Status RegisterKey(sqlite::Database& db, const AccountKeys& accounts, std::string_view path) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, RegisteredKeys(db));
  for (const std::string& id : keys) {
    if (accounts.Has(id)) continue;
    return absl::FailedPreconditionError("link database " + std::string(path) +
                                         " has accounts under key " + id +
                                         ", which the account keyring lacks: put it back");
  }
  return db.Execute("INSERT INTO account_keys (key_id) VALUES (?1) ON CONFLICT DO NOTHING",
                    {accounts.active_id()});
}

absl::Status CheckKeys(sqlite::Database& db, const AccountKeys& accounts) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, RegisteredKeys(db));
  return accounts.CheckRegistered(keys);
}

std::string AccountCondition(size_t hashes) {
  std::string condition = "account_hash IN (?";
  for (size_t i = 1; i < hashes; ++i) condition += ", ?";
  return condition + ")";
}

absl::StatusOr<bool> LinkExists(sqlite::Database& db, std::string_view condition,
                                std::initializer_list<sqlite::Value> values) {
  return db.Query("SELECT 1 FROM links WHERE " + std::string(condition) + " LIMIT 1", values)
      .Step();
}

absl::StatusOr<std::optional<Link>> FirstLink(sqlite::Database& db, const AccountKeys& accounts,
                                              std::string_view condition,
                                              std::initializer_list<sqlite::Value> values) {
  Statement query = db.Query("SELECT " + std::string(kLinkColumns) + " FROM links WHERE " +
                                 std::string(condition) + " LIMIT 1",
                             values);
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  MUSUBI_ASSIGN_OR_RETURN(Link link, ReadLink(query, accounts));
  return std::optional<Link>(std::move(link));
}

absl::StatusOr<std::vector<Link>> ActiveLinksOfAccount(sqlite::Database& db,
                                                       const AccountKeys& accounts,
                                                       std::string_view relying_party_id,
                                                       const Account& account) {
  const std::vector<base::Hash256> hashes = accounts.Hashes(account);
  std::vector<sqlite::Value> values(hashes.begin(), hashes.end());
  values.emplace_back(relying_party_id);
  Statement query = db.Query("SELECT " + std::string(kLinkColumns) + " FROM links WHERE " +
                                 AccountCondition(hashes.size()) +
                                 " AND relying_party_id = ? AND ended_at IS NULL ORDER BY row",
                             values);
  std::vector<Link> links;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return links;
    MUSUBI_ASSIGN_OR_RETURN(Link link, ReadLink(query, accounts));
    links.push_back(std::move(link));
  }
}

absl::Status InsertLinkRow(sqlite::Database& db, const AccountKeys& accounts, const Link& link,
                           base::SecureRandom& random) {
  const SealedAccount account = accounts.Seal(link.account, link.id, random);
  MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts));
  return db.Execute(
      "INSERT INTO links (link_id, relying_party_id, account_hash, account_key_id, sealed_issuer,"
      " sealed_subject, subject, person_id, session_id, verdict_summary, created_at)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
      {link.id, link.relying_party_id, account.hash, account.key_id, account.issuer,
       account.subject, link.subject, link.person_id, link.session_id, link.verdict_summary,
       absl::ToUnixMicros(link.created_at)});
}

absl::Status MarkEnded(sqlite::Database& db, const Link& link) {
  return db.Execute(
      "UPDATE links SET ended_at = ?2, end_reason = ?3 WHERE link_id = ?1",
      {link.id, absl::ToUnixMicros(*link.ended_at), static_cast<int>(link.end_reason)});
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
  MUSUBI_ASSIGN_OR_RETURN(const bool made, LinkExists(db, "session_id = ?1", {session_id}));
  return made ? SessionAlreadyUsed(SessionOutcome::kLinked) : absl::OkStatus();
}

absl::Status InsertSessionEnd(sqlite::Database& db, const SessionId& session_id,
                              std::string_view relying_party_id, const SessionEnd& end) {
  return db.Execute(
      "INSERT INTO session_end (session_id, relying_party_id, how, link_id, answer, at)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      {session_id, relying_party_id, static_cast<int>(end.outcome), end.link_id,
       base::AsBytes(end.answer), absl::ToUnixMicros(end.at)});
}

absl::StatusOr<std::optional<Link>> StoredAnswer(sqlite::Database& db, const AccountKeys& accounts,
                                                 const RequestKey& request, Operation operation) {
  Statement query =
      db.Query("SELECT body_hash, operation, link_id FROM requests WHERE request_hash = ?1",
               {crypto::Sha256(request.id)});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  if (query.Array<32>(0) != request.body_hash || query.Int(1) != static_cast<int64_t>(operation)) {
    return RequestIdReused();
  }
  return FirstLink(db, accounts, "link_id = ?1", {query.Blob(2)});
}

absl::Status StoreAnswer(sqlite::Database& db, const RequestKey& request, Operation operation,
                         const LinkId& link_id, absl::Time now) {
  return db.Execute(
      "INSERT INTO requests (request_hash, body_hash, operation, link_id, at)"
      " VALUES (?1, ?2, ?3, ?4, ?5)",
      {crypto::Sha256(request.id), request.body_hash, static_cast<int>(operation), link_id,
       absl::ToUnixMicros(now)});
}

}  // namespace musubi::link
