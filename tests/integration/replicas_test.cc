// Three replicas behind one channel with deploy/service-config.json: how calls are spread, and that
// a client which keeps to the documented policy loses none while each replica in turn is replaced,
// and while one is killed.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/file.h"
#include "lib/http/curl_http_client.h"
#include "lib/rpc/method_table.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

constexpr char kMethod[] = "/musubi.v1.ValidationService/ValidateCertificate";

v1::CertificateQuery QueryOf(const std::string& certificate) {
  v1::CertificateQuery query;
  query.set_certificate(certificate);
  query.set_purpose(v1::CHECK_PURPOSE_SERVICE_TEST);
  query.set_revocation_mode(v1::REVOCATION_MODE_CRL_ONLY);
  return query;
}

// Three servers that share no store and no file: as ValidationService needs none.
class Replicas {
 public:
  static constexpr size_t kCount = 3;

  Replicas() {
    for (TestStage& stage : stages_) {
      for (const char* flag : {"tls_certificate", "tls_private_key", "tls_client_ca"}) {
        stage->flags().erase(flag);
      }
      stage->flags()["insecure_loopback_roles"] = "platform";
      stage->flags()["drain_grace"] = "1h";    // No stream holds a drain up.
      stage->flags()["log_requests"] = "all";  // Those that went well, too: see WaitUntilCalled.
      stage->flags()["metrics_listen"] = "127.0.0.1:0";
      stage->flags()["metrics_port_file"] = stage->File("metrics-port");
      const absl::Status started = stage->Start();
      EXPECT_TRUE(started.ok()) << started;
      stage->flags()["listen"] = stage->address();  // Also of those that follow it.
    }
  }

  TestStage& operator[](size_t i) { return stages_[i]; }

  std::shared_ptr<grpc::Channel> Connect() {
    std::string target = "ipv4:";
    for (TestStage& stage : stages_)
      target += (&stage == &stages_[0] ? "" : ",") + stage->address();
    grpc::ChannelArguments arguments;
    arguments.SetServiceConfigJSON(base::ReadFile("deploy/service-config.json").value());
    // A replica that is back is found soon.
    for (const char* backoff :
         {GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
          GRPC_ARG_MAX_RECONNECT_BACKOFF_MS}) {
      arguments.SetInt(backoff, 100);
    }
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }

  // Of one replica: the calls of ValidateCertificate that it answered since its start.
  int Answered(size_t i) {
    const std::string port = base::ReadFile(stages_[i]->File("metrics-port")).value();
    const auto response =
        http_->Send({.url = "http://127.0.0.1:" + port.substr(0, port.find('\n')) + "/metrics",
                     .max_response_size = size_t{4} << 20});
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return 0;
    const std::string series = std::string("musubi_rpc_requests_total{method=\"") + kMethod +
                               "\",outcome=\"OK\",role=\"PLATFORM\"} ";
    const size_t at = response->body.find(series);
    if (at == std::string::npos) return 0;
    return std::stoi(response->body.substr(at + series.size()));
  }

  // Blocks until a call that goes through the channel under test has reached the replica since its
  // start.
  void WaitUntilCalled(size_t i) {
    EXPECT_TRUE(stages_[i]->WaitForOutput(std::string(kMethod) + "\"").ok())
        << stages_[i]->output();
  }

 private:
  std::array<TestStage, kCount> stages_;
  std::unique_ptr<http::CurlHttpClient> http_ = http::CurlHttpClient::Create().value();
};

// A platform that asks one question after the other, and as often on a stream, from its own
// threads. It repeats no call: that is the service config's. Deadlines it sets, for gRPC in C++
// holds the timeouts of the config and does not send them.
class Platform {
 public:
  static constexpr int kCallers = 3;
  static constexpr int kQuestionsAMessage = 8;

  Platform(std::shared_ptr<grpc::Channel> channel, std::string certificate)
      : query_(QueryOf(certificate)), stub_(v1::ValidationService::NewStub(std::move(channel))) {}
  ~Platform() { Stop(); }

