// The clock of timeouts and deadlines: the machine's steady one, since neither sockets nor callers
// follow a clock that a test moves or an operator sets. Not for what happened when: clock.h.
#ifndef MUSUBI_LIB_BASE_STEADY_TIME_H_
#define MUSUBI_LIB_BASE_STEADY_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace musubi::base {

using SteadyTime = std::chrono::steady_clock::time_point;
using SteadyDuration = std::chrono::steady_clock::duration;

inline SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }

inline SteadyDuration ToSteady(absl::Duration duration) {
  return std::chrono::duration_cast<SteadyDuration>(absl::ToChronoNanoseconds(duration));
}

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_STEADY_TIME_H_
