// What a proven card is good for: making, finding, ending and using a link. The use cases of
// LinkService. The link store has the last word; the session only says who may ask.
#ifndef MUSUBI_LIB_PRELINK_LINKS_H_
#define MUSUBI_LIB_PRELINK_LINKS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/secret.h"
#include "lib/crypto/ed25519.h"
#include "lib/link/link_store.h"
#include "lib/person/person_store.h"
#include "lib/prelink/caller.h"
#include "lib/prelink/evidence.h"
#include "lib/prelink/journey.h"

namespace musubi::prelink {

// The latest sign-in at front, as the identity provider stated it.
struct SignIn {
  std::string issuer;
  std::string subject;
  absl::Time auth_time;
  std::string acr;
};

// A link is a recovery credential: whoever makes or ends one has signed in at most this long ago.
inline constexpr absl::Duration kMaxSignInAge = absl::Minutes(10);
// How far the identity provider's clock may be ahead of ours.
inline constexpr absl::Duration kSignInSkew = absl::Seconds(30);

// A link, and its owner's name if it was asked for and is known.
struct NamedLink {
  link::Link link;
  std::optional<base::Secret<std::string>> name;
};

struct MadeLink {
  link::Link link;
  EvidenceRecord evidence;
};

struct ResolvedLink {
  link::Link link;
  session::Flow flow = session::Flow::kUnspecified;
  pki::Verdict verdict;
  EvidenceRecord evidence;
};

struct ListArgs {
  std::optional<link::Account> account;
  std::optional<link::LinkId> link_id;  // Of events only.
  bool include_ended = false;
  bool include_name = false;
  link::PageRequest page;
};

// LinkUseCases is thread-safe. Reasons besides those named: those of link::LinkStore.
class LinkUseCases {
 public:
  struct Dependencies {
    const Journey& journey;
    person::PersonStore& persons;
    const crypto::Ed25519PrivateKey& evidence_key;
    const base::Clock& clock;  // Against which a sign-in's age is held.
  };

  explicit LinkUseCases(Dependencies dependencies) : dependencies_(dependencies) {}

  // CreateLink uses a READY LINK or REPLACE session, for front. ACT_NOT_ALLOWED for a session of
  // another act, ACCOUNT_NOT_BOUND, ACCOUNT_MISMATCH, SIGN_IN_TOO_OLD, ACR_NOT_ACCEPTED,
  // SIGN_IN_BEFORE_PAIRING (the session stays READY for a newer sign-in), WRONG_STATE,
  // SESSION_ALREADY_USED, CARD_ALREADY_LINKED, ACCOUNT_ALREADY_LINKED. A repeated request gets the
  // same link, even if the session is forgotten.
  absl::StatusOr<MadeLink> CreateLink(const session::SessionId& session_id,
                                      const RequestId& request_id, const SignIn& sign_in) const;

  // DeleteLinkWithCard uses a READY UNLINK session, whose card and account must be the link's.
  // LINK_CARD_MISMATCH, LINK_NOT_FOUND, and as above.
  absl::StatusOr<link::Link> DeleteLinkWithCard(const session::SessionId& session_id,
                                                const RequestId& request_id,
                                                const SignIn& sign_in) const;

  // DeleteLinkById ends a link of the signed-in account without a card. LINK_NOT_FOUND, LINK_ENDED.
  absl::StatusOr<link::Link> DeleteLinkById(const link::LinkId& link_id,
                                            const RequestId& request_id,
                                            const SignIn& sign_in) const;

  // ResolveLink uses a READY VERIFY session, for the relying party that opened it:
  // RELYING_PARTY_MISMATCH for others. RESULT_CODE_INVALID, LINK_NOT_FOUND if the card has no
  // link there. CROSS_DEVICE_SUSPENDED.
  absl::StatusOr<ResolvedLink> ResolveLink(const Caller& caller,
                                           const session::SessionId& session_id,
                                           const RequestId& request_id,
                                           const base::Secret256& result_code) const;

  // GetLink, ListLinks and ListEvents: front for the signed-in account, a relying party for its
  // own. What the caller may not see is LINK_NOT_FOUND, or not in the list. Names are for front.
  absl::StatusOr<NamedLink> GetLink(const Caller& caller, const link::LinkId& link_id,
                                    const std::optional<link::Account>& account,
                                    bool include_name) const;
  absl::StatusOr<link::Page<NamedLink>> ListLinks(const Caller& caller, const ListArgs& args) const;
  absl::StatusOr<link::Page<link::AuditEntry>> ListEvents(const Caller& caller,
                                                          const ListArgs& args) const;

 private:
  const Journey& journey() const { return dependencies_.journey; }

  absl::Status CheckSignIn(const SignIn& sign_in, const RelyingParty& relying_party) const;
  // Asked of a session across two devices while the alert of wrong codes stands.
  absl::Status CheckSignInAfterPairing(const SignIn& sign_in,
                                       const session::SessionRecord& record) const;
  // What the audit entry holds of the person: a commitment that erasure makes meaningless.
  absl::StatusOr<std::optional<base::Hash256>> CommitTo(
      const std::optional<person::PersonId>& person_id, const session::SessionRecord& record) const;
  absl::StatusOr<link::Link> MakeLink(const session::SessionRecord& record,
                                      const RelyingParty& relying_party,
                                      const link::RequestKey& request) const;
  absl::StatusOr<MadeLink> WithEvidence(link::Link link) const;
  // The link that the session ended with. LINK_NOT_FOUND if there is none.
  absl::StatusOr<link::Link> LinkOfEndedSession(const session::SessionId& session_id) const;
  // The same, for a repeated request of the link's own account. SESSION_NOT_FOUND otherwise.
  absl::StatusOr<link::Link> LinkOfRepeatedRequest(const session::SessionId& session_id,
                                                   const SignIn& sign_in) const;
  // Why a session that is not READY cannot be used; or the link that it ended with, if the session
  // store went back to before that.
  absl::StatusOr<link::Link> LinkOrNotReady(const session::SessionRecord& record,
                                            const SignIn& sign_in) const;
  absl::StatusOr<link::LinkFilter> FilterFor(const Caller& caller, const ListArgs& args) const;
  absl::StatusOr<NamedLink> WithName(link::Link link, bool include_name) const;

  Dependencies dependencies_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_LINKS_H_
