// Connections that are too old, too quiet, too busy or too greedy.
#include "lib/rpc/connection_limits.h"

#include <grpcpp/completion_queue.h>
#include <gtest/gtest.h>

#include <latch>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/rpc/server_fixture.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "tests/fakes/tcp_proxy.h"

namespace musubi::rpc {
namespace {

// A connection of its own: gRPC lets equal channels share one.
std::shared_ptr<grpc::Channel> NewConnection(int port, grpc::ChannelArguments arguments = {}) {
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), arguments);
}

// A platform that is never listened to: the service reads nothing of its streams.
class DeafService final : public v1::ValidationService::CallbackService {
 public:
  grpc::ServerBidiReactor<v1::ValidateCertificatesRequest, v1::ValidateCertificatesResponse>*
  ValidateCertificates(grpc::CallbackServerContext*) override {
    class Deaf final : public grpc::ServerBidiReactor<v1::ValidateCertificatesRequest,
                                                      v1::ValidateCertificatesResponse> {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    return new Deaf;
  }
};

class ConnectionLimitsTest : public ServerTest {
 protected:
  // A server of its own, and with it a service without use cases.
  void Limit(const ConnectionLimits& limits) {
    server_.reset();
    Calls::Options options;
    options.security.insecure_loopback_roles = ParseInsecureRoles("front,platform").value();
    calls_ = Calls::Create(
                 {.clock = clock_, .random = random_, .observer = observer_, .workers = *pool_},
                 std::move(options))
                 .value();
    service_ = std::make_unique<ScriptedService>(*calls_);
    server_ = Server::Create(*calls_,
                             {{"musubi.v1.SessionService", service_.get()},
                              {"musubi.v1.ValidationService", &deaf_}},
                             {.listen = {"127.0.0.1:0"}, .limits = limits})
                  .value();
    Connect(NewConnection(port()));
  }
  void Connect(std::shared_ptr<grpc::Channel> channel) {
    channel_ = std::move(channel);
    stub_ = v1::SessionService::NewStub(channel_);
  }
  int port() const { return server_->ports()[0]; }

  // A watch of which the test knows that the server has it.
  struct Open {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchSessionResponse>> reader;
  };
  std::unique_ptr<Open> OpenWatch() {
    auto open = std::make_unique<Open>();
    Prepare(open->context, {.timeout = absl::Minutes(10)});
    service_->Publish();
    open->reader = stub_->WatchSession(&open->context, {});
    v1::WatchSessionResponse response;
    EXPECT_TRUE(open->reader->Read(&response));
    return open;
  }
  // Blocks until the watch is over.
  static grpc::Status End(Open& open) {
    v1::WatchSessionResponse response;
    while (open.reader->Read(&response)) {
    }
    return open.reader->Finish();
  }
  void AnswerWatches() {
    service_->on_watch = [](ScriptedService::Writer writer) {
      writer->Send({});
      return absl::OkStatus();
    };
  }

