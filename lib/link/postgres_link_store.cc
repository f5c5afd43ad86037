#include "lib/link/postgres_link_store.h"

#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/link/link_checks.h"
#include "lib/link/link_rows.h"
#include "lib/link/postgres_audit.h"
#include "lib/link/postgres_link_rows.h"
#include "lib/link/postgres_link_schema.h"
#include "lib/postgres/pool.h"

namespace musubi::link {
namespace {

using postgres::Connection;
using postgres::Pool;
using postgres::Read;
using postgres::Result;
using postgres::Transact;

// Within each transaction: rows first, in one order in all of them, and the audit chain last, whose
// lock all transactions of a relying party pass one after the other.
class PostgresLinkStore final : public LinkStore {
 public:
  PostgresLinkStore(PostgresLinkStoreDependencies dependencies, std::unique_ptr<Pool> pool)
      : clock_(*dependencies.clock),
        random_(*dependencies.random),
        audit_keyring_(std::move(dependencies.audit_keyring)),
        accounts_(dependencies.account_keyring),
        pool_(std::move(pool)) {}

  absl::Status Check();

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

  // Once runs `change(Connection&)`, which returns a StatusOr<Link>, unless the request has a
  // stored answer. A refusal counts only if there is none after it either: each look sees what is
  // committed by then, so it may be the same request, on another thread, that is in the way.
  template <typename Change>
  absl::StatusOr<Link> Once(const RequestKey& request, Operation operation, Change change);

  absl::StatusOr<Link> InsertLink(Connection& db, const NewLink& link, SessionOutcome outcome,
                                  bool sole, absl::Time now);
  // Ends the session of `link` in the link that its person and account have already.
  absl::StatusOr<Link> LinkAgain(Connection& db, const RequestKey& request, const Link& active,
                                 const NewLink& link, absl::Time now);
  absl::StatusOr<Link> LinkToEnd(Connection& db, const EndLinkArgs& args);
  // Nothing: the card has no link, which is an answer too, and stays.
  absl::StatusOr<std::optional<Resolution>> ResolveIn(Connection& db, const ResolveArgs& args);
  absl::Status Append(Connection& db, std::initializer_list<AuditFact> facts) {
    return AppendFacts(db, facts, audit_keyring_);
  }

