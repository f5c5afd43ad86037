#include "lib/limits/rate_limiter.h"

namespace musubi::limits {

absl::Status Limit::Validate() const {
  if (count < 1 || count > kMaxCount) {
    return absl::InvalidArgumentError("count: 1 to 1,000,000");
  }
  if (period < absl::Microseconds(count) || period > kMaxPeriod) {
    return absl::InvalidArgumentError("period: a microsecond for each of the count, to 7 days");
  }
  return absl::OkStatus();
}

absl::Duration Limit::Interval() const {
  const absl::Duration exact = period / count;
  return absl::Ceil(exact, absl::Microseconds(1));
}

}  // namespace musubi::limits
