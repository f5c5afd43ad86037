#include "sandbox/journey/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
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

absl::Status Connection::CallRaw(const std::string& method, const std::string& request,
                                 grpc::ClientContext& context) const {
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
  // Each operation is waited for before the next: there is one tag under way at a time.
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  call->StartCall(nullptr);
  bool went = done();
  if (went) {
    const grpc::Slice slice(request);
    call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    went = done();
  }
  bool answered = false;
  if (went) {
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    answered = done();
  }
  if (answered) context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  done();
  if (answered) return absl::OkStatus();
  const absl::Status outcome = rpc::FromGrpc(status);
  if (!outcome.ok() && listener_.on_error) listener_.on_error(outcome);
  return outcome;
}

}  // namespace musubi::sandbox