  const base::Clock& clock_;
  base::SecureRandom& random_;
  const crypto::Keyring audit_keyring_;
  const AccountKeys accounts_;
  const std::unique_ptr<Pool> pool_;
};

// The link as the operation answered it.
Link Answered(Operation operation, Link link) {
  return operation == Operation::kEndLink ? link : AsMade(std::move(link));
}

// The entry that a link was made.
AuditFact Linked(const Link& made, const NewLink& link) {
  return {.at = made.created_at,
          .event = AuditEvent::kLinked,
          .relying_party_id = made.relying_party_id,
          .link_id = made.id,
          .session_id = made.session_id,
          .journey = link.journey,
          .commitment = link.commitment};
}

absl::Status PostgresLinkStore::Check() {
  return Transact(*pool_,
                  [&](Connection& db) -> absl::StatusOr<bool> {
                    MUSUBI_RETURN_IF_ERROR(CheckVersion(db, kPostgresLinkSchema));
                    MUSUBI_RETURN_IF_ERROR(RegisterKey(db, accounts_));
                    return true;
                  })
      .status();
}

template <typename Change>
absl::StatusOr<Link> PostgresLinkStore::Once(const RequestKey& request, Operation operation,
                                             Change change) {
  return Transact(*pool_, [&](Connection& db) -> absl::StatusOr<Link> {
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> stored,
                            StoredAnswer(db, accounts_, request, operation));
    if (stored.has_value()) return Answered(operation, *std::move(stored));
    absl::StatusOr<Link> changed = change(db);
    if (changed.ok() || postgres::FailureOf(changed.status()) != postgres::Failure::kNone)
      return changed;
    MUSUBI_ASSIGN_OR_RETURN(stored, StoredAnswer(db, accounts_, request, operation));
    if (stored.has_value()) return Answered(operation, *std::move(stored));
    return changed;
  });
}

absl::StatusOr<Link> PostgresLinkStore::CreateLink(const RequestKey& request, const NewLink& link,
                                                   AccountPolicy policy) {
  MUSUBI_RETURN_IF_ERROR(CheckNewLink(link));
  if (policy == AccountPolicy::kUnspecified) return FieldInvalid("policy", "is not specified");
  const bool sole = policy == AccountPolicy::kOneLinkPerAccount;
  return Once(request, Operation::kCreateLink, [&](Connection& db) -> absl::StatusOr<Link> {
    MUSUBI_RETURN_IF_ERROR(RequireUnused(db, link.session_id));
    LockAccount(db, accounts_, link.account);
    MUSUBI_ASSIGN_OR_RETURN(const std::vector<Link> active, HoldLinksBeside(db, accounts_, link));
    const absl::Time now = Now();
    for (const Link& other : active) {
      if (IsSamePair(other, link)) return LinkAgain(db, request, other, link, now);
      if (IsSameCard(other, link)) return CardHasLink();
      if (sole) return AccountHasLink();
    }
    MUSUBI_ASSIGN_OR_RETURN(Link made, InsertLink(db, link, SessionOutcome::kLinked, sole, now));
    StoreAnswer(db, request, Operation::kCreateLink, made.id, now);
    MUSUBI_RETURN_IF_ERROR(Append(db, {Linked(made, link)}));
    return made;
  });
}

absl::StatusOr<Link> PostgresLinkStore::LinkAgain(Connection& db, const RequestKey& request,
                                                  const Link& active, const NewLink& link,
                                                  absl::Time now) {
  InsertSessionEnd(db, link.session_id, link.relying_party_id,
                   {SessionOutcome::kLinked, active.id, "", now});
  StoreAnswer(db, request, Operation::kCreateLink, active.id, now);
  MUSUBI_RETURN_IF_ERROR(Append(db, {LinkedAgain(active, link, now)}));
  return active;
}

absl::StatusOr<Link> PostgresLinkStore::ReplaceLink(const RequestKey& request,
                                                    const NewLink& link) {
  MUSUBI_RETURN_IF_ERROR(CheckNewLink(link));
  return Once(request, Operation::kReplaceLink, [&](Connection& db) -> absl::StatusOr<Link> {
    MUSUBI_RETURN_IF_ERROR(RequireUnused(db, link.session_id));
    LockAccount(db, accounts_, link.account);
    MUSUBI_ASSIGN_OR_RETURN(
        std::vector<Link> active,
        ActiveLinksOfAccount(db, accounts_, link.relying_party_id, link.account));
    if (active.empty()) {
      MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts_));
      return AccountHasNoLink();
    }
    if (active.size() > 1) return AccountHasSeveralLinks();
    const absl::Time now = Now();
    Link& replaced = active.front();
    replaced.ended_at = now;
    replaced.end_reason = EndReason::kReplaced;
    MUSUBI_ASSIGN_OR_RETURN(const bool sole, MarkEnded(db, replaced));
    MUSUBI_RETURN_IF_ERROR(RequireCardFree(db, link));
    MUSUBI_ASSIGN_OR_RETURN(Link made, InsertLink(db, link, SessionOutcome::kReplaced, sole, now));
    StoreAnswer(db, request, Operation::kReplaceLink, made.id, now);
    MUSUBI_RETURN_IF_ERROR(Append(db, {{.at = now,
                                        .event = AuditEvent::kReplaced,
                                        .relying_party_id = replaced.relying_party_id,
                                        .link_id = replaced.id,
                                        .session_id = link.session_id,
                                        .journey = link.journey,
                                        .commitment = std::nullopt},
                                       Linked(made, link)}));
    return made;
  });
}

