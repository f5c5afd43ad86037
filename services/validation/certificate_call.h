// One call of ValidateCertificate: its question goes to the queue, and its answer back, on no
// thread of its own.
#ifndef MUSUBI_SERVICES_VALIDATION_CERTIFICATE_CALL_H_
#define MUSUBI_SERVICES_VALIDATION_CERTIFICATE_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <utility>

#include "lib/prelink/validation_queue.h"
#include "lib/rpc/call.h"
#include "musubi/v1/validation.pb.h"
#include "services/validation/certificate_checks.h"

namespace musubi::services::validation {

// CertificateCall lives until gRPC is done with it.
class CertificateCall final : public grpc::ServerUnaryReactor, private prelink::ValidationJob {
 public:
  // Start makes the reactor for a call from Calls::Begin; one that was not admitted, or breaks a
  // rule, only ends. The messages are gRPC's, and live as long as the reactor; `checks` must
  // outlive the server.
  static CertificateCall* Start(std::shared_ptr<rpc::Call> call, CertificateChecks& checks,
                                const v1::ValidateCertificateRequest& request,
                                v1::ValidateCertificateResponse& response);

 private:
  CertificateCall(std::shared_ptr<rpc::Call> call, CertificateChecks& checks,
                  const v1::ValidateCertificateRequest& request,
                  v1::ValidateCertificateResponse& response)
      : call_(std::move(call)), checks_(checks), request_(request), response_(response) {}

  absl::Status Ask();
  void OnAnswers(std::span<prelink::ValidationAnswer> answers) override;
  bool Abandoned() const override { return cancelled_.load(std::memory_order_relaxed); }
  void OnCancel() override { cancelled_.store(true, std::memory_order_relaxed); }
  void OnDone() override { delete this; }
  // gRPC asks its own reactors whether OnDone is short, and gives the others' to another thread,
  // which costs as much as a third of the call.
  bool InternalInlineable() override { return true; }

  const std::shared_ptr<rpc::Call> call_;
  CertificateChecks& checks_;
  const v1::ValidateCertificateRequest& request_;
  v1::ValidateCertificateResponse& response_;
  prelink::CardValidationQuery query_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace musubi::services::validation

#endif  // MUSUBI_SERVICES_VALIDATION_CERTIFICATE_CALL_H_
