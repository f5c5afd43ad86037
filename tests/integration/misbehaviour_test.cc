// The table of misbehaviours, walked against a running musubid: right outcome, right state, nothing
// written that should not be, server alive.
#include "sandbox/misbehave/misbehaviour.h"

#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/crypto/keyring.h"
#include "lib/http/curl_http_client.h"
#include "lib/link/audit_reader.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/validation.pb.h"
#include "sandbox/misbehave/cast.h"
#include "sandbox/misbehave/plays.h"
#include "tests/integration/secrets.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using sandbox::Misbehaviour;

// What all tests share: a server is started once, and anew only for rows that need it otherwise.
struct Theatre {
  TestStage stage;
  Secrets secrets;
  std::unique_ptr<sandbox::Cast> cast;
  base::Mutex mutex;
  std::string errors ABSL_GUARDED_BY(mutex);  // The text of every error that a client was given.

  Theatre() {
    // Every request is in the log, as it is when an operator looks for a fault.
    stage->flags()["log_requests"] = "all";
    stage->flags()["metrics_listen"] = "127.0.0.1:0";
    stage->flags()["metrics_port_file"] = stage->File("metrics-port");
    const absl::Status started = stage->Start();
    MUSUBI_CHECK(started.ok(), started.ToString());
    cast = std::make_unique<sandbox::Cast>(
        *stage,
        sandbox::Connection::Listener{
            .on_message = [this](const google::protobuf::Message& message) { Hear(message); },
            .on_error = [this](const absl::Status& status) { Hear(status); }});
  }

  void Hear(const google::protobuf::Message& message) {
    secrets.AddMarked(message);
    if (const auto* proof = dynamic_cast<const v1::SubmitProofRequest*>(&message)) {
      secrets.AddCertificate(base::AsBytes(proof->certificate()));
    }
  }
  void Hear(const absl::Status& status) {
    std::string text = status.ToString();
    for (const auto& [key, value] : base::MetadataOf(status)) text += " " + key + "=" + value;
    base::MutexLock lock(mutex);
    errors += text + "\n";
  }
  std::string Errors() {
    base::MutexLock lock(mutex);
    return errors;
  }

  // What operators get from the server's other port.
  std::string ForOperators(const std::string& path) {
    const std::string port = *base::ReadFile(stage->File("metrics-port"));
    auto http = http::CurlHttpClient::Create();
    MUSUBI_CHECK(http.ok(), http.status().ToString());
    const auto answer =
        (*http)->Send({.url = "http://127.0.0.1:" + port.substr(0, port.find('\n')) + path,
                       .max_response_size = size_t{1} << 20});
    MUSUBI_CHECK(answer.ok(), answer.status().ToString());
    return answer->body;
  }

  int64_t AuditEntries() { return link::ReadSqliteAuditHead(stage->File("links.db"))->sequence; }
};

// Owns the theatre from the first test that needs it to the end of all.
class TheatreOwner final : public testing::Environment {
 public:
  void TearDown() override { theatre_.reset(); }
  Theatre& Get() {
    if (theatre_ == nullptr) theatre_ = std::make_unique<Theatre>();
    return *theatre_;
  }

 private:
  std::unique_ptr<Theatre> theatre_;
};
// GoogleTest owns it.
TheatreOwner* const owner = dynamic_cast<TheatreOwner*>(
    testing::AddGlobalTestEnvironment(std::make_unique<TheatreOwner>().release()));

class MisbehaviourTest : public testing::TestWithParam<Misbehaviour> {};

TEST_P(MisbehaviourTest, ComesToWhatTheTableSays) {
  const Misbehaviour& row = GetParam();
  Theatre& theatre = owner->Get();
  const int64_t before = theatre.AuditEntries();
  const auto observed = row.play(*theatre.cast);
  ASSERT_TRUE(observed.ok()) << observed.status() << "\n" << theatre.stage->output();
  EXPECT_EQ(ToString(observed->outcome), ToString(row.outcome)) << observed->said;
  EXPECT_EQ(observed->outcome, row.outcome);
  EXPECT_EQ(v1::SessionState_Name(observed->state), v1::SessionState_Name(row.state));
  EXPECT_EQ(theatre.AuditEntries() - before, row.audit_entries);
  // The chain holds, and the server goes on.
  const auto chain = link::VerifySqliteAudit(
      theatre.stage->File("links.db"),
      *crypto::Keyring::Load(theatre.stage->File("keys/audit.keyring")), std::nullopt);
  ASSERT_TRUE(chain.ok()) << chain.status();
  EXPECT_TRUE(chain->ok) << chain->what;
  const auto next = sandbox::LookAtNothing(*theatre.cast);
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->outcome.reason, base::ErrorReason::kSessionNotFound) << next->said;
}

