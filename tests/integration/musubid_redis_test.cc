// musubid with its sessions in a real Redis: one replica, two that share everything, and a Redis
// that is away, comes late, or forgets.
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/http/curl_http_client.h"
#include "musubi/v1/session.grpc.pb.h"
#include "tests/fakes/postgres_server.h"
#include "tests/fakes/redis_server.h"
#include "tests/integration/health_call.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using base::ErrorReason;
using sandbox::Connection;
using sandbox::Journey;

constexpr char kPassword[] = "mihon-himitsu";

// redis.conf's lines for a server with the users of deploy/redis-tls, and no other.
std::vector<std::string> LeastRights() {
  const auto file = base::ReadFile("deploy/redis-tls/users.acl");
  EXPECT_TRUE(file.ok()) << file.status();
  return absl::StrSplit(absl::StrReplaceAll(*file, {{"PASSWORD", kPassword}}), '\n',
                        absl::SkipEmpty());
}

// Has the stage keep its sessions in `redis`, signed in with the least rights.
void UseRedis(TestStage& stage, const fakes::RedisServer& redis) {
  ASSERT_TRUE(base::WriteFileAtomically(stage->File("redis-user"), "musubi\n", 0600).ok());
  ASSERT_TRUE(
      base::WriteFileAtomically(stage->File("redis-password"), std::string(kPassword) + "\n", 0600)
          .ok());
  stage->flags()["session_store"] = "redis";
  stage->flags()["redis_server"] = redis.address();
  stage->flags()["redis_user_file"] = stage->File("redis-user");
  stage->flags()["redis_password_file"] = stage->File("redis-password");
}

void ServeHealth(TestStage& stage) {
  stage->flags()["metrics_listen"] = "127.0.0.1:0";
  stage->flags()["metrics_port_file"] = stage->File("metrics-port");
}

http::Response Get(TestStage& stage, const std::string& path) {
  const auto http = http::CurlHttpClient::Create();
  const std::string port = *base::ReadFile(stage->File("metrics-port"));
  const auto response =
      (*http)->Send({.url = "http://127.0.0.1:" + port.substr(0, port.find('\n')) + path,
                     .max_response_size = size_t{4} << 20});
  return response.ok() ? *response : http::Response{.body = response.status().ToString()};
}

TEST(MusubidRedis, LinksVerifiesAndUnlinksWithTheLeastRights) {
  const fakes::RedisServer redis(LeastRights());
  TestStage stage;
  UseRedis(stage, redis);
  ServeHealth(stage);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  for (const auto& [act, flow] : {std::pair(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE),
                                  std::pair(v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE),
                                  std::pair(v1::ACT_UNLINK, v1::FLOW_CROSS_DEVICE)}) {
    const auto result = stage->Run(act, flow, *card);
    ASSERT_TRUE(result.ok()) << v1::Act_Name(act) << result.status() << stage->output();
  }
  EXPECT_EQ(Get(stage, "/readyz").status_code, 200);
  EXPECT_EQ(stage->Stop(), 0);
  for (const char* secret : {"shiken-001", kPassword}) {
    EXPECT_EQ(stage->output().find(secret), std::string::npos) << secret;
  }
}

TEST(MusubidRedis, SessionsOutliveMusubidAndEndByTheTestsTime) {
  const fakes::RedisServer redis(LeastRights());
  TestStage stage;
  UseRedis(stage, redis);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto front = stage->Connect("front");
  const auto card = stage.NewCard();
  Journey journey(
      {.clock = stage->clock(), .random = stage->random(), .front = *front, .card = *card},
      stage->JourneyOf(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE));
  ASSERT_TRUE(journey.Reach(v1::SESSION_STATE_PAIRED).ok());
  const auto get = [&] {
    v1::GetSessionRequest request;
    request.set_session_id(journey.browser().session_id());
    return stage->Connect("front")->Call<v1::SessionService>(
        &v1::SessionService::Stub::GetSession, request, journey.browser().credential());
  };
  ASSERT_TRUE(stage->Restart().ok()) << stage->output();
  auto seen = get();
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->session().state(), v1::SESSION_STATE_PAIRED);
  ASSERT_TRUE(stage->Advance(absl::Minutes(31)).ok());
  seen = get();
  ASSERT_TRUE(seen.ok()) << seen.status();
  EXPECT_EQ(seen->session().state(), v1::SESSION_STATE_EXPIRED);
  ASSERT_TRUE(stage->Advance(absl::Minutes(10)).ok());
  EXPECT_EQ(base::ReasonOf(get().status()), ErrorReason::kSessionNotFound);
}

