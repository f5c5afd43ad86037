#include "lib/rpc/server.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "lib/rpc/server_fixture.h"

namespace musubi::rpc {
namespace {

using base::ErrorReason;
using testing::HasSubstr;

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
  service_->Publish();
  ASSERT_TRUE(stub_->CreateSession(&context, {}, &response).ok());
  service_->Publish();
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

TEST_F(ServerTest, TakesAWellFormedTraceparentAndBeginsATraceOtherwise) {
  const std::string good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  CallOptions options;
  options.metadata.emplace("traceparent", good);
  ASSERT_TRUE(Get(options).ok());
  const Seen named = observer_.Next();
  const auto parent = telemetry::ParseTraceparent(good);
  EXPECT_EQ(named.parent, parent);
  EXPECT_EQ(named.trace.trace_id, parent->trace_id);
  EXPECT_NE(named.trace.span_id, parent->span_id);

  options.metadata.emplace("traceparent", good);  // Twice: which is it?
  ASSERT_TRUE(Get(options).ok());
  const Seen twice = observer_.Next();
  EXPECT_FALSE(twice.parent.has_value());
  EXPECT_NE(twice.trace.trace_id, parent->trace_id);
  CallOptions bad;
  bad.metadata.emplace("traceparent", "01" + good.substr(2));
  ASSERT_TRUE(Get(bad).ok());
  EXPECT_FALSE(observer_.Next().parent.has_value());
}

TEST_F(ServerTest, TellsTheObserverWhatTheWorkerDidAndTheMessage) {
  telemetry::TraceContext inside;
  service_->on_call = [&](const CallInfo&) {
    inside = telemetry::Work::Current()->trace();
    const telemetry::StageScope scope(telemetry::Stage::kLinkStore);
    const absl::Time begin = clock_.Now();
    while (clock_.Now() <= begin) {
    }
    return absl::OkStatus();
  };
  ASSERT_TRUE(Get().ok());
  const Seen seen = observer_.Next();
  EXPECT_EQ(seen.trace, inside);
  EXPECT_GT(seen.stages[static_cast<size_t>(telemetry::Stage::kLinkStore)], absl::ZeroDuration());
  EXPECT_EQ(seen.stages[static_cast<size_t>(telemetry::Stage::kPersonStore)], absl::ZeroDuration());
  EXPECT_EQ(seen.rule, FindRule(MethodTable(), "/musubi.v1.SessionService/GetSession"));
  EXPECT_EQ(seen.caller_role, Role::kFront);
  v1::GetSessionRequest request;
  request.set_session_id(std::string(16, 's'));
  EXPECT_EQ(seen.message, request.SerializeAsString());
}

TEST_F(ServerTest, GivesTheObserverNoMessageThatIsTooLarge) {
  ASSERT_TRUE(Get({}, kMaxObservedRequest - 32).ok());
  EXPECT_NE(observer_.Next().message, "");
  ASSERT_TRUE(Get({}, kMaxObservedRequest).ok());
  EXPECT_EQ(observer_.Next().message, "");
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
  server_->SetServing("musubi.v1.SessionService", false);
  EXPECT_EQ(check("musubi.v1.SessionService").second, "\x08\x02");  // NOT_SERVING
  EXPECT_EQ(check("").second, serving);
  server_->SetServing("musubi.v1.SessionService", true);
  EXPECT_EQ(check("musubi.v1.SessionService").second, serving);
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

TEST_F(ServerTest, ShowsItsConnectionsOnlyIfTold) {
  const auto list_servers = [](Server& server) {
    return RawCall(server.InProcessChannel(), "/grpc.channelz.v1.Channelz/GetServers", "").first;
  };
  ScriptedService service(*calls_);
  const auto open =
      Server::Create(*calls_, {{"musubi.v1.SessionService", &service}}, {.channelz = true});
  ASSERT_TRUE(open.ok()) << open.status();
  EXPECT_TRUE(list_servers(**open).ok());
  EXPECT_EQ(list_servers(*server_).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  // gRPC keeps the plugin for the whole process: off must still be off.
  const auto closed = Server::Create(*calls_, {{"musubi.v1.SessionService", &service}}, {});
  ASSERT_TRUE(closed.ok()) << closed.status();
  EXPECT_EQ(list_servers(**closed).error_code(), grpc::StatusCode::UNIMPLEMENTED);
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

}  // namespace
}  // namespace musubi::rpc