absl::StatusOr<Link> PostgresLinkStore::EndLink(const RequestKey& request,
                                                const EndLinkArgs& args) {
  MUSUBI_RETURN_IF_ERROR(CheckParty(args.relying_party_id, args.account));
  if (!args.link_id.has_value() && !args.card.has_value()) {
    return FieldInvalid("link_id", "is required when no card was read");
  }
  return Once(request, Operation::kEndLink, [&](Connection& db) -> absl::StatusOr<Link> {
    if (args.card.has_value()) MUSUBI_RETURN_IF_ERROR(RequireUnused(db, args.card->session_id));
    MUSUBI_ASSIGN_OR_RETURN(Link link, LinkToEnd(db, args));
    const absl::Time now = Now();
    link.ended_at = now;
    link.end_reason =
        args.card.has_value() ? EndReason::kUnlinkedWithCard : EndReason::kUnlinkedBySignIn;
    MUSUBI_RETURN_IF_ERROR(MarkEnded(db, link).status());
    std::optional<SessionId> session_id;
    if (args.card.has_value()) {
      session_id = args.card->session_id;
      InsertSessionEnd(db, *session_id, args.relying_party_id,
                       {SessionOutcome::kUnlinked, link.id, "", now});
    }
    StoreAnswer(db, request, Operation::kEndLink, link.id, now);
    MUSUBI_RETURN_IF_ERROR(Append(db, {{.at = now,
                                        .event = AuditEvent::kUnlinked,
                                        .relying_party_id = link.relying_party_id,
                                        .link_id = link.id,
                                        .session_id = session_id,
                                        .journey = args.journey,
                                        .commitment = args.commitment}}));
    return link;
  });
}

absl::StatusOr<Link> PostgresLinkStore::LinkToEnd(Connection& db, const EndLinkArgs& args) {
  if (args.link_id.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link,
                            FirstLink(db, accounts_, "link_id = $1", {*args.link_id}));
    if (!link.has_value() || link->relying_party_id != args.relying_party_id ||
        link->account != args.account) {
      return NoSuchLinkOfAccount();
    }
    if (args.card.has_value() && args.card->person_id != link->person_id) return OtherCard();
    if (!link->active()) return EndedBefore();
    return *std::move(link);
  }
  MUSUBI_ASSIGN_OR_RETURN(std::vector<Link> active,
                          ActiveLinksOfAccount(db, accounts_, args.relying_party_id, args.account));
  if (active.empty()) {
    MUSUBI_RETURN_IF_ERROR(CheckKeys(db, accounts_));
    return NoActiveLinkOfAccount();
  }
  for (Link& link : active) {
    if (args.card->person_id == link.person_id) return std::move(link);
  }
  return OtherCard();
}

absl::StatusOr<Resolution> PostgresLinkStore::Resolve(const ResolveArgs& args) {
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("relying_party_id", args.relying_party_id, kMaxRelyingPartyIdLength));
  MUSUBI_RETURN_IF_ERROR(CheckAnswer(args.answer));
  MUSUBI_ASSIGN_OR_RETURN(std::optional<Resolution> resolution,
                          Transact(*pool_, [&](Connection& db) { return ResolveIn(db, args); }));
  if (!resolution.has_value()) return NoLinkOfCard();
  return *std::move(resolution);
}

absl::StatusOr<std::optional<Resolution>> PostgresLinkStore::ResolveIn(Connection& db,
                                                                       const ResolveArgs& args) {
  std::string resolved_for;
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<SessionEnd> end,
                          FindSessionEnd(db, args.session_id, &resolved_for));
  if (end.has_value()) {
    if (end->outcome != SessionOutcome::kResolved || resolved_for != args.relying_party_id) {
      return SessionAlreadyUsed(end->outcome);
    }
    if (!end->link_id.has_value()) return std::nullopt;
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> before,
                            FirstLink(db, accounts_, "link_id = $1", {*end->link_id}));
    if (!before.has_value() || args.person_id != before->person_id) {
      return SessionAlreadyUsed(end->outcome);
    }
    return Resolution{AsMade(*std::move(before)), end->answer, end->at};
  }
  std::optional<Link> link;
  if (args.person_id.has_value()) {
    // Shared, so that the link does not end between this look and the entry that says it was there.
    MUSUBI_ASSIGN_OR_RETURN(
        link,
        FirstLink(db, accounts_, "relying_party_id = $1 AND person_id = $2 AND ended_at IS NULL",
                  {args.relying_party_id, *args.person_id}, "FOR SHARE"));
  }
  const absl::Time now = Now();
  const auto link_id = link.has_value() ? std::optional<LinkId>(link->id) : std::nullopt;
  InsertSessionEnd(db, args.session_id, args.relying_party_id,
                   {SessionOutcome::kResolved, link_id, args.answer, now});
  MUSUBI_RETURN_IF_ERROR(
      Append(db, {{.at = now,
                   .event = link.has_value() ? AuditEvent::kResolved : AuditEvent::kResolvedNothing,
                   .relying_party_id = args.relying_party_id,
                   .link_id = link_id,
                   .session_id = args.session_id,
                   .journey = args.journey,
                   .commitment = args.commitment}}));
  if (!link.has_value()) return std::nullopt;
  return Resolution{*std::move(link), args.answer, now};
}

