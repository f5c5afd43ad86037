#include "services/musubictl/validate.h"

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "services/musubictl/commands.h"
#include "services/musubictl/pem.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::services::musubictl {
namespace {

using base::Bytes;
using fakes::TestCa;
using fakes::TestKey;
using Json = nlohmann::json;

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 4, 1, 4, 0, 0), absl::UTCTimeZone());

std::string Inline(base::ByteView octets) { return "base64:" + base::Base64Encode(octets); }

class ValidateTest : public testing::Test {
 protected:
  Bytes Card(uint64_t serial = 0x01234567) const { return ca_.Issue(ca_.CardSpec(key_, serial)); }
  Bytes List(std::optional<uint64_t> revoked = {}) const {
    fakes::CrlSpec spec = fakes::MakeCrlSpec(ca_, fakes::DistributionPointName("Mihon-shi"), 7,
                                             kNow - absl::Hours(1));
    if (revoked) spec.Revoke(Bytes{static_cast<uint8_t>(*revoked)}, kNow - absl::Hours(9), 1);
    return fakes::IssueCrl(spec, ca_.key());
  }
  Json Question() const {
    return {{"anchors", Inline(ca_.certificate_der())},
            {"certificate", Inline(Card())},
            {"crls", Inline(List())}};
  }
  // What a card under the profile of cards is asked with: files, as for musubid.
  Json CardQuestion() {
    Json question = Question();
    question["profile"] = "jpki-card";
    question["anchors"] = Write("anchors.json", AnchorsFile());
    question["hierarchy"] = Write(
        "hierarchy.json",
        R"({"version":1,"environment":"SIM","policies":{"user_authentication":["2.999.1.30"],)"
        R"("digital_signature":["2.999.1.20"],"phone":["2.999.1.40"],"test":["2.999.2.30"]}})");
    return question;
  }
  std::string AnchorsFile() const {
    const pki::TrustAnchor anchor = ca_.Anchor("auth-01");
    return Json{{"version", 1},
                {"environment", "SIM"},
                {"anchors",
                 {{{"id", "auth-01"},
                   {"certificate", base::Base64Encode(ca_.certificate_der())},
                   {"sha256", base::HexEncode(anchor.sha256)},
                   {"role", "user_authentication"},
                   {"environment", "SIM"},
                   {"not_before_use", "2026-01-01T00:00:00Z"},
                   {"distrust_after", nullptr},
                   {"allowed_algorithms", {"RSA_2048_SHA256"}}}}}}
        .dump();
  }
  std::string Write(const std::string& name, std::string_view content) {
    const std::string path = folder_.path() + "/" + name;
    EXPECT_TRUE(base::WriteFileAtomically(path, content, 0600).ok());
    return path;
  }

  // The answer to one question; its exit code is in exit_code_, an error in err_.
  Json Ask(const Json& question) {
    std::ostringstream out;
    std::ostringstream err;
    exit_code_ = Validate({.defaults = question.dump(), .now = kNow}, out, err);
    err_ = err.str();
    return Json::parse(out.str(), nullptr, /*allow_exceptions=*/false);
  }
  std::vector<Json> AskAll(const std::string& lines, const Json& defaults = Json::object()) {
    std::istringstream in(lines);
    std::ostringstream out;
    std::ostringstream err;
    exit_code_ = ValidateLines(
        {.defaults = defaults.dump(), .now = kNow, .threads = 2, .max_question = max_question_}, in,
        out, err);
    std::vector<Json> answers;
    std::istringstream text(out.str());
    for (std::string line; std::getline(text, line);) answers.push_back(Json::parse(line));
    return answers;
  }

  const TestKey& key_ = TestKey::Get(fakes::KeyKind::kRsa2048, 9);
  TestCa ca_;
  fakes::TempDir folder_;
  size_t max_question_ = kMaxQuestion;
  int exit_code_ = -1;
  std::string err_;
};

TEST_F(ValidateTest, SaysThatAGoodCertificateIsValid) {
  for (const Json& question : {Question(), CardQuestion()}) {
    Json answer = Ask(question);
    EXPECT_EQ(exit_code_, kExitOk) << err_;
    EXPECT_EQ(answer["status"], "VALID") << answer;
    EXPECT_FALSE(answer.contains("reason"));
    EXPECT_EQ(answer["checked_at"], "2026-04-01T04:00:00Z");
    EXPECT_EQ(answer["possession"], "NOT_ASKED");
    EXPECT_EQ(answer["revocation"]["outcome"], "GOOD");
    EXPECT_EQ(answer["revocation"]["method"], "CRL");
    EXPECT_EQ(answer["revocation"]["this_update"], "2026-04-01T03:00:00Z");
  }
}

TEST_F(ValidateTest, ReadsFilesInPemAndDer) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\n" +
                          base::Base64Encode(ca_.certificate_der()) +
                          "\n-----END CERTIFICATE-----\n";
  Json question = Question();
  question["anchors"] = Write("ca.pem", "a line before\n" + pem + pem);
  question["certificate"] = Write("card.der", base::AsText(Card()));
  EXPECT_EQ(Ask(question)["status"], "VALID") << err_;
}

