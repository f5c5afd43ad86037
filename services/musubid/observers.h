// Events of the libraries, written to the log and counted. Decides nothing about them.
#ifndef MUSUBI_SERVICES_MUSUBID_OBSERVERS_H_
#define MUSUBI_SERVICES_MUSUBID_OBSERVERS_H_

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/checklog/check_log.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/prelink/validation_queue.h"
#include "lib/revocation/observer.h"
#include "lib/rpc/call.h"
#include "lib/session/observer.h"
#include "lib/telemetry/log.h"
#include "services/musubid/config.h"
#include "services/musubid/health.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// Octets of a redacted request in a log line.
inline constexpr size_t kMaxLoggedRequest = 2048;

// RequestFields is what the log says of a request that is over: who, what, the outcome, how long in
// which stage. Without personal data: the message, if `log_requests` wants it, comes through
// rpc::Redact and in no other way.
std::vector<telemetry::Log::Field> RequestFields(const rpc::RequestRecord& record,
                                                 LogRequests log_requests);

// One line a request; rate, errors and duration of each method.
class RequestReporter final : public rpc::RequestObserver {
 public:
  RequestReporter(telemetry::Log& log, Metrics& metrics, LogRequests log_requests)
      : log_(log), metrics_(metrics), log_requests_(log_requests) {}
  void OnStart(const rpc::MethodRule* rule) override;
  void OnRequest(const rpc::RequestRecord& record) override;

 private:
  telemetry::Log& log_;
  Metrics& metrics_;
  const LogRequests log_requests_;
};

// Loads of CRLs, exchanges with responders, what was found, and what should wake somebody.
class RevocationReporter final : public revocation::Observer {
 public:
  // `clock` is that of journeys: this_update is held against it.
  RevocationReporter(const base::Clock& clock, telemetry::Log& log, Metrics& metrics,
                     Health& health);

  void OnScope(const revocation::ScopeEvent& event) override;
  void OnFetch(const revocation::FetchEvent& event) override;
  void OnOcsp(const revocation::OcspEvent& event) override;
  void OnOcspCacheHit() override;
  void OnOcspWaitBegins() override;
  void OnOcspWaitEnds() override;
  void OnOcspBreaker(const revocation::OcspBreakerEvent& event) override;
  void OnScopeMissing() override;
  void OnVanishedRevocation() override;
  void OnOverlayFull() override;
  void OnOverlayNotSaved(const absl::Status& status) override;
  void OnFinding(const pki::RevocationFinding& finding) override;

  // Around a whole load of the folder: what no event named between is not expected any more.
  void BeginLoad();
  void EndLoad();

 private:
  struct Scope {
    bool full = false;
    bool seen = false;  // In this load.
    std::optional<absl::Time> this_update;
    std::optional<absl::Time> next_update;
  };
  Freshness FreshnessOf(const Scope& scope) const;
  void SetGauges();

  const base::Clock& clock_;
  telemetry::Log& log_;
  Metrics& metrics_;
  Health& health_;
  base::Mutex mutex_;
  // By anchor and file, as in scopes.json.
  std::map<std::pair<std::string, std::string>, Scope> scopes_ ABSL_GUARDED_BY(mutex_);
};

// The pairing funnel.
class SessionReporter final : public musubi::session::Observer {
 public:
  explicit SessionReporter(Metrics& metrics) : metrics_(metrics) {}
  void OnCreated(const musubi::session::SessionRecord& record) override;
  void OnApplied(const musubi::session::Payload& payload, musubi::session::State before,
                 const musubi::session::Applied& applied) override;

 private:
  Metrics& metrics_;
};

// Signature checks that went wrong.
class SignatureReporter final : public crypto::SignatureObserver {
 public:
  explicit SignatureReporter(telemetry::Log& log) : log_(log) {}
  void OnLanesDisabled(std::string_view why) override;

 private:
  telemetry::Log& log_;
};

// Verdicts, and the stage in which they are made.
class ValidationReporter final : public prelink::ValidationObserver {
 public:
  explicit ValidationReporter(Metrics& metrics) : metrics_(metrics) {}
  void OnStart() override;
  void OnVerdict(const pki::Verdict& verdict) override;

 private:
  Metrics& metrics_;
};

// Batches of the validation queue, and what it refused.
class ValidationQueueReporter final : public prelink::ValidationQueueObserver {
 public:
  explicit ValidationQueueReporter(Metrics& metrics) : metrics_(metrics) {}
  void OnBatch(size_t cards) override;
  void OnRefused(size_t cards) override;
  void OnExpired(size_t cards) override;

 private:
  Metrics& metrics_;
};

// How the check log was found, and a disk that fails it.
class CheckLogReporter final : public checklog::Observer {
 public:
  CheckLogReporter(telemetry::Log& log, Metrics& metrics) : log_(log), metrics_(metrics) {}
  void OnOpened(const checklog::Opening& opening) override;
  void OnWritten(size_t rows) override;
  void OnRefused() override;
  void OnWriteFailed(const absl::Status& status) override;
  void OnWriteRecovered() override;
  void OnLost(size_t rows) override;

 private:
  telemetry::Log& log_;
  Metrics& metrics_;
  bool failing_ = false;  // Of the check log's thread.
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_OBSERVERS_H_
