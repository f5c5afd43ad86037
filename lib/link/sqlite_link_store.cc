#include "lib/link/sqlite_link_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/sqlite/database.h"

namespace musubi::link {
namespace {

using base::Error;
using base::ErrorReason;
using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// Times are microseconds since 1970. The triggers stop accidents; what stops an attacker who can
// write to the file is the audit key, which is not in it.
constexpr std::string_view kSchemaV1 = R"sql(
CREATE TABLE links (
  row INTEGER PRIMARY KEY,
  link_id BLOB NOT NULL UNIQUE CHECK (length(link_id) = 16),
  relying_party_id TEXT NOT NULL,
  account_issuer TEXT NOT NULL,
  account_subject TEXT NOT NULL,
  subject BLOB NOT NULL CHECK (length(subject) = 32),
  person_id BLOB NOT NULL CHECK (length(person_id) = 16),
  session_id BLOB NOT NULL UNIQUE CHECK (length(session_id) = 16),
  verdict_summary TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  end_reason INTEGER NOT NULL DEFAULT 0,
  CHECK ((ended_at IS NULL) = (end_reason = 0))
) STRICT;
CREATE UNIQUE INDEX links_active_person ON links (relying_party_id, person_id)
  WHERE ended_at IS NULL;
CREATE UNIQUE INDEX links_active_subject ON links (relying_party_id, subject)
  WHERE ended_at IS NULL;
CREATE INDEX links_account ON links (account_issuer, account_subject, relying_party_id);
CREATE INDEX links_relying_party ON links (relying_party_id);
CREATE INDEX links_person ON links (person_id);

CREATE TABLE session_end (
  session_id BLOB PRIMARY KEY CHECK (length(session_id) = 16),
  relying_party_id TEXT NOT NULL,
  how INTEGER NOT NULL,
  link_id BLOB REFERENCES links (link_id),
  answer BLOB NOT NULL,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE requests (
  request_id BLOB PRIMARY KEY CHECK (length(request_id) = 16),
  body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
  operation INTEGER NOT NULL,
  link_id BLOB NOT NULL REFERENCES links (link_id),
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
  at INTEGER NOT NULL,
  event INTEGER NOT NULL,
  relying_party_id TEXT NOT NULL,
  link_id BLOB REFERENCES links (link_id),
  session_id BLOB CHECK (length(session_id) = 16),
  act INTEGER NOT NULL,
  flow INTEGER NOT NULL,
  commitment BLOB CHECK (length(commitment) = 32),
  key_id TEXT NOT NULL,
  previous_mac BLOB NOT NULL CHECK (length(previous_mac) = 32),
  mac BLOB NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE INDEX audit_link ON audit (link_id);
CREATE INDEX audit_relying_party ON audit (relying_party_id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit entries are never deleted'); END;
)sql";
constexpr std::array<std::string_view, 1> kSteps = {kSchemaV1};
// "MsLk" in ASCII.
constexpr sqlite::Schema kSchema = {0x4d734c6b, "link database", kSteps};

constexpr std::string_view kLinkColumns =
    "row, link_id, relying_party_id, account_issuer, account_subject, subject, person_id,"
    " session_id, verdict_summary, created_at, ended_at, end_reason";
constexpr std::string_view kAuditColumns =
    "sequence, at, event, relying_party_id, link_id, session_id, act, flow, commitment, key_id,"
    " previous_mac, mac";

// What a stored answer answers. Numbers are stored: never renumber.
enum class Operation { kCreateLink = 1, kReplaceLink = 2, kEndLink = 3 };

template <size_t N>
std::optional<std::array<uint8_t, N>> OptionalArray(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Array<N>(column);
}

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

AuditEntry ReadEntry(const Statement& row) {
  return {.sequence = row.Int(0),
          .fact = {.at = absl::FromUnixMicros(row.Int(1)),
                   .event = static_cast<AuditEvent>(row.Int(2)),
                   .relying_party_id = row.Text(3),
                   .link_id = OptionalArray<16>(row, 4),
                   .session_id = OptionalArray<16>(row, 5),
                   .journey = {static_cast<int>(row.Int(6)), static_cast<int>(row.Int(7))},
                   .commitment = OptionalArray<32>(row, 8)},
          .key_id = row.Text(9),
          .previous_mac = row.Array<32>(10),
          .mac = row.Array<32>(11)};
}

// A link as it was made: its end came later and is no part of that answer.
Link AsMade(Link link) {
  link.ended_at.reset();
  link.end_reason = EndReason::kUnspecified;
  return link;
}

absl::Status FieldInvalid(std::string_view field, std::string_view rule) {
  return base::FieldError(ErrorReason::kFieldInvalid, field, rule);
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

absl::Status NoLinkOfCard() {
  return Error(ErrorReason::kLinkNotFound, "the card has no active link at this relying party");
}

absl::Status SessionAlreadyUsed(SessionOutcome outcome) {
  return Error(ErrorReason::kSessionAlreadyUsed,
               "the session has ended as " + std::string(Name(outcome)),
               {{"outcome", std::string(Name(outcome))}});
}

// A WHERE clause that grows with the fields of a filter. Views the filter.
class Where {
 public:
  void And(std::string_view condition) {
    sql_ += sql_.empty() ? " WHERE " : " AND ";
    sql_ += condition;
  }
  void And(std::string_view condition, sqlite::Value value) {
    And(condition);
    values_.push_back(value);
  }
  const std::string& sql() const { return sql_; }
  const std::vector<sqlite::Value>& values() const { return values_; }

 private:
  std::string sql_;
  std::vector<sqlite::Value> values_;
};

// Page tokens: the position after which to go on, and which list it belongs to. Not secret and not
// authenticated: the filter itself decides what is seen.
std::array<uint8_t, 8> FilterTag(std::string_view list, const LinkFilter& filter) {
  const auto text = [](bool present, std::string_view value) {
    return (present ? "1" : "0") + std::string(value);
  };
  const base::Hash256 hash = crypto::Sha256LengthPrefixed(
      {base::AsBytes(list),
       base::AsBytes(
           text(filter.relying_party_id.has_value(), filter.relying_party_id.value_or(""))),
       base::AsBytes(
           text(filter.account.has_value(), filter.account ? filter.account->issuer : "")),
       base::AsBytes(
           text(filter.account.has_value(), filter.account ? filter.account->subject : "")),
       base::AsBytes(
           text(filter.link_id.has_value(), filter.link_id ? base::AsText(*filter.link_id) : "")),
       base::AsBytes(filter.include_ended ? "1" : "0")});
  std::array<uint8_t, 8> tag;
  std::copy_n(hash.begin(), tag.size(), tag.begin());
  return tag;
}

std::string MakeToken(int64_t position, const std::array<uint8_t, 8>& tag) {
  base::Bytes token;
  for (int shift = 56; shift >= 0; shift -= 8) {
    token.push_back(static_cast<uint8_t>(static_cast<uint64_t>(position) >> shift));
  }
  base::Append(token, tag);
  return base::Base64UrlEncode(token);
}

absl::StatusOr<int64_t> ParseToken(std::string_view text, const std::array<uint8_t, 8>& tag) {
  const auto token = base::Base64UrlDecode(text);
  if (!token.ok() || token->size() != 16 || token->front() > 0x7f ||
      !std::equal(tag.begin(), tag.end(), token->begin() + 8)) {
    return FieldInvalid("page_token", "is not one that this list returned for this filter");
  }
  int64_t position = 0;
  for (size_t i = 0; i < 8; ++i) position = position << 8 | (*token)[i];
  return position;
}

class SqliteLinkStore final : public LinkStore {
 public:
  SqliteLinkStore(SqliteLinkStoreDependencies dependencies, std::unique_ptr<Database> db)
      : clock_(*dependencies.clock),
        random_(*dependencies.random),
        audit_keyring_(std::move(dependencies.audit_keyring)),
        db_(std::move(db)) {}

  absl::StatusOr<Link> CreateLink(const RequestKey& request, const NewLink& link,
                                  AccountPolicy policy) override;
  absl::StatusOr<Link> ReplaceLink(const RequestKey& request, const NewLink& link) override;
  absl::StatusOr<Link> EndLink(const RequestKey& request, const EndLinkArgs& args) override;
  absl::StatusOr<Resolution> Resolve(const ResolveArgs& args) override;
  absl::StatusOr<SessionEnd> EndSession(const EndSessionArgs& args) override;
  absl::StatusOr<std::optional<SessionEnd>> GetSessionEnd(const SessionId& session_id) override;
  absl::Status NoteNameRead(const LinkId& id) override;
  absl::StatusOr<Link> GetLink(const LinkId& id) override;
  absl::StatusOr<Page<Link>> ListLinks(const LinkFilter& filter, const PageRequest& page) override;
  absl::StatusOr<Page<AuditEntry>> ListEvents(const LinkFilter& filter,
                                              const PageRequest& page) override;
  absl::StatusOr<std::vector<PersonId>> ReferencedPersons(std::span<const PersonId> persons,
                                                          absl::Time ended_since) override;
  absl::StatusOr<int> Prune(absl::Time before) override;
  absl::StatusOr<AuditHead> ExportHead() override;
  absl::StatusOr<AuditReport> VerifyChain(std::optional<AuditHead> expected_head) override;

 private:
  // Whole microseconds: what is answered is what was stored.
  absl::Time Now() const { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

  // The stored answer's link, nothing for a new request, or REQUEST_ID_REUSED.
  absl::StatusOr<std::optional<Link>> StoredAnswer(const RequestKey& request, Operation operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StoreAnswer(const RequestKey& request, Operation operation, const LinkId& link_id,
                           absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<std::optional<Link>> FirstLink(std::string_view condition,
                                                std::initializer_list<sqlite::Value> values)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<Link>> ActiveLinksOfAccount(std::string_view relying_party_id,
                                                         const Account& account)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Resolution> ResolvedBefore(const ResolveArgs& args, const SessionEnd& end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Link> LinkToEnd(const EndLinkArgs& args) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<std::optional<SessionEnd>> FindSessionEnd(const SessionId& session_id,
                                                           std::string* relying_party_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // SESSION_ALREADY_USED if the session has ended or made a link.
  absl::Status RequireUnused(const SessionId& session_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status InsertSessionEnd(const SessionId& session_id, std::string_view relying_party_id,
                                const SessionEnd& end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // InsertLink writes a link and everything that goes with it. The caller has checked policy.
  absl::StatusOr<Link> InsertLink(const NewLink& link, SessionOutcome outcome, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MarkEnded(const Link& link) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<AuditHead> Head() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Append(AuditFact fact) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The rows of one page: `read` returns an item and its position, the first column.
  template <typename T, typename Read>
  absl::StatusOr<Page<T>> ReadPage(std::string_view select, Where where, std::string_view position,
                                   const PageRequest& page, const std::array<uint8_t, 8>& tag,
                                   Read read);

  const base::Clock& clock_;
  base::SecureRandom& random_;
  const crypto::Keyring audit_keyring_;
  base::Mutex mutex_;
  const std::unique_ptr<Database> db_ ABSL_PT_GUARDED_BY(mutex_);
};

absl::StatusOr<Link> SqliteLinkStore::CreateLink(const RequestKey& request, const NewLink& link,
                                                 AccountPolicy policy) {
  MUSUBI_RETURN_IF_ERROR(CheckNewLink(link));
  if (policy == AccountPolicy::kUnspecified) return FieldInvalid("policy", "is not specified");
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored,
                          StoredAnswer(request, Operation::kCreateLink));
  if (stored.has_value()) return AsMade(*std::move(stored));
  MUSUBI_RETURN_IF_ERROR(RequireUnused(link.session_id));
  if (policy == AccountPolicy::kOneLinkPerAccount) {
    MUSUBI_ASSIGN_OR_RETURN(const std::vector<Link> active,
                            ActiveLinksOfAccount(link.relying_party_id, link.account));
    if (!active.empty()) {
      return Error(ErrorReason::kAccountAlreadyLinked, "the account has an active link");
    }
  }
  const absl::Time now = Now();
  MUSUBI_ASSIGN_OR_RETURN(Link made, InsertLink(link, SessionOutcome::kLinked, now));
  MUSUBI_RETURN_IF_ERROR(StoreAnswer(request, Operation::kCreateLink, made.id, now));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return made;
}

absl::StatusOr<Link> SqliteLinkStore::ReplaceLink(const RequestKey& request, const NewLink& link) {
  MUSUBI_RETURN_IF_ERROR(CheckNewLink(link));
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored,
                          StoredAnswer(request, Operation::kReplaceLink));
  if (stored.has_value()) return AsMade(*std::move(stored));
  MUSUBI_RETURN_IF_ERROR(RequireUnused(link.session_id));
  MUSUBI_ASSIGN_OR_RETURN(std::vector<Link> active,
                          ActiveLinksOfAccount(link.relying_party_id, link.account));
  if (active.empty()) {
    return Error(ErrorReason::kLinkNotFound, "the account has no active link to replace");
  }
  if (active.size() > 1) {
    return Error(ErrorReason::kAccountAlreadyLinked,
                 "the account has several active links: end one by its id instead");
  }
  const absl::Time now = Now();
  Link& replaced = active.front();
  replaced.ended_at = now;
  replaced.end_reason = EndReason::kReplaced;
  MUSUBI_RETURN_IF_ERROR(MarkEnded(replaced));
  MUSUBI_RETURN_IF_ERROR(Append({.at = now,
                                 .event = AuditEvent::kReplaced,
                                 .relying_party_id = replaced.relying_party_id,
                                 .link_id = replaced.id,
                                 .session_id = link.session_id,
                                 .journey = link.journey,
                                 .commitment = std::nullopt}));
  MUSUBI_ASSIGN_OR_RETURN(Link made, InsertLink(link, SessionOutcome::kReplaced, now));
  MUSUBI_RETURN_IF_ERROR(StoreAnswer(request, Operation::kReplaceLink, made.id, now));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return made;
}

absl::StatusOr<Link> SqliteLinkStore::EndLink(const RequestKey& request, const EndLinkArgs& args) {
  MUSUBI_RETURN_IF_ERROR(CheckParty(args.relying_party_id, args.account));
  if (!args.link_id.has_value() && !args.card.has_value()) {
    return FieldInvalid("link_id", "is required when no card was read");
  }
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored, StoredAnswer(request, Operation::kEndLink));
  if (stored.has_value()) return *std::move(stored);
  if (args.card.has_value()) MUSUBI_RETURN_IF_ERROR(RequireUnused(args.card->session_id));
  MUSUBI_ASSIGN_OR_RETURN(Link link, LinkToEnd(args));
  const absl::Time now = Now();
  link.ended_at = now;
  link.end_reason =
      args.card.has_value() ? EndReason::kUnlinkedWithCard : EndReason::kUnlinkedBySignIn;
  MUSUBI_RETURN_IF_ERROR(MarkEnded(link));
  std::optional<SessionId> session_id;
  if (args.card.has_value()) {
    session_id = args.card->session_id;
    MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(*session_id, args.relying_party_id,
                                            {SessionOutcome::kUnlinked, link.id, "", now}));
  }
  MUSUBI_RETURN_IF_ERROR(Append({.at = now,
                                 .event = AuditEvent::kUnlinked,
                                 .relying_party_id = link.relying_party_id,
                                 .link_id = link.id,
                                 .session_id = session_id,
                                 .journey = args.journey,
                                 .commitment = args.commitment}));
  MUSUBI_RETURN_IF_ERROR(StoreAnswer(request, Operation::kEndLink, link.id, now));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return link;
}

absl::StatusOr<Link> SqliteLinkStore::LinkToEnd(const EndLinkArgs& args) {
  const auto mismatch = [] {
    return Error(ErrorReason::kLinkCardMismatch, "the link was made with another card");
  };
  if (args.link_id.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link, FirstLink("link_id = ?1", {*args.link_id}));
    if (!link.has_value() || link->relying_party_id != args.relying_party_id ||
        link->account != args.account) {
      return Error(ErrorReason::kLinkNotFound, "the account has no link of this id");
    }
    if (args.card.has_value() && args.card->person_id != link->person_id) return mismatch();
    if (!link->active()) return Error(ErrorReason::kLinkEnded, "the link has ended before");
    return *std::move(link);
  }
  MUSUBI_ASSIGN_OR_RETURN(std::vector<Link> active,
                          ActiveLinksOfAccount(args.relying_party_id, args.account));
  if (active.empty()) {
    return Error(ErrorReason::kLinkNotFound, "the account has no active link");
  }
  for (Link& link : active) {
    if (args.card->person_id == link.person_id) return std::move(link);
  }
  return mismatch();
}

absl::StatusOr<Resolution> SqliteLinkStore::Resolve(const ResolveArgs& args) {
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("relying_party_id", args.relying_party_id, kMaxRelyingPartyIdLength));
  MUSUBI_RETURN_IF_ERROR(CheckAnswer(args.answer));
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  std::string resolved_for;
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<SessionEnd> end,
                          FindSessionEnd(args.session_id, &resolved_for));
  if (end.has_value()) {
    if (end->outcome != SessionOutcome::kResolved || resolved_for != args.relying_party_id) {
      return SessionAlreadyUsed(end->outcome);
    }
    return ResolvedBefore(args, *end);
  }
  std::optional<Link> link;
  if (args.person_id.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(
        link, FirstLink("relying_party_id = ?1 AND person_id = ?2 AND ended_at IS NULL",
                        {args.relying_party_id, *args.person_id}));
  }
  const absl::Time now = Now();
  const auto link_id = link.has_value() ? std::optional<LinkId>(link->id) : std::nullopt;
  MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(args.session_id, args.relying_party_id,
                                          {SessionOutcome::kResolved, link_id, args.answer, now}));
  MUSUBI_RETURN_IF_ERROR(Append({
      .at = now,
      .event = link.has_value() ? AuditEvent::kResolved : AuditEvent::kResolvedNothing,
      .relying_party_id = args.relying_party_id,
      .link_id = link_id,
      .session_id = args.session_id,
      .journey = args.journey,
      .commitment = args.commitment,
  }));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  if (!link.has_value()) return NoLinkOfCard();
  return Resolution{*std::move(link), args.answer, now};
}

absl::StatusOr<Resolution> SqliteLinkStore::ResolvedBefore(const ResolveArgs& args,
                                                           const SessionEnd& end) {
  if (!end.link_id.has_value()) return NoLinkOfCard();
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link, FirstLink("link_id = ?1", {*end.link_id}));
  if (!link.has_value() || args.person_id != link->person_id) {
    return SessionAlreadyUsed(end.outcome);
  }
  return Resolution{AsMade(*std::move(link)), end.answer, end.at};
}

absl::StatusOr<SessionEnd> SqliteLinkStore::EndSession(const EndSessionArgs& args) {
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("relying_party_id", args.relying_party_id, kMaxRelyingPartyIdLength));
  if (args.outcome != SessionOutcome::kNotMe && args.outcome != SessionOutcome::kLockedOut) {
    return FieldInvalid("outcome", "is NOT_ME or LOCKED_OUT");
  }
  MUSUBI_RETURN_IF_ERROR(CheckAnswer(args.answer));

  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<SessionEnd> stored,
                          FindSessionEnd(args.session_id, nullptr));
  if (stored.has_value()) return *std::move(stored);
  SessionEnd end{args.outcome, std::nullopt, args.answer, Now()};
  MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(args.session_id, args.relying_party_id, end));
  MUSUBI_RETURN_IF_ERROR(
      Append({.at = end.at,
              .event = args.outcome == SessionOutcome::kNotMe ? AuditEvent::kNotMe
                                                              : AuditEvent::kLockedOut,
              .relying_party_id = args.relying_party_id,
              .link_id = std::nullopt,
              .session_id = args.session_id,
              .journey = args.journey,
              .commitment = std::nullopt}));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return end;
}

absl::StatusOr<std::optional<SessionEnd>> SqliteLinkStore::GetSessionEnd(
    const SessionId& session_id) {
  base::MutexLock lock(mutex_);
  return FindSessionEnd(session_id, nullptr);
}

absl::Status SqliteLinkStore::NoteNameRead(const LinkId& id) {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<Link> link, FirstLink("link_id = ?1", {id}));
  if (!link.has_value()) return Error(ErrorReason::kLinkNotFound, "no link has this id");
  MUSUBI_RETURN_IF_ERROR(Append({.at = Now(),
                                 .event = AuditEvent::kNameRead,
                                 .relying_party_id = link->relying_party_id,
                                 .link_id = id,
                                 .session_id = std::nullopt,
                                 .journey = {},
                                 .commitment = std::nullopt}));
  return transaction.Commit();
}

