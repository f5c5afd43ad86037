// How long each part of a session lives and how often it may be tried. The values are design
// decisions with a lower bound each; musubid has a flag for every one.
#ifndef MUSUBI_LIB_SESSION_LIFETIMES_H_
#define MUSUBI_LIB_SESSION_LIFETIMES_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace musubi::session {

struct Lifetimes {
  absl::Duration session = absl::Minutes(30);     // Absolute, from CreateSession.
  absl::Duration start_code = absl::Seconds(60);  // From CreateSession to ClaimStart.
  absl::Duration qr_page = absl::Minutes(5);      // A generation's QR, until RefreshQr.
  absl::Duration qr_frame_max_age = absl::Seconds(15);
  absl::Duration qr_frame_max_ahead = absl::Seconds(2);
  absl::Duration handoff = absl::Seconds(60);
  absl::Duration pairing_code = absl::Seconds(120);
  absl::Duration challenge = absl::Minutes(5);
  absl::Duration kept_proof = absl::Seconds(120);  // Proven, but revocation was not answered.
  absl::Duration ready = absl::Minutes(5);
  absl::Duration return_code = absl::Seconds(60);
  absl::Duration result_code = absl::Seconds(60);
  int pairing_code_tries = 5;  // Per session, over all refreshes.
  int proofs = 3;              // Per session.
  int qr_refreshes = 3;        // Per session.

  // OK if every value is at least its lower bound: below it no person could finish. The error
  // names the value, the bound and the flag.
  absl::Status Validate() const;
};

// A frame is shown for one second: fresh enough that a photograph of the screen is soon worthless,
// slow enough for a camera.
inline constexpr absl::Duration kQrFramePeriod = absl::Seconds(1);

// Records stay this long after their session's end, so that EXPIRED can be told from unknown.
inline constexpr absl::Duration kRecordGrace = absl::Minutes(10);

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_LIFETIMES_H_
