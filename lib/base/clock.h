// The one source of "now". Code that needs the time takes a Clock; code that only judges
// (lib/pki) takes an absl::Time. Does no waiting: see timer.h.
#ifndef MUSUBI_LIB_BASE_CLOCK_H_
#define MUSUBI_LIB_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace musubi::base {

// Clock tells the time. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

// RealClock is the system's wall clock.
class RealClock final : public Clock {
 public:
  absl::Time Now() const override;
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_CLOCK_H_
