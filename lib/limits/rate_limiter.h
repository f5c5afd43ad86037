// How often something may be done, counted over all replicas: the interface, and what a limit is.
// What is limited, and how often, is not decided here (lib/prelink/journey_limits.h).
#ifndef MUSUBI_LIB_LIMITS_RATE_LIMITER_H_
#define MUSUBI_LIB_LIMITS_RATE_LIMITER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::limits {

// What is counted, under a name that says nothing: a hash under a secret key, made by the caller,
// of the limit and of whom it is for. A limiter never sees an account or an address.
using Key = base::Id128;

// So many in so long.
struct Limit {
  int64_t count = 0;
  absl::Duration period;

  // Largest of both. A period in microseconds, and a time that much later, are exact in a double,
  // which is what Lua counts in.
  static constexpr int64_t kMaxCount = 1'000'000;
  static constexpr absl::Duration kMaxPeriod = absl::Hours(7 * 24);
  // Largest count of a window: it remembers the time of each.
  static constexpr int64_t kMaxWindowCount = 1000;

  // OK if both are above nothing and at most their largest, and the count is no more than one a
  // microsecond. INVALID_ARGUMENT names the rule.
  absl::Status Validate() const;
  // From one to the next at a steady rate: period / count, rounded up to a microsecond.
  absl::Duration Interval() const;

  friend bool operator==(const Limit&, const Limit&) = default;
};

struct Decision {
  bool allowed = false;
  // If not: after this time the next one is allowed, if no other comes before. Above zero.
  absl::Duration retry_after;
};

struct WindowCount {
  bool reached = false;  // There were `count` in the last `period`, or more.
  // If so: after this time it is no longer, if no more are added. Above zero.
  absl::Duration clears_after;
};

enum class WindowStep { kLook, kAdd };

// RateLimiter implementations are thread-safe and may block. An invalid limit dies, as does a
// window whose count is above kMaxWindowCount.
//
// Failures: UNAVAILABLE, the store has not answered, and may have counted; OVERLOADED, it can take
// no more; INTERNAL. What to do then is the caller's to decide. Counts are not kept by all means: a
// store that loses what it had, as a restart or a failover can, has counted nothing.
class RateLimiter {
 public:
  virtual ~RateLimiter() = default;

  // Take asks for one of what `limit` allows, and counts it if it is allowed. GCRA: `count` may
  // come at once, and then one each Interval(); in any time t at most count + t / Interval(). A
  // refused one costs nothing. A clock that steps back leaves at most `count` Interval()s to wait.
  virtual absl::StatusOr<Decision> Take(const Key& key, const Limit& limit) = 0;

  // Window tells whether the last `period` had `count`, exactly: GCRA does not, to which a steady
  // `count` each `period` is as good as nothing. kAdd counts one first; it refuses none. kLook
  // writes what it has read: where one of the two steps can be answered, the other can.
  virtual absl::StatusOr<WindowCount> Window(const Key& key, const Limit& limit,
                                             WindowStep step) = 0;
};

}  // namespace musubi::limits

#endif  // MUSUBI_LIB_LIMITS_RATE_LIMITER_H_
