// For how long another replica may have had newer CRLs than this one: asked regularly, and known in
// between. Decides nothing: see prelink::ProofUseCases.
#ifndef MUSUBI_SERVICES_MUSUBID_CRL_LAG_H_
#define MUSUBI_SERVICES_MUSUBID_CRL_LAG_H_

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/telemetry/log.h"

namespace musubi::services::musubid {

// How often replicas tell each other.
inline constexpr absl::Duration kCrlReportInterval = absl::Minutes(1);
// The smallest bound: a report may fail or come late.
inline constexpr absl::Duration kMinMaxCrlLag = absl::Minutes(3);

// CrlLag is thread-safe.
class CrlLag {
 public:
  struct Dependencies {
    const base::Clock& clock;
    telemetry::Log& log;
    // Tells the others what this replica has, and returns for how long one of them has had newer
    // lists; zero if none has. May block.
    std::function<absl::StatusOr<absl::Duration>()> report;
  };

  // `bound`: from which lag on the log warns.
  CrlLag(Dependencies dependencies, absl::Duration bound)
      : dependencies_(std::move(dependencies)), bound_(bound) {}

  // Report asks. A failure leaves what was known, and the time since then.
  void Report();

  // Get is what the last report answered, and the time since then; infinite before the first. So a
  // replica that hears nothing from the others counts as one that lags.
  absl::Duration Get() const;
  // Ask is Get, for who has to know: reports first, and so may block, if the last answer is older
  // than it should be, as after a time without Redis. One caller at a time does.
  absl::Duration Ask();

 private:
  const Dependencies dependencies_;
  const absl::Duration bound_;
  mutable base::Mutex mutex_;
  absl::Duration behind_ ABSL_GUARDED_BY(mutex_);
  absl::Time reported_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  bool asking_ ABSL_GUARDED_BY(mutex_) = false;
  bool warned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_CRL_LAG_H_