absl::StatusOr<SessionEnd> PostgresLinkStore::EndSession(const EndSessionArgs& args) {
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("relying_party_id", args.relying_party_id, kMaxRelyingPartyIdLength));
  if (args.outcome != SessionOutcome::kNotMe && args.outcome != SessionOutcome::kLockedOut) {
    return FieldInvalid("outcome", "is NOT_ME or LOCKED_OUT");
  }
  MUSUBI_RETURN_IF_ERROR(CheckAnswer(args.answer));
  return Transact(*pool_, [&](Connection& db) -> absl::StatusOr<SessionEnd> {
    MUSUBI_ASSIGN_OR_RETURN(std::optional<SessionEnd> stored,
                            FindSessionEnd(db, args.session_id, nullptr));
    if (stored.has_value()) return *std::move(stored);
    SessionEnd end{args.outcome, std::nullopt, args.answer, Now()};
    InsertSessionEnd(db, args.session_id, args.relying_party_id, end);
    MUSUBI_RETURN_IF_ERROR(
        Append(db, {{.at = end.at,
                     .event = args.outcome == SessionOutcome::kNotMe ? AuditEvent::kNotMe
                                                                     : AuditEvent::kLockedOut,
                     .relying_party_id = args.relying_party_id,
                     .link_id = std::nullopt,
                     .session_id = args.session_id,
                     .journey = args.journey,
                     .commitment = std::nullopt}}));
    return end;
  });
}

absl::StatusOr<std::optional<SessionEnd>> PostgresLinkStore::GetSessionEnd(
    const SessionId& session_id) {
  return Read(*pool_, [&](Connection& db) { return FindSessionEnd(db, session_id, nullptr); });
}

absl::Status PostgresLinkStore::NoteNameRead(const LinkId& id) {
  return Transact(*pool_,
                  [&](Connection& db) -> absl::StatusOr<bool> {
                    MUSUBI_ASSIGN_OR_RETURN(
                        const Result link,
                        db.Query("SELECT relying_party_id FROM links WHERE link_id = $1", {id}));
                    if (link.empty()) return NoSuchLink();
                    MUSUBI_RETURN_IF_ERROR(Append(db, {{.at = Now(),
                                                        .event = AuditEvent::kNameRead,
                                                        .relying_party_id = link.row(0).Text(0),
                                                        .link_id = id,
                                                        .session_id = std::nullopt,
                                                        .journey = {},
                                                        .commitment = std::nullopt}}));
                    return true;
                  })
      .status();
}

absl::StatusOr<Link> PostgresLinkStore::GetLink(const LinkId& id) {
  return Read(*pool_, [&](Connection& db) -> absl::StatusOr<Link> {
    MUSUBI_ASSIGN_OR_RETURN(std::optional<Link> link,
                            FirstLink(db, accounts_, "link_id = $1", {id}));
    if (!link.has_value()) return NoSuchLink();
    return *std::move(link);
  });
}

absl::StatusOr<Page<Link>> PostgresLinkStore::ListLinks(const LinkFilter& filter,
                                                        const PageRequest& page) {
  return Read(*pool_, [&](Connection& db) { return ReadLinkPage(db, accounts_, filter, page); });
}

