#include "services/musubid/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "lib/session/state_machine.h"

namespace musubi::services::musubid {
namespace {

constexpr std::string_view kStoreOperations[] = {
    "SESSION_NOW",
    "SESSION_INSERT",
    "SESSION_GET",
    "SESSION_COMPARE_AND_SET",
    "LINK_CREATE_LINK",
    "LINK_REPLACE_LINK",
    "LINK_END_LINK",
    "LINK_RESOLVE",
    "LINK_END_SESSION",
    "LINK_GET_SESSION_END",
    "LINK_NOTE_NAME_READ",
    "LINK_GET_LINK",
    "LINK_LIST_LINKS",
    "LINK_LIST_EVENTS",
    "LINK_REFERENCED_PERSONS",
    "LINK_PRUNE",
    "LINK_EXPORT_HEAD",
    "LINK_VERIFY_CHAIN",
    "PERSON_RECORD",
    "PERSON_FIND",
    "PERSON_GET_NAME",
    "PERSON_GET_CERTIFICATE",
    "PERSON_COMMIT",
    "PERSON_ERASE",
    "PERSON_SWEEP_UNREFERENCED",
    "LINK_LIST_HEADS",
};

// The name at the value's number, or empty.
template <size_t N, typename E>
std::string_view Pick(const std::string_view (&names)[N], E value) {
  const auto number = static_cast<size_t>(value);
  return number < N ? names[number] : std::string_view();
}

std::string_view ReasonName(int number) {
  switch (number) {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) \
  case number:                                            \
    return base::Name(base::ErrorReason::k##name);
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
    default:
      return {};
  }
}

template <size_t... I>
std::array<std::string_view, sizeof...(I)> EventNames(std::index_sequence<I...>) {
  return {musubi::session::Name(musubi::session::Payload(std::in_place_index<I>))...};
}

// Second number of /proc/self/statm: resident pages.
double ResidentBytes() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/statm", "re"),
                                                             &std::fclose);
  long total = 0;
  long resident = 0;
  if (file == nullptr || std::fscanf(file.get(), "%ld %ld", &total, &resident) != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double OpenFds() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

std::optional<Method> MethodOf(const rpc::MethodRule* rule) {
  const auto table = rpc::MethodTable();
  if (rule == nullptr || rule < table.data() || rule >= table.data() + table.size()) {
    return std::nullopt;
  }
  return static_cast<Method>(rule - table.data());
}

CallerRole CallerRoleOf(std::optional<rpc::Role> role) {
  if (!role.has_value()) return CallerRole::kNone;
  switch (*role) {
    case rpc::Role::kFront:
      return CallerRole::kFront;
    case rpc::Role::kPlatform:
      return CallerRole::kPlatform;
    case rpc::Role::kOperator:
      return CallerRole::kOperator;
    case rpc::Role::kRelyingParty:
      return CallerRole::kRelyingParty;
  }
  return CallerRole::kNone;
}

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return Outcome::kOk;
  if (const auto reason = base::ReasonOf(status)) return static_cast<Outcome>(*reason);
  if (absl::IsCancelled(status)) return Outcome::kCancelled;
  return static_cast<Outcome>(base::ErrorReason::kInternal);
}

std::string_view Name(ServiceName service) {
  return Pick({"SESSION", "PAIRING", "VALIDATION", "LINK"}, service);
}
std::string_view Name(Dependency dependency) {
  return Pick({"SESSION_STORE", "LINK_STORE", "PERSON_STORE", "CRLS", "RESPONDERS"}, dependency);
}

std::string_view LabelValue(Method method) {
  const auto table = rpc::MethodTable();
  const auto index = static_cast<size_t>(method);
  return index < table.size() ? table[index].method : std::string_view();
}
std::string_view LabelValue(CallerRole role) {
  return Pick({"NONE", "FRONT", "PLATFORM", "OPERATOR", "RELYING_PARTY"}, role);
}
std::string_view LabelValue(Outcome outcome) {
  if (outcome == Outcome::kOk) return "OK";
  if (outcome == Outcome::kCancelled) return "CANCELLED";
  return ReasonName(static_cast<int>(outcome));
}
std::string_view LabelValue(Refusal refusal) { return ReasonName(static_cast<int>(refusal)); }
std::string_view LabelValue(SessionEvent event) {
  static const auto names =
      EventNames(std::make_index_sequence<std::variant_size_v<musubi::session::Payload>>());
  const auto index = static_cast<size_t>(event);
  return index < names.size() ? names[index] : std::string_view();
}
std::string_view LabelValue(ScopeClass scope_class) {
  return Pick({"FULL", "PARTITION"}, scope_class);
}
std::string_view LabelValue(Freshness freshness) {
  return Pick({"FRESH", "STALE", "NONE"}, freshness);
}
std::string_view LabelValue(Alarm alarm) {
  return Pick({"VANISHED", "OVERLAY_FULL", "SCOPE_MISSING", "BREAKER_OPENED"}, alarm);
}
std::string_view LabelValue(Version version) { return Pick({kVersion}, version); }
std::string_view LabelValue(StoreOperation operation) { return Pick(kStoreOperations, operation); }

std::string_view LabelValue(musubi::session::Act act) {
  return act <= musubi::session::Act::kReplace ? Name(act) : std::string_view();
}
std::string_view LabelValue(musubi::session::Flow flow) {
  return flow <= musubi::session::Flow::kOneDevice ? Name(flow) : std::string_view();
}
std::string_view LabelValue(musubi::session::State state) {
  return state <= musubi::session::State::kFailed ? Name(state) : std::string_view();
}

void ReportProcess(telemetry::MetricRegistry& registry, Metrics& metrics) {
  metrics.build_info.Set(1, Version::kThis);
  registry.OnScrape([&metrics] {
    metrics.process_cpu.RaiseTo(CpuSeconds());
    metrics.process_memory.Set(ResidentBytes());
    metrics.process_fds.Set(OpenFds());
  });
}

}  // namespace musubi::services::musubid
