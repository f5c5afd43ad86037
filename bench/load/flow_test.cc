// Unary calls and streams against a gRPC server in this process, on a port of its own.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bench/load/connection_pool.h"
#include "bench/load/question.pb.h"
#include "bench/load/questions.h"
#include "bench/load/stream_flow.h"
#include "bench/load/unary_flow.h"
#include "bench/load/wire.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lib/base/secure_random.h"
#include "lib/base/steady_time.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "tests/fakes/tcp_proxy.h"

namespace musubi::bench::load {
namespace {

using v1::LoadQuestion;

// Answers by what is in place of the certificate.
void Judge(const musubi::v1::CertificateQuery& query, musubi::v1::Verdict& verdict) {
  const bool valid = query.certificate() == "valid";
  verdict.set_status(valid ? musubi::v1::VERDICT_STATUS_VALID : musubi::v1::VERDICT_STATUS_INVALID);
  if (!valid) verdict.set_reason(musubi::v1::VERDICT_REASON_REVOKED);
}

class Validation final : public musubi::v1::ValidationService::Service {
 public:
  grpc::Status ValidateCertificate(grpc::ServerContext* context,
                                   const musubi::v1::ValidateCertificateRequest* request,
                                   musubi::v1::ValidateCertificateResponse* response) override {
    if (context->client_metadata().count("musubi-role") != 1 ||
        context->deadline() == std::chrono::system_clock::time_point::max()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "no role or no deadline"};
    }
    if (request->query().certificate() == "overload") {
      google::rpc::ErrorInfo info;
      info.set_reason("OVERLOADED");
      google::rpc::Status details;
      details.add_details()->PackFrom(info);
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "too much", details.SerializeAsString()};
    }
    Judge(request->query(), *response->mutable_verdict());
    return grpc::Status::OK;
  }

  grpc::Status ValidateCertificates(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<musubi::v1::ValidateCertificatesResponse,
                               musubi::v1::ValidateCertificatesRequest>* stream) override {
    musubi::v1::ValidateCertificatesRequest request;
    while (stream->Read(&request)) {
      // The other way round, each in a message of its own.
      for (int i = request.queries_size() - 1; i >= 0; --i) {
        musubi::v1::ValidateCertificatesResponse response;
        musubi::v1::IndexedAnswer* const answer = response.add_answers();
        answer->set_index(request.queries(i).index());
        if (request.queries(i).query().certificate() == "overload") {
          answer->mutable_error()->set_reason(musubi::v1::ERROR_REASON_OVERLOADED);
        } else {
          Judge(request.queries(i).query(), *answer->mutable_verdict());
        }
        stream->Write(response);
      }
    }
    return grpc::Status::OK;
  }
};

class FlowTest : public testing::Test {
 protected:
  ~FlowTest() override {
    pool_.reset();  // Else the server waits for calls under way.
    if (server_ != nullptr) server_->Shutdown();
  }

