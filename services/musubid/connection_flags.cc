#include "services/musubid/connection_flags.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/flags/flag.h"
#include "lib/base/status.h"

ABSL_FLAG(absl::Duration, max_connection_age, musubi::rpc::ConnectionLimits().max_age,
          "How old a connection gets, give or take a tenth, before its client is told to open "
          "another; 10s or more, inf: never");
ABSL_FLAG(absl::Duration, max_connection_age_grace, musubi::rpc::ConnectionLimits().max_age_grace,
          "How long calls of such a connection may go on before they are cut; 10s or more");
ABSL_FLAG(int, max_concurrent_streams, musubi::rpc::ConnectionLimits().max_concurrent_streams,
          "Calls of one connection at a time, further ones wait; 100 or more");
ABSL_FLAG(int64_t, memory_quota, static_cast<int64_t>(musubi::rpc::ConnectionLimits().memory_quota),
          "Octets that gRPC may take for all connections and calls together before it ends some; "
          "16777216 or more");

namespace musubi::services::musubid {
namespace {

// OK if `holds`; else what is wrong with the flag, and what to give instead.
absl::Status Check(bool holds, std::string_view flag, const std::string& value,
                   const std::string& bound, std::string_view why) {
  if (holds) return absl::OkStatus();
  return absl::InvalidArgumentError("--" + std::string(flag) + "=" + value + ": must be at least " +
                                    bound + ", " + std::string(why));
}

}  // namespace

absl::StatusOr<rpc::ConnectionLimits> ReadConnectionLimits() {
  rpc::ConnectionLimits limits;
  limits.max_age = absl::GetFlag(FLAGS_max_connection_age);
  limits.max_age_grace = absl::GetFlag(FLAGS_max_connection_age_grace);
  limits.max_concurrent_streams = absl::GetFlag(FLAGS_max_concurrent_streams);
  const int64_t memory_quota = absl::GetFlag(FLAGS_memory_quota);
  MUSUBI_RETURN_IF_ERROR(Check(limits.max_age >= rpc::kMinConnectionAge, "max_connection_age",
                               absl::FormatDuration(limits.max_age),
                               absl::FormatDuration(rpc::kMinConnectionAge),
                               "or handshakes cost more than calls"));
  MUSUBI_RETURN_IF_ERROR(Check(
      limits.max_age_grace >= rpc::kMinConnectionAgeGrace, "max_connection_age_grace",
      absl::FormatDuration(limits.max_age_grace), absl::FormatDuration(rpc::kMinConnectionAgeGrace),
      "the longest deadline of a unary call, or such calls are cut"));
  MUSUBI_RETURN_IF_ERROR(
      Check(limits.max_concurrent_streams >= rpc::kMinConcurrentStreams, "max_concurrent_streams",
            std::to_string(limits.max_concurrent_streams),
            std::to_string(rpc::kMinConcurrentStreams), "what every HTTP/2 client may count on"));
  MUSUBI_RETURN_IF_ERROR(Check(memory_quota >= static_cast<int64_t>(rpc::kMinMemoryQuota),
                               "memory_quota", std::to_string(memory_quota),
                               std::to_string(rpc::kMinMemoryQuota),
                               "four of the largest messages"));
  limits.memory_quota = static_cast<size_t>(memory_quota);
  return limits;
}

}  // namespace musubi::services::musubid
