// The whole server as a process: journeys over real gRPC, its time, its end, and how it refuses to
// start.
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_format.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/mutex.h"
#include "lib/crypto/keyring.h"
#include "lib/http/curl_http_client.h"
#include "lib/link/audit_reader.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "tests/fakes/loopback_server.h"
#include "tests/fakes/postgres_server.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using base::ErrorReason;

v1::CreateSessionRequest LinkRequest() {
  v1::CreateSessionRequest request;
  request.set_relying_party_id("demo-university");
  request.set_act(v1::ACT_LINK);
  request.set_flow_policy(v1::FLOW_POLICY_ANY);
  request.set_locale("ja");
  request.mutable_account()->set_issuer("https://idp.university.example");
  request.mutable_account()->set_subject("shiken-001");
  return request;
}

TEST(MusubidJourney, LinksVerifiesAndUnlinksInBothFlows) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  for (const v1::Flow flow : {v1::FLOW_CROSS_DEVICE, v1::FLOW_ONE_DEVICE}) {
    const auto card = stage.NewCard();
    const auto linked = stage->Run(v1::ACT_LINK, flow, *card);
    ASSERT_TRUE(linked.ok()) << linked.status() << stage->output();
    EXPECT_EQ(linked->verdict.status(), v1::VERDICT_STATUS_VALID);
    const auto verified = stage->Run(v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, *card);
    ASSERT_TRUE(verified.ok()) << verified.status();
    EXPECT_EQ(verified->link_id, linked->link_id);
    EXPECT_EQ(verified->account_subject, "shiken-001");
    const auto unlinked = stage->Run(v1::ACT_UNLINK, flow, *card);
    ASSERT_TRUE(unlinked.ok()) << unlinked.status();
    EXPECT_EQ(base::ReasonOf(stage->Run(v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, *card).status()),
              ErrorReason::kLinkNotFound);
  }
  EXPECT_EQ(
      base::ReasonOf(stage->Run(v1::ACT_REPLACE, v1::FLOW_CROSS_DEVICE, *stage.NewCard()).status()),
      ErrorReason::kActNotAllowed);
  EXPECT_EQ(stage->Stop(), 0);
  // What was done stands in the audit chain, and nobody is named in the log.
  const auto report = link::VerifySqliteAudit(
      stage->File("links.db"), *crypto::Keyring::Load(stage->File("keys/audit.keyring")),
      std::nullopt);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok);
  EXPECT_EQ(stage->output().find("shiken-001"), std::string::npos);
  for (const std::string file : {"links.db", "persons.db"}) {
    const auto octets = base::ReadFile(stage->File(file));
    ASSERT_TRUE(octets.ok()) << octets.status();
    for (const std::string name : {"shiken-001", "idp.university.example"}) {
      EXPECT_EQ(octets->find(name), std::string::npos) << file << " has " << name;
    }
  }
}

TEST(MusubidJourney, LinksVerifiesAndUnlinksOnPostgresAndOutlivesItsRestart) {
  fakes::PostgresServer& postgres = fakes::PostgresServer::Shared();
  const std::string database = postgres.NewDatabase();
  TestStage stage;
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  sandbox::ChildProcess migrate({self.parent_path().parent_path() / "bin/musubictl", "migrate",
                                 "--postgres=" + postgres.Conninfo(database)},
                                {}, {});
  ASSERT_EQ(migrate.Wait(), 0) << migrate.output();
  postgres.Run(database,
               "CREATE ROLE links LOGIN IN ROLE musubi_link;"
               "CREATE ROLE persons LOGIN IN ROLE musubi_person");
  stage->flags().erase("link_db");
  stage->flags().erase("person_db");
  stage->flags()["link_postgres"] = postgres.ConninfoOf("links", database);
  stage->flags()["person_postgres"] = postgres.ConninfoOf("persons", database);
  stage->flags()["crl_state"] = stage->File("crl-state");
  stage->flags()["revoked_overlay"] = stage->File("revoked");
  stage->flags()["check_log"] = stage->File("checks");
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  const auto linked = stage->Run(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, *card);
  ASSERT_TRUE(linked.ok()) << linked.status() << stage->output();
  postgres.Stop();
  EXPECT_EQ(base::ReasonOf(stage->Run(v1::ACT_LINK, v1::FLOW_ONE_DEVICE, *card).status()),
            ErrorReason::kUnavailable);
  postgres.Start();
  ASSERT_TRUE(stage->Restart().ok()) << stage->output();
  const auto verified = stage->Run(v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, *card);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->link_id, linked->link_id);
  EXPECT_TRUE(stage->Run(v1::ACT_UNLINK, v1::FLOW_ONE_DEVICE, *card).ok());
  EXPECT_EQ(stage->Stop(), 0);
  EXPECT_EQ(stage->output().find("shiken-001"), std::string::npos);
  const auto report = link::VerifyPostgresAudit(
      postgres.Conninfo(database), *crypto::Keyring::Load(stage->File("keys/audit.keyring")),
      std::nullopt);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok) << report->what;
  EXPECT_EQ(report->count, 3);
}

