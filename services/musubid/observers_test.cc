#include "services/musubid/observers.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <deque>
#include <latch>
#include <memory>
#include <string>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/secure_random.h"
#include "lib/rpc/calls.h"
#include "lib/rpc/server.h"
#include "lib/session/apply.h"
#include "lib/telemetry/work.h"
#include "musubi/v1/link.grpc.pb.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "services/musubid/redis_reporter.h"
#include "tests/fakes/canary_message.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::services::musubid {
namespace {

using base::ErrorReason;
using testing::HasSubstr;
using testing::Not;

// Keeps the lines that RequestReporter would write.
class LineKeeper final : public rpc::RequestObserver {
 public:
  void OnRequest(const rpc::RequestRecord& record) override {
    base::MutexLock lock(mutex_);
    lines_.push_back(telemetry::FormatLine(absl::UnixEpoch(), telemetry::Severity::kInfo, "request",
                                           RequestFields(record, log_requests)));
    changed_.NotifyAll();
  }
  // gRPC may tell the client first.
  std::string Next() {
    base::MutexLock lock(mutex_);
    while (lines_.empty()) changed_.Wait(mutex_);
    std::string line = lines_.front();
    lines_.pop_front();
    return line;
  }
  std::atomic<LogRequests> log_requests = LogRequests::kAll;

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

// Services whose every method goes through Calls, and is then answered with the outcome that was
// set last. The lock is for ThreadSanitizer, which does not see those of gRPC.
class Outcomes {
 public:
  Outcomes(rpc::Calls& calls_in, absl::Status outcome)
      : calls(calls_in), outcome_(std::move(outcome)) {}

  void Set(const absl::Status& outcome) {
    base::MutexLock lock(mutex_);
    outcome_ = outcome;
  }
  absl::Status Get() {
    base::MutexLock lock(mutex_);
    return outcome_;
  }

  rpc::Calls& calls;

