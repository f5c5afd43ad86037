#include "lib/rpc/server.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/channel.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/rpc/plugins.h"

namespace musubi::rpc {
namespace {

// Credentials, ids and tracing headers; more is an attack.
constexpr int kMaxMetadataSize = 16 * 1024;
// The web tier pings idle connections each 30 s, so that middle boxes keep them.
constexpr int kMinPingIntervalMs = 10'000;

// In milliseconds, as gRPC's arguments are; its largest one is "never".
int Milliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(duration), std::numeric_limits<int>::max()));
}

void LimitConnections(const ConnectionLimits& limits, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(limits.max_age));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                             Milliseconds(limits.max_age_grace));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits.keepalive_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(limits.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams);
  builder.SetResourceQuota(grpc::ResourceQuota("server").Resize(limits.memory_quota));
}

// Fails unless the table has a rule for each method of the service; raises `max_request` to the
// largest of them.
absl::Status CheckRules(const std::string& service, std::span<const MethodRule> table,
                        size_t& max_request) {
  const google::protobuf::ServiceDescriptor* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
  if (descriptor == nullptr) {
    return absl::InvalidArgumentError("no service " + service + " is known to this binary");
  }
  for (int i = 0; i < descriptor->method_count(); ++i) {
    const std::string method = "/" + service + "/" + descriptor->method(i)->name();
    const MethodRule* rule = FindRule(table, method);
    if (rule == nullptr) {
      return absl::InvalidArgumentError(
          method + " has no rule, so nobody may call it; add a row to lib/rpc/method_table.cc");
    }
    max_request = std::max(max_request, rule->max_request);
  }
  return absl::OkStatus();
}

std::string Join(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::string MakeNotice(const Security& security, const Server::Options& options) {
  const std::string where = "gRPC listens on " + Join(options.listen);
  if (security.tls.has_value()) return where + " with mutual TLS 1.3";
  std::vector<std::string> roles;
  for (const Caller& caller : security.insecure_loopback_roles) {
    roles.push_back(std::string(Name(caller.role)) +
                    (caller.relying_party_id.empty() ? "" : "/" + caller.relying_party_id));
  }
  return where + " in PLAINTEXT; whoever reaches it may call itself: " + Join(roles);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(Calls& calls, std::vector<Service> services,
                                                       Options options) {
  const Security& security = calls.options().security;
  for (const std::string& address : options.listen) {
    MUSUBI_RETURN_IF_ERROR(
        CheckListenAddress(address, /*loopback_only=*/!security.tls.has_value()));
  }
  size_t max_request = 0;
  for (const Service& service : services) {
    MUSUBI_RETURN_IF_ERROR(CheckRules(service.name, calls.options().table, max_request));
  }

  std::unique_ptr<TlsCredentials> tls;
  if (security.tls.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(tls, TlsCredentials::Create(*security.tls));
  }
  const std::shared_ptr<grpc::ServerCredentials> credentials =
      tls == nullptr ? grpc::InsecureServerCredentials() : tls->server_credentials();

  grpc::EnableDefaultHealthCheckService(true);
  if (options.channelz) grpc::channelz::experimental::InitChannelzService();
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataSize);
  LimitConnections(options.limits, builder);
  // gRPC refuses without a reason, so that what is only just too large goes on to Calls.
  builder.SetMaxReceiveMessageSize(static_cast<int>(max_request + kMaxUnaryRequest));
  builder.SetOption(std::make_unique<Plugins>(options.reflection, options.channelz));
  std::vector<int> ports(options.listen.size(), 0);
  for (size_t i = 0; i < ports.size(); ++i) {
    builder.AddListeningPort(options.listen[i], credentials, &ports[i]);
  }
  for (const Service& service : services) builder.RegisterService(service.service);

  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  for (size_t i = 0; i < ports.size(); ++i) {
    if (ports[i] == 0) {
      return absl::UnavailableError(
          "cannot listen on " + options.listen[i] +
          ": is another process using the port? Stop it or choose another");
    }
  }
  if (server == nullptr) return absl::UnavailableError("gRPC could not start the server");
  for (const Service& service : services) {
    server->GetHealthCheckService()->SetServingStatus(service.name, true);
  }
  std::string notice = MakeNotice(security, options);
  return std::unique_ptr<Server>(
      new Server(calls, std::move(tls), std::move(server), std::move(ports), std::move(notice)));
}

Server::Server(Calls& calls, std::unique_ptr<TlsCredentials> tls,
               std::unique_ptr<grpc::Server> server, std::vector<int> ports, std::string notice)
    : calls_(calls),
      tls_(std::move(tls)),
      server_(std::move(server)),
      ports_(std::move(ports)),
      notice_(std::move(notice)) {}

Server::~Server() { Drain(absl::ZeroDuration()); }

std::shared_ptr<grpc::Channel> Server::InProcessChannel(const grpc::ChannelArguments& arguments) {
  return server_->InProcessChannel(arguments);
}

absl::StatusOr<bool> Server::ReplaceTls(const MutualTls& tls) {
  MUSUBI_CHECK(tls_ != nullptr, "a server in plaintext has no TLS to replace");
  return tls_->Replace(tls);
}

void Server::SetServing(const std::string& service, bool serving) {
  server_->GetHealthCheckService()->SetServingStatus(service, serving);
}

void Server::Drain(absl::Duration grace) {
  if (drained_) return;
  drained_ = true;
  server_->GetHealthCheckService()->Shutdown();
  calls_.Drain();
  server_->Shutdown(absl::ToChronoTime(calls_.clock().Now() + grace));
  server_->Wait();
}

}  // namespace musubi::rpc
