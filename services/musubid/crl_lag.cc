#include "services/musubid/crl_lag.h"

#include <string>

namespace musubi::services::musubid {

void CrlLag::Report() {
  // Before the answer: while it is under way, the others' lists may change.
  const absl::Time now = dependencies_.clock.Now();
  const absl::StatusOr<absl::Duration> behind = dependencies_.report();
  bool lags = false;
  {
    base::MutexLock lock(mutex_);
    if (behind.ok()) {
      behind_ = *behind;
      reported_at_ = now;
    }
    lags = behind_ + (now - reported_at_) > bound_;
    if (lags == warned_) return;
    warned_ = lags;
  }
  if (lags) {
    dependencies_.log.Write(
        telemetry::Severity::kError, "crl_lag",
        {{"error", behind.ok() ? "another replica has had newer CRLs for too long: no links are "
                                 "made here until this one has them too"
                               : "no link is made here while it is not known whether another "
                                 "replica has newer CRLs: " +
                                     std::string(behind.status().message())}});
  } else {
    dependencies_.log.Write(telemetry::Severity::kInfo, "crl_lag_over", {});
  }
}

absl::Duration CrlLag::Get() const {
  const absl::Time now = dependencies_.clock.Now();
  base::MutexLock lock(mutex_);
  return behind_ + (now - reported_at_);
}

absl::Duration CrlLag::Ask() {
  const absl::Time now = dependencies_.clock.Now();
  bool ask = false;
  {
    base::MutexLock lock(mutex_);
    ask = now - reported_at_ > 2 * kCrlReportInterval && !asking_;
    asking_ = asking_ || ask;
  }
  if (ask) {
    Report();
    base::MutexLock lock(mutex_);
    asking_ = false;
  }
  return Get();
}

}  // namespace musubi::services::musubid
