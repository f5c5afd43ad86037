#include "lib/rpc/health_server.h"

#include <gmock/gmock.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/rpc/method_table.h"
#include "lib/rpc/server_fixture.h"

namespace musubi::rpc {
namespace {

using testing::HasSubstr;

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kServing[] = "\x08\x01";  // HealthCheckResponse{status = 1: SERVING}.
constexpr char kNotServing[] = "\x08\x02";

// HealthCheckRequest{service = 1}.
std::string RequestOf(const std::string& service) {
  return std::string("\x0a") + static_cast<char>(service.size()) + service;
}

class HealthServerTest : public testing::Test {
 protected:
  HealthServerTest() : server_(HealthServer::Create("127.0.0.1:0").value()) {
    channel_ = grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  grpc::StatusCode CodeOf(const std::string& method, const std::string& message) {
    return RawCall(channel_, method, message).first.error_code();
  }
  std::string Check(const std::string& service) {
    return RawCall(channel_, kCheck, RequestOf(service)).second;
  }

  // A check of "" in a context that the test prepares.
  grpc::StatusCode CheckWith(const std::function<void(grpc::ClientContext&)>& prepare) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    prepare(context);
    const grpc::Slice slice(RequestOf(""));
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::Status status;
    std::latch done(1);
    stub.UnaryCall(&context, kCheck, {}, &request, &response, [&](grpc::Status result) {
      status = std::move(result);
      done.count_down();
    });
    done.wait();
    return status.error_code();
  }

  std::unique_ptr<HealthServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

// A Health/Watch of a channel, which holds a stream of it.
class Watch {
 public:
  Watch(const std::shared_ptr<grpc::Channel>& channel, const std::string& service)
      : stub_(channel) {
    call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(nullptr);
    Done();
    const grpc::Slice slice(RequestOf(service));
    call_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    Done();
  }
  ~Watch() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Done();
    queue_.Shutdown();
  }

  // What comes next; empty if nothing comes any more.
  std::string Next() {
    grpc::ByteBuffer answer;
    grpc::Slice slice;
    call_->Read(&answer, nullptr);
    if (!Done() || !answer.DumpToSingleSlice(&slice).ok()) return "";
    return std::string(slice.begin(), slice.end());
  }

 private:
  bool Done() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST_F(HealthServerTest, SaysOfEachNameWhatItWasTold) {
  EXPECT_EQ(Check(""), kServing);
  EXPECT_EQ(Check(kLiveness), kServing);
  EXPECT_EQ(CodeOf(kCheck, RequestOf(kReadiness)), grpc::StatusCode::NOT_FOUND);
  server_->SetServing(kReadiness, true);
  EXPECT_EQ(Check(kReadiness), kServing);
  Watch watch(channel_, kReadiness);
  EXPECT_EQ(watch.Next(), kServing);
  server_->SetServing(kReadiness, false);
  EXPECT_EQ(watch.Next(), kNotServing);
  EXPECT_EQ(Check(kReadiness), kNotServing);
  EXPECT_EQ(Check(kLiveness), kServing);
  server_->SetServing("", false);
  EXPECT_EQ(Check(""), kNotServing);
  server_.reset();
  EXPECT_EQ(watch.Next(), "");  // No watch holds the end up.
}

TEST_F(HealthServerTest, HasNoOtherMethodWhateverTheProcessServes) {
  // From here on gRPC would give channelz to every server; reflection it gives to each anyway.
  grpc::channelz::experimental::InitChannelzService();
  const auto later = HealthServer::Create("127.0.0.1:0");
  ASSERT_TRUE(later.ok()) << later.status();
  std::vector<std::string> methods = {
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "/grpc.channelz.v1.Channelz/GetServers",
      "/grpc.channelz.v1.Channelz/GetTopChannels",
      "/grpc.health.v1.Health/List",
      "/",
  };
  for (const MethodRule& rule : MethodTable()) methods.emplace_back(rule.method);
  const auto newer = grpc::CreateChannel("127.0.0.1:" + std::to_string((*later)->port()),
                                         grpc::InsecureChannelCredentials());
  for (const auto& channel : {channel_, newer}) {
    for (const std::string& method : methods) {
      EXPECT_EQ(RawCall(channel, method, "").first.error_code(), grpc::StatusCode::UNIMPLEMENTED)
          << method;
    }
  }
}

TEST_F(HealthServerTest, TakesNoLargerRequestThanAProbeNeeds) {
  EXPECT_EQ(CodeOf(kCheck, std::string(kMaxHealthRequest + 1, 'a')),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(CheckWith([](grpc::ClientContext& context) {
              context.AddMetadata("x-padding", std::string(kMaxHealthMetadata + 1, 'a'));
            }),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// On a connection that has had no other call: the server may still count one that has just ended
// for its client, and gRPC ends a connection with one stream too many.
TEST_F(HealthServerTest, TakesNoMoreStreamsThanProbesNeed) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < kMaxHealthStreams; ++i) {
    watches.push_back(std::make_unique<Watch>(channel_, ""));
    EXPECT_EQ(watches.back()->Next(), kServing);
  }
  // One more stream waits for another to end. However long: only its own deadline ends it.
  EXPECT_EQ(
      CheckWith([](grpc::ClientContext& context) {
        context.set_deadline(absl::ToChronoTime(base::RealClock().Now() + absl::Milliseconds(100)));
      }),
      grpc::StatusCode::DEADLINE_EXCEEDED);
  watches.pop_back();
  EXPECT_EQ(Check(""), kServing);
}

TEST_F(HealthServerTest, TellsWhichAddressIsBadOrTaken) {
  const auto second = HealthServer::Create(address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address()));
  EXPECT_EQ(HealthServer::Create("nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace musubi::rpc