TEST(MusubidLimits, TheEleventhSessionOfAnAccountWithinTheHourWaits) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto front = stage->Connect("front");
  const auto stub = v1::SessionService::NewStub(front->channel());
  int count = 0;
  const auto open = [&] {
    v1::CreateSessionRequest request = LinkRequest();
    request.set_request_id(absl::StrFormat("request-%08d", ++count));
    request.set_client_network("192.0.2.0/24");
    grpc::ClientContext context;
    front->Prepare(context, "");
    v1::CreateSessionResponse response;
    return stub->CreateSession(&context, request, &response);
  };
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(open().ok()) << i;
  const grpc::Status refused = open();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(refused.error_details()));
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "RATE_LIMITED");
  EXPECT_EQ(info.metadata().at("limit"), "ACCOUNT_SESSIONS");
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 360);
  ASSERT_TRUE(stage->Advance(absl::Seconds(retry.retry_delay().seconds())).ok());
  EXPECT_TRUE(open().ok());
  EXPECT_FALSE(open().ok());
  EXPECT_EQ(stage->Stop(), 0);
}

TEST(MusubidOperators, SeeAJourneyInMetricsHealthAndLog) {
  TestStage stage;
  stage->flags()["metrics_listen"] = "127.0.0.1:0";
  stage->flags()["metrics_port_file"] = stage->File("metrics-port");
  stage->flags()["log_requests"] = "all";
  std::filesystem::create_directory(stage->File("crl"));
  std::filesystem::copy(stage->flags().at("crl_directory") + "/scopes.json", stage->File("crl"));
  stage->flags()["crl_directory"] = stage->File("crl");
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  ASSERT_TRUE(stage->Run(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, *card).ok()) << stage->output();

  const auto http = http::CurlHttpClient::Create();
  ASSERT_TRUE(http.ok()) << http.status();
  const std::string port = *base::ReadFile(stage->File("metrics-port"));
  const auto get = [&](const std::string& path) {
    const auto response =
        (*http)->Send({.url = "http://127.0.0.1:" + port.substr(0, port.find('\n')) + path,
                       .max_response_size = size_t{4} << 20});
    return response.ok() ? *response : http::Response{.body = response.status().ToString()};
  };
  const std::string metrics = get("/metrics").body;
  for (const char* expected : {
           R"(musubi_rpc_requests_total{method="/musubi.v1.LinkService/CreateLink",outcome="OK",)"
           R"(role="FRONT"} 1)",
           R"(musubi_session_transitions_total{act="LINK",flow="CROSS_DEVICE",state="USED"} 1)",
           R"(musubi_verdicts_total{reason="UNSPECIFIED",status="VALID"} 1)",
           R"(musubi_ocsp_calls_total{exchange="ANSWERED",outcome="ANSWERED"} 1)",
           R"(musubi_service_serving{service="LINK"} 1)",
           R"(musubi_dependency_up{dependency="LINK_STORE"} 1)",
           "musubi_session_records 1\n",
       }) {
    EXPECT_NE(metrics.find(expected), std::string::npos) << expected << "\n" << metrics;
  }
  EXPECT_EQ(get("/healthz").status_code, 200);
  const http::Response ready = get("/readyz");
  EXPECT_EQ(ready.status_code, 200);
  EXPECT_NE(ready.body.find("\"ready\": true"), std::string::npos) << ready.body;
  for (const std::string& text : {metrics, ready.body, stage->output()}) {
    EXPECT_EQ(text.find("shiken-001"), std::string::npos);
    EXPECT_EQ(text.find("試験"), std::string::npos);
  }
  // Where the time of the proof went.
  const std::string output = stage->output();
  const size_t method = output.find("/musubi.v1.ValidationService/SubmitProof");
  ASSERT_NE(method, std::string::npos);
  const std::string line = output.substr(method, output.find('\n', method) - method);
  for (const char* stage_of : {"\"validation_us\":", "\"revocation_network_us\":"}) {
    const size_t at = line.find(stage_of);
    ASSERT_NE(at, std::string::npos) << line;
    EXPECT_NE(line[at + std::string(stage_of).size()], '0') << line;
  }
  EXPECT_NE(line.find("\"request\":\"{"), std::string::npos) << line;

  // No CRL is there at all, which stops nothing.
  EXPECT_NE(ready.body.find("scopes have no current CRL"), std::string::npos) << ready.body;
  EXPECT_NE(metrics.find("musubi_dependency_up{dependency=\"CRLS\"} 0"), std::string::npos);
  EXPECT_EQ(stage->Stop(), 0);
}