 private:
  base::Mutex mutex_;
  absl::Status outcome_ ABSL_GUARDED_BY(mutex_);
};
#define UNARY(name)                                                                              \
  grpc::ServerUnaryReactor* name(grpc::CallbackServerContext* context,                           \
                                 const v1::name##Request* request, v1::name##Response* response) \
      override {                                                                                 \
    return outcomes->calls.Unary(                                                                \
        context, request, response,                                                              \
        [this](const rpc::CallInfo&, const auto&, auto&) { return outcomes->Get(); });           \
  }
#define WATCH(name)                                                                               \
  grpc::ServerWriteReactor<v1::name##Response>* name(grpc::CallbackServerContext* context,        \
                                                     const v1::name##Request* request) override { \
    return outcomes->calls.Watch<v1::name##Response>(                                             \
        context, request,                                                                         \
        [this](const rpc::CallInfo&, const auto&, auto) { return outcomes->Get(); });             \
  }
struct Sessions final : v1::SessionService::CallbackService {
  UNARY(CreateSession)
  UNARY(ClaimStart)
  UNARY(GetSession)
  WATCH(WatchSession)
  UNARY(BindAccount)
  UNARY(CancelSession)
  Outcomes* outcomes;
};
struct Pairings final : v1::PairingService::CallbackService {
  UNARY(GetQrFrame)
  WATCH(WatchQrFrames)
  UNARY(ClaimQr)
  UNARY(RefreshQr)
  UNARY(RefreshCode)
  UNARY(ConfirmCode)
  UNARY(CreateHandoff)
  UNARY(ClaimHandoff)
  UNARY(RefreshReturnCode)
  UNARY(CompleteReturn)
  Outcomes* outcomes;
};
struct Validations final : v1::ValidationService::CallbackService {
  UNARY(GetChallenge)
  UNARY(SubmitProof)
  UNARY(GrantConsent)
  UNARY(ValidateCertificate)
  Outcomes* outcomes;
};
struct Links final : v1::LinkService::CallbackService {
  UNARY(CreateLink)
  UNARY(GetLink)
  UNARY(ListLinks)
  UNARY(DeleteLink)
  UNARY(ResolveLink)
  UNARY(ListLinkEvents)
  Outcomes* outcomes;
};
#undef UNARY
#undef WATCH

class RequestLineTest : public testing::Test {
 protected:
  RequestLineTest() {
    sessions_.outcomes = pairings_.outcomes = validations_.outcomes = links_.outcomes = &outcomes_;
    auto server = rpc::Server::Create(*calls_,
                                      {{"musubi.v1.SessionService", &sessions_},
                                       {"musubi.v1.PairingService", &pairings_},
                                       {"musubi.v1.ValidationService", &validations_},
                                       {"musubi.v1.LinkService", &links_}},
                                      {});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  ~RequestLineTest() override { server_.reset(); }

  // Calls `rule.method` with the message, as the first role that may, and returns its line.
  std::string LineOf(const rpc::MethodRule& rule, const google::protobuf::Message& request,
                     const std::map<std::string, std::string>& metadata = {}) {
    const char* role = "relying-party/demo";
    if ((rule.roles & static_cast<unsigned>(rpc::Role::kPlatform)) != 0) role = "platform";
    if ((rule.roles & static_cast<unsigned>(rpc::Role::kFront)) != 0) role = "front";
    grpc::ClientContext context;
    context.AddMetadata("musubi-role", role);
    context.AddMetadata("authorization",
                        "Bearer " + base::Base64UrlEncode(base::Bytes(32, uint8_t{'c'})));
    for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
    context.set_deadline(absl::ToChronoTime(clock_.Now() + absl::Seconds(10)));
    grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub(
        server_->InProcessChannel());
    const grpc::Slice slice(request.SerializeAsString());
    const grpc::ByteBuffer octets(&slice, 1);
    grpc::ByteBuffer response;
    std::latch done(1);
    stub.UnaryCall(&context, std::string(rule.method), {}, &octets, &response,
                   [&](const grpc::Status&) { done.count_down(); });
    done.wait();
    return keeper_.Next();
  }

  base::RealClock clock_;
  base::SystemRandom random_;
  LineKeeper keeper_;
  std::unique_ptr<base::WorkerPool> pool_ = *base::WorkerPool::Create({.threads = 2, .queue = 8});
  std::unique_ptr<rpc::Calls> calls_ = *rpc::Calls::Create(
      {.clock = clock_, .random = random_, .observer = keeper_, .workers = *pool_},
      {.security = {.insecure_loopback_roles =
                        *rpc::ParseInsecureRoles("front,platform,relying-party/demo")}});
  Outcomes outcomes_{*calls_, base::Error(ErrorReason::kWrongState, "not now")};
  Sessions sessions_;
  Pairings pairings_;
  Validations validations_;
  Links links_;
  std::unique_ptr<rpc::Server> server_;
};

TEST_F(RequestLineTest, NoMarkedFieldOfAnyRequestSurvives) {
  int with_canary = 0;
  for (const rpc::MethodRule& rule : rpc::MethodTable()) {
    if (rule.kind == rpc::MethodKind::kBulk) continue;  // Its messages never come to the observer.
    std::string name(rule.method.substr(1));
    std::replace(name.begin(), name.end(), '/', '.');
    const auto* method = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
    ASSERT_NE(method, nullptr) << name;
    for (int choice = 0; choice < 2; ++choice) {
      const auto request = fakes::New(*method->input_type());
      fakes::Fill(*request, choice, false);
      const bool has = request->SerializeAsString().find(fakes::kCanaryText) != std::string::npos;
      with_canary += has ? 1 : 0;
      const std::string line = LineOf(rule, *request);
      EXPECT_THAT(line, HasSubstr("\"method\":\"" + std::string(rule.method) + "\"")) << line;
      EXPECT_THAT(line, HasSubstr("\"outcome\":\"WRONG_STATE\"")) << line;
      EXPECT_THAT(line, HasSubstr("\"request\":\"{")) << line;
      EXPECT_THAT(line, Not(HasSubstr(fakes::kCanaryText))) << line;
      EXPECT_THAT(line, Not(HasSubstr(fakes::kCanaryBase64))) << line;
      // The credential of the metadata is 32 times "c". Half of it is no accident in a random id.
      const base::Bytes half(16, uint8_t{'c'});
      EXPECT_THAT(line, Not(HasSubstr(std::string(base::AsText(half))))) << line;
      EXPECT_THAT(line, Not(HasSubstr(base::HexEncode(half)))) << line;
      EXPECT_THAT(line, Not(HasSubstr(base::Base64UrlEncode(half).substr(0, 20)))) << line;
    }
  }
  EXPECT_GT(with_canary, 20);
}

TEST_F(RequestLineTest, SaysWhoWhatAndHowLong) {
  v1::GetLinkRequest request;
  request.set_link_id("0123456789abcdef");
  const std::string line =
      LineOf(*rpc::FindRule(rpc::MethodTable(), "/musubi.v1.LinkService/GetLink"), request,
             {{"x-request-id", "web-1"},
              {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  EXPECT_THAT(
      line,
      testing::MatchesRegex(
          R"(\{"time":"1970-01-01T00:00:00.000Z","severity":"INFO","event":"request",)"
          R"("method":"/musubi.v1.LinkService/GetLink","role":"front","relying_party":"",)"
          R"("request_id":"web-1","trace_id":"0af7651916cd43dd8448eb211c80319c",)"
          R"("span_id":"[0-9a-f]+","outcome":"WRONG_STATE","detail":"","parent_span_id":"b7ad6b7169203331",)"
          R"("queued_us":[0-9]+,"session_store_us":0,"link_store_us":0,"person_store_us":0,)"
          R"("validation_us":0,"revocation_network_us":0,"total_us":[0-9]+,"request":".*"\})"));
}

TEST_F(RequestLineTest, ShowsTheMessageOfTheCallsThatWereAskedFor) {
  const rpc::MethodRule& rule =
      *rpc::FindRule(rpc::MethodTable(), "/musubi.v1.SessionService/CreateSession");
  v1::CreateSessionRequest request;
  request.set_relying_party_id("demo");
  const struct {
    LogRequests log_requests;
    absl::Status outcome;
    bool shown;
  } kCases[] = {
      {LogRequests::kOff, absl::OkStatus(), false},
      {LogRequests::kOff, base::Error(ErrorReason::kWrongState, ""), false},
      {LogRequests::kRefused, absl::OkStatus(), false},
      {LogRequests::kRefused, base::Error(ErrorReason::kWrongState, ""), true},
      {LogRequests::kRefused, absl::InternalError("a fault"), true},
      {LogRequests::kRefused, absl::CancelledError(), false},
      {LogRequests::kAll, absl::OkStatus(), true},
  };
  for (const auto& test_case : kCases) {
    keeper_.log_requests = test_case.log_requests;
    outcomes_.Set(test_case.outcome);
    const std::string line = LineOf(rule, request);
    EXPECT_EQ(line.find("\"request\":") != std::string::npos, test_case.shown) << line;
    EXPECT_EQ(line.find("\"detail\":\"a fault\"") != std::string::npos,
              test_case.outcome.message() == "a fault")
        << line;
  }
}

TEST_F(RequestLineTest, CutsALongMessageAtACharacter) {
  v1::CreateSessionRequest request;
  for (int i = 0; i < 2000; ++i) request.mutable_locale()->append("結");
  const std::string line = LineOf(
      *rpc::FindRule(rpc::MethodTable(), "/musubi.v1.SessionService/CreateSession"), request);
  EXPECT_THAT(line, testing::EndsWith("結...\"}"));
  EXPECT_LT(line.size(), kMaxLoggedRequest + 1024);
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

class ReporterTest : public testing::Test {
 protected:
  fakes::SimulatedClock clock_;
  telemetry::Log log_{clock_};
  telemetry::MetricRegistry registry_;
  Metrics metrics_{registry_};
  Health health_{clock_, log_, metrics_, {ServiceName::kSession, ServiceName::kLink}};
};

TEST_F(ReporterTest, CountsCallsAndWhatIsUnderWay) {
  RequestReporter reporter(log_, metrics_, LogRequests::kOff);
  const rpc::MethodRule* unary =
      rpc::FindRule(rpc::MethodTable(), "/musubi.v1.LinkService/GetLink");
  const rpc::MethodRule* watch =
      rpc::FindRule(rpc::MethodTable(), "/musubi.v1.SessionService/WatchSession");
  const std::string unary_label = R"({method="/musubi.v1.LinkService/GetLink"})";
  const std::string watch_label = R"({method="/musubi.v1.SessionService/WatchSession"})";
  reporter.OnStart(unary);
  reporter.OnStart(watch);
  reporter.OnStart(nullptr);  // A method of no table.
  std::string text = registry_.Scrape();
  EXPECT_THAT(text, HasSubstr("musubi_rpc_requests_in_flight" + unary_label + " 1\n"));
  EXPECT_THAT(text, HasSubstr("musubi_rpc_streams_open" + watch_label + " 1\n"));
  const absl::Status refused = base::Error(ErrorReason::kLinkNotFound, "");
  for (const rpc::MethodRule* rule : {unary, watch}) {
    reporter.OnRequest({.method = rule->method,
                        .rule = rule,
                        .caller_role = rpc::Role::kRelyingParty,
                        .role = "relying-party",
                        .relying_party_id = "demo",
                        .status = refused,
                        .duration = absl::Milliseconds(3)});
  }
  text = registry_.Scrape();
  EXPECT_THAT(text, HasSubstr("musubi_rpc_requests_in_flight" + unary_label + " 0\n"));
  EXPECT_THAT(text, HasSubstr("musubi_rpc_streams_open" + watch_label + " 0\n"));
  EXPECT_THAT(text,
              HasSubstr(R"(musubi_rpc_requests_total{method="/musubi.v1.LinkService/GetLink",)"
                        R"(outcome="LINK_NOT_FOUND",role="RELYING_PARTY"} 1)"));
  EXPECT_THAT(text, HasSubstr("musubi_rpc_request_duration_seconds_count" + unary_label + " 1\n"));
  EXPECT_THAT(text, HasSubstr("musubi_rpc_request_duration_seconds_count" + watch_label + " 0\n"));
  // Who it was is in the log alone.
  EXPECT_THAT(text, Not(HasSubstr("demo")));
}

TEST_F(ReporterTest, LogsTheDetailOfOurOwnFaultsAndOfAStoreThatIsAwayOnly) {
  RequestReporter reporter(log_, metrics_, LogRequests::kOff);
  const struct {
    absl::Status status;
    const char* severity;
    const char* outcome;
    const char* detail;
  } kCases[] = {
      {absl::OkStatus(), "INFO", "OK", ""},
      {base::Error(ErrorReason::kLinkNotFound, "said to the caller"), "INFO", "LINK_NOT_FOUND", ""},
      {absl::CancelledError("left"), "INFO", "CANCELLED", ""},
      {absl::DataLossError("a value does not open"), "ERROR", "DATA_LOSS", "a value does not open"},
      {base::Error(ErrorReason::kInternal, "broken"), "ERROR", "INTERNAL", "broken"},
      {base::Error(ErrorReason::kUnavailable, "database is locked"), "WARNING", "UNAVAILABLE",
       "database is locked"},
  };
  for (const auto& c : kCases) {
    testing::internal::CaptureStderr();
    reporter.OnRequest({.method = "/m", .status = c.status});
    const std::string line = testing::internal::GetCapturedStderr();
    const auto has = [&](const std::string& name, const std::string& value) {
      return line.find("\"" + name + "\":\"" + value + "\"") != std::string::npos;
    };
    EXPECT_TRUE(has("severity", c.severity)) << line;
    EXPECT_TRUE(has("outcome", c.outcome)) << line;
    EXPECT_TRUE(has("detail", c.detail)) << line;
  }
}

TEST_F(ReporterTest, CountsTheFunnel) {
  SessionReporter reporter(metrics_);
  musubi::session::SessionRecord record;
  record.act = musubi::session::Act::kLink;
  reporter.OnCreated(record);
  record.flow = musubi::session::Flow::kCrossDevice;
  record.state = musubi::session::State::kClaimed;
  const musubi::session::Payload claim = musubi::session::ClaimQr{};
  reporter.OnApplied(claim, musubi::session::State::kCreated, {.record = record});
  reporter.OnApplied(claim, musubi::session::State::kClaimed, {.record = record, .repeated = true});
  reporter.OnApplied(claim, musubi::session::State::kClaimed,
                     {.record = record, .status = base::Error(ErrorReason::kWrongState, "")});
  const std::string text = registry_.Scrape();
  for (const char* expected : {
           R"(musubi_session_transitions_total{act="LINK",flow="UNSPECIFIED",state="CREATED"} 1)",
           R"(musubi_session_transitions_total{act="LINK",flow="CROSS_DEVICE",state="CLAIMED"} 1)",
           R"(musubi_session_repeats_total{event="ClaimQr"} 1)",
           R"(musubi_session_refusals_total{event="ClaimQr",reason="WRONG_STATE"} 1)",
       }) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST_F(ReporterTest, CrlsAgeByTheJourneysClockAndGoStale) {
  RevocationReporter reporter(clock_, log_, metrics_, health_);
  health_.Use(Dependency::kCrls);
  const auto load = [&](bool with_second) {
    reporter.BeginLoad();
    reporter.OnScope({.anchor = "auth-01",
                      .file = "one.crl",
                      .full = false,
                      .outcome = revocation::ScopeOutcome::kLoaded,
                      .this_update = absl::UnixEpoch() + absl::Hours(1),
                      .next_update = absl::UnixEpoch() + absl::Hours(49)});
    if (with_second) {
      reporter.OnScope({.anchor = "auth-01",
                        .file = "two.crl",
                        .full = true,
                        .outcome = revocation::ScopeOutcome::kMissing});
    }
    reporter.EndLoad();
  };
  clock_.Advance(absl::UnixEpoch() + absl::Hours(2) - clock_.Now());
  load(/*with_second=*/true);
  EXPECT_THAT(health_.Describe(), HasSubstr("1 of 2 scopes have no current CRL"));
  EXPECT_TRUE(health_.Ready());  // No verdict is an answer too.
  std::string text = registry_.Scrape();
  EXPECT_THAT(text, HasSubstr("musubi_crl_age_seconds{scope_class=\"PARTITION\"} 3600\n"));
  EXPECT_THAT(text, HasSubstr("musubi_crl_scopes{freshness=\"NONE\",scope_class=\"FULL\"} 1\n"));
  // A scope that scopes.json does not name any more is none.
  load(/*with_second=*/false);
  text = registry_.Scrape();
  EXPECT_THAT(text, HasSubstr("musubi_crl_scopes{freshness=\"NONE\",scope_class=\"FULL\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("musubi_dependency_up{dependency=\"CRLS\"} 1\n"));
  clock_.Advance(absl::Hours(48));
  text = registry_.Scrape();
  EXPECT_THAT(text,
              HasSubstr("musubi_crl_scopes{freshness=\"STALE\",scope_class=\"PARTITION\"} 1\n"));
}

TEST_F(ReporterTest, CountsTheFetchingOfCrlsByWhatBecameOfIt) {
  RevocationReporter reporter(clock_, log_, metrics_, health_);
  using revocation::FetchOutcome;
  for (int number = 1; number <= static_cast<int>(FetchOutcome::kNotWritten); ++number) {
    const auto outcome = static_cast<FetchOutcome>(number);
    for (int i = 0; i < number; ++i) {
      reporter.OnFetch({.anchor = "auth-01", .file = "a.crl", .outcome = outcome});
    }
  }
  const std::string text = registry_.Scrape();
  for (int number = 1; number <= static_cast<int>(FetchOutcome::kNotWritten); ++number) {
    EXPECT_THAT(text, HasSubstr("musubi_crl_fetches_total{outcome=\"" +
                                std::string(Name(static_cast<FetchOutcome>(number))) + "\"} " +
                                std::to_string(number) + "\n"));
  }
}

TEST_F(ReporterTest, WaitingForRespondersThatOtherThreadsAskIsTimeOnTheNetwork) {
  RevocationReporter reporter(clock_, log_, metrics_, health_);
  const telemetry::Work work(clock_, {});
  reporter.OnOcspWaitBegins();
  clock_.Advance(absl::Milliseconds(30));
  reporter.OnOcspWaitEnds();
  clock_.Advance(absl::Milliseconds(7));
  EXPECT_EQ(work.times()[static_cast<size_t>(telemetry::Stage::kRevocationNetwork)],
            absl::Milliseconds(30));
}

TEST_F(ReporterTest, CountsRowsOfTheCheckLogAndFailuresOfItsDisk) {
  CheckLogReporter reporter(log_, metrics_);
  reporter.OnOpened({.rows = 3, .ended_in_order = false, .cut_octets = 17, .path = "FILE"});
  reporter.OnWritten(5);
  reporter.OnRefused();
  for (int i = 0; i < 2; ++i) reporter.OnWriteFailed(absl::ResourceExhaustedError("full"));
  reporter.OnWriteRecovered();
  reporter.OnWriteFailed(absl::ResourceExhaustedError("full"));
  reporter.OnLost(2);
  const std::string text = registry_.Scrape();
  for (const char* expected : {"musubi_check_log_rows_total 5", "musubi_check_log_refusals_total 1",
                               "musubi_check_log_write_failures_total 3"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST_F(ReporterTest, CountsCommandsOfRedisAndWritesItsFailuresSeldom) {
  RedisReporter reporter(clock_, log_, metrics_);
  testing::internal::CaptureStderr();
  reporter.OnCommand(redis::CommandOutcome::kAnswered, absl::Milliseconds(1), 7);
  reporter.OnCommand(redis::CommandOutcome::kTimeout, absl::Seconds(2), 6);
  reporter.OnConnected();  // Nothing to say: nothing was wrong.
  for (int i = 0; i < 100; ++i) {
    reporter.OnConnectionFailed(absl::UnavailableError("Redis at HOST:1: refused"));
    if (i > 0) reporter.OnConnected();
  }
  clock_.Advance(kRedisLogInterval);
  reporter.OnConnectionFailed(absl::UnavailableError("Redis at HOST:1: gone"));
  reporter.OnConnected();
  reporter.OnConnected();
  reporter.OnServerChanged();
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Count(lines, "redis_connection_failed"), 2u) << lines;
  EXPECT_EQ(Count(lines, "redis_connected"), 2u) << lines;
  EXPECT_EQ(Count(lines, "redis_server_changed"), 1u) << lines;
  EXPECT_THAT(lines, HasSubstr("refused"));
  EXPECT_THAT(lines, HasSubstr("\"unlogged\":99"));
  const std::string text = registry_.Scrape();
  for (const char* expected :
       {R"(musubi_redis_commands_total{outcome="ANSWERED"} 1)",
        R"(musubi_redis_commands_total{outcome="TIMEOUT"} 1)",
        "musubi_redis_command_duration_seconds_count 2", "musubi_redis_pending_commands 6",
        "musubi_redis_connections_total 102", "musubi_redis_connection_failures_total 101",
        "musubi_redis_server_changes_total 1"}) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

TEST_F(ReporterTest, CountsRevocationAndAlarms) {
  RevocationReporter reporter(clock_, log_, metrics_, health_);
  reporter.OnOcsp({.anchor = "auth-01", .exchange = revocation::OcspExchange::kTimeout});
  reporter.OnOcspCacheHit();
  reporter.OnOcspBreaker({.anchor = "auth-01", .rank = 1, .open = true});
  reporter.OnOcspBreaker({.anchor = "auth-01", .rank = 1, .open = false});
  reporter.OnVanishedRevocation();
  reporter.OnFinding({.outcome = pki::RevocationOutcome::kGood,
                      .method = pki::RevocationMethod::kCrl,
                      .this_update = clock_.Now() - absl::Hours(2)});
  ValidationReporter validation(metrics_);
  validation.OnStart();
  validation.OnVerdict(
      {.status = pki::VerdictStatus::kInvalid, .reason = pki::VerdictReason::kExpired});
  const std::string text = registry_.Scrape();
  for (const char* expected : {
           R"(musubi_ocsp_calls_total{exchange="TIMEOUT",outcome="UNSPECIFIED"} 1)",
           "musubi_ocsp_cache_hits_total 1",
           R"(musubi_revocation_alarms_total{alarm="BREAKER_OPENED"} 1)",
           R"(musubi_revocation_alarms_total{alarm="VANISHED"} 1)",
           R"(musubi_revocation_findings_total{outcome="GOOD",source="CRL"} 1)",
           R"(musubi_revocation_source_age_seconds_sum{source="CRL"} 7200)",
           R"(musubi_verdicts_total{reason="EXPIRED",status="INVALID"} 1)",
       }) {
    EXPECT_THAT(text, HasSubstr(expected));
  }
}

}  // namespace
}  // namespace musubi::services::musubid