absl::StatusOr<Page<AuditEntry>> PostgresLinkStore::ListEvents(const LinkFilter& filter,
                                                               const PageRequest& page) {
  return Read(*pool_, [&](Connection& db) { return ReadEventPage(db, accounts_, filter, page); });
}

absl::StatusOr<std::vector<PersonId>> PostgresLinkStore::ReferencedPersons(
    std::span<const PersonId> persons, absl::Time ended_since) {
  base::Bytes ids;
  for (const PersonId& person : persons) base::Append(ids, person);
  return Read(*pool_, [&](Connection& db) -> absl::StatusOr<std::vector<PersonId>> {
    // ToUnixMicros saturates: an infinite future is later than every stored time.
    MUSUBI_ASSIGN_OR_RETURN(
        const Result rows,
        db.Query(
            "SELECT asked.id FROM (SELECT i, substring($1::bytea FROM (1 + 16 * i)::int FOR 16)"
            " AS id FROM generate_series(0, $2::bigint - 1) AS i) AS asked"
            " WHERE EXISTS (SELECT 1 FROM links WHERE person_id = asked.id"
            " AND (ended_at IS NULL OR ended_at >= $3)) ORDER BY asked.i",
            {ids, static_cast<int64_t>(persons.size()), absl::ToUnixMicros(ended_since)}));
    std::vector<PersonId> referenced;
    for (int i = 0; i < rows.rows(); ++i) referenced.push_back(rows.row(i).Array<16>(0));
    return referenced;
  });
}

absl::StatusOr<int> PostgresLinkStore::Prune(absl::Time before) {
  if (before > clock_.Now() - kMinAnswerAge) {
    return FieldInvalid("before", "lies less than 24 hours back: answers may still be asked for");
  }
  const int64_t limit = absl::ToUnixMicros(before);
  return Transact(*pool_, [&](Connection& db) -> absl::StatusOr<int> {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t answers,
                            db.Execute("DELETE FROM requests WHERE at < $1", {limit}));
    MUSUBI_ASSIGN_OR_RETURN(const int64_t ends,
                            db.Execute("DELETE FROM session_end WHERE at < $1", {limit}));
    return static_cast<int>(answers + ends);
  });
}

absl::StatusOr<AuditHead> PostgresLinkStore::ExportHead() {
  return Transact(*pool_, [&](Connection& db) { return Checkpoint(db, Now()); });
}

absl::StatusOr<std::vector<ChainHead>> PostgresLinkStore::ListHeads() {
  return Read(*pool_, [](Connection& db) { return ListStoredHeads(db); });
}

absl::StatusOr<AuditReport> PostgresLinkStore::VerifyChain(std::optional<AuditHead> expected_head) {
  return Read(*pool_, [&](Connection& db) {
    return VerifyChains(db, audit_keyring_, expected_head, [](const AuditEntry&) {});
  });
}

absl::StatusOr<Link> PostgresLinkStore::InsertLink(Connection& db, const NewLink& link,
                                                   SessionOutcome outcome, bool sole,
                                                   absl::Time now) {
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
  MUSUBI_RETURN_IF_ERROR(InsertLinkRow(db, accounts_, made, sole, random_));
  InsertSessionEnd(db, made.session_id, made.relying_party_id, {outcome, made.id, "", now});
  return made;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LinkStore>> CreatePostgresLinkStore(
    PostgresLinkStoreDependencies dependencies, const PostgresLinkStoreOptions& options) {
  MUSUBI_CHECK(dependencies.clock != nullptr && dependencies.random != nullptr,
               "a link store needs a clock and randomness");
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<Pool> pool,
      Pool::Create({.conninfo = options.conninfo,
                    .setup = {.role = kPostgresLinkRole,
                              .search_path = std::string(kPostgresLinkSchema.name)},
                    .connections = options.connections}));
  auto store = std::make_unique<PostgresLinkStore>(std::move(dependencies), std::move(pool));
  MUSUBI_RETURN_IF_ERROR(store->Check());
  return store;
}

}  // namespace musubi::link
