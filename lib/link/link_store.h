// Where links live, and how sessions ended: the one judge of both. Sessions in Redis may be
// forgotten or go back in time; what is written here stands. Each operation is one transaction that
// writes link, session end, audit entry and stored answer together. Knows no card data: a person is
// an opaque id (lib/person), a card's pseudonym at a relying party is the link's subject.
//
// Errors of every method, besides those named: UNAVAILABLE (the database is busy or away, or others
// use an account key that this process lacks: retry with the same request), INTERNAL. Conflicts
// never name the other account.
#ifndef MUSUBI_LIB_LINK_LINK_STORE_H_
#define MUSUBI_LIB_LINK_LINK_STORE_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/link/audit_chain.h"

namespace musubi::link {

using LinkId = base::Id128;
using SessionId = base::Id128;
using PersonId = base::Id128;

// Limits of what a row holds: bounds on what a request can cost, far above what is real.
inline constexpr size_t kMaxAccountPartLength = 512;
inline constexpr size_t kMaxRelyingPartyIdLength = 64;
inline constexpr size_t kMaxVerdictSummaryLength = 4096;
inline constexpr size_t kMaxAnswerLength = 4096;

// The account at the identity provider. Personal data.
struct Account {
  std::string issuer;
  std::string subject;

  friend bool operator==(const Account&, const Account&) = default;
};

// Why a link ended. Numbers are stored, and those of musubi.v1: never renumber.
enum class EndReason {
  kUnspecified = 0,
  kUnlinkedWithCard = 1,
  kUnlinkedBySignIn = 2,
  kReplaced = 3,
};
std::string_view Name(EndReason reason);

// How a session ended. Numbers are stored: never renumber.
enum class SessionOutcome {
  kUnspecified = 0,
  kLinked = 1,
  kReplaced = 2,
  kUnlinked = 3,
  kResolved = 4,
  kNotMe = 5,
  kLockedOut = 6,
};
std::string_view Name(SessionOutcome outcome);

// How many active links an account may have at one relying party.
enum class AccountPolicy { kUnspecified = 0, kOneLinkPerAccount = 1, kManyLinksPerAccount = 2 };

struct Link {
  LinkId id{};
  std::string relying_party_id;
  Account account;
  base::Hash256 subject{};  // HMAC(relying party's key, person id): the card's pairwise pseudonym.
  PersonId person_id{};
  SessionId session_id{};       // The session that made it.
  std::string verdict_summary;  // As given; opaque here, without personal data.
  absl::Time created_at;
  std::optional<absl::Time> ended_at;  // Nothing while the link is active.
  EndReason end_reason = EndReason::kUnspecified;

  bool active() const { return !ended_at.has_value(); }
};

// What makes a call safe to repeat: the caller's request id and a hash of everything else that it
// sent, keyed with the id, for the body names the account. The same pair returns the stored answer;
// the same id with another hash is REQUEST_ID_REUSED. Stored are the id's hash and the body's.
struct RequestKey {
  base::Id128 id{};
  base::Hash256 body_hash{};
};

struct NewLink {
  std::string relying_party_id;
  Account account;
  base::Hash256 subject{};
  PersonId person_id{};
  SessionId session_id{};
  std::string verdict_summary;
  Journey journey;                          // For the audit entry, as is the commitment.
  std::optional<base::Hash256> commitment;  // PersonStore::Commit.
};

// The session behind an unlink, and whose card it proved.
struct ProvenCard {
  SessionId session_id{};
  std::optional<PersonId> person_id;  // Nothing: a card that no link was ever made with.
};

struct EndLinkArgs {
  std::string relying_party_id;
  Account account;                // The link must be this account's; another's is LINK_NOT_FOUND.
  std::optional<LinkId> link_id;  // Required without a card; with one, nothing = the card's link.
  std::optional<ProvenCard> card;
  Journey journey;
  std::optional<base::Hash256> commitment;
};

struct ResolveArgs {
  std::string relying_party_id;
  SessionId session_id{};
  std::optional<PersonId> person_id;  // Nothing: a card that no link was ever made with.
  std::string answer;                 // Opaque here; kept for a repeat.
  Journey journey;
  std::optional<base::Hash256> commitment;
};

// Whose card a session proved, as it was answered first.
struct Resolution {
  Link link;
  std::string answer;  // As given with the first call.
  absl::Time at;
};

struct EndSessionArgs {
  SessionId session_id{};
  std::string relying_party_id;
  SessionOutcome outcome = SessionOutcome::kUnspecified;  // kNotMe or kLockedOut.
  std::string answer;                                     // Opaque here; kept for GetSessionEnd.
  Journey journey;
};

struct SessionEnd {
  SessionOutcome outcome = SessionOutcome::kUnspecified;
  std::optional<LinkId> link_id;  // The link made, replaced into, ended or resolved to.
  std::string answer;             // As given to Resolve or EndSession; else empty.
  absl::Time at;
};

// Page sizes of the lists.
inline constexpr int kDefaultPageSize = 20;
inline constexpr int kMaxPageSize = 100;

struct PageRequest {
  int size = 0;       // 0: kDefaultPageSize; more than kMaxPageSize: that. Negative: FIELD_INVALID.
  std::string token;  // Of the page before, for the same filter; empty for the first.
};

template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_token;  // Empty on the last page.
};

