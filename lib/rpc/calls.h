// The one way into a service: every method of an adapter is one call of Unary or Watch here, which
// admits the caller (role, deadline, size, credential), runs the use case on a worker thread, maps
// its status and reports the request. Knows no service.
//
//   grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
//                                        const GetSessionRequest* request,
//                                        GetSessionResponse* response) override {
//     return calls_.Unary(context, request, response,
//                         [this](const rpc::CallInfo& call, const GetSessionRequest& request,
//                                GetSessionResponse& response) -> absl::Status { ... });
//   }
#ifndef MUSUBI_LIB_RPC_CALLS_H_
#define MUSUBI_LIB_RPC_CALLS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/secure_random.h"
#include "lib/base/worker_pool.h"
#include "lib/rpc/call.h"
#include "lib/rpc/method_table.h"
#include "lib/rpc/security.h"
#include "lib/rpc/watch_writer.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace musubi::rpc {

// MethodOf returns "/package.Service/Method" of the method whose request message this is (each
// method has its own); empty if there is none, which no table has.
std::string MethodOf(const google::protobuf::Descriptor& request);

// Calls is thread-safe, and outlives the server and every call.
class Calls {
 public:
  struct Dependencies {
    // The machine's clock, even where journeys run on another: gRPC's deadlines are on it.
    const base::Clock& clock;
    base::SecureRandom& random;
    RequestObserver& observer;
    base::WorkerPool& workers;
  };
  struct Options {
    Security security;
    // A watch may last as long as a session, and kWatchDeadlineMargin.
    absl::Duration session_ttl = absl::Minutes(30);
    // Of other services than musubi.v1's: for tests and benchmarks.
    std::span<const MethodRule> table = MethodTable();
  };

  // INVALID_ARGUMENT unless `security` is exactly one of TLS and plaintext.
  static absl::StatusOr<std::unique_ptr<Calls>> Create(Dependencies dependencies, Options options);

  // Unary admits the call and runs `handler`: absl::Status(const CallInfo&, const Request&,
  // Response&), on a worker. OVERLOADED if none is free in time.
  template <typename Request, typename Response, typename Handler>
  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Request* request,
                                  Response* response, Handler handler) {
    static const std::string method = MethodOf(*Request::descriptor());
    // Not owned: gRPC's, until the call ends.
    return RunUnary(context, method, request->ByteSizeLong(),
                    std::shared_ptr<const Request>(std::shared_ptr<void>(), request),
                    [request, response, handler = std::move(handler)](const CallInfo& info) {
                      return handler(info, *request, *response);
                    });
  }

  // Watch admits the call and runs `start`: absl::Status(const CallInfo&, const Request&,
  // std::shared_ptr<WatchWriter<Response>>), on a worker. It subscribes to something and returns
  // OK, or says why not. The writer is then used from anywhere.
  template <typename Response, typename Request, typename Start>
  grpc::ServerWriteReactor<Response>* Watch(grpc::CallbackServerContext* context,
                                            const Request* request, Start start) {
    static const std::string method = MethodOf(*Request::descriptor());
    // The request is copied: a cancelled call may be gone before the worker comes to it.
    const auto copy = std::make_shared<const Request>(*request);
    std::shared_ptr<Call> call = Begin(context, method, request->ByteSizeLong(), copy);
    std::shared_ptr<WatchWriter<Response>> writer = WatchWriter<Response>::Make(call);
    RunWatch(call, writer, [call, writer, copy, start = std::move(start)]() -> absl::Status {
      return start(call->info(), *copy, writer);
    });
    return writer.get();
  }

  // Begin is for reactors that are written by hand (the bidirectional method): if admitted() is not
  // OK, the reactor must do nothing but Finish(call->End(call->admitted())). `request_size` is that
  // of the largest message so far. `method` lives on. `request` is for the observer, and must be
  // readable until End.
  std::shared_ptr<Call> Begin(grpc::CallbackServerContext* context, std::string_view method,
                              size_t request_size,
                              std::shared_ptr<const google::protobuf::Message> request = nullptr);

  // CloseOnDrain has `stream` closed by Drain, as watches are, for as long as it lives; for
  // reactors that are written by hand. False: the server drains already, and the stream was closed.
  bool CloseOnDrain(const std::shared_ptr<rpc::Watch>& stream);
  // Drain closes all watches, now and from now on, with UNAVAILABLE: their clients go elsewhere.
  void Drain();

  const Options& options() const { return options_; }
  const base::Clock& clock() const { return dependencies_.clock; }

 private:
  Calls(Dependencies dependencies, Options options)
      : dependencies_(dependencies), options_(std::move(options)) {
    for (const MethodRule& rule : options_.table) rules_.emplace(rule.method, &rule);
  }

  grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* context, std::string_view method,
                                     size_t request_size,
                                     std::shared_ptr<const google::protobuf::Message> request,
                                     std::function<absl::Status(const CallInfo&)> work);
  void RunWatch(const std::shared_ptr<Call>& call, const std::shared_ptr<rpc::Watch>& watch,
                std::function<absl::Status()> start);
  absl::StatusOr<Caller> IdentifyCaller(const grpc::CallbackServerContext& context) const;
  // `rule` is that of the method, or null.
  absl::Status CheckRule(const grpc::CallbackServerContext& context, const MethodRule* rule,
                         size_t request_size, CallInfo& info) const;

  const Dependencies dependencies_;
  const Options options_;
  std::unordered_map<std::string_view, const MethodRule*> rules_;  // Into the table.

  base::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t next_watch_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_) = 64;
  std::map<uint64_t, std::weak_ptr<rpc::Watch>> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_CALLS_H_
