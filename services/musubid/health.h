// Whether musubid can do its work: which dependency answers, since when, and which service has to
// stop for one that does not. Judges what it is told (by the stores' decorators, a probe, the
// revocation observer) and asks nobody itself.
#ifndef MUSUBI_SERVICES_MUSUBID_HEALTH_H_
#define MUSUBI_SERVICES_MUSUBID_HEALTH_H_

#include <array>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/link/link_store.h"
#include "lib/person/person_store.h"
#include "lib/session/session_store.h"
#include "lib/telemetry/log.h"
#include "services/musubid/config.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// So many failures in a row, and no success between, make a dependency be away: a database that is
// busy fails one call and answers the next.
inline constexpr int kFailuresUntilAway = 3;

inline constexpr size_t kNumServices = 4;

// Octets of an error's text that are kept.
inline constexpr size_t kMaxHealthText = 200;

// Stops is the table of what depends on what: true if `service` cannot do what it is for while
// `dependency` is away. Every journey is a session; links and the cards behind them are
// LinkService's alone. A source about revocation stops nothing: without it the verdict is
// INDETERMINATE, which is an answer, and journeys pair and wait.
bool Stops(Dependency dependency, ServiceName service);

// Health is thread-safe.
class Health {
 public:
  // `clock` dates changes. The three must outlive the object. `served` are this server's services:
  // nothing is said of others, and nothing waits for them.
  Health(const base::Clock& clock, telemetry::Log& log, Metrics& metrics,
         std::set<ServiceName> served);

  // Use makes a dependency one of this server's. It is up until told otherwise.
  void Use(Dependency dependency);

  // Report tells how a use of the dependency went. Cheap as long as all goes well.
  void Report(Dependency dependency, const absl::Status& outcome);
  // Set tells how the dependency stands, at once. `text` says what is wrong; no personal data.
  void Set(Dependency dependency, bool up, std::string_view text);

  // Whether a service serves, and what Ready says by then.
  using Follower = std::function<void(ServiceName, bool serving, bool ready)>;
  // Follow calls `follower` for each service served now and whenever one changes, with the lock
  // held, until another Follow; null: nobody follows.
  void Follow(Follower follower);

  // Drain makes every service NOT_SERVING, for good: the process is about to end.
  void Drain();

  bool Serving(ServiceName service);
  // True if all services served serve.
  bool Ready();
  // What /readyz shows, as JSON.
  std::string Describe();

 private:
  struct Standing {
    bool used = false;
    bool up = true;
    absl::Time since;        // Of `up`.
    std::string last_error;  // The latest ever; empty if there was none.
    absl::Time last_error_at;
  };

  bool ServingLocked(ServiceName service) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ReadyLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Change(Dependency dependency, bool up) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // By ServiceName; of one that is not served nobody reads it.
  using AllServing = std::array<bool, kNumServices>;
  AllServing ServingOfAll() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells whoever follows which services have stopped or come back since `before`.
  void Tell(const AllServing& before) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  telemetry::Log& log_;
  Metrics& metrics_;
  const std::set<ServiceName> served_;
  // Failures in a row.
  std::array<std::atomic<int>, kNumDependencies> failures_{};
  base::Mutex mutex_;
  std::array<Standing, kNumDependencies> standings_ ABSL_GUARDED_BY(mutex_);
  Follower follower_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

// How often the stores are probed: a server without calls notices within three of these.
inline constexpr absl::Duration kProbeInterval = absl::Seconds(5);

// ProbeStores reads a little from each store. What comes of it, the decorators report
// (observed_stores.h).
void ProbeStores(musubi::session::SessionStore& sessions, musubi::link::LinkStore& links,
                 person::PersonStore& persons);

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_HEALTH_H_
