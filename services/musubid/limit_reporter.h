// What was limited, and the alert of wrong codes, in the log and the metrics.
#ifndef MUSUBI_SERVICES_MUSUBID_LIMIT_REPORTER_H_
#define MUSUBI_SERVICES_MUSUBID_LIMIT_REPORTER_H_

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"
#include "lib/prelink/journey_limits.h"
#include "lib/telemetry/log.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// Logs changes only: the alert as it is raised and cleared, and the limiter as it stops answering.
class LimitReporter final : public prelink::LimitObserver {
 public:
  LimitReporter(telemetry::Log& log, Metrics& metrics) : log_(log), metrics_(metrics) {}
  void OnLimited(prelink::JourneyLimit limit) override;
  void OnUncounted(prelink::JourneyLimit limit, const absl::Status& status) override;
  void OnWrongCodeAlert(bool raised) override;

 private:
  telemetry::Log& log_;
  Metrics& metrics_;
  base::Mutex mutex_;
  bool raised_ ABSL_GUARDED_BY(mutex_) = false;
  bool failing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_LIMIT_REPORTER_H_
