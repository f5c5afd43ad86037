#include "services/musubid/health.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::services::musubid {
namespace {

Dependency ToDependency(size_t index) { return static_cast<Dependency>(index); }

std::string Timestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// "UNAVAILABLE: what was said", shortened.
std::string TextOf(const absl::Status& status) {
  const std::string text =
      absl::StatusCodeToString(status.code()) + ": " + std::string(base::ToStd(status.message()));
  return text.substr(0, kMaxHealthText);
}

}  // namespace

bool Stops(Dependency dependency, ServiceName service) {
  switch (dependency) {
    case Dependency::kSessionStore:
      return true;
    case Dependency::kLinkStore:
    case Dependency::kPersonStore:
      return service == ServiceName::kLink;
    case Dependency::kCrls:
    case Dependency::kResponders:
      return false;
  }
  return true;
}

Health::Health(const base::Clock& clock, telemetry::Log& log, Metrics& metrics,
               std::set<ServiceName> served)
    : clock_(clock), log_(log), metrics_(metrics), served_(std::move(served)) {
  for (const ServiceName service : served_) metrics_.service_serving.Set(1, service);
}

void Health::Use(Dependency dependency) {
  base::MutexLock lock(mutex_);
  Standing& standing = standings_[static_cast<size_t>(dependency)];
  standing.used = true;
  standing.since = clock_.Now();
  metrics_.dependency_up.Set(1, dependency);
}

void Health::Report(Dependency dependency, const absl::Status& outcome) {
  std::atomic<int>& failures = failures_[static_cast<size_t>(dependency)];
  if (outcome.ok()) {
    if (failures.load(std::memory_order_relaxed) == 0) return;
    base::MutexLock lock(mutex_);
    failures = 0;
    Change(dependency, true);
    return;
  }
  base::MutexLock lock(mutex_);
  Standing& standing = standings_[static_cast<size_t>(dependency)];
  standing.last_error = TextOf(outcome);
  standing.last_error_at = clock_.Now();
  if (++failures >= kFailuresUntilAway) Change(dependency, false);
}

void Health::Set(Dependency dependency, bool up, std::string_view text) {
  base::MutexLock lock(mutex_);
  // So that the next success, if uses are reported, counts as coming back.
  failures_[static_cast<size_t>(dependency)] = up ? 0 : kFailuresUntilAway;
  if (!up) {
    Standing& standing = standings_[static_cast<size_t>(dependency)];
    standing.last_error = std::string(text.substr(0, kMaxHealthText));
    standing.last_error_at = clock_.Now();
  }
  Change(dependency, up);
}

void Health::Change(Dependency dependency, bool up) {
  Standing& standing = standings_[static_cast<size_t>(dependency)];
  if (standing.up == up) return;
  const AllServing before = ServingOfAll();
  standing.up = up;
  standing.since = clock_.Now();
  metrics_.dependency_up.Set(up ? 1 : 0, dependency);
  log_.Write(up ? telemetry::Severity::kInfo : telemetry::Severity::kError, "dependency",
             {{"dependency", std::string(Name(dependency))},
              {"up", up ? "true" : "false"},
              {"error", up ? std::string() : standing.last_error}});
  Tell(before);
}

void Health::Drain() {
  base::MutexLock lock(mutex_);
  const AllServing before = ServingOfAll();
  draining_ = true;
  Tell(before);
}

Health::AllServing Health::ServingOfAll() const {
  AllServing serving{};
  for (const ServiceName service : served_) {
    serving[static_cast<size_t>(service)] = ServingLocked(service);
  }
  return serving;
}

void Health::Tell(const AllServing& before) {
  for (const ServiceName service : served_) {
    const bool serving = ServingLocked(service);
    if (serving == before[static_cast<size_t>(service)]) continue;
    metrics_.service_serving.Set(serving ? 1 : 0, service);
    if (follower_) follower_(service, serving, ReadyLocked());
  }
}

void Health::Follow(Follower follower) {
  base::MutexLock lock(mutex_);
  follower_ = std::move(follower);
  if (!follower_) return;
  for (const ServiceName service : served_) {
    follower_(service, ServingLocked(service), ReadyLocked());
  }
}

bool Health::ServingLocked(ServiceName service) const {
  if (draining_) return false;
  for (size_t i = 0; i < kNumDependencies; ++i) {
    if (!standings_[i].up && Stops(ToDependency(i), service)) return false;
  }
  return true;
}

bool Health::ReadyLocked() const {
  for (const ServiceName service : served_) {
    if (!ServingLocked(service)) return false;
  }
  return true;
}

bool Health::Serving(ServiceName service) {
  base::MutexLock lock(mutex_);
  return ServingLocked(service);
}

bool Health::Ready() {
  base::MutexLock lock(mutex_);
  return ReadyLocked();
}

std::string Health::Describe() {
  base::MutexLock lock(mutex_);
  nlohmann::ordered_json json = {{"ready", ReadyLocked()}, {"draining", draining_}};
  for (const ServiceName service : served_) {
    json["services"][std::string(Name(service))] =
        ServingLocked(service) ? "SERVING" : "NOT_SERVING";
  }
  json["dependencies"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < kNumDependencies; ++i) {
    const Standing& standing = standings_[i];
    if (!standing.used) continue;
    nlohmann::ordered_json entry = {{"dependency", Name(ToDependency(i))},
                                    {"up", standing.up},
                                    {"since", Timestamp(standing.since)},
                                    {"stops", nlohmann::ordered_json::array()}};
    for (const ServiceName service : served_) {
      if (Stops(ToDependency(i), service)) entry["stops"].push_back(Name(service));
    }
    if (!standing.last_error.empty()) {
      entry["last_error"] = standing.last_error;
      entry["last_error_at"] = Timestamp(standing.last_error_at);
    }
    json["dependencies"].push_back(std::move(entry));
  }
  // An error's text may be no UTF-8, or cut within a character.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void ProbeStores(musubi::session::SessionStore& sessions, musubi::link::LinkStore& links,
                 person::PersonStore& persons) {
  // Ids that nobody has: the answer is that there is none.
  (void)sessions.Now();
  (void)links.GetSessionEnd({});
  (void)persons.GetName({});
}

}  // namespace musubi::services::musubid
