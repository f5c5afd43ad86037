#include "lib/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <latch>
#include <thread>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lib/base/clock.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/secure_random.h"
#include "lib/rpc/error_mapping.h"
#include "lib/rpc/tls_identity.h"
#include "musubi/v1/session.grpc.pb.h"

namespace musubi::rpc {
namespace {

using base::ErrorReason;
using testing::HasSubstr;

// What the observer keeps of a request.
struct Seen {
  std::string method, role, relying_party_id, request_id;
  std::optional<ErrorReason> reason;
  absl::StatusCode code;
};

class RecordingObserver final : public RequestObserver {
 public:
  void OnRequest(const RequestRecord& record) override {
    base::MutexLock lock(mutex_);
    seen_.push_back({std::string(record.method), std::string(record.role),
                     std::string(record.relying_party_id), std::string(record.request_id),
                     base::ReasonOf(record.status), record.status.code()});
    changed_.NotifyAll();
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
};

// A session service whose use cases are the test's.
class ScriptedService final : public v1::SessionService::CallbackService {
 public:
  using Writer = std::shared_ptr<WatchWriter<v1::WatchSessionResponse>>;

  explicit ScriptedService(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* CreateSession(grpc::CallbackServerContext* context,
                                          const v1::CreateSessionRequest* request,
                                          v1::CreateSessionResponse* response) override {
    return calls_.Unary(context, request, response,
                        [this](const CallInfo& call, const auto&, auto&) { return on_call(call); });
  }
  grpc::ServerUnaryReactor* GetSession(grpc::CallbackServerContext* context,
                                       const v1::GetSessionRequest* request,
                                       v1::GetSessionResponse* response) override {
    return calls_.Unary(context, request, response,
                        [this](const CallInfo& call, const v1::GetSessionRequest& question,
                               v1::GetSessionResponse& answer) {
                          answer.mutable_session()->set_session_id(question.session_id());
                          return on_call(call);
                        });
  }
  grpc::ServerWriteReactor<v1::WatchSessionResponse>* WatchSession(
      grpc::CallbackServerContext* context, const v1::WatchSessionRequest* request) override {
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
  Calls& calls_;
};

const std::string kCredential = base::Base64UrlEncode(base::Bytes(32, 7));

// What a test varies about a call.
struct CallOptions {
  std::multimap<std::string, std::string> metadata = {{"musubi-role", "front"},
                                                      {"authorization", "Bearer " + kCredential}};
  std::optional<absl::Duration> timeout = absl::Seconds(10);
};

void Prepare(grpc::ClientContext& context, const CallOptions& options) {
  for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
  if (options.timeout.has_value()) {
    context.set_deadline(absl::ToChronoTime(base::RealClock().Now() + *options.timeout));
  }
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    pool_ = WorkerPool::Create({.threads = 2, .queue = 2}).value();
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
    const grpc::Status status = stub_->GetSession(&context, request, &response);
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
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<Calls> calls_;
  std::unique_ptr<ScriptedService> service_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::SessionService::Stub> stub_;
  std::string request_id_;
};

TEST_F(ServerTest, TellsTheHandlerWhoCalls) {
  CallInfo seen;
  service_->on_call = [&](const CallInfo& call) {
    seen = call;
    return absl::OkStatus();
  };
  ASSERT_TRUE(Get().ok());
  EXPECT_EQ(seen.method, "/musubi.v1.SessionService/GetSession");
  EXPECT_EQ(seen.caller.role, Role::kFront);
  ASSERT_TRUE(seen.credential.has_value());
  EXPECT_EQ(base::Base64UrlEncode(seen.credential->RevealBytes()), kCredential);
  EXPECT_EQ(seen.request_id, request_id_);
  const Seen record = observer_.Next();
  EXPECT_EQ(record.method, "/musubi.v1.SessionService/GetSession");
  EXPECT_EQ(record.role, "front");
  EXPECT_EQ(record.request_id, request_id_);
  EXPECT_EQ(record.code, absl::StatusCode::kOk);
}

TEST_F(ServerTest, RelyingPartyIdComesFromTheRole) {
  CallInfo seen;
  service_->on_call = [&](const CallInfo& call) {
    seen = call;
    return absl::OkStatus();
  };
  grpc::ClientContext context;
  Prepare(context, {.metadata = {{"musubi-role", "relying-party/demo"}}});
  v1::CreateSessionResponse response;
  ASSERT_TRUE(stub_->CreateSession(&context, {}, &response).ok());
  EXPECT_EQ(seen.caller.relying_party_id, "demo");
  EXPECT_FALSE(seen.credential.has_value());
  EXPECT_EQ(observer_.Next().relying_party_id, "demo");
}

TEST_F(ServerTest, RefusesBeforeTheHandlerRuns) {
  service_->on_call = [](const CallInfo&) {
    ADD_FAILURE() << "a refused call reached the handler";
    return absl::OkStatus();
  };
  const std::string bearer = "Bearer " + kCredential;
  struct Case {
    const char* what;
    CallOptions options;
    ErrorReason reason;
  };
  const Case cases[] = {
      {"no role", {.metadata = {{"authorization", bearer}}}, ErrorReason::kCallerUnauthenticated},
      {"unlisted role",
       {.metadata = {{"musubi-role", "operator"}, {"authorization", bearer}}},
       ErrorReason::kCallerUnauthenticated},
      {"role of another method",
       {.metadata = {{"musubi-role", "platform"}, {"authorization", bearer}}},
       ErrorReason::kRoleNotAllowed},
      {"no deadline", {.timeout = std::nullopt}, ErrorReason::kDeadlineMissing},
      {"deadline beyond the cap",
       {.timeout = kMaxUnaryDeadline + absl::Seconds(5)},
       ErrorReason::kDeadlineMissing},
      {"no credential", {.metadata = {{"musubi-role", "front"}}}, ErrorReason::kCredentialMissing},
      {"other scheme",
       {.metadata = {{"musubi-role", "front"}, {"authorization", "Basic " + kCredential}}},
       ErrorReason::kCredentialInvalid},
      {"short credential",
       {.metadata = {{"musubi-role", "front"}, {"authorization", "Bearer AAAA"}}},
       ErrorReason::kCredentialInvalid},
      {"padded credential",
       {.metadata = {{"musubi-role", "front"}, {"authorization", bearer + "="}}},
       ErrorReason::kCredentialInvalid},
      {"two credentials",
       {.metadata = {{"musubi-role", "front"},
                     {"authorization", bearer},
                     {"authorization", bearer}}},
       ErrorReason::kCredentialInvalid},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(base::ReasonOf(Get(c.options)), c.reason) << c.what;
    EXPECT_EQ(observer_.Next().reason, c.reason) << c.what;
  }
}

TEST_F(ServerTest, RefusesARequestBeyondTheMethodsSize) {
  EXPECT_EQ(base::ReasonOf(Get({}, kMaxUnaryRequest)), ErrorReason::kRequestTooLarge);
  EXPECT_TRUE(Get({}, kMaxUnaryRequest - 100).ok());
  // Far beyond, gRPC does not even read it.
  EXPECT_EQ(Get({}, 10 * kMaxUnaryRequest).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ServerTest, KeepsAWellFormedRequestIdAndReplacesAnother) {
  CallOptions options;
  options.metadata.emplace("x-request-id", "web-1.A_b");
  ASSERT_TRUE(Get(options).ok());
  EXPECT_EQ(request_id_, "web-1.A_b");
  for (const std::string& bad : {std::string("two words"), std::string(65, 'a'), std::string()}) {
    CallOptions other;
    other.metadata.emplace("x-request-id", bad);
    ASSERT_TRUE(Get(other).ok());
    EXPECT_EQ(request_id_.size(), 32u) << bad;
  }
}

TEST_F(ServerTest, MapsTheHandlersStatus) {
  service_->on_call = [](const CallInfo&) {
    return base::Error(ErrorReason::kWrongState, "not now", {{"state", "CREATED"}});
  };
  const absl::Status known = Get();
  EXPECT_EQ(base::ReasonOf(known), ErrorReason::kWrongState);
  EXPECT_EQ(base::MetadataOf(known).at("state"), "CREATED");
  EXPECT_EQ(base::MetadataOf(known).at("request_id"), request_id_);
  EXPECT_EQ(observer_.Next().reason, ErrorReason::kWrongState);

  service_->on_call = [](const CallInfo&) { return absl::DataLossError("row 7 is torn"); };
  const absl::Status unknown = Get();
  EXPECT_EQ(base::ReasonOf(unknown), ErrorReason::kInternal);
  EXPECT_EQ(unknown.message(), "internal error; report the request id " + request_id_);
  EXPECT_EQ(observer_.Next().code, absl::StatusCode::kDataLoss);
}

TEST_F(ServerTest, IsOverloadedWhenNoWorkerIsFree) {
  std::latch entered(2), release(1);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(pool_->Submit([&] {
      entered.count_down();
      release.wait();
    }));
  }
  entered.wait();
  ASSERT_TRUE(pool_->Submit([] {}));
  ASSERT_TRUE(pool_->Submit([] {}));
  EXPECT_EQ(base::ReasonOf(Get()), ErrorReason::kOverloaded);
  release.count_down();
  // The tasks read the latches: they end first.
  server_.reset();
  pool_.reset();
}

TEST_F(ServerTest, WatchSendsTheNewestLast) {
  service_->on_watch = [](ScriptedService::Writer writer) {
    for (uint32_t i = 1; i <= 1000; ++i) {
      v1::WatchSessionResponse response;
      response.mutable_session()->set_generation(i);
      writer->Send(std::move(response));
    }
    writer->Close(absl::OkStatus());
    writer->Send({});
    writer->Close(absl::InternalError("the first Close counts"));
    return absl::OkStatus();
  };
  grpc::ClientContext context;
  Prepare(context, {.timeout = absl::Minutes(30)});
  const auto reader = stub_->WatchSession(&context, {});
  v1::WatchSessionResponse response;
  uint32_t last = 0;
  while (reader->Read(&response)) {
    EXPECT_GT(response.session().generation(), last);
    last = response.session().generation();
  }
  EXPECT_EQ(last, 1000u);
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(observer_.Next().code, absl::StatusCode::kOk);
}

TEST_F(ServerTest, WatchIsRefusedLikeAnyCall) {
  struct Case {
    CallOptions options;
    ErrorReason reason;
  };
  const Case cases[] = {
      {{.timeout = std::nullopt}, ErrorReason::kDeadlineMissing},
      {{.timeout = absl::Minutes(31)}, ErrorReason::kDeadlineMissing},
      {{.metadata = {{"musubi-role", "front"}}}, ErrorReason::kCredentialMissing},
  };
  for (const Case& c : cases) {
    grpc::ClientContext context;
    Prepare(context, c.options);
    EXPECT_EQ(base::ReasonOf(FromGrpc(stub_->WatchSession(&context, {})->Finish())), c.reason);
  }
  service_->on_watch = [](ScriptedService::Writer) {
    return base::Error(ErrorReason::kSessionNotFound, "no such session");
  };
  grpc::ClientContext context;
  Prepare(context, {});
  EXPECT_EQ(base::ReasonOf(FromGrpc(stub_->WatchSession(&context, {})->Finish())),
            ErrorReason::kSessionNotFound);
}

TEST_F(ServerTest, WatchStopsWhenTheClientGoes) {
  std::latch stopped(1);
  ScriptedService::Writer kept;
  service_->on_watch = [&](ScriptedService::Writer writer) {
    kept = writer;
    writer->OnStop([&] { stopped.count_down(); });
    writer->Send({});
    return absl::OkStatus();
  };
  grpc::ClientContext context;
  Prepare(context, {});
  const auto reader = stub_->WatchSession(&context, {});
  v1::WatchSessionResponse response;
  ASSERT_TRUE(reader->Read(&response));
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  stopped.wait();
  EXPECT_EQ(observer_.Next().code, absl::StatusCode::kCancelled);
  // Late senders do no harm, and late subscribers learn at once that it is over.
  kept->Send({});
  kept->Close(absl::OkStatus());
  bool told = false;
  kept->OnStop([&] { told = true; });
  EXPECT_TRUE(told);
}

TEST_F(ServerTest, DrainClosesWatchesAndWaitsForCalls) {
  std::latch entered(1), release(1);
  service_->on_call = [&](const CallInfo&) {
    entered.count_down();
    release.wait();
    return absl::OkStatus();
  };
  service_->on_watch = [](ScriptedService::Writer writer) {
    writer->Send({});
    return absl::OkStatus();
  };
  grpc::ClientContext context;
  Prepare(context, {});
  const auto reader = stub_->WatchSession(&context, {});
  v1::WatchSessionResponse response;
  ASSERT_TRUE(reader->Read(&response));
  absl::Status answered = absl::UnknownError("not yet");
  std::thread caller([&] { answered = Get(); });
  entered.wait();
  std::thread drainer([&] { server_->Drain(absl::Hours(1)); });
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(base::ReasonOf(FromGrpc(reader->Finish())), ErrorReason::kUnavailable);
  release.count_down();
  caller.join();
  drainer.join();
  EXPECT_TRUE(answered.ok()) << answered;
  EXPECT_FALSE(Get().ok());
}

// Calls a method of which the test has no generated code: message in, message out.
std::pair<grpc::Status, std::string> RawCall(const std::shared_ptr<grpc::Channel>& channel,
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

TEST_F(ServerTest, AnswersHealthChecksForEachServiceWithoutRoleOrDeadline) {
  const auto check = [&](const std::string& service) {
    // HealthCheckRequest{service = 1}.
    return RawCall(channel_, "/grpc.health.v1.Health/Check",
                   std::string("\x0a") + static_cast<char>(service.size()) + service);
  };
  const std::string serving = "\x08\x01";  // HealthCheckResponse{status = 1: SERVING}.
  EXPECT_EQ(check("musubi.v1.SessionService").second, serving);
  EXPECT_EQ(check("").second, serving);
  EXPECT_EQ(check("musubi.v1.LinkService").first.error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, ReflectsOnlyIfTold) {
  const auto list_services = [](Server& server) {
    // ServerReflectionRequest{list_services = 7}.
    return RawCall(server.InProcessChannel(),
                   "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                   std::string("\x3a\x00", 2));
  };
  ScriptedService service(*calls_);
  const auto open =
      Server::Create(*calls_, {{"musubi.v1.SessionService", &service}}, {.reflection = true});
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_THAT(list_services(**open).second, HasSubstr("musubi.v1.SessionService"));
  EXPECT_EQ(list_services(*server_).first.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ServerTest, RefusesMetadataBeyondItsSize) {
  CallOptions options;
  options.metadata.emplace("x-padding", std::string(32 * 1024, 'a'));
  EXPECT_EQ(Get(options).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ServerTest, RefusesToServeAMethodWithoutARule) {
  Calls::Options options;
  options.security.insecure_loopback_roles = ParseInsecureRoles("front").value();
  options.table = MethodTable().first(2);
  auto calls = Calls::Create(
      {.clock = clock_, .random = random_, .observer = observer_, .workers = *pool_}, options);
  ASSERT_TRUE(calls.ok());
  ScriptedService service(**calls);
  service.on_call = [](const CallInfo&) {
    ADD_FAILURE() << "a method without a rule reached its handler";
    return absl::OkStatus();
  };
  const auto server = Server::Create(**calls, {{"musubi.v1.SessionService", &service}}, {});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("SessionService/GetSession"));

  // And were it served all the same, every call would be refused.
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> bare = builder.BuildAndStart();
  stub_ = v1::SessionService::NewStub(bare->InProcessChannel({}));
  EXPECT_EQ(base::ReasonOf(Get()), ErrorReason::kRoleNotAllowed);
}

TEST_F(ServerTest, TwoServersOnOnePortCannotBe) {
  Calls::Options options;
  options.security.insecure_loopback_roles = ParseInsecureRoles("front").value();
  Start(options, {"127.0.0.1:0"});
  ASSERT_EQ(server_->ports().size(), 1u);
  const std::string address = "127.0.0.1:" + std::to_string(server_->ports()[0]);
  EXPECT_THAT(server_->notice(), HasSubstr("PLAINTEXT"));
  ScriptedService service(*calls_);
  const auto second =
      Server::Create(*calls_, {{"musubi.v1.SessionService", &service}}, {.listen = {address}});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(address));
}

TEST_F(ServerTest, RefusesPlaintextOffLoopback) {
  const auto server = Server::Create(*calls_, {}, {.listen = {"0.0.0.0:0"}});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("0.0.0.0:0"));
}

TEST_F(ServerTest, NeedsExactlyOneWayToTellCallersApart) {
  const Calls::Dependencies dependencies = {
      .clock = clock_, .random = random_, .observer = observer_, .workers = *pool_};
  EXPECT_EQ(Calls::Create(dependencies, {}).status().code(), absl::StatusCode::kInvalidArgument);
  Calls::Options both;
  both.security.tls = MutualTls{};
  both.security.insecure_loopback_roles = ParseInsecureRoles("front").value();
  EXPECT_EQ(Calls::Create(dependencies, both).status().code(), absl::StatusCode::kInvalidArgument);
}

class MutualTlsTest : public ServerTest {
 protected:
  MutualTlsTest() {
    const TlsIdentity identity = ca_.Issue("DNS:musubi.example");
    Calls::Options options;
    options.security.tls = MutualTls{
        .certificate_chain = identity.certificate,
        .private_key = base::Secret<std::string>(identity.private_key),
        .client_ca = ca_.certificate(),
    };
    Start(std::move(options), {"127.0.0.1:0"});
  }

  // Calls GetSession with a client certificate that has these names; none if `identity` is absent.
  absl::Status GetAs(const std::optional<TlsIdentity>& identity, CallOptions options = {}) {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ca_.certificate();
    if (identity.has_value()) {
      tls.pem_private_key = identity->private_key;
      tls.pem_cert_chain = identity->certificate;
    }
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("musubi.example");
    stub_ = v1::SessionService::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(server_->ports()[0]), grpc::SslCredentials(tls), arguments));
    return Get(options);
  }

  TlsCa ca_;
};

TEST_F(MutualTlsTest, TakesTheRoleFromTheCertificate) {
  EXPECT_TRUE(GetAs(ca_.Issue("URI:musubi://role/front")).ok());
  EXPECT_EQ(observer_.Next().role, "front");
  EXPECT_TRUE(
      GetAs(ca_.Issue("DNS:web.example,URI:spiffe://example/web,URI:musubi://role/front")).ok());
  observer_.Next();
  EXPECT_EQ(base::ReasonOf(GetAs(ca_.Issue("URI:musubi://role/relying-party/demo"))),
            ErrorReason::kRoleNotAllowed);
  EXPECT_EQ(observer_.Next().relying_party_id, "demo");
}

TEST_F(MutualTlsTest, MetadataNamesNoRole) {
  for (const char* names : {"", "DNS:front.example", "URI:musubi://role/frontier",
                            "URI:musubi://role/front,URI:musubi://role/platform"}) {
    EXPECT_EQ(base::ReasonOf(GetAs(ca_.Issue(names))), ErrorReason::kCallerUnauthenticated)
        << names;
    EXPECT_EQ(observer_.Next().role, "");
  }
}

TEST_F(MutualTlsTest, NoHandshakeWithoutACertificateOfTheClientCa) {
  EXPECT_EQ(GetAs(std::nullopt).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetAs(TlsCa().Issue("URI:musubi://role/front")).code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace musubi::rpc