  void StartServer(int max_streams = 100,
                   absl::Duration connection_age = absl::InfiniteDuration()) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, max_streams);
    if (connection_age != absl::InfiniteDuration()) {
      builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                                 static_cast<int>(absl::ToInt64Milliseconds(connection_age)));
    }
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  // `claimed` is what is said to be right of a certificate: "valid" or anything else.
  void Ask(const std::vector<std::pair<std::string, std::string>>& certificate_and_claimed) {
    for (const auto& [certificate, claimed] : certificate_and_claimed) {
      LoadQuestion question;
      question.mutable_query()->set_certificate(certificate);
      musubi::v1::Verdict right;
      musubi::v1::CertificateQuery query;
      query.set_certificate(claimed);
      Judge(query, right);
      question.set_status(right.status());
      question.set_reason(right.reason());
      AppendVarint(question.ByteSizeLong(), file_);
      file_ += question.SerializeAsString();
      right_.push_back(
          {static_cast<uint64_t>(right.status()), static_cast<uint64_t>(right.reason())});
    }
  }

  // Through `proxy`, if there is one.
  void Connect(size_t connections, const fakes::TcpProxy* proxy = nullptr) {
    const int port = proxy == nullptr ? port_ : proxy->port();
    ConnectionPool::Options options;
    options.connections = connections;
    const absl::StatusOr<Address> address = Resolve("127.0.0.1:" + std::to_string(port));
    ASSERT_TRUE(address.ok()) << address.status();
    options.targets.push_back(*address);
    absl::StatusOr<std::unique_ptr<ConnectionPool>> pool = ConnectionPool::Create(options, random_);
    ASSERT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
    ASSERT_TRUE(pool_->WaitForAll(absl::Minutes(1)).ok());
  }

  FlowOptions Options(const char* path, int retries = 0) {
    FlowOptions options;
    options.path = path;
    options.role = "platform";
    options.deadline = deadline_;
    options.retries = retries;
    return options;
  }
  UnaryFlow& Unary(size_t outstanding, int retries = 0) {
    bodies_ = PrepareUnary(*ParseQuestions(file_));
    auto flow = std::make_unique<UnaryFlow>(
        UnaryFlow::Options{Options("/musubi.v1.ValidationService/ValidateCertificate", retries),
                           outstanding, right_},
        window_, bodies_, *pool_, random_);
    UnaryFlow& unary = *flow;
    flow_ = std::move(flow);
    return unary;
  }
  StreamFlow& Stream(size_t per_message, int retries = 0) {
    bodies_ = PrepareStream(*ParseQuestions(file_), per_message);
    StreamFlow::Options options{
        Options("/musubi.v1.ValidationService/ValidateCertificates", retries)};
    options.streams = 2;
    options.messages = 2;
    options.per_message = per_message;
    options.stream_deadline = std::chrono::minutes(5);
    options.right = right_;
    auto flow = std::make_unique<StreamFlow>(std::move(options), window_, bodies_, *pool_, random_);
    StreamFlow& stream = *flow;
    flow_ = std::move(flow);
    return stream;
  }

  void PumpUntil(Flow& flow, const std::function<bool()>& done) {
    while (!done()) {
      flow.Pump(base::SteadyNow());
      pool_->Flush();
      pool_->Turn(std::min(flow.NextWake(), base::SteadyNow() + std::chrono::milliseconds(10)));
    }
  }

  int port_ = 0;
  Validation service_;
  std::unique_ptr<grpc::Server> server_;
  base::SystemRandom random_;
  const Window window_{base::SteadyNow(), base::SteadyNow(),
                       base::SteadyNow() + std::chrono::hours(1)};
  base::SteadyDuration deadline_ = std::chrono::minutes(1);
  std::string file_;
  std::vector<VerdictWords> right_;
  Bodies bodies_;
  std::unique_ptr<Flow> flow_;  // Outlives the pool's connections.
  std::unique_ptr<ConnectionPool> pool_;
};

TEST_F(FlowTest, UnaryAnswersAreComparedWithWhatIsRight) {
  StartServer(3);  // Fewer than would be outstanding: none may be refused.
  Ask({{"valid", "valid"}, {"revoked", "revoked"}, {"revoked", "valid"}, {"overload", "valid"}});
  Connect(2);
  UnaryFlow& flow = Unary(16);
  PumpUntil(flow, [&] { return flow.tally().answers_in_window() >= 400; });
  const nlohmann::ordered_json json = flow.tally().ToJson();
  const auto quarter = static_cast<double>(flow.tally().answers_in_window()) / 4;
  EXPECT_NEAR(json["right"], 2 * quarter, 32);
  EXPECT_NEAR(json["wrong"], quarter, 32);
  EXPECT_EQ(json["wrong"], json["wrong_at_any_time"]);
  EXPECT_EQ(json["wrong_samples"][0],
            "question 2: right is status 1 reason 0, answered status 2 reason 70");
  ASSERT_EQ(json["errors"].size(), 1u) << json["errors"];
  EXPECT_EQ(json["errors"][0]["code"], "RESOURCE_EXHAUSTED");
  EXPECT_EQ(json["errors"][0]["reason"], "OVERLOADED");
  EXPECT_EQ(json["errors"][0]["count"], json["failed"]);
}

TEST_F(FlowTest, StreamAnswersAreComparedByIndexAlsoWhenStreamsAreRenewed) {
  StartServer();
  // 7 questions in 3 messages: no stream takes more than one pass.
  Ask({{"valid", "valid"},
       {"revoked", "revoked"},
       {"revoked", "valid"},
       {"overload", "valid"},
       {"valid", "valid"},
       {"revoked", "revoked"},
       {"valid", "valid"}});
  Connect(2);
  StreamFlow& flow = Stream(3);
  PumpUntil(flow, [&] { return flow.tally().answers_in_window() >= 700; });
  EXPECT_EQ(flow.tally().unexpected(), 0u);
  const nlohmann::ordered_json json = flow.tally().ToJson();
  const auto seventh = static_cast<double>(flow.tally().answers_in_window()) / 7;
  EXPECT_NEAR(json["right"], 5 * seventh, 32);
  EXPECT_NEAR(json["wrong"], seventh, 32);
  EXPECT_EQ(json["wrong_samples"][0],
            "question 2: right is status 1 reason 0, answered status 2 reason 70");
  ASSERT_EQ(json["errors"].size(), 1u) << json["errors"];
  EXPECT_EQ(json["errors"][0]["reason"], "OVERLOADED");
}

