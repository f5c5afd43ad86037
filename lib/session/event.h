// What can happen to a session: the input of the state machine. Secrets arrive as hashes; fresh
// ones were drawn by the caller, so that the machine itself needs no randomness.
#ifndef MUSUBI_LIB_SESSION_EVENT_H_
#define MUSUBI_LIB_SESSION_EVENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/base/bytes.h"
#include "lib/session/record.h"
#include "lib/session/types.h"

namespace musubi::session {

// A start code is swapped for the first browser credential (VERIFY).
struct ClaimStart {
  base::Hash256 start_code;
  base::Hash256 browser_credential;
};
// The PC asks for a new QR: pairing starts anew.
struct RefreshQr {};
// The browser goes on in the app of the same device.
struct CreateHandoff {
  base::Hash256 handoff;
};
// A phone has scanned a frame whose MAC was good.
struct ClaimQr {
  uint32_t generation;
  int64_t frame_number;  // Whole seconds since created_at.
  base::Hash256 frame;
  base::Hash256 device_credential;
  base::Hash256 pairing_code;  // HMAC
};
// The app of the same device presents the hand-off.
struct ClaimHandoff {
  base::Hash256 handoff;
  base::Hash256 device_credential;
};
// The phone asks for a new code.
struct RefreshCode {
  base::Hash256 pairing_code;  // HMAC
};
// The PC sends the code that was typed.
struct ConfirmCode {
  base::Hash256 pairing_code;  // HMAC
};
// The phone asks for what the card shall sign.
struct NewChallenge {
  base::Hash256 nonce;
};
// A proof arrives: its nonce is taken out, whatever the proof is worth.
struct TakeChallenge {
  base::Hash256 nonce;
};
// A proof arrives that was good but for revocation, and goes on there.
struct ResumeProof {
  base::Hash256 proof_hash;
};
// The proof of the request `attempt` has been judged.
enum class ProofOutcome { kRejected, kRevocationPending, kValid };
struct ProofDecided {
  base::Hash256 attempt;
  ProofOutcome outcome;
  base::Hash256 proof_hash;
  base::Bytes verdict;
  base::Bytes sealed_card;  // Of kRevocationPending and kValid.
};
// The person agrees to what is given. (Who does not agree cancels.)
struct GrantConsent {
  std::vector<std::string> attributes;
  std::string consent_text_version;
  base::Hash256 return_code;  // Used in the one-device flow only.
};
struct RefreshReturnCode {
  base::Hash256 return_code;
};
// The browser is back.
struct CompleteReturn {
  std::optional<base::Hash256> return_code;
  base::Hash256 browser_credential;          // The new one.
  std::optional<base::Hash256> result_code;  // VERIFY.
};
// After sign-in, where the session was opened without an account.
struct BindAccount {
  AccountBinding account;
  base::Hash256 browser_credential;  // The new one.
};
// The link store holds the session's outcome.
struct Use {};
struct Cancel {
  CancelReason reason;
};
// Looks at the clock only: turns a session whose time is over into EXPIRED.
struct Settle {};

using Payload =
    std::variant<ClaimStart, RefreshQr, CreateHandoff, ClaimQr, ClaimHandoff, RefreshCode,
                 ConfirmCode, NewChallenge, TakeChallenge, ResumeProof, ProofDecided, GrantConsent,
                 RefreshReturnCode, CompleteReturn, BindAccount, Use, Cancel, Settle>;

// Identifies a call that may come again. For ClaimQr and ClaimHandoff the claim key stands for the
// request id, and body_hash is empty: any frame of the generation gets the same answer.
struct Once {
  base::Hash256 request_id_hash;
  base::Hash256 body_hash;
  base::Bytes sealed_answer;
};

struct Event {
  Payload payload;
  std::optional<base::Hash256> credential;  // SHA-256 of the bearer credential that came with it.
  std::optional<Once> once;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_EVENT_H_
