// ValidationService on the wire (proto/musubi/v1/validation.proto). Translates; the rules are in
// lib/prelink/proofs.h and lib/prelink/certificate_validation.h.
#ifndef MUSUBI_SERVICES_VALIDATION_VALIDATION_SERVICE_H_
#define MUSUBI_SERVICES_VALIDATION_VALIDATION_SERVICE_H_

#include "lib/base/clock.h"
#include "lib/checklog/check_log.h"
#include "lib/prelink/proofs.h"
#include "lib/prelink/validation_queue.h"
#include "lib/rpc/calls.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "services/validation/certificate_checks.h"

namespace musubi::services::validation {

// ValidationService is thread-safe. What it refers to must outlive the server.
class ValidationService final : public v1::ValidationService::CallbackService {
 public:
  struct Dependencies {
    rpc::Calls& calls;
    const prelink::ProofUseCases& proofs;
    const base::Clock& clock;  // That of the journeys and of validation.
    // Of the two methods for platforms.
    prelink::ValidationQueue& queue;
    checklog::CheckLog& check_log;
  };

  explicit ValidationService(Dependencies dependencies)
      : dependencies_(dependencies),
        checks_({.calls = dependencies.calls,
                 .clock = dependencies.clock,
                 .queue = dependencies.queue,
                 .check_log = dependencies.check_log}) {}

  grpc::ServerUnaryReactor* GetChallenge(grpc::CallbackServerContext* context,
                                         const v1::GetChallengeRequest* request,
                                         v1::GetChallengeResponse* response) override;
  grpc::ServerUnaryReactor* SubmitProof(grpc::CallbackServerContext* context,
                                        const v1::SubmitProofRequest* request,
                                        v1::SubmitProofResponse* response) override;
  grpc::ServerUnaryReactor* GrantConsent(grpc::CallbackServerContext* context,
                                         const v1::GrantConsentRequest* request,
                                         v1::GrantConsentResponse* response) override;
  grpc::ServerUnaryReactor* ValidateCertificate(grpc::CallbackServerContext* context,
                                                const v1::ValidateCertificateRequest* request,
                                                v1::ValidateCertificateResponse* response) override;
  grpc::ServerBidiReactor<v1::ValidateCertificatesRequest, v1::ValidateCertificatesResponse>*
  ValidateCertificates(grpc::CallbackServerContext* context) override;

 private:
  Dependencies dependencies_;
  CertificateChecks checks_;
};

}  // namespace musubi::services::validation

#endif  // MUSUBI_SERVICES_VALIDATION_VALIDATION_SERVICE_H_
