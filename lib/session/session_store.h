// Where live sessions are kept. Short-lived by contract: a store may forget, it must never bring an
// old value back as if it were new. What has to last is in lib/link.
#ifndef MUSUBI_LIB_SESSION_SESSION_STORE_H_
#define MUSUBI_LIB_SESSION_SESSION_STORE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/session/record.h"

namespace musubi::session {

// Subscription ends when it is destroyed; a callback that is running then may still finish.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

// SessionStore keeps one record a key, and changes it by compare-and-set only. Implementations are
// thread-safe. Failures of the store itself are UNAVAILABLE or OVERLOADED.
class SessionStore {
 public:
  // A record and the store's own time when it was read: the only time that lifetimes are held
  // against, so that replicas with different clocks agree.
  struct Stored {
    SessionRecord record;
    absl::Time now;
    // Names the time in which one server of the store has decided alone, without a restart or a
    // failover. Opaque; empty for a store that has no such thing.
    std::string tenure;
    // The record was written in another tenure, and later versions of it may be lost. What was
    // one-time in it is void already (VoidOneTimeValues), in what was read but not in the store.
    bool failed_over = false;
  };

  virtual ~SessionStore() = default;

  // Now returns the store's time.
  virtual absl::StatusOr<absl::Time> Now() = 0;

  // Insert adds a record of version 0. False if the id is taken: nothing is written.
  virtual absl::StatusOr<bool> Insert(const SessionRecord& record) = 0;

  // Get returns SESSION_NOT_FOUND for an unknown id, and from expires_at + kRecordGrace on.
  virtual absl::StatusOr<Stored> Get(const SessionId& id) = 0;

  // CompareAndSet writes `next` if the stored version is still next.version - 1, and the store
  // still in the tenure in which that was read (Stored::tenure); false if not. A store may have
  // written although it failed: the caller reads again.
  virtual absl::StatusOr<bool> CompareAndSet(const SessionRecord& next,
                                             const std::string& tenure) = 0;

  // Subscribe calls `changed` after every write of the session, from any thread; it must not block.
  // Calls may be lost or doubled: the subscriber reads the record again.
  virtual std::unique_ptr<Subscription> Subscribe(const SessionId& id,
                                                  std::function<void()> changed) = 0;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_SESSION_STORE_H_
