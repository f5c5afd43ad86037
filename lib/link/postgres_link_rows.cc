#include "lib/link/postgres_link_rows.h"

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/link/link_checks.h"
#include "lib/link/page_token.h"

namespace musubi::link {
namespace {

using postgres::Connection;
using postgres::Result;
using postgres::Value;

std::string SelectLinks(std::string_view condition) {
  return "SELECT " + std::string(kLinkColumns) + " FROM links WHERE " + std::string(condition);
}

absl::StatusOr<std::vector<Link>> ReadLinks(const Result& rows, const AccountKeys& accounts) {
  std::vector<Link> links;
  for (int i = 0; i < rows.rows(); ++i) {
    MUSUBI_ASSIGN_OR_RETURN(Link link, ReadLink(rows.row(i), accounts));
    links.push_back(std::move(link));
  }
  return links;
}

// A WHERE clause that grows with the fields of a filter: `?` becomes the next $n. Views the values.
class Where {
 public:
  void And(std::string_view condition, Value value) {
    Join();
    for (const char c : condition) sql_ += c == '?' ? Placeholder(value) : std::string(1, c);
  }
  void And(std::string_view condition) {
    Join();
    sql_ += condition;
  }
  // `before` account_hash IN (...) `after`.
  void AndHashes(std::string_view before, const std::vector<base::Hash256>& hashes,
                 std::string_view after) {
    Join();
    sql_ += std::string(before) + AccountCondition(hashes.size(), values_.size() + 1) +
            std::string(after);
    values_.insert(values_.end(), hashes.begin(), hashes.end());
  }
  std::string Placeholder(Value value) {
    values_.push_back(value);
    return "$" + std::to_string(values_.size());
  }
  const std::string& sql() const { return sql_; }
  const std::vector<Value>& values() const { return values_; }

 private:
  void Join() { sql_ += sql_.empty() ? " WHERE " : " AND "; }

  std::string sql_;
  std::vector<Value> values_;
};

std::vector<base::Hash256> HashesOf(const LinkFilter& filter, const AccountKeys& accounts) {
  return filter.account.has_value() ? accounts.Hashes(*filter.account)
                                    : std::vector<base::Hash256>();
}

// The rows of one page: `read` returns a StatusOr of an item; its position is the column `row`,
// which is the one of that number.
template <typename T, typename Read>
absl::StatusOr<Page<T>> ReadPage(Connection& db, std::string_view select, Where where,
                                 int row_column, const PageRequest& page, const FilterTag& tag,
                                 Read read) {
  MUSUBI_ASSIGN_OR_RETURN(const int size, PageSize(page));
  if (!page.token.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t after, ParseToken(page.token, tag));
    where.And("row < ?", after);
  }
  const std::string limit = where.Placeholder(size + 1);
  MUSUBI_ASSIGN_OR_RETURN(const Result rows, db.Query(std::string(select) + where.sql() +
                                                          " ORDER BY row DESC LIMIT " + limit,
                                                      where.values()));
  Page<T> result;
  const int shown = std::min(size, rows.rows());
  for (int i = 0; i < shown; ++i) {
    MUSUBI_ASSIGN_OR_RETURN(T item, read(rows.row(i)));
    result.items.push_back(std::move(item));
  }
  if (rows.rows() > size) result.next_token = MakeToken(rows.row(size - 1).Int(row_column), tag);
  return result;
}

}  // namespace

std::string AccountCondition(size_t hashes, size_t first) {
  std::string condition = "account_hash IN (";
  for (size_t i = 0; i < hashes; ++i) {
    condition += (i > 0 ? ", $" : "$") + std::to_string(first + i);
  }
  return condition + ")";
}

namespace {

absl::StatusOr<crypto::KeyIds> RegisteredKeys(Connection& db) {
  MUSUBI_ASSIGN_OR_RETURN(const Result rows, db.Query("SELECT key_id FROM account_keys"));
  crypto::KeyIds ids;
  for (int i = 0; i < rows.rows(); ++i) ids.insert(rows.row(i).Text(0));
  return ids;
}

}  // namespace

absl::Status RegisterKey(Connection& db, const AccountKeys& accounts) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, RegisteredKeys(db));
  for (const std::string& id : keys) {
    if (accounts.Has(id)) continue;
    return absl::FailedPreconditionError("the link database has accounts under key " + id +
                                         ", which the account keyring lacks: put it back");
  }
  if (keys.contains(accounts.active_id())) return absl::OkStatus();
  MUSUBI_RETURN_IF_ERROR(db.Execute("LOCK TABLE account_keys IN ACCESS EXCLUSIVE MODE").status());
  return db
      .Execute("INSERT INTO account_keys (key_id) VALUES ($1) ON CONFLICT DO NOTHING",
               {accounts.active_id()})
      .status();
}