TEST(MusubidJourney, RevokedCardIsRefused) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const std::string path = stage.world().NewCard();
  const auto card = stage.world().Load(path);
  ASSERT_TRUE(
      stage.world().world->RevokeCard(path, sandbox::RevocationReason::kKeyCompromise).ok());
  const auto refused = stage->Run(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, *card);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find("REVOKED"), std::string::npos) << refused.status();
}

TEST(MusubidTime, WatchersHearThatTheSessionIsOver) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto front = stage->Connect("front");
  sandbox::Browser browser(*front, stage->random());
  ASSERT_TRUE(browser.CreateSession(LinkRequest()).ok());
  const auto first = browser.GetQrFrame();
  ASSERT_TRUE(first.ok()) << first.status();

  const auto stub = v1::SessionService::NewStub(front->channel());
  grpc::ClientContext context;
  front->Prepare(context, browser.credential(), absl::Minutes(30));
  v1::WatchSessionRequest watch;
  watch.set_session_id(browser.session_id());
  const auto stream = stub->WatchSession(&context, watch);
  v1::WatchSessionResponse seen;
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_EQ(seen.session().state(), v1::SESSION_STATE_CREATED);
  ASSERT_TRUE(stage->Advance(absl::Seconds(1)).ok());
  EXPECT_NE(browser.GetQrFrame()->payload(), first->payload());
  ASSERT_TRUE(stage->Advance(absl::Minutes(30)).ok());
  ASSERT_TRUE(stream->Read(&seen));
  EXPECT_EQ(seen.session().state(), v1::SESSION_STATE_EXPIRED);
  EXPECT_FALSE(stream->Read(&seen));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(browser.GetSession()->state(), v1::SESSION_STATE_EXPIRED);
  ASSERT_TRUE(stage->Advance(absl::Minutes(10)).ok());
  EXPECT_EQ(base::ReasonOf(browser.GetSession().status()), ErrorReason::kSessionNotFound);
}

