// The flags of how long a connection lives and what connections may cost.
#ifndef MUSUBI_SERVICES_MUSUBID_CONNECTION_FLAGS_H_
#define MUSUBI_SERVICES_MUSUBID_CONNECTION_FLAGS_H_

#include "absl/status/statusor.h"
#include "lib/rpc/connection_limits.h"

namespace musubi::services::musubid {

// INVALID_ARGUMENT names the flag, its value, the rule and the fix.
absl::StatusOr<rpc::ConnectionLimits> ReadConnectionLimits();

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_CONNECTION_FLAGS_H_