absl::StatusOr<Link> SqliteLinkStore::GetLink(const LinkId& id) {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link, FirstLink("link_id = ?1", {id}));
  if (!link.has_value()) return Error(ErrorReason::kLinkNotFound, "no link has this id");
  return *std::move(link);
}

template <typename T, typename Read>
absl::StatusOr<Page<T>> SqliteLinkStore::ReadPage(std::string_view select, Where where,
                                                  std::string_view position,
                                                  const PageRequest& page,
                                                  const std::array<uint8_t, 8>& tag, Read read) {
  if (page.size < 0) return FieldInvalid("page_size", "is not negative");
  const int size = page.size == 0 ? kDefaultPageSize : std::min(page.size, kMaxPageSize);
  if (!page.token.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t after, ParseToken(page.token, tag));
    where.And(std::string(position) + " < ?", after);
  }
  const std::string sql = std::string(select) + where.sql() + " ORDER BY " + std::string(position) +
                          " DESC LIMIT " + std::to_string(size + 1);
  base::MutexLock lock(mutex_);
  Statement query = db_->Query(sql, where.values());
  Page<T> result;
  int64_t last = 0;
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return result;
    if (result.items.size() == static_cast<size_t>(size)) {
      result.next_token = MakeToken(last, tag);
      return result;
    }
    last = query.Int(0);
    result.items.push_back(read(query));
  }
}

