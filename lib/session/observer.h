// What lib/session and its users report to whoever counts journeys. Knows no metrics.
#ifndef MUSUBI_LIB_SESSION_OBSERVER_H_
#define MUSUBI_LIB_SESSION_OBSERVER_H_

#include "lib/session/event.h"
#include "lib/session/record.h"

namespace musubi::session {

struct Applied;

// Observer hears of every session that was stored and of every event that was applied to one. A
// record has hashes, an account and a relying party: implementations keep none of them. Calls come
// from any thread and must not block. The default methods ignore.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void OnCreated(const SessionRecord&) {}
  // `before` is the state in which the event found the session.
  virtual void OnApplied(const Payload&, State /*before*/, const Applied&) {}
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_OBSERVER_H_