// What a list shows: all fields that are set must match; at least one must be.
struct LinkFilter {
  std::optional<std::string> relying_party_id;
  std::optional<Account> account;
  std::optional<LinkId> link_id;
  bool include_ended = false;  // Of links; events are listed for ended links too.
};

// LinkStore implementations are thread-safe, and several objects (processes) may work on one
// database. Calls block on the disk or the network.
class LinkStore {
 public:
  virtual ~LinkStore() = default;

  // CreateLink makes an active link and ends its session as LINKED. If person and account have an
  // active link with each other at this relying party, the session ends in that one: of many who
  // create one pair at once, all get the same link. CARD_ALREADY_LINKED (the person has an active
  // link with another account), ACCOUNT_ALREADY_LINKED (under kOneLinkPerAccount, with another
  // person), SESSION_ALREADY_USED, REQUEST_ID_REUSED, FIELD_INVALID. A conflict changes nothing:
  // the session may still be used. A repeated request gets the link as it was made.
  virtual absl::StatusOr<Link> CreateLink(const RequestKey& request, const NewLink& link,
                                          AccountPolicy policy) = 0;

  // ReplaceLink ends the account's one active link at the relying party and makes the new one, in
  // one transaction; the session ends as REPLACED. LINK_NOT_FOUND if the account has none,
  // ACCOUNT_ALREADY_LINKED if it has several (unlink by id first); else as CreateLink.
  // The ended link's entry has no commitment of its own: the entry that made the link has it.
  virtual absl::StatusOr<Link> ReplaceLink(const RequestKey& request, const NewLink& link) = 0;

  // EndLink ends a link, by id, or by the card that its session proved; the session, if any, ends
  // as UNLINKED. LINK_NOT_FOUND, LINK_ENDED, LINK_CARD_MISMATCH, SESSION_ALREADY_USED,
  // REQUEST_ID_REUSED, FIELD_INVALID.
  virtual absl::StatusOr<Link> EndLink(const RequestKey& request, const EndLinkArgs& args) = 0;

  // Resolve ends the session as RESOLVED and returns the person's active link at the relying
  // party. LINK_NOT_FOUND if there is none: that ends the session too. A repeat for the same
  // session, relying party and person gets the first answer, whatever became of the link since.
  // SESSION_ALREADY_USED otherwise.
  virtual absl::StatusOr<Resolution> Resolve(const ResolveArgs& args) = 0;

  // EndSession records that the session is over without an outcome. The first writer wins:
  // returns what is stored, which may be another outcome than the one asked for.
  virtual absl::StatusOr<SessionEnd> EndSession(const EndSessionArgs& args) = 0;

  // GetSessionEnd returns how the session ended, or nothing.
  virtual absl::StatusOr<std::optional<SessionEnd>> GetSessionEnd(const SessionId& session_id) = 0;

  // NoteNameRead writes to the audit that the person was shown the name of this link.
  // LINK_NOT_FOUND.
  virtual absl::Status NoteNameRead(const LinkId& id) = 0;

  // GetLink returns the link, ended or not. LINK_NOT_FOUND. Who may see it is the caller's to
  // judge.
  virtual absl::StatusOr<Link> GetLink(const LinkId& id) = 0;

  // ListLinks: newest first. ListEvents: audit entries of the links that match, newest first.
  // FIELD_INVALID for an empty filter, a bad page token or one of another filter.
  virtual absl::StatusOr<Page<Link>> ListLinks(const LinkFilter& filter,
                                               const PageRequest& page) = 0;
  virtual absl::StatusOr<Page<AuditEntry>> ListEvents(const LinkFilter& filter,
                                                      const PageRequest& page) = 0;

  // ReferencedPersons returns those of `persons` that a link refers to: an active one, or one that
  // ended at or after `ended_since` (InfiniteFuture: only active ones count). For
  // PersonStore::SweepUnreferenced.
  virtual absl::StatusOr<std::vector<PersonId>> ReferencedPersons(std::span<const PersonId> persons,
                                                                  absl::Time ended_since) = 0;

  // Prune forgets stored answers and session ends older than `before`; links and audit entries
  // stay. `before` must lie at least kMinAnswerAge back, FIELD_INVALID otherwise: long after every
  // session of that time is gone. Returns how many rows went.
  virtual absl::StatusOr<int> Prune(absl::Time before) = 0;

  // ExportHead names the last audit entry, to be kept outside the database.
  virtual absl::StatusOr<AuditHead> ExportHead() = 0;

  // ListHeads names the last entry of each chain that has one, in order of the relying party:
  // without reading the entries before it, and without a checkpoint in the database.
  virtual absl::StatusOr<std::vector<ChainHead>> ListHeads() = 0;

  // VerifyChain reads the whole audit chain and checks it with the store's audit keyring. OK even
  // if the chain is broken: the report says so.
  virtual absl::StatusOr<AuditReport> VerifyChain(std::optional<AuditHead> expected_head) = 0;
};

// Sessions live 30 minutes and their records 10 more; a day leaves room for a store that was
// restored from a backup, and for clocks.
inline constexpr absl::Duration kMinAnswerAge = absl::Hours(24);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_LINK_STORE_H_