absl::StatusOr<Page<Link>> SqliteLinkStore::ListLinks(const LinkFilter& filter,
                                                      const PageRequest& page) {
  Where where;
  if (filter.relying_party_id) where.And("relying_party_id = ?", *filter.relying_party_id);
  if (filter.account) {
    where.And("account_issuer = ?", filter.account->issuer);
    where.And("account_subject = ?", filter.account->subject);
  }
  if (filter.link_id) where.And("link_id = ?", *filter.link_id);
  if (where.values().empty()) return FieldInvalid("filter", "names no link, account or party");
  if (!filter.include_ended) where.And("ended_at IS NULL");
  return ReadPage<Link>("SELECT " + std::string(kLinkColumns) + " FROM links", std::move(where),
                        "row", page, FilterTag("links", filter), ReadLink);
}

absl::StatusOr<Page<AuditEntry>> SqliteLinkStore::ListEvents(const LinkFilter& filter,
                                                             const PageRequest& page) {
  Where where;
  if (filter.relying_party_id) where.And("relying_party_id = ?", *filter.relying_party_id);
  if (filter.account) {
    where.And("link_id IN (SELECT link_id FROM links WHERE account_issuer = ?",
              filter.account->issuer);
    where.And("account_subject = ?)", filter.account->subject);
  }
  if (filter.link_id) where.And("link_id = ?", *filter.link_id);
  if (where.values().empty()) return FieldInvalid("filter", "names no link, account or party");
  return ReadPage<AuditEntry>("SELECT " + std::string(kAuditColumns) + " FROM audit",
                              std::move(where), "sequence", page, FilterTag("events", filter),
                              ReadEntry);
}

