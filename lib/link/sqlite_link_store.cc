#include "lib/link/sqlite_link_store.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "lib/link/link_checks.h"
#include "lib/link/link_rows.h"
#include "lib/link/sqlite_audit.h"
#include "lib/link/sqlite_link_pages.h"
#include "lib/link/sqlite_link_rows.h"
#include "lib/link/sqlite_link_schema.h"
#include "lib/sqlite/database.h"

namespace musubi::link {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

class SqliteLinkStore final : public LinkStore {
 public:
  SqliteLinkStore(SqliteLinkStoreDependencies dependencies, std::unique_ptr<Database> db)
      : clock_(*dependencies.clock),
        random_(*dependencies.random),
        audit_keyring_(std::move(dependencies.audit_keyring)),
        accounts_(dependencies.account_keyring),
        db_(std::move(db)) {}

  // FAILED_PRECONDITION if accounts were hashed and sealed with a key that the keyring lacks.
  absl::Status RegisterAccountKey(const std::string& path);

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
  absl::StatusOr<std::vector<ChainHead>> ListHeads() override;
  absl::StatusOr<AuditReport> VerifyChain(std::optional<AuditHead> expected_head) override;

 private:
  // Whole microseconds: what is answered is what was stored.
  absl::Time Now() const { return absl::FromUnixMicros(absl::ToUnixMicros(clock_.Now())); }

  absl::StatusOr<Resolution> ResolvedBefore(const ResolveArgs& args, const SessionEnd& end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Link> LinkToEnd(const EndLinkArgs& args) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends the session of `link` in the link that its person and account have already.
  absl::StatusOr<Link> LinkAgain(const Link& active, const NewLink& link, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // InsertLink writes a link and everything that goes with it. The caller has checked policy.
  absl::StatusOr<Link> InsertLink(const NewLink& link, SessionOutcome outcome, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Append(AuditFact fact) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return AppendFact(*db_, std::move(fact), audit_keyring_);
  }

  const base::Clock& clock_;
  base::SecureRandom& random_;
  const crypto::Keyring audit_keyring_;
  const AccountKeys accounts_;
  base::Mutex mutex_;
  const std::unique_ptr<Database> db_ ABSL_PT_GUARDED_BY(mutex_);
};

absl::Status SqliteLinkStore::RegisterAccountKey(const std::string& path) {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_RETURN_IF_ERROR(RegisterKey(*db_, accounts_, path));
  return transaction.Commit();
}

absl::StatusOr<Link> SqliteLinkStore::CreateLink(const RequestKey& request, const NewLink& link,
                                                 AccountPolicy policy) {
  MUSUBI_RETURN_IF_ERROR(CheckNewLink(link));
  if (policy == AccountPolicy::kUnspecified) return FieldInvalid("policy", "is not specified");
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored,
                          StoredAnswer(*db_, accounts_, request, Operation::kCreateLink));
  if (stored.has_value()) return AsMade(*std::move(stored));
  MUSUBI_RETURN_IF_ERROR(RequireUnused(*db_, link.session_id));
  MUSUBI_ASSIGN_OR_RETURN(
      const std::vector<Link> active,
      ActiveLinksOfAccount(*db_, accounts_, link.relying_party_id, link.account));
  const absl::Time now = Now();
  absl::StatusOr<Link> made;
  const auto same = std::find_if(active.begin(), active.end(),
                                 [&](const Link& other) { return IsSamePair(other, link); });
  if (same != active.end()) {
    made = LinkAgain(*same, link, now);
  } else if (policy == AccountPolicy::kOneLinkPerAccount && !active.empty()) {
    made = AccountHasLink();
  } else {
    made = InsertLink(link, SessionOutcome::kLinked, now);
  }
  MUSUBI_RETURN_IF_ERROR(made.status());
  MUSUBI_RETURN_IF_ERROR(StoreAnswer(*db_, request, Operation::kCreateLink, made->id, now));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return made;
}

absl::StatusOr<Link> SqliteLinkStore::LinkAgain(const Link& active, const NewLink& link,
                                                absl::Time now) {
  MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(*db_, link.session_id, link.relying_party_id,
                                          {SessionOutcome::kLinked, active.id, "", now}));
  MUSUBI_RETURN_IF_ERROR(Append(LinkedAgain(active, link, now)));
  return active;
}

absl::StatusOr<Link> SqliteLinkStore::ReplaceLink(const RequestKey& request, const NewLink& link) {
  MUSUBI_RETURN_IF_ERROR(CheckNewLink(link));
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored,
                          StoredAnswer(*db_, accounts_, request, Operation::kReplaceLink));
  if (stored.has_value()) return AsMade(*std::move(stored));
  MUSUBI_RETURN_IF_ERROR(RequireUnused(*db_, link.session_id));
  MUSUBI_ASSIGN_OR_RETURN(
      std::vector<Link> active,
      ActiveLinksOfAccount(*db_, accounts_, link.relying_party_id, link.account));
  if (active.empty()) {
    MUSUBI_RETURN_IF_ERROR(CheckKeys(*db_, accounts_));
    return AccountHasNoLink();
  }
  if (active.size() > 1) {
    return AccountHasSeveralLinks();
  }
  const absl::Time now = Now();
  Link& replaced = active.front();
  replaced.ended_at = now;
  replaced.end_reason = EndReason::kReplaced;
  MUSUBI_RETURN_IF_ERROR(MarkEnded(*db_, replaced));
  MUSUBI_RETURN_IF_ERROR(Append({.at = now,
                                 .event = AuditEvent::kReplaced,
                                 .relying_party_id = replaced.relying_party_id,
                                 .link_id = replaced.id,
                                 .session_id = link.session_id,
                                 .journey = link.journey,
                                 .commitment = std::nullopt}));
  MUSUBI_ASSIGN_OR_RETURN(Link made, InsertLink(link, SessionOutcome::kReplaced, now));
  MUSUBI_RETURN_IF_ERROR(StoreAnswer(*db_, request, Operation::kReplaceLink, made.id, now));
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
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored,
                          StoredAnswer(*db_, accounts_, request, Operation::kEndLink));
  if (stored.has_value()) return *std::move(stored);
  if (args.card.has_value()) MUSUBI_RETURN_IF_ERROR(RequireUnused(*db_, args.card->session_id));
  MUSUBI_ASSIGN_OR_RETURN(Link link, LinkToEnd(args));
  const absl::Time now = Now();
  link.ended_at = now;
  link.end_reason =
      args.card.has_value() ? EndReason::kUnlinkedWithCard : EndReason::kUnlinkedBySignIn;
  MUSUBI_RETURN_IF_ERROR(MarkEnded(*db_, link));
  std::optional<SessionId> session_id;
  if (args.card.has_value()) {
    session_id = args.card->session_id;
    MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(*db_, *session_id, args.relying_party_id,
                                            {SessionOutcome::kUnlinked, link.id, "", now}));
  }
  MUSUBI_RETURN_IF_ERROR(Append({.at = now,
                                 .event = AuditEvent::kUnlinked,
                                 .relying_party_id = link.relying_party_id,
                                 .link_id = link.id,
                                 .session_id = session_id,
                                 .journey = args.journey,
                                 .commitment = args.commitment}));
  MUSUBI_RETURN_IF_ERROR(StoreAnswer(*db_, request, Operation::kEndLink, link.id, now));
  MUSUBI_RETURN_IF_ERROR(transaction.Commit());
  return link;
}