TEST(MusubidRedis, AnEmptyRedisAfterARestartForgetsAndARetryCompletes) {
  fakes::RedisServer redis(LeastRights());
  TestStage stage;
  UseRedis(stage, redis);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto front = stage->Connect("front");
  const auto card = stage.NewCard();
  Journey journey(
      {.clock = stage->clock(), .random = stage->random(), .front = *front, .card = *card},
      stage->JourneyOf(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE));
  ASSERT_TRUE(journey.Reach(v1::SESSION_STATE_PROVEN).ok());
  redis.Kill();
  EXPECT_EQ(base::ReasonOf(journey.Consent()), ErrorReason::kUnavailable);
  redis.Start();
  absl::Status consent;
  do {
    consent = journey.Consent();
  } while (base::ReasonOf(consent) == ErrorReason::kUnavailable);
  EXPECT_EQ(base::ReasonOf(consent), ErrorReason::kSessionNotFound) << consent;
  const auto again = stage->Run(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, *card);
  EXPECT_TRUE(again.ok()) << again.status();
}

TEST(MusubidRedis, ItStartsWithoutRedisAndServesOnceThatIsThere) {
  fakes::RedisServer redis(LeastRights());
  redis.Kill();
  TestStage stage;
  UseRedis(stage, redis);
  ServeHealth(stage);
  ServeProbes(stage);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const http::Response away = Get(stage, "/readyz");
  EXPECT_EQ(away.status_code, 503);
  EXPECT_NE(away.body.find(redis.address()), std::string::npos) << away.body;
  EXPECT_EQ(Get(stage, "/healthz").status_code, 200);
  const auto probe = ChannelOfProbes(stage);
  const auto check = [&](const char* name) { return HealthCall(probe, "Check", name).Next(); };
  EXPECT_EQ(check("readiness"), kNotServing);
  EXPECT_EQ(check("liveness"), kServing);  // Or a Redis that is away would restart every pod.
  const auto card = stage.NewCard();
  const auto run = [&] { return stage->Run(v1::ACT_LINK, v1::FLOW_ONE_DEVICE, *card).status(); };
  EXPECT_EQ(base::ReasonOf(run()), ErrorReason::kUnavailable);
  redis.Start();
  absl::Status linked;
  do {
    linked = run();
  } while (base::ReasonOf(linked) == ErrorReason::kUnavailable);
  EXPECT_TRUE(linked.ok()) << linked;
  EXPECT_EQ(Get(stage, "/readyz").status_code, 200);
  EXPECT_EQ(check("readiness"), kServing);
}

// Two musubid over one Redis and one PostgreSQL, with the same keys.
class MusubidReplicas : public testing::Test {
 protected:
  MusubidReplicas() : redis_(LeastRights()) {
    fakes::PostgresServer& postgres = fakes::PostgresServer::Shared();
    const std::string database = postgres.NewDatabase();
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    sandbox::ChildProcess migrate({self.parent_path().parent_path() / "bin/musubictl", "migrate",
                                   "--postgres=" + postgres.Conninfo(database)},
                                  {}, {});
    EXPECT_EQ(migrate.Wait(), 0) << migrate.output();
    sandbox::Stage::Flags& flags = a_->flags();
    UseRedis(a_, redis_);
    for (const char* flag :
         {"link_db", "person_db", "tls_certificate", "tls_private_key", "tls_client_ca"}) {
      flags.erase(flag);
    }
    flags["insecure_loopback_roles"] =
        std::string("front,relying-party/") + sandbox::Stage::kRelyingParty;
    flags["link_postgres"] = flags["person_postgres"] = postgres.Conninfo(database);
    for (TestStage* stage : {&a_, &b_}) {
      const std::string port_file = (*stage)->flags().at("port_file");
      (*stage)->flags() = flags;
      (*stage)->flags()["port_file"] = port_file;
      for (const char* file : {"crl_state", "revoked_overlay", "check_log"}) {
        (*stage)->flags()[file] = (*stage)->File(file);
      }
      const absl::Status started = (*stage)->Start();
      EXPECT_TRUE(started.ok()) << started;
    }
  }

  static size_t CallsOf(TestStage& stage) {
    const std::string output = stage->output();
    size_t calls = 0;
    for (size_t at = 0; (at = output.find("\"event\":\"request\"", at)) != std::string::npos;
         ++at) {
      ++calls;
    }
    return calls;
  }

  // A connection whose calls go to the two by turns, once it has one to each.
  std::unique_ptr<Connection> ByTurns(const std::string& role) {
    grpc::ChannelArguments arguments;
    arguments.SetLoadBalancingPolicyName("round_robin");
    auto connection =
        Connection::Over(machine_clock_,
                         grpc::CreateCustomChannel("ipv4:" + a_->address() + "," + b_->address(),
                                                   grpc::InsecureChannelCredentials(), arguments),
                         role);
    const size_t of_a = CallsOf(a_), of_b = CallsOf(b_);
    while (CallsOf(a_) == of_a || CallsOf(b_) == of_b) {
      v1::GetSessionRequest request;
      (void)connection->Call<v1::SessionService>(&v1::SessionService::Stub::GetSession, request,
                                                 "");
    }
    return connection;
  }