  DeafService deaf_;
};

TEST_F(ConnectionLimitsTest, AnOldConnectionIsReplacedAndItsCallsEndWell) {
  Limit({.max_age = absl::Milliseconds(50), .max_age_grace = absl::Hours(1)});
  std::latch entered(1), release(1);
  service_->on_call = [&](const CallInfo&) {
    entered.count_down();
    release.wait();
    return absl::OkStatus();
  };
  absl::Status answered = absl::UnknownError("not yet");
  std::thread caller([&] { answered = Get(); });
  entered.wait();
  // Without a GOAWAY it would stay READY.
  EXPECT_TRUE(channel_->WaitForStateChange(GRPC_CHANNEL_READY, gpr_inf_future(GPR_CLOCK_REALTIME)));
  release.count_down();
  caller.join();
  EXPECT_TRUE(answered.ok()) << answered;
  service_->on_call = [](const CallInfo&) { return absl::OkStatus(); };
  EXPECT_TRUE(Get().ok());  // Over another connection.
}

TEST_F(ConnectionLimitsTest, ACallThatOutlivesTheGraceIsUnavailable) {
  Limit({.max_age = absl::Milliseconds(50), .max_age_grace = absl::Milliseconds(50)});
  AnswerWatches();
  const auto watch = OpenWatch();
  EXPECT_EQ(End(*watch).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(observer_.Next().code, absl::StatusCode::kCancelled);
}

TEST_F(ConnectionLimitsTest, ASilentPeerIsGivenUp) {
  Limit({.keepalive_interval = absl::Milliseconds(50), .keepalive_timeout = absl::Seconds(1)});
  std::latch stopped(1);
  service_->on_watch = [&](ScriptedService::Writer writer) {
    writer->OnStop([&] { stopped.count_down(); });
    writer->Send({});
    return absl::OkStatus();
  };
  fakes::TcpProxy proxy(port());
  Connect(NewConnection(proxy.port()));
  const auto watch = OpenWatch();
  proxy.Swallow();
  stopped.wait();
  EXPECT_EQ(observer_.Next().code, absl::StatusCode::kCancelled);
  proxy.Cut();
  EXPECT_EQ(End(*watch).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ConnectionLimitsTest, AClientThatPingsTooOftenIsSentAway) {
  Limit({});
  AnswerWatches();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  Connect(NewConnection(port(), arguments));
  const auto watch = OpenWatch();
  EXPECT_EQ(End(*watch).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ConnectionLimitsTest, TheCallBeyondTheStreamsOfAConnectionWaits) {
  constexpr int kStreams = 3;
  Limit({.max_concurrent_streams = kStreams});
  AnswerWatches();
  std::vector<std::unique_ptr<Open>> watches;
  for (int i = 0; i < kStreams; ++i) watches.push_back(OpenWatch());
  service_->on_call = [](const CallInfo&) {
    ADD_FAILURE() << "one stream too many";
    return absl::OkStatus();
  };
  // However long: only its own deadline ends it.
  EXPECT_EQ(Get({.timeout = absl::Milliseconds(100)}).code(), absl::StatusCode::kDeadlineExceeded);
  service_->on_call = [](const CallInfo&) { return absl::OkStatus(); };
  Connect(NewConnection(port()));  // Others are not held up.
  EXPECT_TRUE(Get().ok());
  for (const auto& watch : watches) watch->context.TryCancel();
  for (const auto& watch : watches) {
    EXPECT_EQ(End(*watch).error_code(), grpc::StatusCode::CANCELLED);
  }
}

// Each stream leaves as much unread in the server as its first window takes.
TEST_F(ConnectionLimitsTest, AFloodOfMessagesEndsInResourceExhausted) {
  constexpr size_t kQuota = size_t{4} << 20;
  constexpr int kConnections = 16;
  constexpr int kStreams = 16;  // Of each.
  constexpr size_t kMessage = 60 * 1024;
  static_assert(kConnections * kStreams * kMessage > 3 * kQuota);
  Limit({.memory_quota = kQuota});
  struct Flooder {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::ValidateCertificatesRequest,
                                                  v1::ValidateCertificatesResponse>>
        stream;
    grpc::Status status;
  };
  grpc::CompletionQueue queue;
  // Of the ends, which have a tag, the first that the client did not make itself.
  std::optional<grpc::StatusCode> refused;
  const auto next = [&] {
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    if (tag != nullptr) refused = refused.value_or(static_cast<Flooder*>(tag)->status.error_code());
  };
  std::vector<std::unique_ptr<v1::ValidationService::Stub>> stubs;
  std::list<Flooder> flooders;
  for (int i = 0; i < kConnections; ++i) {
    stubs.push_back(v1::ValidationService::NewStub(NewConnection(port())));
    for (int j = 0; j < kStreams; ++j) {
      Flooder& flooder = flooders.emplace_back();
      Prepare(flooder.context,
              {.metadata = {{"musubi-role", "platform"}}, .timeout = absl::Minutes(5)});
      flooder.stream = stubs.back()->AsyncValidateCertificates(&flooder.context, &queue, nullptr);
      next();
    }
  }
  v1::ValidateCertificatesRequest request;
  request.add_queries()->mutable_query()->set_certificate(std::string(kMessage, 'c'));
  for (Flooder& flooder : flooders) {
    flooder.stream->Write(request, nullptr);
    flooder.stream->Finish(&flooder.status, &flooder);
  }
  size_t under_way = 2 * flooders.size();
  for (; !refused.has_value(); --under_way) next();
  EXPECT_EQ(*refused, grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (Flooder& flooder : flooders) flooder.context.TryCancel();
  for (; under_way > 0; --under_way) next();
  queue.Shutdown();
  // Others are served again.
  Connect(NewConnection(port()));
  EXPECT_TRUE(Get().ok());
}

}  // namespace
}  // namespace musubi::rpc
