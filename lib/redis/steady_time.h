// The clock of timeouts: the machine's steady one, since sockets do not follow a clock that a test
// moves or an operator sets. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_STEADY_TIME_H_
#define MUSUBI_LIB_REDIS_STEADY_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace musubi::redis {

using SteadyTime = std::chrono::steady_clock::time_point;
using SteadyDuration = std::chrono::steady_clock::duration;

inline SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }

inline SteadyDuration ToSteady(absl::Duration duration) {
  return std::chrono::duration_cast<SteadyDuration>(absl::ToChronoNanoseconds(duration));
}

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_STEADY_TIME_H_