  const base::RealClock machine_clock_;
  const fakes::RedisServer redis_;
  TestStage a_;
  TestStage b_;
};

TEST_F(MusubidReplicas, AJourneyGoesToBothByTurns) {
  const auto front = ByTurns("front");
  const auto relying_party = ByTurns(std::string("relying-party/") + sandbox::Stage::kRelyingParty);
  const auto card = a_.NewCard();
  for (const auto& [act, flow] : {std::pair(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE),
                                  std::pair(v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE),
                                  std::pair(v1::ACT_UNLINK, v1::FLOW_ONE_DEVICE)}) {
    const size_t of_a = CallsOf(a_), of_b = CallsOf(b_);
    Journey journey({.clock = a_->clock(),
                     .random = a_->random(),
                     .front = *front,
                     .relying_party = relying_party.get(),
                     .card = *card},
                    a_->JourneyOf(act, flow));
    const auto done = journey.Run();
    ASSERT_TRUE(done.ok()) << v1::Act_Name(act) << done.status() << a_->output() << b_->output();
    EXPECT_GE(CallsOf(a_) - of_a, 3u);
    EXPECT_GE(CallsOf(b_) - of_b, 3u);
  }
}

TEST_F(MusubidReplicas, AWatchAtOneHearsWhatIsDoneAtTheOther) {
  const auto front_of_a = a_->Connect("front");
  const auto front_of_b = b_->Connect("front");
  const auto card = a_.NewCard();
  Journey journey(
      {.clock = b_->clock(), .random = b_->random(), .front = *front_of_b, .card = *card},
      b_->JourneyOf(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE));
  ASSERT_TRUE(journey.Reach(v1::SESSION_STATE_CREATED).ok());
  const auto stub = v1::SessionService::NewStub(front_of_a->channel());
  grpc::ClientContext context;
  front_of_a->Prepare(context, journey.browser().credential(), absl::Minutes(30));
  v1::WatchSessionRequest watch;
  watch.set_session_id(journey.browser().session_id());
  const auto stream = stub->WatchSession(&context, watch);
  v1::WatchSessionResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_EQ(seen.session().state(), v1::SESSION_STATE_CREATED);
  // A's timer stands still, so that no poll can help.
  ASSERT_TRUE(journey.ShowQr().ok());
  ASSERT_TRUE(journey.Claim().ok());
  while (seen.session().state() != v1::SESSION_STATE_CLAIMED) ASSERT_TRUE(stream->Read(&seen));
  ASSERT_TRUE(journey.browser().Cancel(v1::CANCEL_REASON_USER_CANCELLED).ok());
  while (seen.session().state() != v1::SESSION_STATE_CANCELLED) ASSERT_TRUE(stream->Read(&seen));
  EXPECT_FALSE(stream->Read(&seen));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(MusubidReplicas, OneThatDidNotGetTheNewCrlsMakesNoLinks) {
  const auto card = a_.NewCard();
  int accounts = 0;
  const auto prove = [&](TestStage& at) {
    const auto front = at->Connect("front");
    const std::string account = "shiken-" + std::to_string(++accounts);
    Journey journey({.clock = at->clock(), .random = at->random(), .front = *front, .card = *card},
                    at->JourneyOf(v1::ACT_LINK, v1::FLOW_ONE_DEVICE, account));
    return journey.Reach(v1::SESSION_STATE_PROVEN);
  };
  // The world moves on by a minute, and its new lists reach A alone.
  b_->flags()["crl_directory"] = b_->File("crl-of-yesterday");
  std::filesystem::copy(a_->flags().at("crl_directory"), b_->flags()["crl_directory"]);
  ASSERT_TRUE(b_->Restart().ok()) << b_->output();
  ASSERT_TRUE(a_->Advance(absl::Minutes(1)).ok());
  ASSERT_TRUE(a_->world().PublishCrls().ok());
  absl::Status at_b = prove(b_);
  EXPECT_TRUE(at_b.ok()) << at_b;
  // A reads its folder every 5 minutes, both report every minute, on threads of their own.
  do {
    for (TestStage* stage : {&a_, &b_}) ASSERT_TRUE((*stage)->Advance(absl::Minutes(4)).ok());
    at_b = prove(b_);
  } while (at_b.ok());
  EXPECT_EQ(base::ReasonOf(at_b), ErrorReason::kReplicaBehind) << at_b;
  const absl::Status at_a = prove(a_);
  EXPECT_TRUE(at_a.ok()) << at_a;
}

}  // namespace
}  // namespace musubi::integration
