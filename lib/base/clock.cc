#include "lib/base/clock.h"

#include "absl/time/clock.h"

namespace musubi::base {

absl::Time RealClock::Now() const { return absl::Now(); }

}  // namespace musubi::base