absl::StatusOr<std::vector<PersonId>> SqliteLinkStore::ReferencedPersons(
    std::span<const PersonId> persons, absl::Time ended_since) {
  // ToUnixMicros saturates: an infinite future is later than every stored time.
  const int64_t since = absl::ToUnixMicros(ended_since);
  std::vector<PersonId> referenced;
  base::MutexLock lock(mutex_);
  for (const PersonId& person : persons) {
    Statement query = db_->Query(
        "SELECT 1 FROM links WHERE person_id = ?1 AND (ended_at IS NULL OR ended_at >= ?2) LIMIT 1",
        {person, since});
    MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
    if (found) referenced.push_back(person);
  }
  return referenced;
}

absl::StatusOr<int> SqliteLinkStore::Prune(absl::Time before) {
  if (before > clock_.Now() - kMinAnswerAge) {
    return FieldInvalid("before", "lies less than 24 hours back: answers may still be asked for");
  }
  const int64_t limit = absl::ToUnixMicros(before);
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_RETURN_IF_ERROR(db_->Execute("DELETE FROM requests WHERE at < ?1", {limit}));
  int gone = db_->Changes();
  MUSUBI_RETURN_IF_ERROR(db_->Execute("DELETE FROM session_end WHERE at < ?1", {limit}));
  gone += db_->Changes();
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return gone;
}

