// The flags of what a journey may do how often.
#ifndef MUSUBI_SERVICES_MUSUBID_LIMIT_FLAGS_H_
#define MUSUBI_SERVICES_MUSUBID_LIMIT_FLAGS_H_

#include "absl/status/statusor.h"
#include "lib/prelink/journey_limits.h"

namespace musubi::services::musubid {

// INVALID_ARGUMENT names the flag, its value and the rule.
absl::StatusOr<prelink::LimitRates> ReadLimits();

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_LIMIT_FLAGS_H_
