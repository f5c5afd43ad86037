// What lib/redis reports to whoever counts and alarms. Knows no metrics.
#ifndef MUSUBI_LIB_REDIS_OBSERVER_H_
#define MUSUBI_LIB_REDIS_OBSERVER_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace musubi::redis {

// How a command ended for its caller. Numbers label metrics: never renumber.
enum class CommandOutcome {
  kUnspecified = 0,
  kAnswered = 1,
  kErrorReply = 2,      // Redis refused it, or the script failed.
  kTimeout = 3,         // It may have run.
  kConnectionLost = 4,  // It may have run.
  kNotSent = 5,         // No connection in time; it did not run.
  kOverloaded = 6,      // The queue was full; it did not run.
  kTooFewReplicas = 7,  // It ran; WAIT counted fewer than were asked for.
};

std::string_view Name(CommandOutcome outcome);

// Observer hears of events; none holds a key, an argument or a value. Calls come from any thread
// and must not block. The default methods ignore.
class Observer {
 public:
  virtual ~Observer() = default;

  // `latency` is from the call until its end. `pending`: commands that are not answered, after it.
  virtual void OnCommand(CommandOutcome, absl::Duration /*latency*/, size_t /*pending*/) {}
  // A connection is ready for commands: the first time, or again.
  virtual void OnConnected() {}
  // A connection could not be made or was lost; it will be tried again. The message names the
  // server, and the file and the fix where one is to blame.
  virtual void OnConnectionFailed(const absl::Status&) {}
  // Another server (run id) answers than before: a restart or a failover.
  virtual void OnServerChanged() {}
};

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_OBSERVER_H_
