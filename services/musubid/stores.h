// The three stores of a server, opened where its config says, each behind the decorator that counts
// and times it. Knows where data lies, and nothing of what is done with it.
#ifndef MUSUBI_SERVICES_MUSUBID_STORES_H_
#define MUSUBI_SERVICES_MUSUBID_STORES_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "lib/base/timer.h"
#include "lib/limits/rate_limiter.h"
#include "lib/link/link_store.h"
#include "lib/person/person_store.h"
#include "lib/replica/crl_epochs.h"
#include "lib/session/session_store.h"
#include "lib/telemetry/log.h"
#include "services/musubid/config.h"
#include "services/musubid/health.h"
#include "services/musubid/material.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// Stores is thread-safe.
class Stores {
 public:
  // All outlive the stores.
  struct Dependencies {
    const base::Clock& clock;  // Of journeys.
    base::Timer& timer;
    const base::Clock& machine_clock;  // Of latencies.
    // Added to the clock of a session store that has its own (Redis); null: nothing is. By how much
    // a test has moved `clock`.
    std::function<absl::Duration()> store_time_offset;
    base::SecureRandom& random;
    const Material& material;
    telemetry::Log& log;
    Metrics& metrics;
    Health& health;
  };

  // Open opens all three. Errors name the flag, the rule and the fix. SQLite and PostgreSQL must be
  // there, and what lies in them fit the keys. Redis need not: there is nothing in it to check, and
  // journeys are refused as UNAVAILABLE until it answers, which the health says from the start.
  static absl::StatusOr<std::unique_ptr<Stores>> Open(Dependencies dependencies,
                                                      const Config& config);
  ~Stores();

  musubi::session::SessionStore& sessions();
  musubi::link::LinkStore& links();
  person::PersonStore& persons();
  // Counts where sessions are kept.
  limits::RateLimiter& rate_limiter();

  // Null: there are no other replicas.
  replica::CrlEpochs* crl_epochs();

  // SetGauges brings up to date the metrics that nobody reports: before a scrape.
  void SetGauges();

 private:
  struct Parts;
  explicit Stores(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_STORES_H_
