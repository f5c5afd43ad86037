// Bringing browser and phone together and back: the use cases of PairingService. QR and 6-digit
// code for PC and phone, hand-off and return code on one device.
#ifndef MUSUBI_LIB_PRELINK_PAIRINGS_H_
#define MUSUBI_LIB_PRELINK_PAIRINGS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/secret.h"
#include "lib/prelink/caller.h"
#include "lib/prelink/journey.h"
#include "lib/session/record.h"

namespace musubi::prelink {

// A frame of the QR, and when the next one takes its place.
struct QrFrameView {
  base::Secret<std::string> payload;  // For the fragment of the QR's URL.
  uint32_t frame_number = 0;
  uint32_t generation = 0;
  absl::Duration until_next;  // By the store's clock.
  absl::Time next_frame_at;
  absl::Time page_expires_at;
  int refreshes_left = 0;
};

struct ClaimedQr {
  session::SessionId session_id{};
  base::Secret256 device_credential;
  base::Secret<std::string> pairing_code;
  std::optional<absl::Time> code_expires_at;  // Nothing if the code has served since.
  session::SessionRecord record;
};

struct NewCode {
  base::Secret<std::string> pairing_code;
  std::optional<absl::Time> expires_at;  // Nothing if the code has served since.
};

struct Handoff {
  base::Secret256 token;
  std::optional<absl::Time> expires_at;  // Nothing if it has served since.
};

struct ClaimedHandoff {
  base::Secret256 device_credential;
  session::SessionRecord record;
};

// What the app opens the return page with.
struct ReturnTicket {
  base::Secret256 code;
  base::Secret<std::string> url;
  std::optional<absl::Time> expires_at;  // Nothing if it has served since.
};

struct CompletedReturn {
  base::Secret256 browser_credential;  // The new one.
  session::State state = session::State::kUnspecified;
  struct Verify {
    std::string return_uri;
    base::Secret<std::string> caller_state;
    base::Secret256 result_code;
    std::optional<absl::Time> expires_at;  // Nothing if it has served since.
  };
  std::optional<Verify> verify;
};

// MakeReturnTicket is the ticket of `code` in the session: shared with GrantConsent.
ReturnTicket MakeReturnTicket(const RelyingParty& relying_party,
                              const session::SessionRecord& record, const base::Secret256& code);

// PairingUseCases is thread-safe. `journey` must outlive it. Besides the reasons named, each call
// has those of the state machine (lib/session/state_machine.h).
class PairingUseCases {
 public:
  explicit PairingUseCases(const Journey& journey) : journey_(journey) {}

  // GetQrFrame makes the frame of this moment, for the browser. Only in CREATED: WRONG_STATE;
  // FLOW_NOT_ALLOWED after a hand-off; QR_PAGE_EXPIRED.
  absl::StatusOr<QrFrameView> GetQrFrame(const SessionCall& call) const;

  // ClaimQr: the first phone to claim gets the device credential and the code. The same claim key
  // again gets the same answer. QR_FRAME_INVALID, QR_FRAME_STALE, QR_FRAME_SUPERSEDED,
  // QR_PAGE_EXPIRED, ALREADY_CLAIMED, CROSS_DEVICE_SUSPENDED.
  absl::StatusOr<ClaimedQr> ClaimQr(std::string_view payload,
                                    const base::Secret256& claim_key) const;

  // RefreshQr starts the pairing anew and returns its first frame. QR_REFRESHES_EXHAUSTED.
  absl::StatusOr<QrFrameView> RefreshQr(const SessionCall& call, const RequestId& request_id) const;

  // RefreshCode returns a new code, to the phone.
  absl::StatusOr<NewCode> RefreshCode(const SessionCall& call, const RequestId& request_id) const;

  // ConfirmCode takes what was typed on the PC. PAIRING_CODE_WRONG with tries_left,
  // PAIRING_CODE_EXPIRED, CROSS_DEVICE_SUSPENDED, UNAVAILABLE if wrong codes cannot be counted.
  absl::Status ConfirmCode(const SessionCall& call, const RequestId& request_id,
                           std::string_view code) const;

  // CreateHandoff makes the token with which the browser opens the app on the same device.
  absl::StatusOr<Handoff> CreateHandoff(const SessionCall& call, const RequestId& request_id) const;

  // ClaimHandoff swaps it for the device credential. HANDOFF_INVALID.
  absl::StatusOr<ClaimedHandoff> ClaimHandoff(const session::SessionId& session_id,
                                              const base::Secret256& token,
                                              const base::Secret256& claim_key) const;

  // RefreshReturnCode makes a new return code and voids the last.
  absl::StatusOr<ReturnTicket> RefreshReturnCode(const SessionCall& call,
                                                 const RequestId& request_id) const;

  // CompleteReturn takes the browser back. RETURN_IN_OTHER_BROWSER if a return code comes with a
  // credential that is not this session's: nothing is consumed. RETURN_CODE_INVALID.
  absl::StatusOr<CompletedReturn> CompleteReturn(
      const SessionCall& call, const RequestId& request_id,
      const std::optional<base::Secret256>& return_code) const;

 private:
  const Journey& journey_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_PAIRINGS_H_
