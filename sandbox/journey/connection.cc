#include "sandbox/journey/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string_view>

#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::sandbox {
namespace {

// The pair of a role is named after it; a relying party's is rp-ID.
std::string PairName(const std::string& role) {
  constexpr std::string_view kRelyingParty = "relying-party/";
  return role.starts_with(kRelyingParty) ? "rp-" + role.substr(kRelyingParty.size()) : role;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Create(const base::Clock& clock,
                                                               const Options& options) {
  if (options.tls_directory.empty()) {
    return Over(clock, grpc::CreateChannel(options.server, grpc::InsecureChannelCredentials()),
                options.role);
  }
  const std::string pair = options.tls_directory + "/" + PairName(options.role);
  grpc::SslCredentialsOptions tls;
  MUSUBI_ASSIGN_OR_RETURN(tls.pem_root_certs, base::ReadFile(options.tls_directory + "/ca.crt"));
  MUSUBI_ASSIGN_OR_RETURN(tls.pem_cert_chain, base::ReadFile(pair + ".crt"));
  MUSUBI_ASSIGN_OR_RETURN(tls.pem_private_key, base::ReadSecretFile(pair + ".key"));
  return std::unique_ptr<Connection>(new Connection(
      clock, grpc::CreateChannel(options.server, grpc::SslCredentials(tls)), std::nullopt));
}

std::unique_ptr<Connection> Connection::Over(const base::Clock& clock,
                                             std::shared_ptr<grpc::Channel> channel,
                                             std::string role) {
  return std::unique_ptr<Connection>(new Connection(clock, std::move(channel), std::move(role)));
}

void Connection::Prepare(grpc::ClientContext& context, const std::string& credential,
                         absl::Duration deadline) const {
  context.set_deadline(absl::ToChronoTime(clock_.Now() + deadline));
  if (stated_role_) context.AddMetadata("musubi-role", *stated_role_);
  if (!credential.empty()) {
    context.AddMetadata("authorization",
                        "Bearer " + base::Base64UrlEncode(base::AsBytes(credential)));
  }
}

}  // namespace musubi::sandbox
