#include "services/musubid/observers.h"

#include <algorithm>
#include <cstdint>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/rpc/redact.h"
#include "lib/session/apply.h"
#include "lib/telemetry/work.h"

namespace musubi::services::musubid {
namespace {

using telemetry::Severity;

// By telemetry::Stage.
constexpr std::string_view kStageFields[] = {"queued_us",     "session_store_us",
                                             "link_store_us", "person_store_us",
                                             "validation_us", "revocation_network_us"};
static_assert(std::size(kStageFields) == telemetry::kNumStages);

// The redacted message, cut at a whole character. What follows a cut is marked: three dots.
std::string Shortened(std::string text) {
  if (text.size() <= kMaxLoggedRequest) return text;
  size_t end = kMaxLoggedRequest;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

bool WantsRequest(LogRequests log_requests, const absl::Status& status) {
  switch (log_requests) {
    case LogRequests::kOff:
      return false;
    case LogRequests::kRefused:
      return !status.ok() && !absl::IsCancelled(status);
    case LogRequests::kAll:
      return true;
  }
  return false;
}

// A fault of ours, or a store that is away, has a detail that only the log may have.
Severity SeverityOf(const absl::Status& status) {
  const Outcome outcome = OutcomeOf(status);
  if (outcome == static_cast<Outcome>(base::ErrorReason::kInternal)) return Severity::kError;
  if (outcome == static_cast<Outcome>(base::ErrorReason::kUnavailable)) return Severity::kWarning;
  return Severity::kInfo;
}

// As the metrics' outcome, but for a fault without a reason: its code says more.
std::string OutcomeName(const absl::Status& status) {
  if (status.ok() || base::ReasonOf(status).has_value()) {
    return std::string(LabelValue(OutcomeOf(status)));
  }
  return absl::StatusCodeToString(status.code());
}

bool IsStream(const rpc::MethodRule* rule) {
  return rule != nullptr && rule->kind != rpc::MethodKind::kUnary;
}

}  // namespace

std::vector<telemetry::Log::Field> RequestFields(const rpc::RequestRecord& record,
                                                 LogRequests log_requests) {
  std::vector<telemetry::Log::Field> fields = {
      {"method", std::string(record.method)},
      {"role", std::string(record.role)},
      {"relying_party", std::string(record.relying_party_id)},
      {"request_id", std::string(record.request_id)},
      {"trace_id", base::HexEncode(record.trace.trace_id)},
      {"span_id", base::HexEncode(record.trace.span_id)},
      {"outcome", OutcomeName(record.status)},
      {"detail", SeverityOf(record.status) == Severity::kInfo
                     ? std::string()
                     : std::string(base::ToStd(record.status.message()))}};
  if (record.parent.has_value()) {
    fields.push_back({"parent_span_id", base::HexEncode(record.parent->span_id)});
  }
  for (size_t i = 0; i < telemetry::kNumStages; ++i) {
    fields.push_back({kStageFields[i], absl::ToInt64Microseconds(record.stages[i])});
  }
  fields.push_back({"total_us", absl::ToInt64Microseconds(record.duration)});
  if (record.request != nullptr && WantsRequest(log_requests, record.status)) {
    fields.push_back({"request", Shortened(rpc::Redact(*record.request))});
  }
  return fields;
}

void RequestReporter::OnStart(const rpc::MethodRule* rule) {
  const auto method = MethodOf(rule);
  if (!method.has_value()) return;
  (IsStream(rule) ? metrics_.streams_open : metrics_.requests_in_flight).Add(1, *method);
}

void RequestReporter::OnRequest(const rpc::RequestRecord& record) {
  const bool recorded =
      record.status.ok() && record.rule != nullptr && record.rule->recorded_elsewhere;
  if (!recorded || log_requests_ == LogRequests::kAll) {
    log_.Write(SeverityOf(record.status), "request", RequestFields(record, log_requests_));
  }
  const auto method = MethodOf(record.rule);
  if (!method.has_value()) return;
  metrics_.requests.Increment(*method, CallerRoleOf(record.caller_role), OutcomeOf(record.status));
  if (IsStream(record.rule)) {
    metrics_.streams_open.Add(-1, *method);
  } else {
    metrics_.requests_in_flight.Add(-1, *method);
    metrics_.request_duration.Observe(record.duration, *method);
  }
}

RevocationReporter::RevocationReporter(const base::Clock& clock, telemetry::Log& log,
                                       Metrics& metrics, Health& health)
    : clock_(clock), log_(log), metrics_(metrics), health_(health) {
  metrics_.registry.OnScrape([this] { SetGauges(); });
}

void RevocationReporter::OnScope(const revocation::ScopeEvent& event) {
  metrics_.crl_loads.Increment(event.full ? ScopeClass::kFull : ScopeClass::kPartition,
                               event.outcome);
  {
    base::MutexLock lock(mutex_);
    scopes_[{event.anchor, event.file}] = Scope{.full = event.full,
                                                .seen = true,
                                                .this_update = event.this_update,
                                                .next_update = event.next_update};
  }
  if (event.outcome == revocation::ScopeOutcome::kUnchanged) return;
  const bool good = event.outcome == revocation::ScopeOutcome::kLoaded;
  std::vector<telemetry::Log::Field> fields = {
      {"anchor", event.anchor},
      {"file", event.file},
      {"outcome", std::string(revocation::Name(event.outcome))},
      {"crl_outcome", std::string(pki::Name(event.crl_outcome))},
      {"entries", static_cast<int64_t>(event.entries)}};
  if (!event.error.ok()) fields.push_back({"error", std::string(event.error.message())});
  log_.Write(good ? Severity::kInfo : Severity::kError, "crl", fields);
}

void RevocationReporter::OnFetch(const revocation::FetchEvent& event) {
  metrics_.crl_fetches.Increment(event.outcome);
  if (event.outcome == revocation::FetchOutcome::kNotModified) return;
  const bool good = event.outcome == revocation::FetchOutcome::kFetched;
  log_.Write(good ? Severity::kInfo : Severity::kWarning, "crl_fetch",
             {{"anchor", event.anchor},
              {"file", event.file},
              {"outcome", std::string(revocation::Name(event.outcome))},
              {"http_status", static_cast<int64_t>(event.http_status)},
              {"crl_outcome", std::string(pki::Name(event.crl_outcome))}});
}

void RevocationReporter::OnOcsp(const revocation::OcspEvent& event) {
  metrics_.ocsp_calls.Increment(event.exchange, event.outcome);
  const bool good = event.exchange == revocation::OcspExchange::kAnswered;
  const std::string exchange(revocation::Name(event.exchange));
  health_.Report(Dependency::kResponders,
                 good ? absl::OkStatus()
                      : absl::UnavailableError(event.anchor + ", URL " +
                                               std::to_string(event.rank) + ": " + exchange));
  log_.Write(good ? Severity::kInfo : Severity::kWarning, "ocsp",
             {{"anchor", event.anchor},
              {"rank", static_cast<int64_t>(event.rank)},
              {"exchange", exchange},
              {"outcome", std::string(pki::Name(event.outcome))}});
}

void RevocationReporter::OnOcspCacheHit() { metrics_.ocsp_cache_hits.Increment(); }

void RevocationReporter::OnOcspWaitBegins() {
  telemetry::EnterStage(telemetry::Stage::kRevocationNetwork);
}

void RevocationReporter::OnOcspWaitEnds() { telemetry::LeaveStage(); }

void RevocationReporter::OnOcspBreaker(const revocation::OcspBreakerEvent& event) {
  if (event.open) metrics_.revocation_alarms.Increment(Alarm::kBreakerOpened);
  log_.Write(event.open ? Severity::kError : Severity::kInfo,
             event.open ? "ocsp_breaker_opened" : "ocsp_breaker_closed",
             {{"anchor", event.anchor}, {"rank", static_cast<int64_t>(event.rank)}});
}

void RevocationReporter::OnScopeMissing() {
  metrics_.revocation_alarms.Increment(Alarm::kScopeMissing);
  log_.Write(Severity::kWarning, "crl_scope_missing", {});
}

void RevocationReporter::OnVanishedRevocation() {
  metrics_.revocation_alarms.Increment(Alarm::kVanished);
  log_.Write(Severity::kError, "revocation_vanished", {});
}

void RevocationReporter::OnOverlayFull() {
  metrics_.revocation_alarms.Increment(Alarm::kOverlayFull);
  log_.Write(Severity::kError, "revocation_overlay_full", {});
}

void RevocationReporter::OnOverlayNotSaved(const absl::Status& status) {
  metrics_.revocation_alarms.Increment(Alarm::kOverlayFull);
  log_.Write(Severity::kError, "revocation_overlay_not_saved",
             {{"error", std::string(status.message())}});
}

void RevocationReporter::OnFinding(const pki::RevocationFinding& finding) {
  metrics_.revocation_findings.Increment(finding.method, finding.outcome);
  if (finding.this_update.has_value()) {
    metrics_.revocation_source_age.Observe(
        std::max(absl::ZeroDuration(), clock_.Now() - *finding.this_update), finding.method);
  }
}

void RevocationReporter::BeginLoad() {
  base::MutexLock lock(mutex_);
  for (auto& [key, scope] : scopes_) scope.seen = false;
}

void RevocationReporter::EndLoad() {
  size_t unusable = 0;
  size_t all = 0;
  {
    base::MutexLock lock(mutex_);
    std::erase_if(scopes_, [](const auto& entry) { return !entry.second.seen; });
    all = scopes_.size();
    for (const auto& [key, scope] : scopes_) {
      unusable += FreshnessOf(scope) == Freshness::kFresh ? 0 : 1;
    }
  }
  health_.Set(Dependency::kCrls, unusable == 0,
              std::to_string(unusable) + " of " + std::to_string(all) +
                  " scopes have no current CRL: the log names them");
}

Freshness RevocationReporter::FreshnessOf(const Scope& scope) const {
  if (!scope.this_update.has_value()) return Freshness::kNone;
  return scope.next_update.has_value() && *scope.next_update < clock_.Now() ? Freshness::kStale
                                                                            : Freshness::kFresh;
}

void RevocationReporter::SetGauges() {
  std::array<absl::Duration, 2> oldest{};
  std::array<std::array<int, 3>, 2> counts{};
  {
    base::MutexLock lock(mutex_);
    for (const auto& [key, scope] : scopes_) {
      const auto scope_class =
          static_cast<size_t>(scope.full ? ScopeClass::kFull : ScopeClass::kPartition);
      ++counts[scope_class][static_cast<size_t>(FreshnessOf(scope))];
      if (scope.this_update.has_value()) {
        oldest[scope_class] = std::max(oldest[scope_class], clock_.Now() - *scope.this_update);
      }
    }
  }
  for (const ScopeClass scope_class : {ScopeClass::kFull, ScopeClass::kPartition}) {
    const auto number = static_cast<size_t>(scope_class);
    metrics_.crl_age.Set(absl::ToDoubleSeconds(oldest[number]), scope_class);
    for (const Freshness freshness : {Freshness::kFresh, Freshness::kStale, Freshness::kNone}) {
      metrics_.crl_scopes.Set(counts[number][static_cast<size_t>(freshness)], scope_class,
                              freshness);
    }
  }
}

void SessionReporter::OnCreated(const musubi::session::SessionRecord& record) {
  metrics_.session_transitions.Increment(record.act, record.flow, record.state);
}

void SessionReporter::OnApplied(const musubi::session::Payload& payload,
                                musubi::session::State before,
                                const musubi::session::Applied& applied) {
  const auto event = static_cast<SessionEvent>(payload.index());
  const musubi::session::SessionRecord& record = applied.record;
  if (record.state != before) {
    metrics_.session_transitions.Increment(record.act, record.flow, record.state);
  }
  if (applied.repeated) {
    metrics_.session_repeats.Increment(event);
  } else if (const auto reason = base::ReasonOf(applied.status)) {
    metrics_.session_refusals.Increment(event, static_cast<Refusal>(*reason));
  }
}

void SignatureReporter::OnLanesDisabled(std::string_view why) {
  log_.Write(Severity::kError, "signature_lanes_disabled", {{"why", std::string(why)}});
}

void ValidationQueueReporter::OnBatch(size_t cards) {
  metrics_.validation_batches.Increment();
  metrics_.validation_batched.Add(static_cast<double>(cards));
}

void ValidationQueueReporter::OnRefused(size_t cards) {
  metrics_.validation_refused.Add(static_cast<double>(cards));
}

void ValidationQueueReporter::OnExpired(size_t cards) {
  metrics_.validation_expired.Add(static_cast<double>(cards));
}

void ValidationReporter::OnStart() { telemetry::EnterStage(telemetry::Stage::kValidation); }

void ValidationReporter::OnVerdict(const pki::Verdict& verdict) {
  telemetry::LeaveStage();
  metrics_.verdicts.Increment(verdict.status, verdict.reason);
}

void CheckLogReporter::OnOpened(const checklog::Opening& opening) {
  log_.Write(opening.ended_in_order ? Severity::kInfo : Severity::kWarning, "check_log_opened",
             {{"file", opening.path},
              {"rows", opening.rows},
              {"ended_in_order", std::string(opening.ended_in_order ? "yes" : "no")},
              {"cut_octets", static_cast<int64_t>(opening.cut_octets)}});
}

void CheckLogReporter::OnWritten(size_t rows) {
  metrics_.check_log_rows.Add(static_cast<double>(rows));
}

void CheckLogReporter::OnRefused() { metrics_.check_log_refusals.Increment(); }

void CheckLogReporter::OnWriteFailed(const absl::Status& status) {
  metrics_.check_log_write_failures.Increment();
  if (std::exchange(failing_, true)) return;  // It is tried every second.
  log_.Write(Severity::kError, "check_log_failed", {{"error", std::string(status.message())}});
}

void CheckLogReporter::OnWriteRecovered() {
  failing_ = false;
  log_.Write(Severity::kInfo, "check_log_recovered", {});
}

void CheckLogReporter::OnLost(size_t rows) {
  log_.Write(Severity::kError, "check_log_rows_lost", {{"rows", static_cast<int64_t>(rows)}});
}

}  // namespace musubi::services::musubid