std::string TestName(const testing::TestParamInfo<Misbehaviour>& row) {
  std::string name(row.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Table, MisbehaviourTest, testing::ValuesIn(sandbox::Misbehaviours()),
                         TestName);

// Without the fields of log lines, and the values and bucket bounds of metrics, that are numbers: a
// count, or the seconds of a week, may well be what somebody's code is. A number within a text
// stays.
std::string WithoutNumbers(const std::string& text) {
  static const std::regex number(
      "(\":-?[0-9.e+-]+(?=[,}\n]))|( -?[0-9.e+-]+(?=\n))|(\\ble=\"[0-9.e+-]+\")");
  return std::regex_replace(text, number, "");
}

// Runs after the table, whose journeys it looks back on: tests with a parameter run in the order in
// which they are written.
class LeakTest : public testing::TestWithParam<v1::Flow> {};

TEST_P(LeakTest, NothingSecretOrPersonalIsInLogsErrorsMetricsOrFiles) {
  Theatre& theatre = owner->Get();
  // Whoever runs this test alone has at least good journeys.
  std::string card;
  for (const v1::Act act : {v1::ACT_LINK, v1::ACT_UNLINK}) {
    const auto scene =
        sandbox::Scene::At(*theatre.cast, v1::SESSION_STATE_USED,
                           {.act = act, .flow = GetParam(), .account = "shiken-900", .card = card});
    ASSERT_TRUE(scene.ok()) << v1::Act_Name(act) << ": " << scene.status();
    card = (*scene)->card_path();
  }
  const std::string metrics = theatre.ForOperators("/metrics");
  EXPECT_NE(metrics.find("musubi_rpc_requests_total{"), std::string::npos);
  const std::string readiness = theatre.ForOperators("/readyz");
  EXPECT_EQ(theatre.stage->Stop(), 0);
  EXPECT_NE(theatre.stage->output().find("\"request\":\"{"), std::string::npos);
  theatre.secrets.Add("PIN", "1234");
  theatre.secrets.Add("PIN", "5678");
  EXPECT_GT(theatre.secrets.size(), 40u);
  std::map<std::string, std::string> places = {
      {"what the server wrote", WithoutNumbers(theatre.stage->output())},
      {"the errors that clients were given", theatre.Errors()},
      {"the metrics", WithoutNumbers(metrics)},
      {"what readiness says", WithoutNumbers(readiness)}};
  for (const char* file : {"links.db", "links.db-wal", "persons.db", "persons.db-wal"}) {
    const auto content = base::ReadFile(theatre.stage->File(file));
    if (content.ok()) places[file] = *content;
  }
  ASSERT_TRUE(places.contains("links.db") && places.contains("persons.db"));
  for (const auto& [place, text] : places) {
    for (const std::string& found : theatre.secrets.FindIn(text)) {
      ADD_FAILURE() << found << " is in " << place;
    }
  }
  ASSERT_TRUE(theatre.stage->Start().ok());
}

INSTANTIATE_TEST_SUITE_P(Journeys, LeakTest, testing::Values(v1::FLOW_CROSS_DEVICE));

TEST(Secrets, AreFoundInATextOfTheLogThoughItsNumbersAreLeftOut) {
  Secrets secrets;
  secrets.Add("code", "012345");
  const std::string found = "code as it is";
  EXPECT_EQ(
      secrets.FindIn(WithoutNumbers(
          "{\"total_us\":012345,\"n\":012345}\nm{l=\"x\"} 012345\nm{l=\"x\",le=\"012345\"} 1\n")),
      std::vector<std::string>());
  for (const char* text : {"\"detail\":\"code 012345, wrong\"}\n", "\"detail\":\"code:012345,\"}\n",
                           "\"code\":\"012345\"}\n", "m{l=\"012345\"} 1\n"}) {
    EXPECT_EQ(secrets.FindIn(WithoutNumbers(text)), std::vector<std::string>({found})) << text;
  }
}

TEST(Secrets, AreFoundInEveryFormAndOnlyAsWordsIfShort) {
  Secrets secrets;
  secrets.Add("code", "012345");
  secrets.Add("name", "試験\u3000一号");
  const std::string name = "試験\u3000一号";
  EXPECT_EQ(secrets.FindIn("nothing here, 0123456, 1012345, 0.012345"), std::vector<std::string>());
  EXPECT_EQ(secrets.FindIn("\"012345\""), std::vector<std::string>({"code as it is"}));
  EXPECT_EQ(secrets.FindIn("x" + base::HexEncode(base::AsBytes("012345"))),
            std::vector<std::string>({"code hexadecimal"}));
  EXPECT_EQ(secrets.FindIn("x" + name + "x"), std::vector<std::string>({"name as it is"}));
  EXPECT_EQ(secrets.FindIn(base::HexEncode(base::AsBytes(name))),
            std::vector<std::string>({"name hexadecimal"}));
  EXPECT_EQ(secrets.FindIn("x" + base::Base64Encode(base::AsBytes(name)) + "x"),
            std::vector<std::string>({"name base64"}));
  v1::ClaimQrResponse message;
  message.set_pairing_code("987654");
  message.set_session_id(std::string(16, 's'));
  secrets.AddMarked(message);
  EXPECT_EQ(secrets.FindIn("987654 ssssssssssssssss"),
            std::vector<std::string>({"musubi.v1.ClaimQrResponse.pairing_code as it is"}));
}

TEST(Misbehaviours, AreManyAndEachHasANameAndWordsOfItsOwn) {
  std::set<std::string_view> names, deeds;
  for (const Misbehaviour& row : sandbox::Misbehaviours()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(deeds.insert(row.deed).second) << row.deed;
    EXPECT_EQ(sandbox::FindMisbehaviour(row.name)->deed, row.deed);
    EXPECT_FALSE(row.told.empty()) << row.name;
  }
  EXPECT_GE(names.size(), 178u);
  EXPECT_EQ(sandbox::FindMisbehaviour("no-such-row"), nullptr);
}

}  // namespace
}  // namespace musubi::integration
