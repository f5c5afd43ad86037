// Who asks, as the transport has proven it, and which call it is. Nothing here comes from a
// browser's message.
#ifndef MUSUBI_LIB_PRELINK_CALLER_H_
#define MUSUBI_LIB_PRELINK_CALLER_H_

#include <optional>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/session/types.h"

namespace musubi::prelink {

// The roles that open and use sessions.
enum class CallerRole { kFront = 1, kRelyingParty = 2 };

struct Caller {
  CallerRole role;
  std::string relying_party_id;  // Of kRelyingParty: from its certificate.
};

// What a call within a session comes with: which session, and the bearer credential if there was
// one.
struct SessionCall {
  session::SessionId session_id;
  std::optional<base::Secret256> credential;
};

// Made by the client, 128 bits: the same id and body get the same answer again.
using RequestId = base::Secret<base::Id128>;

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_CALLER_H_