absl::StatusOr<Link> SqliteLinkStore::LinkToEnd(const EndLinkArgs& args) {
  if (args.link_id.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link,
                            FirstLink(*db_, accounts_, "link_id = ?1", {*args.link_id}));
    if (!link.has_value() || link->relying_party_id != args.relying_party_id ||
        link->account != args.account) {
      return NoSuchLinkOfAccount();
    }
    if (args.card.has_value() && args.card->person_id != link->person_id) return OtherCard();
    if (!link->active()) return EndedBefore();
    return *std::move(link);
  }
  MUSUBI_ASSIGN_OR_RETURN(
      std::vector<Link> active,
      ActiveLinksOfAccount(*db_, accounts_, args.relying_party_id, args.account));
  if (active.empty()) {
    MUSUBI_RETURN_IF_ERROR(CheckKeys(*db_, accounts_));
    return NoActiveLinkOfAccount();
  }
  for (Link& link : active) {
    if (args.card->person_id == link.person_id) return std::move(link);
  }
  return OtherCard();
}

absl::StatusOr<Resolution> SqliteLinkStore::Resolve(const ResolveArgs& args) {
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("relying_party_id", args.relying_party_id, kMaxRelyingPartyIdLength));
  MUSUBI_RETURN_IF_ERROR(CheckAnswer(args.answer));
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  std::string resolved_for;
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<SessionEnd> end,
                          FindSessionEnd(*db_, args.session_id, &resolved_for));
  if (end.has_value()) {
    if (end->outcome != SessionOutcome::kResolved || resolved_for != args.relying_party_id) {
      return SessionAlreadyUsed(end->outcome);
    }
    return ResolvedBefore(args, *end);
  }
  std::optional<Link> link;
  if (args.person_id.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(
        link,
        FirstLink(*db_, accounts_, "relying_party_id = ?1 AND person_id = ?2 AND ended_at IS NULL",
                  {args.relying_party_id, *args.person_id}));
  }
  const absl::Time now = Now();
  const auto link_id = link.has_value() ? std::optional<LinkId>(link->id) : std::nullopt;
  MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(*db_, args.session_id, args.relying_party_id,
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
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link,
                          FirstLink(*db_, accounts_, "link_id = ?1", {*end.link_id}));
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
                          FindSessionEnd(*db_, args.session_id, nullptr));
  if (stored.has_value()) return *std::move(stored);
  SessionEnd end{args.outcome, std::nullopt, args.answer, Now()};
  MUSUBI_RETURN_IF_ERROR(InsertSessionEnd(*db_, args.session_id, args.relying_party_id, end));
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
  return FindSessionEnd(*db_, session_id, nullptr);
}

