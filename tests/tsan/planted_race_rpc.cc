// A gRPC handler adds to a counter with no lock while eight clients call it. ThreadSanitizer must
// name the marked line in spite of grpc.supp: if it does not, a green run of the server under it
// proves nothing.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "musubi/v1/session.grpc.pb.h"

namespace {

using namespace musubi;

int counter = 0;

class RacingService final : public v1::SessionService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::GetSessionResponse* response) override {
    response->mutable_session()->set_session_id(request->session_id());
    ++counter;  // PLANTED RACE
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

void CallMany(int port) {
  const auto stub = v1::SessionService::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  for (int i = 0; i < 200; ++i) {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_session_id("0123456789abcdef");
    v1::GetSessionResponse response;
    stub->GetSession(&context, request, &response);
  }
}

}  // namespace

int main() {
  RacingService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) clients.emplace_back(CallMany, port);
  for (std::thread& client : clients) client.join();
  server->Shutdown();
  return 0;
}