  // One call, on this thread; whether it was answered.
  bool Ask() {
    v1::ValidateCertificateRequest request;
    *request.mutable_query() = query_;
    v1::ValidateCertificateResponse response;
    grpc::ClientContext context;
    Prepare(context, rpc::kMaxUnaryDeadline);
    const grpc::Status status = stub_->ValidateCertificate(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
    if (!status.ok()) return false;
    EXPECT_EQ(response.verdict().status(), v1::VERDICT_STATUS_VALID);
    return true;
  }

  void Start() {
    for (int i = 0; i < kCallers; ++i) threads_.emplace_back([this] { Call(); });
    threads_.emplace_back([this] { Stream(); });
  }
  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  int answered() const { return answered_; }
  uint64_t answered_on_streams() const { return answered_on_streams_; }
  int streams() const { return streams_; }

 private:
  static void Prepare(grpc::ClientContext& context, absl::Duration timeout) {
    context.AddMetadata("musubi-role", "platform");
    context.set_deadline(absl::ToChronoTime(base::RealClock().Now() + timeout));
  }

  void Call() {
    while (!stop_) {
      if (Ask()) ++answered_;
    }
  }

  // The documented rule: a stream that ends with UNAVAILABLE or CANCELLED is followed by another,
  // which is asked first what has no answer yet.
  void Stream() {
    std::map<uint64_t, v1::CertificateQuery> open;
    uint64_t next = 0;
    while (!stop_) {
      ++streams_;
      grpc::ClientContext context;
      Prepare(context, rpc::kMaxBulkDeadline);
      const auto stream = stub_->ValidateCertificates(&context);
      bool lives = true;
      while (lives && !(stop_ && open.empty())) {
        while (open.size() < kQuestionsAMessage) open.emplace(next++, query_);
        v1::ValidateCertificatesRequest request;
        for (const auto& [index, query] : open) {
          v1::IndexedQuery& indexed = *request.add_queries();
          indexed.set_index(index);
          *indexed.mutable_query() = query;
        }
        lives = stream->Write(request);
        v1::ValidateCertificatesResponse response;
        while (lives && !open.empty()) {
          lives = stream->Read(&response);
          if (!lives) break;
          for (const v1::IndexedAnswer& answer : response.answers()) {
            EXPECT_EQ(answer.verdict().status(), v1::VERDICT_STATUS_VALID)
                << answer.ShortDebugString();
            EXPECT_EQ(open.erase(answer.index()), 1u) << "answered twice: " << answer.index();
            ++answered_on_streams_;
          }
        }
        if (stop_) break;
      }
      if (lives) {
        stream->WritesDone();
      } else {
        // A write that failed does not end the call while gRPC repeats it: then Finish would wait
        // for a stream that nobody half-closes. One that has ended keeps its status.
        context.TryCancel();
      }
      const grpc::Status status = stream->Finish();
      if (lives) {
        EXPECT_TRUE(status.ok()) << status.error_message();
      } else {
        EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                    status.error_code() == grpc::StatusCode::CANCELLED)
            << status.error_code() << ": " << status.error_message();
      }
    }
  }

  const v1::CertificateQuery query_;
  const std::unique_ptr<v1::ValidationService::Stub> stub_;
  std::atomic<bool> stop_{false};
  std::atomic<int> answered_{0};
  std::atomic<uint64_t> answered_on_streams_{0};
  std::atomic<int> streams_{0};
  std::vector<std::thread> threads_;
};

TEST(Replicas, ShareCallsAndAreReplacedOneByOneWithoutALostCall) {
  Replicas replicas;
  const auto card = replicas[0].NewCard();
  Platform platform(replicas.Connect(), base::ToString(card->ReadCertificate()));

  // Round robin, once there is a connection to each.
  for (size_t i = 0; i < Replicas::kCount; ++i) {
    while (replicas.Answered(i) == 0) ASSERT_TRUE(platform.Ask());
  }
  std::array<int, Replicas::kCount> before;
  for (size_t i = 0; i < Replicas::kCount; ++i) before[i] = replicas.Answered(i);
  constexpr int kEach = 20;
  for (int i = 0; i < kEach * static_cast<int>(Replicas::kCount); ++i) {
    ASSERT_TRUE(platform.Ask());
  }
  for (size_t i = 0; i < Replicas::kCount; ++i) {
    EXPECT_EQ(replicas.Answered(i) - before[i], kEach) << i;
  }

  platform.Start();
  for (size_t i = 0; i < Replicas::kCount; ++i) {
    EXPECT_EQ(replicas[i]->Stop(), 0) << replicas[i]->output();
    const absl::Status started = replicas[i]->Start();
    ASSERT_TRUE(started.ok()) << started;
    replicas.WaitUntilCalled(i);
  }
  // One that says no farewell.
  replicas[0]->Kill();
  const absl::Status started = replicas[0]->Start();
  ASSERT_TRUE(started.ok()) << started;
  replicas.WaitUntilCalled(0);
  platform.Stop();
  EXPECT_GT(platform.answered(), 0);
  EXPECT_GT(platform.answered_on_streams(), 0u);
  EXPECT_GE(platform.streams(), 2);  // Each replica has gone, so the first stream has.
  RecordProperty("calls", platform.answered());
  RecordProperty("streams", platform.streams());
  for (size_t i = 0; i < Replicas::kCount; ++i) EXPECT_EQ(replicas[i]->Stop(), 0);
}

}  // namespace
}  // namespace musubi::integration
