// The frames of the QR on the PC: made and checked by any replica, stored by none. Whether a frame
// is fresh and of the session's generation is the state machine's to say (lib/session).
#ifndef MUSUBI_LIB_PAIRING_QR_FRAME_H_
#define MUSUBI_LIB_PAIRING_QR_FRAME_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/crypto/keyring.h"

namespace musubi::pairing {

// QrFrame is what a frame says.
struct QrFrame {
  base::Id128 session_id;
  uint32_t generation;    // Counts the session's QR refreshes, from 1.
  uint32_t frame_number;  // Whole seconds since the session's created_at, by store time.

  friend bool operator==(const QrFrame&, const QrFrame&) = default;
};

// Longest encoded frame that OpenQrFrame looks at: 74 octets at most, in base64url.
inline constexpr size_t kMaxEncodedQrFrameSize = 99;

// MakeQrFrame encodes and authenticates `frame` under the active key, as base64url of
//   version (1 octet, 1) | key id length (1) | key id | session id (16) | generation (4,
//   big-endian) | frame number (4, big-endian) | HMAC-SHA256 (32) over all before it
// with a key derived from the keyring's key. At most kMaxEncodedQrFrameSize characters.
std::string MakeQrFrame(const crypto::Keyring& keyring, const QrFrame& frame);

// OpenQrFrame checks form and HMAC. QR_FRAME_INVALID if either is wrong or the key is not known;
// the answer does not say which.
absl::StatusOr<QrFrame> OpenQrFrame(const crypto::Keyring& keyring, std::string_view encoded);

}  // namespace musubi::pairing

#endif  // MUSUBI_LIB_PAIRING_QR_FRAME_H_