TEST_F(ValidateTest, TellsNoFromCouldNot) {
  struct Case {
    const char* what;
    std::function<void(Json&)> change;
    int exit_code;
    const char* reason;
  };
  const TestCa twin({.key_number = 5});
  const Case cases[] = {
      {"revoked",
       [&](Json& q) {
         q["certificate"] = Inline(Card(5));
         q["crls"] = Inline(List(5));
       },
       kExitBroken, "REVOKED"},
      {"expired", [](Json& q) { q["time"] = "2031-01-01T00:00:00Z"; }, kExitBroken, "EXPIRED"},
      {"another key of the same name",
       [&](Json& q) { q["anchors"] = Inline(twin.certificate_der()); }, kExitBroken,
       "BAD_ISSUER_SIGNATURE"},
      {"no anchor", [](Json& q) { q["anchors"] = Json::array(); }, kExitBroken, "ISSUER_UNKNOWN"},
      {"no CRL", [](Json& q) { q.erase("crls"); }, kExitError, "REVOCATION_UNAVAILABLE"},
      {"a CRL that is too old", [](Json& q) { q["max_crl_age"] = "30m"; }, kExitError,
       "REVOCATION_UNAVAILABLE"},
      {"a policy that it has not",
       [](Json& q) {
         q["initial_policies"] = {"2.999.1.20"};
         q["explicit_policy"] = true;
       },
       kExitBroken, "POLICY_CONSTRAINTS_VIOLATED"},
      {"a signature by another key",
       [&](Json& q) {
         q["proof_message"] = Inline(Bytes{1, 2, 3});
         q["proof_signature"] = Inline(Bytes(256, 1));
       },
       kExitBroken, "POSSESSION_FAILED"},
  };
  for (const Case& c : cases) {
    Json question = Question();
    c.change(question);
    Json answer = Ask(question);
    EXPECT_EQ(exit_code_, c.exit_code) << c.what << ": " << err_;
    EXPECT_EQ(answer["reason"], c.reason) << c.what << ": " << answer;
  }
}

TEST_F(ValidateTest, AsksAboutRevocationUnlessToldNotTo) {
  Json question = Question();
  question.erase("crls");
  question["revocation"] = "none";
  EXPECT_EQ(Ask(question)["revocation"]["outcome"], "NOT_ASKED");
  EXPECT_EQ(exit_code_, kExitOk);
}

TEST_F(ValidateTest, AnOcspResponseSaysAsMuchAsAList) {
  const auto response = [this](Bytes status) {
    fakes::OcspSpec spec;
    spec.responder = fakes::ResponderByKey(ca_.key());
    spec.produced_at = kNow;
    spec.answers = {
        {.cert_id = fakes::CertIdDer(ca_.certificate(), fakes::ParseCertificate(Card()).serial()),
         .status = std::move(status),
         .this_update = kNow - absl::Minutes(5),
         .next_update = kNow + absl::Hours(1)}};
    return Inline(fakes::IssueOcsp(spec, ca_.key()));
  };
  struct Case {
    Bytes status;
    const char* outcome;
    int exit_code;
  };
  for (const Case& c : {Case{fakes::OcspGood(), "GOOD", kExitOk},
                        Case{fakes::OcspRevoked(kNow - absl::Hours(2)), "REVOKED", kExitBroken},
                        Case{fakes::OcspUnknown(), "UNKNOWN_TO_RESPONDER", kExitBroken}}) {
    for (Json question : {Question(), CardQuestion()}) {
      question["ocsp_response"] = response(c.status);
      question.erase("crls");
      Json answer = Ask(question);
      EXPECT_EQ(exit_code_, c.exit_code) << c.outcome << err_;
      EXPECT_EQ(answer["revocation"]["outcome"], c.outcome) << answer;
      EXPECT_EQ(answer["revocation"]["method"], "OCSP");
      EXPECT_EQ(answer["revocation"]["next_update"], "2026-04-01T05:00:00Z");
      question["certificate"] = Inline(Card(6));
      EXPECT_EQ(Ask(question)["reason"], "REVOCATION_UNAVAILABLE") << "it is about another";
    }
  }
}

TEST_F(ValidateTest, ProvesPossession) {
  const Bytes message{1, 2, 3};
  for (Json question : {Question(), CardQuestion()}) {
    question["proof_message"] = Inline(message);
    question["proof_signature"] =
        Inline(key_.Sign(crypto::SignatureAlgorithm::kRsaPkcs1Sha256, message));
    EXPECT_EQ(Ask(question)["possession"], "PROVEN") << err_;
  }
}

