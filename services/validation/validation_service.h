// ValidationService on the wire (proto/musubi/v1/validation.proto). Translates; the rules are in
// lib/prelink/proofs.h and lib/prelink/certificate_validation.h.
#ifndef MUSUBI_SERVICES_VALIDATION_VALIDATION_SERVICE_H_
#define MUSUBI_SERVICES_VALIDATION_VALIDATION_SERVICE_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/worker_pool.h"
#include "lib/checklog/check_log.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/prelink/proofs.h"
#include "lib/rpc/calls.h"
#include "musubi/v1/validation.grpc.pb.h"

namespace musubi::services::validation {

// The one validation profile there is: the certificate that cards authenticate with.
inline constexpr std::string_view kUserAuthenticationProfile = "jpki-user-authentication";

// Longest time for revocation's network, within the longest deadline of a call (10 s).
inline constexpr absl::Duration kMaxNetworkTime = absl::Seconds(8);
// What is kept of a call's deadline for everything else: the answer must still reach its caller.
inline constexpr absl::Duration kAnswerMargin = absl::Milliseconds(200);

// Largest message and signature of a PossessionProof, as the contract says.
inline constexpr size_t kMaxPossessionMessage = size_t{8} << 10;
inline constexpr size_t kMaxPossessionSignature = 1024;

// ValidationService is thread-safe. What it refers to must outlive the server.
class ValidationService final : public v1::ValidationService::CallbackService {
 public:
  struct Dependencies {
    rpc::Calls& calls;
    const prelink::ProofUseCases& proofs;
    const prelink::CertificateValidation& validation;
    const base::Clock& clock;  // That of the journeys and of validation.
    // For the queries of ValidateCertificates. A pool of its own keeps journeys from waiting behind
    // them.
    base::WorkerPool& bulk_workers;
    // Of the two methods for platforms.
    checklog::CheckLog& check_log;
  };

  explicit ValidationService(Dependencies dependencies) : dependencies_(dependencies) {}

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
  // Until when the network may take, on the journeys' clock: gRPC's deadlines are on the machine's.
  absl::Time NetworkDeadline(const rpc::CallInfo& call) const;
  // No verdict without its row: what the check log does not take is an error.
  absl::StatusOr<v1::Verdict> Validate(const v1::CertificateQuery& query,
                                       const rpc::CallInfo& call) const;
  absl::Status Note(const v1::CertificateQuery& query, const rpc::CallInfo& call,
                    const prelink::CardValidationResult& result) const;

  Dependencies dependencies_;
};

}  // namespace musubi::services::validation

#endif  // MUSUBI_SERVICES_VALIDATION_VALIDATION_SERVICE_H_
