#include "services/musubid/redis_reporter.h"

#include <cstdint>
#include <string>
#include <utility>

namespace musubi::services::musubid {

using telemetry::Severity;

void RedisReporter::OnCommand(redis::CommandOutcome outcome, absl::Duration latency,
                              size_t pending) {
  metrics_.redis_commands.Increment(outcome);
  metrics_.redis_duration.Observe(latency);
  metrics_.redis_pending.Set(static_cast<double>(pending));
}

void RedisReporter::OnConnected() {
  metrics_.redis_connections.Increment();
  base::MutexLock lock(mutex_);
  if (std::exchange(logged_, false)) log_.Write(Severity::kInfo, "redis_connected", {});
}

void RedisReporter::OnConnectionFailed(const absl::Status& why) {
  metrics_.redis_connection_failures.Increment();
  base::MutexLock lock(mutex_);
  if (clock_.Now() < next_line_) {
    ++unlogged_;
    return;
  }
  log_.Write(Severity::kError, "redis_connection_failed",
             {{"error", std::string(why.message())},
              {"unlogged", static_cast<int64_t>(std::exchange(unlogged_, 0))}});
  next_line_ = clock_.Now() + kRedisLogInterval;
  logged_ = true;
}

void RedisReporter::OnServerChanged() {
  metrics_.redis_server_changes.Increment();
  log_.Write(Severity::kWarning, "redis_server_changed", {});
}

}  // namespace musubi::services::musubid