absl::StatusOr<AuditHead> SqliteLinkStore::ExportHead() {
  base::MutexLock lock(mutex_);
  return Head();
}

absl::StatusOr<AuditReport> SqliteLinkStore::VerifyChain(std::optional<AuditHead> expected_head) {
  AuditVerifier verifier(audit_keyring_, std::move(expected_head));
  base::MutexLock lock(mutex_);
  Statement query =
      db_->Query("SELECT " + std::string(kAuditColumns) + " FROM audit ORDER BY sequence");
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row || !verifier.Feed(ReadEntry(query))) return verifier.Finish();
  }
}

absl::StatusOr<std::optional<Link>> SqliteLinkStore::StoredAnswer(const RequestKey& request,
                                                                  Operation operation) {
  Statement query = db_->Query(
      "SELECT body_hash, operation, link_id FROM requests WHERE request_id = ?1", {request.id});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  if (query.Array<32>(0) != request.body_hash || query.Int(1) != static_cast<int64_t>(operation)) {
    return Error(ErrorReason::kRequestIdReused, "the request id was used with another body");
  }
  return FirstLink("link_id = ?1", {query.Blob(2)});
}

absl::Status SqliteLinkStore::StoreAnswer(const RequestKey& request, Operation operation,
                                          const LinkId& link_id, absl::Time now) {
  return db_->Execute(
      "INSERT INTO requests (request_id, body_hash, operation, link_id, at)"
      " VALUES (?1, ?2, ?3, ?4, ?5)",
      {request.id, request.body_hash, static_cast<int>(operation), link_id,
       absl::ToUnixMicros(now)});
}

