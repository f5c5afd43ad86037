// What the tests of the server share: a service whose use cases are the test's, a server that runs
// it, and an observer that keeps what it is told.
#ifndef MUSUBI_LIB_RPC_SERVER_FIXTURE_H_
#define MUSUBI_LIB_RPC_SERVER_FIXTURE_H_

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/mutex.h"
#include "lib/base/secure_random.h"
#include "lib/rpc/error_mapping.h"
#include "lib/rpc/server.h"
#include "musubi/v1/session.grpc.pb.h"

namespace musubi::rpc {

// What the observer keeps of a request.
struct Seen {
  std::string method, role, relying_party_id, request_id;
  std::optional<base::ErrorReason> reason;
  absl::StatusCode code;
  const MethodRule* rule;
  std::optional<Role> caller_role;
  telemetry::StageTimes stages;
  telemetry::TraceContext trace;
  std::optional<telemetry::TraceContext> parent;
  std::string message;  // The request's serialised form, if the observer was given it.
};

class RecordingObserver final : public RequestObserver {
 public:
  void OnRequest(const RequestRecord& record) override {
    base::MutexLock lock(mutex_);
    seen_.push_back({std::string(record.method), std::string(record.role),
                     std::string(record.relying_party_id), std::string(record.request_id),
                     base::ReasonOf(record.status), record.status.code(), record.rule,
                     record.caller_role, record.stages, record.trace, record.parent,
                     record.request == nullptr ? "" : record.request->SerializeAsString()});
    if (--under_way_[record.rule] < 0) ADD_FAILURE() << "ended without a start";
    changed_.NotifyAll();
  }
  void OnStart(const MethodRule* rule) override {
    base::MutexLock lock(mutex_);
    ++under_way_[rule];
  }
  // Waits for the next request that is over: gRPC may tell the client first.
  Seen Next() {
    base::MutexLock lock(mutex_);
    while (seen_.empty()) changed_.Wait(mutex_);
    const Seen seen = seen_.front();
    seen_.pop_front();
    return seen;
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Seen> seen_ ABSL_GUARDED_BY(mutex_);
  std::map<const MethodRule*, int> under_way_ ABSL_GUARDED_BY(mutex_);
};

// A session service whose use cases are the test's.
class ScriptedService final : public v1::SessionService::CallbackService {
 public:
  using Writer = std::shared_ptr<WatchWriter<v1::WatchSessionResponse>>;

  explicit ScriptedService(Calls& calls) : calls_(calls) { Publish(); }

  // What was written before one Publish is there after the next, on any thread. gRPC orders it too,
  // by locks that ThreadSanitizer does not see.
  void Publish() { base::MutexLock lock(mutex_); }

  grpc::ServerUnaryReactor* CreateSession(grpc::CallbackServerContext* context,
                                          const v1::CreateSessionRequest* request,
                                          v1::CreateSessionResponse* response) override {
    Publish();
    return calls_.Unary(context, request, response,
                        [this](const CallInfo& call, const auto&, auto&) { return Run(call); });
  }
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::GetSessionResponse* response) override {
    Publish();
    return calls_.Unary(context, request, response,
                        [this](const CallInfo& call, const v1::GetSessionRequest& question,
                               v1::GetSessionResponse& answer) {
                          answer.mutable_session()->set_session_id(question.session_id());
                          return Run(call);
                        });
  }
  grpc::ServerWriteReactor<v1::WatchSessionResponse>* WatchSession(
      grpc::CallbackServerContext* context, const v1::WatchSessionRequest* request) override {
    Publish();
    return calls_.Watch<v1::WatchSessionResponse>(
        context, request, [this](const CallInfo&, const v1::WatchSessionRequest&, Writer writer) {
          return on_watch(std::move(writer));
        });
  }

  std::function<absl::Status(const CallInfo&)> on_call = [](const CallInfo&) {
    return absl::OkStatus();
  };
  std::function<absl::Status(Writer)> on_watch;

 private:
  absl::Status Run(const CallInfo& call) {
    Publish();
    absl::Status status = on_call(call);
    Publish();
    return status;
  }

  Calls& calls_;
  base::Mutex mutex_;
};

inline const std::string kCredential = base::Base64UrlEncode(base::Bytes(32, 7));

// What a test varies about a call.
struct CallOptions {
  std::multimap<std::string, std::string> metadata = {{"musubi-role", "front"},
                                                      {"authorization", "Bearer " + kCredential}};
  std::optional<absl::Duration> timeout = absl::Seconds(10);
};

inline void Prepare(grpc::ClientContext& context, const CallOptions& options) {
  for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
  if (options.timeout.has_value()) {
    context.set_deadline(absl::ToChronoTime(base::RealClock().Now() + *options.timeout));
  }
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    pool_ = base::WorkerPool::Create({.threads = 2, .queue = 2}).value();
    Calls::Options options;
    options.security.insecure_loopback_roles =
        ParseInsecureRoles("front,platform,relying-party/demo").value();
    Start(std::move(options), {"127.0.0.1:0"});
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(server_->ports()[0]),
                                   grpc::InsecureChannelCredentials());
    stub_ = v1::SessionService::NewStub(channel_);
  }
  ~ServerTest() override { server_.reset(); }

  void Start(Calls::Options options, std::vector<std::string> listen) {
    server_.reset();
    calls_ = Calls::Create(
                 {.clock = clock_, .random = random_, .observer = observer_, .workers = *pool_},
                 std::move(options))
                 .value();
    service_ = std::make_unique<ScriptedService>(*calls_);
    auto server = Server::Create(*calls_, {{"musubi.v1.SessionService", service_.get()}},
                                 {.listen = std::move(listen)});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  absl::Status Get(const CallOptions& options = {}, size_t padding = 0) {
    grpc::ClientContext context;
    Prepare(context, options);
    v1::GetSessionRequest request;
    request.set_session_id(std::string(16 + padding, 's'));
    v1::GetSessionResponse response;
    service_->Publish();
    const grpc::Status status = stub_->GetSession(&context, request, &response);
    service_->Publish();
    const auto& metadata = context.GetServerInitialMetadata();
    const auto id = metadata.find("x-request-id");
    request_id_ = id == metadata.end() ? "" : std::string(id->second.data(), id->second.size());
    if (status.ok()) {
      EXPECT_EQ(response.session().session_id(), request.session_id());
    }
    return FromGrpc(status);
  }

  base::RealClock clock_;
  base::SystemRandom random_;
  RecordingObserver observer_;
  std::unique_ptr<base::WorkerPool> pool_;
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<ScriptedService> service_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SessionService::Stub> stub_;
  std::string request_id_;
};

// Calls a method of which the test has no generated code: message in, message out.
inline std::pair<grpc::Status, std::string> RawCall(const std::shared_ptr<grpc::Channel>& channel,
                                                    const std::string& method,
                                                    const std::string& message) {
  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(channel);
  const grpc::Slice slice(message);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  grpc::Status status;
  std::latch done(1);
  stub.UnaryCall(&context, method, {}, &request, &response, [&](grpc::Status result) {
    status = std::move(result);
    done.count_down();
  });
  done.wait();
  grpc::Slice answer;
  if (!status.ok() || !response.DumpToSingleSlice(&answer).ok()) return {status, ""};
  return {status, std::string(answer.begin(), answer.end())};
}

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_SERVER_FIXTURE_H_
