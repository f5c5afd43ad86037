// A gRPC server with what every one of ours has: TLS or loopback, rules for each method, health for
// each service, bounded messages, a port of its own, and a way to drain. Parses no flags, handles
// no signals.
#ifndef MUSUBI_LIB_RPC_SERVER_H_
#define MUSUBI_LIB_RPC_SERVER_H_

#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/rpc/calls.h"
#include "lib/rpc/connection_limits.h"
#include "lib/rpc/security.h"
#include "lib/rpc/tls_credentials.h"

namespace grpc {
class Channel;
class Server;
class Service;
}  // namespace grpc

namespace musubi::rpc {

// Server runs from Create to its destructor, which drains without grace.
class Server {
 public:
  // A service and its full name, as in "musubi.v1.SessionService". Outlives the server.
  struct Service {
    std::string name;
    grpc::Service* service;
  };
  struct Options {
    // "HOST:PORT"; port 0 takes a free one. None: only InProcessChannel reaches the server.
    std::vector<std::string> listen;
    // Server reflection: tells anybody who may connect which methods there are.
    bool reflection = false;
    // Channelz: tells anybody who may connect of every connection, with its peer's certificate.
    bool channelz = false;
    ConnectionLimits limits = {};
  };

  // INVALID_ARGUMENT for a bad or (without TLS) not loopback address, or a service with a method
  // that calls' table has no rule for; UNAVAILABLE, naming the address, if it is taken;
  // FAILED_PRECONDITION with TLS if main has not called RequireTls13 (tls_credentials.h). Nothing
  // listens then. `calls` must be the one that the services use.
  static absl::StatusOr<std::unique_ptr<Server>> Create(Calls& calls, std::vector<Service> services,
                                                        Options options);
  ~Server();

  // The ports listened on, in the order of Options.listen.
  const std::vector<int>& ports() const { return ports_; }
  // One line for the log at start: where it listens and how callers are told apart.
  const std::string& notice() const { return notice_; }

  std::shared_ptr<grpc::Channel> InProcessChannel(const grpc::ChannelArguments& arguments = {});

  // ReplaceTls is TlsCredentials::Replace. Only for a server with TLS; one call at a time.
  absl::StatusOr<bool> ReplaceTls(const MutualTls& tls);
  // SetServing is what health checks of `service` (as in Service.name) are answered from now on;
  // SERVING at the start. Not after Drain: then all stay NOT_SERVING. Thread-safe.
  void SetServing(const std::string& service, bool serving);

  // Drain answers NOT_SERVING to health checks, closes watches, tells every connection to go away,
  // takes no new calls, waits up to `grace` for calls under way and then cancels them. Returns when
  // none is left. Once. A call that arrives before its client has heard of it is CANCELLED by gRPC
  // and was never begun: deploy/service-config.json repeats it.
  void Drain(absl::Duration grace);

 private:
  Server(Calls& calls, std::unique_ptr<TlsCredentials> tls, std::unique_ptr<grpc::Server> server,
         std::vector<int> ports, std::string notice);

  Calls& calls_;
  const std::unique_ptr<TlsCredentials> tls_;  // Null in plaintext.
  std::unique_ptr<grpc::Server> server_;
  const std::vector<int> ports_;
  const std::string notice_;
  bool drained_ = false;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_SERVER_H_
