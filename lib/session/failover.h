// What is left of a session when the store that held it has changed under it, and may have gone
// back in time. The argument, case by case, is in docs/architecture.md.
#ifndef MUSUBI_LIB_SESSION_FAILOVER_H_
#define MUSUBI_LIB_SESSION_FAILOVER_H_

#include "lib/session/record.h"

namespace musubi::session {

// VoidOneTimeValues takes out of a live session what a lost later version may have consumed: start
// code, hand-off, pairing code, challenge, kept proof and the proof that is being judged, return
// code and result code. READY becomes PROVEN without its consent, for it is the one state that the
// browser's side can spend alone, even if the phone has cancelled since. Stored answers stay: they
// keep request ids from being accepted again. A session that has ended is left alone.
void VoidOneTimeValues(SessionRecord& record);

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_FAILOVER_H_
