// What ValidateCertificate and ValidateCertificates share: a question's way from the wire to the
// engine, and its answer's way into the check log. Knows neither calls nor streams.
#ifndef MUSUBI_SERVICES_VALIDATION_CERTIFICATE_CHECKS_H_
#define MUSUBI_SERVICES_VALIDATION_CERTIFICATE_CHECKS_H_

#include <array>
#include <cstddef>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/steady_time.h"
#include "lib/checklog/check_log.h"
#include "lib/prelink/validation_queue.h"
#include "lib/rpc/calls.h"
#include "musubi/v1/validation.pb.h"

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

// An algorithm of the contract, whose zero means "not given".
absl::StatusOr<crypto::SignatureAlgorithm> ParseAlgorithm(std::string_view field,
                                                          v1::SignatureAlgorithm algorithm);
// Non-empty. How large it may be is the validator's to judge: TOO_LARGE is a verdict.
absl::Status CheckCertificate(const std::string& certificate);

// CertificateChecks is thread-safe. What it refers to must outlive the server.
class CertificateChecks {
 public:
  struct Dependencies {
    const rpc::Calls& calls;
    const base::Clock& clock;  // That of the journeys and of validation.
    prelink::ValidationQueue& queue;
    checklog::CheckLog& check_log;
  };
  explicit CertificateChecks(Dependencies dependencies) : dependencies_(dependencies) {}

  // Until when the network may take, on the journeys' clock: gRPC's deadlines are on the machine's.
  absl::Time NetworkDeadline(const rpc::CallInfo& call) const;
  // When nobody waits for an answer any more.
  base::SteadyTime CallDeadline(const rpc::CallInfo& call) const;

  // Parse returns views into `query`, or which rule it breaks.
  absl::StatusOr<prelink::CardValidationQuery> Parse(const v1::CertificateQuery& query,
                                                     absl::Time network_deadline) const;
  absl::Status Ask(prelink::ValidationJob& job) { return dependencies_.queue.Ask(job); }
  // Close is what becomes of an answer: OK if it may be given, since the check log has its row.
  absl::Status Close(const absl::StatusOr<prelink::CardDecision>& decision, rpc::Role caller,
                     v1::CheckPurpose purpose) const;

  // What the caller of `call` has waiting. Two clients may share one: there are kClientLoads.
  prelink::ClientLoad& LoadOf(const rpc::CallInfo& call);

 private:
  // Ten clients share none with a chance of 24 in 25.
  static constexpr size_t kClientLoads = 1024;

  const Dependencies dependencies_;
  std::array<prelink::ClientLoad, kClientLoads> loads_;
};

}  // namespace musubi::services::validation

#endif  // MUSUBI_SERVICES_VALIDATION_CERTIFICATE_CHECKS_H_