absl::Status SqliteLinkStore::NoteNameRead(const LinkId& id) {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*db_));
  Statement query = db_->Query("SELECT relying_party_id FROM links WHERE link_id = ?1", {id});
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return NoSuchLink();
  MUSUBI_RETURN_IF_ERROR(Append({.at = Now(),
                                 .event = AuditEvent::kNameRead,
                                 .relying_party_id = query.Text(0),
                                 .link_id = id,
                                 .session_id = std::nullopt,
                                 .journey = {},
                                 .commitment = std::nullopt}));
  return transaction.Commit();
}

absl::StatusOr<Link> SqliteLinkStore::GetLink(const LinkId& id) {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link,
                          FirstLink(*db_, accounts_, "link_id = ?1", {id}));
  if (!link.has_value()) return NoSuchLink();
  return *std::move(link);
}

absl::StatusOr<Page<Link>> SqliteLinkStore::ListLinks(const LinkFilter& filter,
                                                      const PageRequest& page) {
  base::MutexLock lock(mutex_);
  return ReadLinkPage(*db_, accounts_, filter, page);
}

absl::StatusOr<Page<AuditEntry>> SqliteLinkStore::ListEvents(const LinkFilter& filter,
                                                             const PageRequest& page) {
  base::MutexLock lock(mutex_);
  return ReadEventPage(*db_, accounts_, filter, page);
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
  return LastAuditHead(*db_);
}

absl::StatusOr<std::vector<ChainHead>> SqliteLinkStore::ListHeads() {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(const AuditHead head, LastAuditHead(*db_));
  if (head == AuditHead()) return std::vector<ChainHead>();
  return std::vector<ChainHead>{{"", head}};
}

absl::StatusOr<AuditReport> SqliteLinkStore::VerifyChain(std::optional<AuditHead> expected_head) {
  AuditVerifier verifier(audit_keyring_, std::move(expected_head));
  base::MutexLock lock(mutex_);
  return VerifyStoredChain(*db_, std::move(verifier), [](const AuditEntry&) {});
}

absl::StatusOr<Link> SqliteLinkStore::InsertLink(const NewLink& link, SessionOutcome outcome,
                                                 absl::Time now) {
  MUSUBI_ASSIGN_OR_RETURN(
      const bool other,
      LinkExists(*db_,
                 "relying_party_id = ?1 AND (person_id = ?2 OR subject = ?3) AND ended_at IS NULL",
                 {link.relying_party_id, link.person_id, link.subject}));
  if (other) {
    return CardHasLink();
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
  MUSUBI_RETURN_IF_ERROR(InsertLinkRow(*db_, accounts_, made, random_));
  MUSUBI_RETURN_IF_ERROR(
      InsertSessionEnd(*db_, made.session_id, made.relying_party_id, {outcome, made.id, "", now}));
  MUSUBI_RETURN_IF_ERROR(Append({.at = now,
                                 .event = AuditEvent::kLinked,
                                 .relying_party_id = made.relying_party_id,
                                 .link_id = made.id,
                                 .session_id = made.session_id,
                                 .journey = link.journey,
                                 .commitment = link.commitment}));
  return made;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LinkStore>> CreateSqliteLinkStore(
    SqliteLinkStoreDependencies dependencies, const SqliteLinkStoreOptions& options) {
  MUSUBI_CHECK(dependencies.clock != nullptr && dependencies.random != nullptr,
               "a link store needs a clock and randomness");
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<Database> db,
      Database::Open(options.path, kSqliteLinkSchema, Database::Mode::kCreateAndMigrate));
  auto store = std::make_unique<SqliteLinkStore>(std::move(dependencies), std::move(db));
  MUSUBI_RETURN_IF_ERROR(store->RegisterAccountKey(options.path));
  return store;
}

}  // namespace musubi::link