absl::Status CheckKeys(Connection& db, const AccountKeys& accounts) {
  MUSUBI_ASSIGN_OR_RETURN(const crypto::KeyIds keys, RegisteredKeys(db));
  return accounts.CheckRegistered(keys);
}

void LockAccount(Connection& db, const AccountKeys& accounts, const Account& account) {
  const std::vector<base::Hash256> hashes = accounts.Hashes(account);
  if (hashes.size() > 1) postgres::LockHashes(db, hashes);
}

absl::StatusOr<std::optional<Link>> FirstLink(Connection& db, const AccountKeys& accounts,
                                              std::string_view condition,
                                              std::initializer_list<Value> values,
                                              std::string_view suffix) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query(SelectLinks(condition) + " LIMIT 1 " + std::string(suffix), values));
  if (rows.empty()) return std::nullopt;
  MUSUBI_ASSIGN_OR_RETURN(Link link, ReadLink(rows.row(0), accounts));
  return std::optional<Link>(std::move(link));
}

absl::StatusOr<std::vector<Link>> ActiveLinksOfAccount(Connection& db, const AccountKeys& accounts,
                                                       std::string_view relying_party_id,
                                                       const Account& account) {
  const std::vector<base::Hash256> hashes = accounts.Hashes(account);
  std::vector<Value> values = {relying_party_id};
  values.insert(values.end(), hashes.begin(), hashes.end());
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query(SelectLinks("relying_party_id = $1 AND " + AccountCondition(hashes.size(), 2) +
                           " AND ended_at IS NULL ORDER BY row"),
               values));
  return ReadLinks(rows, accounts);
}

absl::StatusOr<std::vector<Link>> HoldLinksBeside(Connection& db, const AccountKeys& accounts,
                                                  const NewLink& link) {
  const std::vector<base::Hash256> hashes = accounts.Hashes(link.account);
  std::vector<Value> values = {link.relying_party_id, link.person_id, link.subject};
  values.insert(values.end(), hashes.begin(), hashes.end());
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query(SelectLinks("relying_party_id = $1 AND ended_at IS NULL AND"
                           " (person_id = $2 OR subject = $3 OR " +
                           AccountCondition(hashes.size(), 4) +
                           ") ORDER BY person_id = $2 OR subject = $3 DESC, row FOR SHARE"),
               values));
  return ReadLinks(rows, accounts);
}

absl::Status RequireCardFree(Connection& db, const NewLink& link) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result other,
      db.Query(
          "SELECT 1 FROM links WHERE relying_party_id = $1 AND (person_id = $2 OR subject = $3)"
          " AND ended_at IS NULL LIMIT 1",
          {link.relying_party_id, link.person_id, link.subject}));
  return other.empty() ? absl::OkStatus() : CardHasLink();
}

absl::Status InsertLinkRow(Connection& db, const AccountKeys& accounts, const Link& link, bool sole,
                           base::SecureRandom& random) {
  const SealedAccount account = accounts.Seal(link.account, link.id, random);
  MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts));
  db.Enqueue(
      "INSERT INTO links (link_id, relying_party_id, account_hash, account_key_id,"
      " sealed_issuer, sealed_subject, subject, person_id, session_id, verdict_summary,"
      " created_at, sole)"
      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::bigint = 1)",
      {link.id, link.relying_party_id, account.hash, account.key_id, account.issuer,
       account.subject, link.subject, link.person_id, link.session_id, link.verdict_summary,
       absl::ToUnixMicros(link.created_at), sole ? 1 : 0});
  return absl::OkStatus();
}

absl::StatusOr<bool> MarkEnded(Connection& db, const Link& link) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result ended,
      db.Query("UPDATE links SET ended_at = $2, end_reason = $3"
               " WHERE link_id = $1 AND ended_at IS NULL RETURNING sole",
               {link.id, absl::ToUnixMicros(*link.ended_at), static_cast<int>(link.end_reason)}));
  if (ended.empty()) {
    return postgres::MakeFailure(postgres::Failure::kSerialization,
                                 "another transaction ended the link at the same moment");
  }
  return ended.row(0).Int(0) != 0;
}

absl::StatusOr<std::optional<SessionEnd>> FindSessionEnd(Connection& db,
                                                         const SessionId& session_id,
                                                         std::string* relying_party_id) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT how, link_id, answer, at, relying_party_id FROM session_end"
               " WHERE session_id = $1",
               {session_id}));
  if (rows.empty()) return std::nullopt;
  const Result::Row row = rows.row(0);
  if (relying_party_id != nullptr) *relying_party_id = row.Text(4);
  return SessionEnd{.outcome = static_cast<SessionOutcome>(row.Int(0)),
                    .link_id = OptionalArray<16>(row, 1),
                    .answer = row.Text(2),
                    .at = absl::FromUnixMicros(row.Int(3))};
}

