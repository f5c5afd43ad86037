// The OCSP client against a responder that nobody here wrote: `openssl ocsp`, run on files behind a
// loopback server (its own -port would listen on every address). openssl dates its answers by the
// system's clock, so the real clock is the only one that fits them.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/secure_random.h"
#include "lib/base/timer.h"
#include "lib/http/curl_http_client.h"
#include "lib/revocation/ocsp_client.h"
#include "tests/fakes/loopback_server.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/temp_dir.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi {
namespace {

constexpr uint64_t kGood = 0x1001, kRevoked = 0x1002, kNeverIssued = 0x1003;

class OcspClientOpensslTest : public testing::Test {
 protected:
  OcspClientOpensslTest() {
    WritePem("ca.pem", ca_.certificate_der());
    Run("openssl genrsa -out " + File("key.pem") + " 2048");
    Run("openssl pkey -in " + File("key.pem") + " -pubout -outform DER -out " + File("spki.der"));
    fakes::CertificateSpec spec = fakes::OcspDelegateSpec(ca_, card_key_);
    spec.spki = base::ToBytes(*base::ReadFile(File("spki.der")));
    spec.not_before = ca_.certificate().not_before();
    WritePem("delegate.pem", ca_.Issue(spec));
    // The CA's database (openssl-ca): status, expiry, revocation, serial, file, subject.
    Write("index.txt",
          "V\t490101000000Z\t\t1001\tunknown\t/CN=a\n"
          "R\t490101000000Z\t260301000000Z,superseded\t1002\tunknown\t/CN=b\n");
  }

  std::string File(const std::string& name) const { return directory_.File(name); }
  void Write(const std::string& name, const std::string& content) const {
    ASSERT_TRUE(base::WriteFileAtomically(File(name), content, 0600).ok());
  }
  void WritePem(const std::string& name, const base::Bytes& der) const {
    std::string pem = "-----BEGIN CERTIFICATE-----\n";
    const std::string text = base::Base64Encode(der);
    for (size_t at = 0; at < text.size(); at += 64) pem += text.substr(at, 64) + "\n";
    Write(name, pem + "-----END CERTIFICATE-----\n");
  }
  void Run(const std::string& command) const {
    const int status = std::system((command + " >" + File("log") + " 2>&1").c_str());
    ASSERT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0)
        << command << "\n"
        << base::ReadFile(File("log")).value_or("");
  }

  // What openssl answers to a request.
  fakes::LoopbackServer::Answer Answer(const http::Request& request) {
    EXPECT_EQ(request.content_type, "application/ocsp-request");
    Write("request.der", request.body);
    Run("openssl ocsp -index " + File("index.txt") + " -CA " + File("ca.pem") + " -rsigner " +
        File("delegate.pem") + " -rkey " + File("key.pem") + " -reqin " + File("request.der") +
        " -respout " + File("response.der") + " " + extra_);
    return {.content_type = "application/ocsp-response",
            .body = *base::ReadFile(File("response.der"))};
  }

  // "ANSWERED ANSWERED", or why not; and the status in `status`.
  std::string Ask(uint64_t serial, revocation::Responder responder,
                  std::optional<pki::OcspResult>* result = nullptr) {
    fakes::LoopbackServer server([this](const http::Request& request) { return Answer(request); });
    responder.anchor = "auth-01";
    responder.urls = {server.url() + "/auth-01"};
    responder.timeout = absl::Seconds(30);
    const auto http = *http::CurlHttpClient::Create();
    auto client = *revocation::OcspClient::Create(
        {*http, clock_, timer_, random_, nullptr, observer_},
        {.issuers = {{"auth-01", ca_.certificate()}}, .responders = {responder}});
    const auto target = fakes::ParseCertificate(ca_.Issue(ca_.CardSpec(card_key_, serial)));
    const auto answer = client->Ask(target, ca_.certificate(), clock_.Now() + absl::Seconds(30));
    if (result != nullptr) *result = answer.result;
    const revocation::OcspEvent event = observer_.ocsp().back();
    return std::string(Name(event.exchange)) + " " + std::string(pki::Name(event.outcome));
  }

  const base::RealClock clock_;
  base::ThreadTimer timer_;
  base::SystemRandom random_;
  fakes::RecordingObserver observer_;
  fakes::TempDir directory_;
  const fakes::TestKey& card_key_ = fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 9);
  // Valid whenever the test runs.
  const fakes::TestCa ca_{
      {.not_before = absl::FromCivil(absl::CivilDay(2020, 1, 1), absl::UTCTimeZone()),
       .not_after = absl::FromCivil(absl::CivilDay(2999, 1, 1), absl::UTCTimeZone())}};
  std::string extra_ = "-ndays 1";
};

TEST_F(OcspClientOpensslTest, UnderstandsGoodRevokedAndUnknown) {
  const revocation::Responder responder{.nonce = pki::NoncePolicy::kRequired};
  std::optional<pki::OcspResult> result;
  EXPECT_EQ(Ask(kGood, responder, &result), "ANSWERED ANSWERED");
  EXPECT_EQ(result->cert_status, pki::OcspCertStatus::kGood);
  EXPECT_EQ(*result->next_update - result->this_update, absl::Hours(24));

  EXPECT_EQ(Ask(kRevoked, responder, &result), "ANSWERED ANSWERED");
  EXPECT_EQ(result->cert_status, pki::OcspCertStatus::kRevoked);
  EXPECT_EQ(result->revoked_at, absl::FromCivil(absl::CivilDay(2026, 3, 1), absl::UTCTimeZone()));
  EXPECT_EQ(result->reason, pki::CrlReason::kSuperseded);

  EXPECT_EQ(Ask(kNeverIssued, responder, &result), "ANSWERED ANSWERED");
  EXPECT_EQ(result->cert_status, pki::OcspCertStatus::kUnknown);
}

TEST_F(OcspClientOpensslTest, UnderstandsSha1CertIdsAndResponderKeys) {
  extra_ = "-ndays 1 -resp_key_id";
  EXPECT_EQ(Ask(kGood, {.hash = pki::CertIdHash::kSha1}), "ANSWERED ANSWERED");
}

TEST_F(OcspClientOpensslTest, TakesAnAnswerWithoutNextUpdate) {
  extra_ = "";
  std::optional<pki::OcspResult> result;
  EXPECT_EQ(Ask(kGood, {.max_age = absl::Minutes(10)}, &result), "ANSWERED ANSWERED");
  EXPECT_FALSE(result->next_update.has_value());
  EXPECT_EQ(result->usable_until - result->this_update, absl::Minutes(10));
}

TEST_F(OcspClientOpensslTest, RefusesASha1Signature) {
  extra_ = "-ndays 1 -rmd sha1";
  EXPECT_EQ(Ask(kGood, {}), "REFUSED ALGORITHM_NOT_ALLOWED");
}

TEST_F(OcspClientOpensslTest, RefusesAResponseWithoutTheDelegatesCertificate) {
  extra_ = "-ndays 1 -resp_no_certs";
  EXPECT_EQ(Ask(kGood, {}), "REFUSED RESPONDER_UNKNOWN");
}

TEST_F(OcspClientOpensslTest, RefusesACardThatAnswers) {
  fakes::CertificateSpec card = ca_.CardSpec(card_key_, kGood);
  card.spki = base::ToBytes(*base::ReadFile(File("spki.der")));
  WritePem("delegate.pem", ca_.Issue(card));
  EXPECT_EQ(Ask(kGood, {}), "REFUSED DELEGATE_NOT_AUTHORISED");
}

}  // namespace
}  // namespace musubi
