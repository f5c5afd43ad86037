#include "lib/rpc/health_server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/rpc/plugins.h"
#include "lib/rpc/security.h"

namespace musubi::rpc {
namespace {

// A probe's connection makes one call. Others have to come back, so that none stays for ever.
constexpr int kMaxIdleMs = 30'000;
constexpr int kMaxConnectionAgeMs = 10 * 60'000;
constexpr int kMaxConnectionAgeGraceMs = 5'000;
// Of all its connections together.
constexpr size_t kMaxMemory = size_t{16} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<HealthServer>> HealthServer::Create(const std::string& listen) {
  MUSUBI_RETURN_IF_ERROR(CheckListenAddress(listen, /*loopback_only=*/false));
  std::unique_ptr<HealthServer> made(new HealthServer());
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxHealthMetadata);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxHealthStreams);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kMaxIdleMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kMaxConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kMaxConnectionAgeGraceMs);
  builder.SetMaxReceiveMessageSize(kMaxHealthRequest);
  builder.SetResourceQuota(grpc::ResourceQuota("health").Resize(kMaxMemory));
  builder.SetOption(std::make_unique<Plugins>(/*reflection=*/false, /*channelz=*/false));
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &made->port_);
  builder.RegisterCallbackGenericService(&made->others_);
  made->server_ = builder.BuildAndStart();
  if (made->server_ == nullptr || made->port_ == 0) {
    return absl::UnavailableError("cannot listen on " + listen +
                                  ": is another process using the port? Stop it or choose another");
  }
  made->SetServing(kLiveness, true);
  return made;
}

HealthServer::~HealthServer() {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::UnixEpoch()));  // By then watches are cut: at once.
  server_->Wait();
}

void HealthServer::SetServing(const std::string& name, bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(name, serving);
}

}  // namespace musubi::rpc