absl::Status RequireUnused(Connection& db, const SessionId& session_id) {
  // The link outlives the session's end, which Prune forgets.
  MUSUBI_ASSIGN_OR_RETURN(const Result used,
                          db.Query("SELECT (SELECT how FROM session_end WHERE session_id = $1),"
                                   " EXISTS (SELECT 1 FROM links WHERE session_id = $1)",
                                   {session_id}));
  const Result::Row row = used.row(0);
  if (!row.IsNull(0)) return SessionAlreadyUsed(static_cast<SessionOutcome>(row.Int(0)));
  return row.Int(1) == 0 ? absl::OkStatus() : SessionAlreadyUsed(SessionOutcome::kLinked);
}

void InsertSessionEnd(Connection& db, const SessionId& session_id,
                      std::string_view relying_party_id, const SessionEnd& end) {
  db.Enqueue(
      "INSERT INTO session_end (session_id, relying_party_id, how, link_id, answer, at)"
      " VALUES ($1, $2, $3, $4, $5, $6)",
      {session_id, relying_party_id, static_cast<int>(end.outcome), end.link_id,
       base::AsBytes(end.answer), absl::ToUnixMicros(end.at)});
}

absl::StatusOr<std::optional<Link>> StoredAnswer(Connection& db, const AccountKeys& accounts,
                                                 const RequestKey& request, Operation operation) {
  MUSUBI_ASSIGN_OR_RETURN(
      const Result rows,
      db.Query("SELECT body_hash, operation, link_id FROM requests WHERE request_hash = $1",
               {crypto::Sha256(request.id)}));
  if (rows.empty()) return std::nullopt;
  const Result::Row row = rows.row(0);
  if (row.Array<32>(0) != request.body_hash || row.Int(1) != static_cast<int64_t>(operation)) {
    return RequestIdReused();
  }
  return FirstLink(db, accounts, "link_id = $1", {row.View(2)});
}

void StoreAnswer(Connection& db, const RequestKey& request, Operation operation,
                 const LinkId& link_id, absl::Time now) {
  db.Enqueue(
      "INSERT INTO requests (request_hash, body_hash, operation, link_id, at)"
      " VALUES ($1, $2, $3, $4, $5)",
      {crypto::Sha256(request.id), request.body_hash, static_cast<int>(operation), link_id,
       absl::ToUnixMicros(now)});
}

absl::StatusOr<Page<Link>> ReadLinkPage(Connection& db, const AccountKeys& accounts,
                                        const LinkFilter& filter, const PageRequest& page) {
  const std::vector<base::Hash256> hashes = HashesOf(filter, accounts);
  Where where;
  if (filter.relying_party_id) where.And("relying_party_id = ?", *filter.relying_party_id);
  if (!hashes.empty()) where.AndHashes("", hashes, "");
  if (filter.link_id) where.And("link_id = ?", *filter.link_id);
  if (where.values().empty()) return EmptyFilter();
  if (!filter.include_ended) where.And("ended_at IS NULL");
  auto links =
      ReadPage<Link>(db, "SELECT " + std::string(kLinkColumns) + " FROM links", std::move(where),
                     /*row_column=*/0, page, TagOf("links", filter, accounts),
                     [&](const Result::Row& row) { return ReadLink(row, accounts); });
  if (!hashes.empty()) MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts));
  return links;
}

absl::StatusOr<Page<AuditEntry>> ReadEventPage(Connection& db, const AccountKeys& accounts,
                                               const LinkFilter& filter, const PageRequest& page) {
  const std::vector<base::Hash256> hashes = HashesOf(filter, accounts);
  Where where;
  if (filter.relying_party_id) where.And("relying_party_id = ?", *filter.relying_party_id);
  if (!hashes.empty()) {
    where.AndHashes("link_id IN (SELECT link_id FROM links WHERE ", hashes, ")");
  }
  if (filter.link_id) where.And("link_id = ?", *filter.link_id);
  if (where.values().empty()) return EmptyFilter();
  auto entries = ReadPage<AuditEntry>(
      db, "SELECT " + std::string(kAuditColumns) + ", row FROM audit", std::move(where),
      /*row_column=*/12, page, TagOf("events", filter, accounts),
      [](const Result::Row& row) -> absl::StatusOr<AuditEntry> { return ReadEntry(row); });
  if (!hashes.empty()) MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts));
  return entries;
}

}  // namespace musubi::link
