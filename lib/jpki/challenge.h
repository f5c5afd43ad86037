// What the card signs: the challenge in its canonical octets. The app encodes the same fields by
// itself and shows them; the server compares by encoding again, never by taking octets from the
// wire. docs/challenge-encoding.md is the specification, tests/vectors/challenge_v1.json its
// vectors.
#ifndef MUSUBI_LIB_JPKI_CHALLENGE_H_
#define MUSUBI_LIB_JPKI_CHALLENGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::jpki {

inline constexpr uint8_t kChallengeVersion = 1;

// Longest text field: bounds what a message can make us hash; real ones are far shorter.
inline constexpr size_t kMaxChallengeTextLength = 512;

struct Challenge {
  std::string relying_party_id;
  std::string origin;  // The one that the app is connected to, as in "https://prelink.example".
  std::string act;     // "LINK", "UNLINK", "VERIFY" or "REPLACE".
  base::Id128 session_id{};
  base::Bytes account_binding_hash;               // 32 octets, or empty: no account is named yet.
  std::string flow;                               // "CROSS_DEVICE" or "ONE_DEVICE".
  base::Hash256 transcript{};                     // Binds the pairing.
  std::vector<std::string> requested_attributes;  // Names of [a-z_]+; any order, no name twice.
  std::string consent_text_version;
  base::Hash256 nonce{};
};

// EncodeChallenge writes version 1. Equal challenges give equal octets, different ones different
// octets. INVALID_ARGUMENT, naming the field, for what the encoding cannot say.
absl::StatusOr<base::Bytes> EncodeChallenge(const Challenge& challenge);

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_CHALLENGE_H_
