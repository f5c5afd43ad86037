#include "lib/postgres/failure.h"

#include "absl/strings/cord.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::postgres {
namespace {

constexpr char kPayloadType[] = "musubi.postgres.failure";

}  // namespace

Failure FailureOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadType);
  if (!payload.has_value()) return Failure::kNone;
  return static_cast<Failure>(std::string(*payload)[0] - '0');
}

absl::Status MakeFailure(Failure failure, std::string_view detail) {
  const bool ours = failure == Failure::kOther || failure == Failure::kUniqueViolation;
  absl::Status status =
      base::Error(ours ? base::ErrorReason::kInternal : base::ErrorReason::kUnavailable, detail);
  status.SetPayload(kPayloadType,
                    absl::Cord(std::string(1, static_cast<char>('0' + static_cast<int>(failure)))));
  return status;
}

Failure FailureOfSqlState(std::string_view state) {
  if (state == "23505") return Failure::kUniqueViolation;
  // Serialization failure, deadlock; a statement that was prepared before a migration.
  if (state == "40001" || state == "40P01" || state == "0A000" || state == "26000") {
    return Failure::kSerialization;
  }
  if (state == "57014" || state == "55P03") return Failure::kTimeout;
  if (state == "40003") return Failure::kOutcomeUnknown;
  // No state: libpq's own words. Connection exceptions; shutdown, crash, start; no room for more; a
  // standby, after a failover.
  if (state.empty() || state.starts_with("08") || state.starts_with("57P") ||
      state.starts_with("53") || state == "25006" || state == "25P03") {
    return Failure::kConnectionLost;
  }
  return Failure::kOther;
}

}  // namespace musubi::postgres