TEST(MusubidTime, QrFramesFollowTheClockUntilAPhoneClaims) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto front = stage->Connect("front");
  sandbox::Browser browser(*front, stage->random());
  ASSERT_TRUE(browser.CreateSession(LinkRequest()).ok());
  const auto stub = v1::PairingService::NewStub(front->channel());
  grpc::ClientContext context;
  front->Prepare(context, browser.credential(), absl::Minutes(30));
  v1::WatchQrFramesRequest watch;
  watch.set_session_id(browser.session_id());
  const auto stream = stub->WatchQrFrames(&context, watch);
  v1::WatchQrFramesResponse seen;
  for (uint64_t second = 0; second < 3; ++second) {
    ASSERT_TRUE(stream->Read(&seen));
    EXPECT_EQ(seen.frame().frame_number(), second);
    if (second < 2) {
      ASSERT_TRUE(stage->Advance(absl::Seconds(1)).ok());
    }
  }
  const auto card = stage.NewCard();
  sandbox::Phone phone(*front, stage->random(), *card, sandbox::Stage::kOrigin);
  ASSERT_TRUE(phone.ClaimQr(seen.frame().payload()).ok());
  EXPECT_FALSE(stream->Read(&seen));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(MusubidBulk, AnswersEachQuestionByItsIndex) {
  TestStage stage;
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto card = stage.NewCard();
  const auto platform = stage->Connect("platform");
  const auto stub = v1::ValidationService::NewStub(platform->channel());
  grpc::ClientContext context;
  platform->Prepare(context, "", absl::Minutes(1));
  const auto stream = stub->ValidateCertificates(&context);
  constexpr uint64_t kQuestions = 300;
  for (uint64_t index = 0; index < kQuestions; ++index) {
    v1::ValidateCertificatesRequest request;
    v1::IndexedQuery& query = *request.add_queries();
    query.set_index(index);
    query.mutable_query()->set_purpose(v1::CHECK_PURPOSE_SERVICE_TEST);
    query.mutable_query()->set_certificate(
        index % 3 == 0 ? std::string("nonsense") : base::ToString(card->ReadCertificate()));
    query.mutable_query()->set_revocation_mode(index % 3 == 1 ? v1::REVOCATION_MODE_CRL_ONLY
                                                              : v1::REVOCATION_MODE_UNSPECIFIED);
    if (index % 3 == 0) query.mutable_query()->set_revocation_mode(v1::REVOCATION_MODE_NONE);
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::map<uint64_t, v1::IndexedAnswer> answers;
  for (v1::ValidateCertificatesResponse response; stream->Read(&response);) {
    for (const v1::IndexedAnswer& answer : response.answers()) answers[answer.index()] = answer;
  }
  const grpc::Status end = stream->Finish();
  ASSERT_TRUE(end.ok()) << end.error_message() << stage->output();
  ASSERT_EQ(answers.size(), kQuestions);
  for (const auto& [index, answer] : answers) {
    if (index % 3 == 0) {
      EXPECT_EQ(answer.verdict().reason(), v1::VERDICT_REASON_MALFORMED) << index;
    } else if (index % 3 == 1) {
      EXPECT_EQ(answer.verdict().status(), v1::VERDICT_STATUS_VALID) << index;
      EXPECT_EQ(answer.verdict().possession(), v1::POSSESSION_OUTCOME_NOT_ASKED);
    } else {
      EXPECT_EQ(answer.error().reason(), v1::ERROR_REASON_FIELD_INVALID) << index;
    }
  }
}

// Serves one CRL by its ETag, and remembers what it was asked.
class CrlServer {
 public:
  void Publish(std::string list) {
    base::MutexLock lock(mutex_);
    list_ = std::move(list);
    etag_ = "\"" + std::to_string(++published_) + "\"";
  }
  std::string url() const { return server_.url() + "/list.crl"; }
  // In order: "If-None-Match -> status"; the same again and again is there once.
  std::vector<std::string> exchanges() {
    base::MutexLock lock(mutex_);
    return exchanges_;
  }
  // WaitUntilAsked blocks until the server holds a request. Until Answer it answers none.
  void WaitUntilAsked() {
    base::MutexLock lock(mutex_);
    while (waiting_ == 0) changed_.Wait(mutex_);
  }
  void Answer() {
    base::MutexLock lock(mutex_);
    answers_ = true;
    changed_.NotifyAll();
  }

 private:
  fakes::LoopbackServer::Answer AnswerTo(const http::Request& request) {
    base::MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (!answers_) changed_.Wait(mutex_);
    --waiting_;
    fakes::LoopbackServer::Answer answer{.body = list_, .etag = etag_};
    if (request.if_none_match == etag_) answer = {.status_code = 304, .etag = etag_};
    std::string exchange = request.if_none_match + " -> " + std::to_string(answer.status_code);
    if (exchanges_.empty() || exchanges_.back() != exchange) exchanges_.push_back(exchange);
    return answer;
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  bool answers_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string list_ ABSL_GUARDED_BY(mutex_);
  std::string etag_ ABSL_GUARDED_BY(mutex_);
  int published_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> exchanges_ ABSL_GUARDED_BY(mutex_);
  // Last: its threads use the rest.
  fakes::LoopbackServer server_{[this](const http::Request& request) { return AnswerTo(request); }};
};

// What the server says of a certificate by CRL alone.
std::string CheckByCrl(TestStage& stage, base::ByteView certificate) {
  v1::ValidateCertificateRequest request;
  request.mutable_query()->set_certificate(base::ToString(certificate));
  request.mutable_query()->set_revocation_mode(v1::REVOCATION_MODE_CRL_ONLY);
  request.mutable_query()->set_purpose(v1::CHECK_PURPOSE_SERVICE_TEST);
  const absl::StatusOr<v1::ValidateCertificateResponse> response =
      stage->Connect("platform")
          ->Call<v1::ValidationService, v1::ValidateCertificateRequest,
                 v1::ValidateCertificateResponse>(&v1::ValidationService::Stub::ValidateCertificate,
                                                  request, "");
  if (!response.ok()) return response.status().ToString();
  const v1::Verdict& verdict = response->verdict();
  return v1::VerdictStatus_Name(verdict.status()) + " " +
         v1::RevocationOutcome_Name(verdict.revocation().outcome()) + " " +
         v1::RevocationMethod_Name(verdict.revocation().method());
}

constexpr char kCrlFile[] = "auth-03-99001.crl";  // Of a card's generation and municipality.

// A folder without any CRL, whose scope of kCrlFile has a url.
void UseCrlServer(TestStage& stage, const CrlServer& server) {
  std::string scopes = *base::ReadFile(stage->flags().at("crl_directory") + "/scopes.json");
  const size_t at = scopes.find("\"" + std::string(kCrlFile) + "\"");
  ASSERT_NE(at, std::string::npos) << scopes;
  scopes.insert(at + sizeof(kCrlFile) + 1, ", \"url\": \"" + server.url() + "\"");
  std::filesystem::create_directory(stage->File("crl"));
  ASSERT_TRUE(base::WriteFileAtomically(stage->File("crl/scopes.json"), scopes, 0644).ok());
  stage->flags()["crl_directory"] = stage->File("crl");
  stage->flags()["crl_reload_interval"] = "1m";
}

constexpr char kNoAnswer[] =
    "VERDICT_STATUS_INDETERMINATE REVOCATION_OUTCOME_NO_USABLE_ANSWER "
    "REVOCATION_METHOD_UNSPECIFIED";
constexpr char kGood[] = "VERDICT_STATUS_VALID REVOCATION_OUTCOME_GOOD REVOCATION_METHOD_CRL";
constexpr char kRevoked[] =
    "VERDICT_STATUS_INVALID REVOCATION_OUTCOME_REVOKED REVOCATION_METHOD_CRL";

TEST(MusubidCrls, AreFetchedFromTheUrlOfTheirScopeAtTheStartAndAtEveryReload) {
  TestStage stage;
  const std::string published = stage->flags().at("crl_directory") + "/" + kCrlFile;
  const std::string path = stage.world().NewCard();
  const auto card = stage.world().Load(path);
  CrlServer server;
  server.Publish(*base::ReadFile(published));
  UseCrlServer(stage, server);
  // What fetches is none of the threads that answer.
  stage->flags()["worker_threads"] = "1";
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  const auto check = [&] { return CheckByCrl(stage, card->ReadCertificate()); };
  const auto check_until = [&](const std::string& expected) {
    while (check() != expected) {
    }
  };
  // A reload that is over a moment later than its effect is seen misses its next time.
  const auto reload_until = [&](const std::string& exchange) {
    while (server.exchanges().back() != exchange) {
      ASSERT_TRUE(stage->Advance(absl::Minutes(1)).ok()) << stage->output();
      (void)check();
    }
  };

  // The start waits for nobody, nor does a call.
  server.WaitUntilAsked();
  EXPECT_EQ(check(), kNoAnswer) << stage->output();
  server.Answer();
  check_until(kGood);
  reload_until("\"1\" -> 304");
  EXPECT_EQ(check(), kGood);

  ASSERT_TRUE(
      stage.world().world->RevokeCard(path, sandbox::RevocationReason::kKeyCompromise).ok());
  ASSERT_TRUE(stage.world().world->PublishCrls().ok());
  server.Publish(*base::ReadFile(published));
  EXPECT_EQ(check(), kGood);
  reload_until("\"1\" -> 200");
  check_until(kRevoked);
  reload_until("\"2\" -> 304");
  EXPECT_EQ(check(), kRevoked);
  EXPECT_EQ(server.exchanges(),
            (std::vector<std::string>{" -> 200", "\"1\" -> 304", "\"1\" -> 200", "\"2\" -> 304"}));
  EXPECT_EQ(base::ReadFile(stage->File("crl/" + std::string(kCrlFile))).value_or("absent"),
            *base::ReadFile(published));
  EXPECT_EQ(stage->Stop(), 0);
}

TEST(MusubidCrls, AServerThatNeverAnswersHoldsUpNeitherTheStartNorTheEnd) {
  TestStage stage;
  CrlServer server;
  UseCrlServer(stage, server);
  ASSERT_TRUE(stage->Start().ok()) << stage->output();
  server.WaitUntilAsked();
  // Long before the ten minutes that a fetch may take.
  EXPECT_EQ(stage->Stop(), 0) << stage->output();
  server.Answer();
}

TEST(MusubidStart, RefusesBeforeItListensNamingThingAndFix) {
  struct Case {
    const char* flag;
    std::string value;
    std::vector<std::string> said;
  };
  TestStage stage;
  ASSERT_TRUE(base::WriteFileAtomically(stage->File("open.keyring"),
                                        *base::ReadFile(stage->File("keys/service.keyring")), 0644)
                  .ok());
  for (const Case& c : {
           Case{"anchors", "/nowhere/anchors.json", {"--anchors", "/nowhere/anchors.json"}},
           Case{"service_keyring", stage->File("open.keyring"), {"--service_keyring", "chmod 600"}},
           Case{"card_keyring", "", {"--card_keyring is missing"}},
           Case{"account_keyring", "", {"--account_keyring is missing"}},
           Case{"services", "session,link", {"--services", "serve all of"}},
           Case{"services", "session,nonsense", {"--services=nonsense"}},
           Case{"session_lifetime", "30s", {"--session_lifetime=30s", "lower bound 1m"}},
           Case{"account_sessions_per_hour", "0", {"--account_sessions_per_hour=0", "3 to"}},
           Case{"wrong_codes_alert", "1001", {"--wrong_codes_alert=1001", "10 to 1000"}},
           Case{"environment", "PRODUCTION", {"--anchors", "SIM", "PRODUCTION"}},
           Case{"environment", "sim", {"--environment=sim"}},
           Case{"metrics_listen", "nonsense", {"--metrics_listen", "nonsense"}},
           Case{"metrics_port_file", stage->File("m"), {"needs --metrics_listen"}},
           Case{"health_listen", "nonsense", {"--health_listen", "nonsense"}},
           Case{"health_port_file", stage->File("m"), {"needs --health_listen"}},
           Case{"log_requests", "some", {"--log_requests=some", "off, refused or all"}},
           Case{"revocation_mode", "NONE", {"--revocation_mode=NONE"}},
           Case{"tls_client_ca", "", {"--tls_client_ca, all three"}},
           Case{"tls_private_key", stage->File("tls/front.key"), {"is not the key of"}},
           Case{"insecure_loopback_roles", "front", {"exclude each other"}},
           Case{"insecure_loopback_roles", "king", {"--insecure_loopback_roles", "king"}},
           Case{"relying_parties", stage->File("keys/service.keyring"), {"--relying_parties"}},
           Case{"crl_directory", "/nowhere", {"--crl_directory", "/nowhere"}},
           Case{"no_such_flag", "1", {"no_such_flag"}},
       }) {
    const sandbox::Stage::Flags good = stage->flags();
    stage->flags()[c.flag] = c.value;
    const auto said = stage->StartAndFail();
    ASSERT_TRUE(said.ok()) << c.flag << ": " << said.status();
    for (const std::string& text : c.said) {
      EXPECT_NE(said->find(text), std::string::npos) << c.flag << ": " << *said;
    }
    stage->flags() = good;
  }
}

TEST(MusubidStart, SecondServerOnThePortIsRefused) {
  TestStage first, second;
  ASSERT_TRUE(first->Start().ok()) << first->output();
  second->flags()["listen"] = first->address();
  const auto said = second->StartAndFail();
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_NE(said->find(first->address()), std::string::npos) << *said;
}

}  // namespace
}  // namespace musubi::integration
