// Opening, looking at and ending a session: the use cases of SessionService. Pairing, proof and use
// are in the files beside this one.
#ifndef MUSUBI_LIB_PRELINK_SESSIONS_H_
#define MUSUBI_LIB_PRELINK_SESSIONS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/secret.h"
#include "lib/pki/verdict.h"
#include "lib/prelink/caller.h"
#include "lib/prelink/client_network.h"
#include "lib/prelink/consent.h"
#include "lib/prelink/journey.h"
#include "lib/session/record.h"
#include "lib/session/session_store.h"
#include "lib/session/types.h"

namespace musubi::prelink {

// Limits of what an opener may send, in octets: far above what is real, so that a record stays
// small.
inline constexpr size_t kMaxClientContextLength = 64;
inline constexpr size_t kMaxAccountIssuerLength = 512;
inline constexpr size_t kMaxAccountSubjectLength = 255;
inline constexpr size_t kMaxAccountHintLength = 64;
inline constexpr size_t kMaxCallerStateLength = 512;

struct CreateSessionArgs {
  RequestId request_id;
  std::string relying_party_id;  // By front; a relying party may leave it empty.
  session::Act act = session::Act::kUnspecified;
  session::FlowPolicy flow_policy = session::FlowPolicy::kUnspecified;
  std::string locale;  // Empty: the relying party's.
  session::ClientContext client_context;
  std::optional<session::AccountBinding> account;
  std::string caller_state;    // VERIFY only.
  std::string return_uri;      // VERIFY only: one of the registered ones.
  std::string client_network;  // By front, or empty: see client_network.h. Only counted.
};

struct CreatedSession {
  session::SessionId id{};
  absl::Time expires_at;
  std::optional<base::Secret256> browser_credential;  // To front.
  struct Start {
    base::Secret256 code;
    base::Secret<std::string> url;  // With session id and code in its fragment.
    absl::Time expires_at;
  };
  std::optional<Start> start;  // To a relying party.
};

struct ClaimedStart {
  base::Secret256 browser_credential;
  session::Act act = session::Act::kUnspecified;
  absl::Time expires_at;
};

// SessionView is what one party may know. Each field says who gets it besides both.
struct SessionView {
  session::Party viewer = session::Party::kUnspecified;  // kBrowser or kDevice.
  session::SessionRecord record;  // With the fields emptied that the viewer may not see.
  const RelyingParty* relying_party = nullptr;
  absl::Duration until_deadline;  // By the store's clock; not positive once the session is over.
  int qr_refreshes_left = 0;      // Browser.
  int code_tries_left = 0;        // Browser.
  int proof_tries_left = 0;
  std::optional<pki::Verdict> verdict;    // Device; browser from READY on.
  std::optional<ConsentRequest> consent;  // Device, in PROVEN.
  // Browser, in READY, not for VERIFY: the name on the card, if its owner agreed to give it.
  std::optional<base::Secret<std::string>> card_name;
};

// SessionUseCases is thread-safe. `journey` must outlive it.
class SessionUseCases {
 public:
  explicit SessionUseCases(const Journey& journey) : journey_(journey) {}

  // Create opens a session: for front LINK, UNLINK or REPLACE, for a relying party VERIFY. Errors:
  // ROLE_NOT_ALLOWED, RELYING_PARTY_UNKNOWN, RELYING_PARTY_MISMATCH, ACT_NOT_ALLOWED,
  // FLOW_NOT_ALLOWED, FIELD_INVALID, FIELD_NOT_ALLOWED, REQUEST_ID_REUSED, RATE_LIMITED,
  // OVERLOADED.
  absl::StatusOr<CreatedSession> Create(const Caller& caller, const CreateSessionArgs& args) const;

  // ClaimStart swaps the start code for the browser credential. START_CODE_INVALID.
  absl::StatusOr<ClaimedStart> ClaimStart(const session::SessionId& session_id,
                                          const RequestId& request_id,
                                          const base::Secret256& start_code) const;

  // GetView returns what the credential's owner may see. CREDENTIAL_MISSING, CREDENTIAL_INVALID.
  absl::StatusOr<SessionView> GetView(const SessionCall& call) const;

  // Watch calls `changed` after each change, as SessionStore::Subscribe does: call GetView then.
  std::unique_ptr<session::Subscription> Watch(const session::SessionId& session_id,
                                               std::function<void()> changed) const;

  // BindAccount names the account of a session that was opened without one, in READY. Returns the
  // new browser credential. ACCOUNT_ALREADY_BOUND for another account than the bound one.
  absl::StatusOr<base::Secret256> BindAccount(const SessionCall& call, const RequestId& request_id,
                                              const session::AccountBinding& account) const;

  // Cancel ends the session. NOT_ME and CONSENT_WITHHELD are the device's to say:
  // CREDENTIAL_INVALID from a browser.
  absl::Status Cancel(const SessionCall& call, const RequestId& request_id,
                      session::CancelReason reason) const;

 private:
  // The answer to a call whose session is there already. REQUEST_ID_REUSED if it was another call.
  absl::StatusOr<CreatedSession> AnswerAgain(const CreateSessionArgs& args,
                                             const session::SessionRecord& record,
                                             const RelyingParty& relying_party,
                                             const session::Once& once) const;

  const Journey& journey_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_SESSIONS_H_
