// A plaintext gRPC server for probes, which show no certificate: grpc.health.v1.Health and nothing
// else. Knows no callers, and tells whoever may connect which of our services serve.
#ifndef MUSUBI_LIB_RPC_HEALTH_SERVER_H_
#define MUSUBI_LIB_RPC_HEALTH_SERVER_H_

#include <grpcpp/generic/async_generic_service.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace grpc {
class Server;
}

namespace musubi::rpc {

// What a probe asks about beside a service's full name.
inline constexpr char kLiveness[] = "liveness";    // That the process answers.
inline constexpr char kReadiness[] = "readiness";  // That it can do what it is for.

// Octets of a request: health checks name a service.
inline constexpr int kMaxHealthRequest = 1024;
// Octets of its metadata: a probe sends next to none.
inline constexpr int kMaxHealthMetadata = 4 * 1024;
// Calls at once on a connection. A probe makes one.
inline constexpr int kMaxHealthStreams = 8;

// HealthServer answers from Create to its destructor, which waits for nobody. A name of which it
// has not been told is NOT_FOUND, a method of any other service UNIMPLEMENTED. Thread-safe.
class HealthServer {
 public:
  // `listen` is "HOST:PORT"; port 0 takes a free one. "" and kLiveness are SERVING from the start.
  // INVALID_ARGUMENT for a bad address; UNAVAILABLE, naming it, if it is taken.
  static absl::StatusOr<std::unique_ptr<HealthServer>> Create(const std::string& listen);
  ~HealthServer();

  int port() const { return port_; }
  // SetServing is what checks of `name` are answered from now on.
  void SetServing(const std::string& name, bool serving);

 private:
  HealthServer() = default;

  // A server has to have a service. Of this one every method is UNIMPLEMENTED.
  grpc::CallbackGenericService others_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_HEALTH_SERVER_H_
