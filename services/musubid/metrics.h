// What musubid counts: the families of metrics.inc, and the enums that label them. Nothing here
// knows what is counted when: see observers.h and observed_stores.h.
#ifndef MUSUBI_SERVICES_MUSUBID_METRICS_H_
#define MUSUBI_SERVICES_MUSUBID_METRICS_H_

#include <optional>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "lib/base/error.h"
#include "lib/pki/ocsp.h"
#include "lib/pki/verdict.h"
#include "lib/prelink/journey_limits.h"
#include "lib/redis/observer.h"
#include "lib/revocation/observer.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/method_table.h"
#include "lib/session/event.h"
#include "lib/session/types.h"
#include "lib/telemetry/metrics.h"
#include "services/musubid/config.h"

namespace musubi::services::musubid {

// The index of a row of rpc::MethodTable().
enum class Method : size_t {};
// A bound on that table, so that arrays can have one; a test holds it.
inline constexpr size_t kMaxMethods = 64;
// Nothing for a row of another table.
std::optional<Method> MethodOf(const rpc::MethodRule* rule);

enum class CallerRole { kNone = 0, kFront = 1, kPlatform = 2, kOperator = 3, kRelyingParty = 4 };
CallerRole CallerRoleOf(std::optional<rpc::Role> role);

// 0 is OK, else the number of an ErrorReason, but for kCancelled.
enum class Outcome { kOk = 0, kCancelled = 255 };
// A status without a reason is a fault of ours: INTERNAL.
Outcome OutcomeOf(const absl::Status& status);

// An ErrorReason, of an event that the state machine refused.
enum class Refusal {};
// The index in session::Payload.
enum class SessionEvent : size_t {};

enum class ScopeClass { kFull = 0, kPartition = 1 };
enum class Freshness { kFresh = 0, kStale = 1, kNone = 2 };
enum class Alarm { kVanished = 0, kOverlayFull = 1, kScopeMissing = 2, kBreakerOpened = 3 };
enum class Version { kThis = 0 };
inline constexpr std::string_view kVersion = "0.1.0";

// What a service needs besides itself; see health.h.
enum class Dependency {
  kSessionStore = 0,
  kLinkStore = 1,
  kPersonStore = 2,
  kCrls = 3,
  kResponders = 4
};
inline constexpr size_t kNumDependencies = 5;

enum class StoreOperation {
  kSessionNow = 0,
  kSessionInsert = 1,
  kSessionGet = 2,
  kSessionCompareAndSet = 3,
  kLinkCreateLink = 4,
  kLinkReplaceLink = 5,
  kLinkEndLink = 6,
  kLinkResolve = 7,
  kLinkEndSession = 8,
  kLinkGetSessionEnd = 9,
  kLinkNoteNameRead = 10,
  kLinkGetLink = 11,
  kLinkListLinks = 12,
  kLinkListEvents = 13,
  kLinkReferencedPersons = 14,
  kLinkPrune = 15,
  kLinkExportHead = 16,
  kLinkVerifyChain = 17,
  kPersonRecord = 18,
  kPersonFind = 19,
  kPersonGetName = 20,
  kPersonGetCertificate = 21,
  kPersonCommit = 22,
  kPersonErase = 23,
  kPersonSweepUnreferenced = 24,
  kLinkListHeads = 25,
};

std::string_view Name(ServiceName service);    // "SESSION"
std::string_view Name(Dependency dependency);  // "SESSION_STORE"

// What a label shows for a value; empty if there is no such value.
std::string_view LabelValue(Method method);
std::string_view LabelValue(CallerRole role);
std::string_view LabelValue(Outcome outcome);
std::string_view LabelValue(Refusal refusal);
std::string_view LabelValue(SessionEvent event);
std::string_view LabelValue(ScopeClass scope_class);
std::string_view LabelValue(Freshness freshness);
std::string_view LabelValue(Alarm alarm);
std::string_view LabelValue(Version version);
std::string_view LabelValue(StoreOperation operation);
std::string_view LabelValue(musubi::session::Act act);
std::string_view LabelValue(musubi::session::Flow flow);
std::string_view LabelValue(musubi::session::State state);
// Of the other enums that have wire names: UNSPECIFIED for a number that is none of theirs.
template <typename E>
std::string_view LabelValue(E value) {
  return Name(value);
}

namespace labels {
// The enum of a row of the table, by its place in it: the rows' names are looked up here.
#define MUSUBI_LABEL(type, name, size, values)                                    \
  constexpr std::string_view LabelName(std::type_identity<type>) { return name; } \
  constexpr size_t LabelSize(std::type_identity<type>) { return size; }
#include "services/musubid/metrics.inc"
#undef MUSUBI_LABEL
}  // namespace labels

// Label is a row of the table.
template <typename E>
concept TableLabel = requires {
  labels::LabelName(std::type_identity<E>());
};

}  // namespace musubi::services::musubid

namespace musubi::telemetry {

template <services::musubid::TableLabel E>
struct Label<E> {
  static constexpr std::string_view kName =
      services::musubid::labels::LabelName(std::type_identity<E>());
  static constexpr size_t kSize = services::musubid::labels::LabelSize(std::type_identity<E>());
  static std::string_view Value(E value) { return services::musubid::LabelValue(value); }
};

}  // namespace musubi::telemetry

namespace musubi::services::musubid {

using telemetry::AgeHistogram;
using telemetry::Counter;
using telemetry::Gauge;
using telemetry::LatencyHistogram;

// Metrics is thread-safe. `registry` must outlive it.
struct Metrics {
  explicit Metrics(telemetry::MetricRegistry& registry_in) : registry(registry_in) {}

  telemetry::MetricRegistry& registry;
#define MUSUBI_METRIC(member, type, name, help, ...) type<__VA_ARGS__> member{registry, name, help};
#include "services/musubid/metrics.inc"
#undef MUSUBI_METRIC
};

// ReportProcess sets the process's own metrics at each scrape. Linux; both must outlive the
// scrapes.
void ReportProcess(telemetry::MetricRegistry& registry, Metrics& metrics);

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_METRICS_H_
