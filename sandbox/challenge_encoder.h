// The app's half of docs/challenge-encoding.md: from the fields of a challenge to the octets that
// the card signs. Written from that document alone, apart from lib/jpki, so that the two can be
// held against each other. tests/vectors/challenge_v1.json binds both.
#ifndef MUSUBI_SANDBOX_CHALLENGE_ENCODER_H_
#define MUSUBI_SANDBOX_CHALLENGE_ENCODER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::sandbox {

// Names and order are those of the document's table.
struct ChallengeFields {
  std::string relying_party_id;
  std::string origin;  // Of the connection that the app has, not of the message.
  std::string act;     // As in "LINK".
  base::Bytes session_id;
  base::Bytes account_binding_hash;  // Empty if no account is named yet.
  std::string flow;                  // As in "CROSS_DEVICE".
  base::Bytes transcript;
  std::vector<std::string> requested_attributes;  // In any order.
  std::string consent_text_version;
  base::Bytes nonce;
};

// EncodeChallenge returns version 1 of the encoding. INVALID_ARGUMENT names a field that is outside
// the document's range: an app signs nothing that it cannot say exactly.
absl::StatusOr<base::Bytes> EncodeChallenge(const ChallengeFields& fields);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_CHALLENGE_ENCODER_H_
