#include "services/musubid/limit_reporter.h"

#include <string>
#include <utility>

namespace musubi::services::musubid {

using telemetry::Severity;

void LimitReporter::OnLimited(prelink::JourneyLimit limit) { metrics_.limited.Increment(limit); }

void LimitReporter::OnUncounted(prelink::JourneyLimit limit, const absl::Status& status) {
  metrics_.limit_failures.Increment(limit);
  {
    base::MutexLock lock(mutex_);
    if (std::exchange(failing_, true)) return;
  }
  log_.Write(Severity::kError, "limits_not_counted",
             {{"limit", std::string(Name(limit))}, {"error", std::string(status.message())}});
}

// The probe asks every few seconds: the limiter answers again, and the alert clears, unasked for.
void LimitReporter::OnWrongCodeAlert(bool raised) {
  bool recovered, changed;
  {
    base::MutexLock lock(mutex_);
    recovered = std::exchange(failing_, false);
    changed = std::exchange(raised_, raised) != raised;
    metrics_.wrong_code_alert.Set(raised ? 1 : 0);
  }
  if (recovered) log_.Write(Severity::kInfo, "limits_counted_again", {});
  if (!changed) return;
  if (raised) {
    log_.Write(Severity::kError, "wrong_code_alert", {});
  } else {
    log_.Write(Severity::kInfo, "wrong_code_alert_cleared", {});
  }
}

}  // namespace musubi::services::musubid
