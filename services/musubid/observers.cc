#include "services/musubid/observers.h"

#include <string>

#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::services::musubid {

using telemetry::Severity;

void RequestLog::OnRequest(const rpc::RequestRecord& record) {
  const auto reason = base::ReasonOf(record.status);
  std::string outcome = "OK";
  if (reason.has_value()) {
    outcome = base::Name(*reason);
  } else if (!record.status.ok()) {
    outcome = absl::StatusCodeToString(record.status.code());
  }
  // A fault of ours, or a store that is away, has a detail that only the log may have.
  const bool fault = record.status.code() == absl::StatusCode::kInternal ||
                     (!record.status.ok() && !reason.has_value() &&
                      record.status.code() != absl::StatusCode::kCancelled);
  const bool away = reason == base::ErrorReason::kUnavailable;
  const Severity severity = fault ? Severity::kError : away ? Severity::kWarning : Severity::kInfo;
  log_.Write(severity, "request",
             {{"method", std::string(record.method)},
              {"role", std::string(record.role)},
              {"relying_party", std::string(record.relying_party_id)},
              {"request_id", std::string(record.request_id)},
              {"outcome", outcome},
              {"detail",
               fault || away ? std::string(base::ToStd(record.status.message())) : std::string()},
              {"duration", absl::FormatDuration(record.duration)}});
}

void RevocationLog::OnScope(const revocation::ScopeEvent& event) {
  if (event.outcome == revocation::ScopeOutcome::kUnchanged) return;
  const bool good = event.outcome == revocation::ScopeOutcome::kLoaded;
  log_.Write(good ? Severity::kInfo : Severity::kError, "crl",
             {{"anchor", event.anchor},
              {"file", event.file},
              {"outcome", std::string(revocation::Name(event.outcome))},
              {"crl_outcome", std::string(pki::Name(event.crl_outcome))},
              {"entries", std::to_string(event.entries)}});
}

void RevocationLog::OnOcsp(const revocation::OcspEvent& event) {
  const bool good = event.exchange == revocation::OcspExchange::kAnswered;
  log_.Write(good ? Severity::kInfo : Severity::kWarning, "ocsp",
             {{"anchor", event.anchor},
              {"rank", std::to_string(event.rank)},
              {"exchange", std::string(revocation::Name(event.exchange))},
              {"outcome", std::string(pki::Name(event.outcome))}});
}

void RevocationLog::OnScopeMissing() { log_.Write(Severity::kWarning, "crl_scope_missing", {}); }

void RevocationLog::OnVanishedRevocation() {
  log_.Write(Severity::kError, "revocation_vanished", {});
}

void RevocationLog::OnOverlayFull() { log_.Write(Severity::kError, "revocation_overlay_full", {}); }

}  // namespace musubi::services::musubid