TEST_F(FlowTest, AServerThatSaysGoawayCostsNoFailedCall) {
  for (const bool stream : {false, true}) {
    StartServer(100, absl::Milliseconds(50));
    Ask(std::vector<std::pair<std::string, std::string>>(40, {"valid", "valid"}));
    Connect(2);
    Flow& flow = stream ? static_cast<Flow&>(Stream(4, 3)) : static_cast<Flow&>(Unary(8, 3));
    PumpUntil(flow, [&] { return pool_->counts().goaways >= 4; });
    const uint64_t before = flow.tally().answers_in_window();
    PumpUntil(flow, [&] { return flow.tally().answers_in_window() >= before + 100; });
    EXPECT_GE(pool_->counts().connected, 5u);
    EXPECT_EQ(pool_->counts().lost, 0u);
    EXPECT_EQ(flow.tally().unexpected(), 0u);
    const nlohmann::ordered_json json = flow.tally().ToJson();
    EXPECT_EQ(json["failed"], 0) << json["errors"];
    EXPECT_EQ(json["wrong"], 0);
    pool_.reset();
  }
}

TEST_F(FlowTest, ACutConnectionIsMadeAnewAndItsCallsAreTriedAgain) {
  StartServer();
  Ask(std::vector<std::pair<std::string, std::string>>(40, {"valid", "valid"}));
  for (const bool stream : {false, true}) {
    fakes::TcpProxy proxy(port_);
    Connect(2, &proxy);
    Flow& flow = stream ? static_cast<Flow&>(Stream(4, 100)) : static_cast<Flow&>(Unary(8, 100));
    proxy.HoldAnswers();
    flow.Pump(base::SteadyNow());
    pool_->Flush();
    proxy.WaitUntilHeld();
    proxy.Cut();
    PumpUntil(flow, [&] { return pool_->counts().lost >= 2; });
    // 8 calls on each connection; on each 2 streams with 2 messages of 4 questions.
    PumpUntil(flow, [&] { return flow.tally().retried() >= (stream ? 32 : 16); });
    const uint64_t before = flow.tally().answers_in_window();
    PumpUntil(flow, [&] { return flow.tally().answers_in_window() >= before + 100; });
    EXPECT_GE(pool_->counts().connected, 4u);
    EXPECT_EQ(flow.tally().unexpected(), 0u);
    const nlohmann::ordered_json json = flow.tally().ToJson();
    EXPECT_EQ(json["failed"], 0) << json["errors"];
    pool_.reset();
  }
}

TEST_F(FlowTest, WithoutRetriesWhatWasUnderWayOnACutConnectionHasFailed) {
  StartServer();
  Ask(std::vector<std::pair<std::string, std::string>>(40, {"valid", "valid"}));
  for (const bool stream : {false, true}) {
    fakes::TcpProxy proxy(port_);
    Connect(1, &proxy);
    Flow& flow = stream ? static_cast<Flow&>(Stream(4)) : static_cast<Flow&>(Unary(8));
    proxy.HoldAnswers();
    flow.Pump(base::SteadyNow());
    pool_->Flush();
    proxy.WaitUntilHeld();
    proxy.Cut();
    PumpUntil(flow, [&] { return pool_->counts().lost >= 1; });
    const nlohmann::ordered_json json = flow.tally().ToJson();
    ASSERT_EQ(json["errors"].size(), 1u) << json["errors"];
    EXPECT_EQ(json["errors"][0]["code"], "UNAVAILABLE");
    EXPECT_EQ(json["errors"][0]["reason"], "local:connection_lost");
    // 8 calls; 2 streams with 2 messages of 4 questions.
    EXPECT_EQ(json["errors"][0]["count"], stream ? 16 : 8);
    pool_.reset();
  }
}

TEST_F(FlowTest, ACallThatIsNotAnsweredInTimeEndsAtItsDeadline) {
  StartServer();
  Ask({{"valid", "valid"}});
  fakes::TcpProxy proxy(port_);
  Connect(1, &proxy);
  proxy.HoldAnswers();
  deadline_ = std::chrono::milliseconds(20);
  UnaryFlow& flow = Unary(4);
  PumpUntil(flow, [&] { return flow.tally().answers_in_window() >= 12; });
  const nlohmann::ordered_json json = flow.tally().ToJson();
  EXPECT_EQ(json["right"], 0);
  ASSERT_EQ(json["errors"].size(), 1u) << json["errors"];
  EXPECT_EQ(json["errors"][0]["code"], "DEADLINE_EXCEEDED");
  EXPECT_EQ(json["errors"][0]["reason"], "local:deadline");
  EXPECT_GE(json["failed_p50_us"], 20'000);
}

}  // namespace
}  // namespace musubi::bench::load
