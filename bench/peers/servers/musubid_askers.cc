#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "bench/peers/servers/asker.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "musubi/v1/validation.grpc.pb.h"

namespace musubi::bench {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(9);  // musubid allows 10 s.

class MusubidAsker final : public Asker {
 public:
  MusubidAsker(const std::vector<PeerCard>& cards, const MusubidOptions& options,
               std::shared_ptr<grpc::ChannelCredentials> credentials, int port)
      : cards_(cards),
        options_(options),
        credentials_(std::move(credentials)),
        target_(absl::StrCat("127.0.0.1:", port)) {}

  absl::StatusOr<Finding> Ask(size_t card) override {
    if (stub_ == nullptr || options_.fresh_connections) Connect();
    const SignedCard& asked = cards_[card].signed_card;
    v1::ValidateCertificateRequest request;
    v1::CertificateQuery& query = *request.mutable_query();
    query.set_certificate(asked.certificate.data(), asked.certificate.size());
    query.mutable_proof()->set_message(asked.message.data(), asked.message.size());
    query.mutable_proof()->set_signature(asked.signature.data(), asked.signature.size());
    query.mutable_proof()->set_algorithm(v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
    query.set_profile("jpki-user-authentication");
    query.set_purpose(v1::CHECK_PURPOSE_SERVICE_TEST);
    query.set_revocation_mode(options_.ask_crl ? v1::REVOCATION_MODE_CRL_ONLY
                                               : v1::REVOCATION_MODE_NONE);
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(clock_.Now() + kDeadline));
    v1::ValidateCertificateResponse response;
    if (const grpc::Status status = stub_->ValidateCertificate(&context, request, &response);
        !status.ok()) {
      return absl::UnavailableError("musubid says: " + status.error_message());
    }
    const v1::Verdict& verdict = response.verdict();
    if (verdict.status() == v1::VERDICT_STATUS_VALID) return Finding::kNothing;
    if (verdict.status() == v1::VERDICT_STATUS_INVALID) {
      switch (verdict.reason()) {
        case v1::VERDICT_REASON_REVOKED:
          return Finding::kRevocation;
        case v1::VERDICT_REASON_EXPIRED:
          return Finding::kExpiry;
        case v1::VERDICT_REASON_POSSESSION_FAILED:
          return Finding::kForgedProof;
        case v1::VERDICT_REASON_PHONE_CERTIFICATE:
          return Finding::kPhone;
        default:
          break;
      }
    }
    return absl::InternalError("musubid's verdict: " + verdict.ShortDebugString());
  }

 private:
  void Connect() {
    grpc::ChannelArguments arguments;
    // Else all channels would share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_ =
        v1::ValidationService::NewStub(grpc::CreateCustomChannel(target_, credentials_, arguments));
  }

  const base::RealClock clock_;  // gRPC's deadlines are on it.
  const std::vector<PeerCard>& cards_;
  const MusubidOptions options_;
  const std::shared_ptr<grpc::ChannelCredentials> credentials_;
  const std::string target_;
  std::unique_ptr<v1::ValidationService::Stub> stub_;
};

}  // namespace

absl::StatusOr<AskerFactory> MusubidAskers(const std::vector<PeerCard>& cards,
                                           const MusubidOptions& options) {
  const std::string& directory = options.tls_directory;
  grpc::SslCredentialsOptions tls;
  MUSUBI_ASSIGN_OR_RETURN(tls.pem_root_certs, base::ReadFile(directory + "/ca.crt"));
  MUSUBI_ASSIGN_OR_RETURN(tls.pem_cert_chain, base::ReadFile(directory + "/platform.crt"));
  MUSUBI_ASSIGN_OR_RETURN(tls.pem_private_key, base::ReadSecretFile(directory + "/platform.key"));
  return AskerFactory([&cards, options, credentials = grpc::SslCredentials(tls)](int port) {
    return std::make_unique<MusubidAsker>(cards, options, credentials, port);
  });
}

}  // namespace musubi::bench
