// Everything that is known of one session: the value that a SessionStore keeps under one key. No
// secret is in it that could be used: credentials and one-time codes are SHA-256 values, card data
// and answers are sealed by others.
#ifndef MUSUBI_LIB_SESSION_RECORD_H_
#define MUSUBI_LIB_SESSION_RECORD_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/session/types.h"

namespace musubi::session {

// SHA-256 of a 256-bit one-time value, and the instant from which it is void.
struct OneTime {
  base::Hash256 hash;
  absl::Time expires_at;

  friend bool operator==(const OneTime&, const OneTime&) = default;
};

// What a call that is unsafe to repeat was answered, for the call that comes again.
struct StoredAnswer {
  base::Hash256 request_id_hash;
  base::Hash256 body_hash;
  std::optional<base::ErrorReason> error;  // Set: the answer was this refusal.
  base::ErrorMetadata metadata;
  base::Bytes sealed;  // Sealed by the caller with a key that only the request id gives.

  friend bool operator==(const StoredAnswer&, const StoredAnswer&) = default;
};

// At most this many answers are kept, the oldest go first. A journey without trouble stores about
// ten, and every repeated step beyond is bounded by its own count.
inline constexpr size_t kMaxStoredAnswers = 32;

// A proof whose revocation nobody could answer: valid in all else, waiting to go on there.
struct KeptProof {
  base::Hash256 proof_hash;
  base::Bytes sealed_card;
  absl::Time expires_at;

  friend bool operator==(const KeptProof&, const KeptProof&) = default;
};

enum class FailReason { kUnspecified = 0, kTooManyCodes = 1, kTooManyProofs = 2 };

struct SessionRecord {
  SessionId id{};
  uint64_t version = 0;  // Grows by one with each write; compare-and-set compares it.

  // Fixed at CreateSession.
  std::string relying_party_id;
  Act act = Act::kUnspecified;
  FlowPolicy flow_policy = FlowPolicy::kUnspecified;
  std::string locale;
  ClientContext client_context;
  std::string caller_state;  // VERIFY: handed back with the result.
  std::string return_uri;    // VERIFY: registered, where the browser goes at the end.
  absl::Time created_at;
  absl::Time expires_at;

  // Fixed at CreateSession, or once by BindAccount.
  std::optional<AccountBinding> account;

  State state = State::kCreated;
  Flow flow = Flow::kUnspecified;

  // Credentials, as SHA-256.
  std::optional<base::Hash256> browser_credential;
  // The browser credential before the last replacement: good only for repeating that request.
  std::optional<base::Hash256> old_browser_credential;
  std::optional<base::Hash256> old_browser_request;
  std::optional<base::Hash256> device_credential;
  std::optional<OneTime> start_code;

  // Pairing.
  uint32_t generation = 1;
  int qr_refreshes = 0;
  absl::Time qr_page_expires_at;
  std::optional<OneTime> handoff;
  std::optional<base::Hash256> claimed_by;  // Hash of the claimed QR frame or hand-off.
  std::optional<OneTime> pairing_code;      // HMAC of the code, not SHA-256: six digits.
  std::optional<absl::Time> paired_at;
  int wrong_codes = 0;
  bool second_phone_refused = false;

  // Proof.
  std::optional<OneTime> challenge;            // The nonce.
  std::optional<base::Hash256> proof_attempt;  // The request that is being judged.
  int proofs = 0;
  std::optional<KeptProof> kept_proof;
  base::Bytes last_verdict;  // Encoded by the caller; empty before the first proof.
  base::Bytes sealed_card;   // PROVEN and later, until the session ends.

  // Consent and return.
  std::vector<std::string> granted_attributes;
  std::string consent_text_version;
  std::optional<absl::Time> consented_at;
  std::optional<OneTime> return_code;
  std::optional<OneTime> result_code;
  std::optional<absl::Time> ready_expires_at;

  // End without an outcome.
  std::optional<absl::Time> ended_at;
  Party ended_by = Party::kUnspecified;
  CancelReason cancel_reason = CancelReason::kUnspecified;
  FailReason fail_reason = FailReason::kUnspecified;

  std::vector<StoredAnswer> answers;  // Oldest first.

  // The instant at which the session expires in its present state.
  absl::Time Deadline() const {
    return ready_expires_at.has_value() ? std::min(*ready_expires_at, expires_at) : expires_at;
  }

  friend bool operator==(const SessionRecord&, const SessionRecord&) = default;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_RECORD_H_
