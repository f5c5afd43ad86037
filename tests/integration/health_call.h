// gRPC health checks of a musubid, on its port of probes or any other.
#ifndef MUSUBI_TESTS_INTEGRATION_HEALTH_CALL_H_
#define MUSUBI_TESTS_INTEGRATION_HEALTH_CALL_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "lib/base/file.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {

// HealthCheckResponse.status.
inline constexpr int kServing = 1;
inline constexpr int kNotServing = 2;

// A call of grpc.health.v1.Health, of which there is no generated code; of Watch more than one
// answer comes.
class HealthCall {
 public:
  HealthCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
             const std::string& service)
      : stub_(channel) {
    call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/" + method, &queue_);
    call_->StartCall(nullptr);
    Done();
    // HealthCheckRequest{service = 1}.
    const grpc::Slice slice(std::string("\x0a") + static_cast<char>(service.size()) + service);
    call_->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
    Done();
  }
  ~HealthCall() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Done();
    queue_.Shutdown();
  }

  // kServing or kNotServing, as the next answer says; 0 if there is none.
  int Next() {
    grpc::ByteBuffer answer;
    grpc::Slice slice;
    call_->Read(&answer, nullptr);
    if (!Done() || !answer.DumpToSingleSlice(&slice).ok() || slice.size() != 2) return 0;
    return slice.begin()[1];
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

// Before the stage starts: that it has a port of probes.
inline void ServeProbes(TestStage& stage) {
  stage->flags()["health_listen"] = "127.0.0.1:0";
  stage->flags()["health_port_file"] = stage->File("health-port");
}

// Afterwards: a channel to that.
inline std::shared_ptr<grpc::Channel> ChannelOfProbes(TestStage& stage) {
  const std::string port = base::ReadFile(stage->File("health-port")).value();
  return grpc::CreateChannel("127.0.0.1:" + port.substr(0, port.find('\n')),
                             grpc::InsecureChannelCredentials());
}

}  // namespace musubi::integration

#endif  // MUSUBI_TESTS_INTEGRATION_HEALTH_CALL_H_
