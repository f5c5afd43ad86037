// Events of the Redis client, counted and, where somebody has to act, written to the log.
#ifndef MUSUBI_SERVICES_MUSUBID_REDIS_REPORTER_H_
#define MUSUBI_SERVICES_MUSUBID_REDIS_REPORTER_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/redis/observer.h"
#include "lib/telemetry/log.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// Failed connections are one line in so long: a server that is away fails many of them a second.
inline constexpr absl::Duration kRedisLogInterval = absl::Seconds(10);

// RedisReporter is thread-safe. All must outlive it.
class RedisReporter final : public redis::Observer {
 public:
  RedisReporter(const base::Clock& machine_clock, telemetry::Log& log, Metrics& metrics)
      : clock_(machine_clock), log_(log), metrics_(metrics) {}

  void OnCommand(redis::CommandOutcome outcome, absl::Duration latency, size_t pending) override;
  void OnConnected() override;
  void OnConnectionFailed(const absl::Status& why) override;
  void OnServerChanged() override;

 private:
  const base::Clock& clock_;
  telemetry::Log& log_;
  Metrics& metrics_;
  base::Mutex mutex_;
  absl::Time next_line_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int unlogged_ ABSL_GUARDED_BY(mutex_) = 0;     // Failures since the last line.
  bool logged_ ABSL_GUARDED_BY(mutex_) = false;  // The log's last word is a failure.
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_REDIS_REPORTER_H_
