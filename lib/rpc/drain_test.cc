// How a drain ends a bidirectional stream that is written by hand: told UNAVAILABLE at once, though
// its client neither sends nor goes.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "lib/rpc/server_fixture.h"
#include "musubi/v1/validation.grpc.pb.h"

namespace musubi::rpc {
namespace {

using Request = v1::ValidateCertificatesRequest;
using Response = v1::ValidateCertificatesResponse;

// Answers nothing, and always reads. Finish while a read is under way is well: gRPC ends the read.
class Reader final : public grpc::ServerBidiReactor<Request, Response>, public Watch {
 public:
  static Reader* Start(std::shared_ptr<Call> call, Calls& calls) {
    std::shared_ptr<Reader> reader(new Reader(std::move(call)));
    reader->self_ = reader;
    reader->StartRead(&reader->request_);
    calls.CloseOnDrain(reader);
    return reader.get();
  }
  void Close(absl::Status outcome) override { Finish(call_->End(outcome)); }

 private:
  explicit Reader(std::shared_ptr<Call> call) : call_(std::move(call)) {
    StartSendInitialMetadata();  // So that the test knows that it is here.
  }
  void OnReadDone(bool ok) override { EXPECT_FALSE(ok); }
  void OnDone() override { const std::shared_ptr<Reader> last = std::move(self_); }

  const std::shared_ptr<Call> call_;
  std::shared_ptr<Reader> self_;
  Request request_;
};

class ReadingService final : public v1::ValidationService::CallbackService {
 public:
  explicit ReadingService(Calls& calls) : calls_(calls) {}
  grpc::ServerBidiReactor<Request, Response>* ValidateCertificates(
      grpc::CallbackServerContext* context) override {
    return Reader::Start(
        calls_.Begin(context, "/musubi.v1.ValidationService/ValidateCertificates", 0), calls_);
  }

 private:
  Calls& calls_;
};

TEST_F(ServerTest, DrainEndsAStreamWhoseClientNeitherSendsNorGoes) {
  ReadingService service(*calls_);
  auto made = Server::Create(*calls_, {{"musubi.v1.ValidationService", &service}},
                             {.listen = {"127.0.0.1:0"}});
  ASSERT_TRUE(made.ok()) << made.status();
  const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string((*made)->ports()[0]),
                                           grpc::InsecureChannelCredentials());
  const auto stub = v1::ValidationService::NewStub(channel);
  grpc::ClientContext context;
  Prepare(context, {.metadata = {{"musubi-role", "platform"}}, .timeout = absl::Minutes(5)});
  const auto stream = stub->ValidateCertificates(&context);
  stream->WaitForInitialMetadata();
  (*made)->Drain(absl::Hours(1));
  Response response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(base::ReasonOf(FromGrpc(stream->Finish())), base::ErrorReason::kUnavailable);
  EXPECT_EQ(observer_.Next().reason, base::ErrorReason::kUnavailable);
}

}  // namespace
}  // namespace musubi::rpc