absl::StatusOr<std::optional<Link>> SqliteLinkStore::FirstLink(
    std::string_view condition, std::initializer_list<sqlite::Value> values) {
  Statement query = db_->Query("SELECT " + std::string(kLinkColumns) + " FROM links WHERE " +
                                   std::string(condition) + " LIMIT 1",
                               values);
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return std::nullopt;
  return ReadLink(query);
}

absl::StatusOr<std::vector<Link>> SqliteLinkStore::ActiveLinksOfAccount(
    std::string_view relying_party_id, const Account& account) {
  Statement query = db_->Query("SELECT " + std::string(kLinkColumns) +
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

absl::StatusOr<std::optional<SessionEnd>> SqliteLinkStore::FindSessionEnd(
    const SessionId& session_id, std::string* relying_party_id) {
  Statement query = db_->Query(
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

absl::Status SqliteLinkStore::RequireUnused(const SessionId& session_id) {
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<SessionEnd> end, FindSessionEnd(session_id, nullptr));
  if (end.has_value()) return SessionAlreadyUsed(end->outcome);
  // The link outlives the session's end, which Prune forgets.
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<Link> made,
                          FirstLink("session_id = ?1", {session_id}));
  return made.has_value() ? SessionAlreadyUsed(SessionOutcome::kLinked) : absl::OkStatus();
}

absl::Status SqliteLinkStore::InsertSessionEnd(const SessionId& session_id,
                                               std::string_view relying_party_id,
                                               const SessionEnd& end) {
  return db_->Execute(
      "INSERT INTO session_end (session_id, relying_party_id, how, link_id, answer, at)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
      {session_id, relying_party_id, static_cast<int>(end.outcome), end.link_id,
       base::AsBytes(end.answer), absl::ToUnixMicros(end.at)});
}

absl::StatusOr<Link> SqliteLinkStore::InsertLink(const NewLink& link, SessionOutcome outcome,
                                                 absl::Time now) {
  MUSUBI_ASSIGN_OR_RETURN(
      const std::optional<Link> other,
      FirstLink("relying_party_id = ?1 AND (person_id = ?2 OR subject = ?3) AND ended_at IS NULL",
                {link.relying_party_id, link.person_id, link.subject}));
  if (other.has_value()) {
    return Error(ErrorReason::kCardAlreadyLinked, "the card has an active link");
  }
  Link made{.id = random_.Bytes<16>(),
            .relying_party_id = link.relying_party_id,
            .account = link.account,
            .subject = link.subject,
            .person_id = link.person_id,
            .session_id = link.session_id,
            .verdict_summary = link.verdict_summary,
            .created_at = now,
            .ended_at = std::nullopt,
            .end_reason = EndReason::kUnspecified};
  MUSUBI_RETURN_IF_ERROR(db_->Execute(
      "INSERT INTO links (link_id, relying_party_id, account_issuer, account_subject, subject,"
      " person_id, session_id, verdict_summary, created_at)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
      {made.id, made.relying_party_id, made.account.issuer, made.account.subject, made.subject,
       made.person_id, made.session_id, made.verdict_summary, absl::ToUnixMicros(now)}));
  MUSUBI_RETURN_IF_ERROR(
      InsertSessionEnd(made.session_id, made.relying_party_id, {outcome, made.id, "", now}));
  MUSUBI_RETURN_IF_ERROR(Append({.at = now,
                                 .event = AuditEvent::kLinked,
                                 .relying_party_id = made.relying_party_id,
                                 .link_id = made.id,
                                 .session_id = made.session_id,
                                 .journey = link.journey,
                                 .commitment = link.commitment}));
  return made;
}

absl::Status SqliteLinkStore::MarkEnded(const Link& link) {
  return db_->Execute(
      "UPDATE links SET ended_at = ?2, end_reason = ?3 WHERE link_id = ?1",
      {link.id, absl::ToUnixMicros(*link.ended_at), static_cast<int>(link.end_reason)});
}

absl::StatusOr<AuditHead> SqliteLinkStore::Head() {
  Statement query = db_->Query("SELECT sequence, mac FROM audit ORDER BY sequence DESC LIMIT 1");
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return AuditHead{};
  return AuditHead{query.Int(0), query.Array<32>(1)};
}

absl::Status SqliteLinkStore::Append(AuditFact fact) {
  MUSUBI_ASSIGN_OR_RETURN(const AuditHead head, Head());
  const AuditEntry entry = AppendTo(head, std::move(fact), audit_keyring_);
  return db_->Execute(
      "INSERT INTO audit (sequence, at, event, relying_party_id, link_id, session_id, act, flow,"
      " commitment, key_id, previous_mac, mac)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      {entry.sequence, absl::ToUnixMicros(entry.fact.at), static_cast<int>(entry.fact.event),
       entry.fact.relying_party_id, entry.fact.link_id, entry.fact.session_id,
       entry.fact.journey.act, entry.fact.journey.flow, entry.fact.commitment, entry.key_id,
       entry.previous_mac, entry.mac});
}

}  // namespace

absl::StatusOr<std::unique_ptr<LinkStore>> CreateSqliteLinkStore(
    SqliteLinkStoreDependencies dependencies, const SqliteLinkStoreOptions& options) {
  MUSUBI_CHECK(dependencies.clock != nullptr && dependencies.random != nullptr,
               "a link store needs a clock and randomness");
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<Database> db,
      Database::Open(options.path, kSchema,
                     options.create_and_migrate ? Database::Mode::kCreateAndMigrate
                                                : Database::Mode::kExisting));
  return std::make_unique<SqliteLinkStore>(std::move(dependencies), std::move(db));
}

}  // namespace musubi::link
