// Events of the libraries, written to the log. Counting them comes with the metrics.
#ifndef MUSUBI_SERVICES_MUSUBID_OBSERVERS_H_
#define MUSUBI_SERVICES_MUSUBID_OBSERVERS_H_

#include "lib/revocation/observer.h"
#include "lib/rpc/call.h"
#include "lib/telemetry/log.h"

namespace musubi::services::musubid {

// One line a request: method, role, reason, duration. No secret and no personal data.
class RequestLog final : public rpc::RequestObserver {
 public:
  explicit RequestLog(telemetry::Log& log) : log_(log) {}
  void OnRequest(const rpc::RequestRecord& record) override;

 private:
  telemetry::Log& log_;
};

// Loads of CRLs, exchanges with responders, and what should wake somebody.
class RevocationLog final : public revocation::Observer {
 public:
  explicit RevocationLog(telemetry::Log& log) : log_(log) {}
  void OnScope(const revocation::ScopeEvent& event) override;
  void OnOcsp(const revocation::OcspEvent& event) override;
  void OnScopeMissing() override;
  void OnVanishedRevocation() override;
  void OnOverlayFull() override;

 private:
  telemetry::Log& log_;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_OBSERVERS_H_