TEST_F(ValidateTest, ABadQuestionNamesTheMemberAndTheRule) {
  struct Case {
    std::function<void(Json&)> change;
    const char* said;
  };
  const Case cases[] = {
      {[](Json& q) { q["certifcate"] = "x"; }, "certifcate: unknown member"},
      {[](Json& q) { q.erase("certificate"); }, "certificate: must be given"},
      {[](Json& q) { q["certificate"] = "/nowhere/card.der"; }, "/nowhere/card.der"},
      {[](Json& q) { q["certificate"] = "base64:?"; }, "certificate: must be a path, or base64:"},
      {[](Json& q) { q["anchors"] = 7; }, "anchors: must be a list of strings"},
      {[](Json& q) { q["anchors"] = "base64:MAA="; }, "anchors: anchor 1:"},
      {[](Json& q) { q["time"] = "tomorrow"; }, "time: must be as in"},
      {[](Json& q) { q["max_crl_age"] = "-1h"; }, "max_crl_age: must be a duration above 0"},
      {[](Json& q) { q["initial_policies"] = {"one"}; }, "initial_policies: must be OIDs"},
      {[](Json& q) {
         q["id"] = 1e300;
         q["certifcate"] = 1;
       },
       "certifcate: unknown member"},
      {[](Json& q) { q["profile"] = "mine"; }, "profile: must be rfc5280 or jpki-card"},
      {[](Json& q) { q["profile"] = "jpki-card"; }, "takes one anchors file"},
      {[](Json& q) {
         q["profile"] = "jpki-card";
         q["hierarchy"] = "/nowhere/hierarchy.json";
       },
       "write an anchors file (docs/trust-anchors.md)"},
      {[](Json& q) { q["revocation"] = "maybe"; }, "one of whole-path, target, none"},
      {[](Json& q) { q["explicit_policy"] = "yes"; }, "explicit_policy: must be true or false"},
      {[](Json& q) { q["proof_message"] = "base64:AA=="; }, "together with proof_signature"},
      {[](Json& q) {
         q["proof_message"] = q["proof_signature"] = "base64:AA==";
         q["proof_algorithm"] = "MD5";
       },
       "proof_algorithm: must be one of RSA_PKCS1_SHA256"},
  };
  for (const Case& c : cases) {
    Json question = Question();
    c.change(question);
    Ask(question);
    EXPECT_EQ(exit_code_, kExitError) << c.said;
    EXPECT_NE(err_.find(c.said), std::string::npos) << err_ << " lacks " << c.said;
  }
}

TEST_F(ValidateTest, ABatchAnswersEachLineInOrderAndGoesOnAfterABadOne) {
  std::string lines;
  constexpr int kLines = 100;
  for (int i = 1; i <= kLines; ++i) {
    Json question = i % 2 == 0 ? CardQuestion() : Question();
    question["id"] = i;
    question["certificate"] = Inline(Card(static_cast<uint64_t>(i)));
    question["crls"] = Inline(List(5));
    lines += i == 50 ? "{\n\n" : question.dump() + "\n";
  }
  std::vector<Json> answers = AskAll(lines);
  ASSERT_EQ(answers.size(), size_t{kLines});
  for (int i = 1; i <= kLines; ++i) {
    Json answer = answers[static_cast<size_t>(i - 1)];
    if (i == 50) {
      EXPECT_EQ(answer["line"], 50);
      EXPECT_EQ(answer["error"], "a question must be a JSON object");
      continue;
    }
    EXPECT_EQ(answer["id"], i);
    EXPECT_EQ(answer["status"], i == 5 ? "INVALID" : "VALID") << answer;
  }
  EXPECT_EQ(exit_code_, kExitError) << "the worst of all";
}

TEST_F(ValidateTest, ALineThatIsTooLongHasAnErrorOfItsOwn) {
  Json question = Question();
  const std::string line = question.dump();
  max_question_ = line.size();
  std::vector<Json> answers = AskAll(line + "\n" + line + " \n" + line + "\n");
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0]["status"], "VALID");
  EXPECT_EQ(answers[1]["line"], 2);
  EXPECT_EQ(answers[1]["error"], "a question must not be longer than " +
                                     std::to_string(max_question_) +
                                     " octets; give large CRLs by their paths");
  EXPECT_EQ(answers[2]["status"], "VALID");
}

TEST_F(ValidateTest, FlagsAreTheDefaultsOfABatch) {
  Json defaults = Question();
  defaults.erase("certificate");
  std::vector<Json> answers =
      AskAll(Json{{"certificate", Inline(Card())}}.dump() + "\n" +
                 Json{{"certificate", Inline(Card())}, {"revocation", "none"}}.dump() + "\n",
             defaults);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0]["revocation"]["outcome"], "GOOD");
  EXPECT_EQ(answers[1]["revocation"]["outcome"], "NOT_ASKED");
  EXPECT_EQ(exit_code_, kExitOk);
}

TEST(ReadPemOrDerTest, NamesABrokenBlock) {
  EXPECT_FALSE(
      ReadPemOrDer(base::ToBytes("-----BEGIN CERTIFICATE-----\nAAAA\n"), "CERTIFICATE").ok());
  EXPECT_FALSE(ReadPemOrDer(base::ToBytes("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----"),
                            "CERTIFICATE")
                   .ok());
  EXPECT_EQ(ReadPemOrDer(base::ToBytes("-----BEGIN X509 CRL-----\nAA\nAA\n-----END X509 CRL-----"),
                         "X509 CRL")
                ->at(0),
            (Bytes{0, 0, 0}));
}

}  // namespace
}  // namespace musubi::services::musubictl
