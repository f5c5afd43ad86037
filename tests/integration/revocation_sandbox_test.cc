// The sandbox's CRLs and OCSP responder, as Musubi consumes them: the files of a world, the HTTP
// client, the CRL store and the checker together.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "lib/base/file.h"
#include "lib/http/curl_http_client.h"
#include "lib/revocation/revocation_checker.h"
#include "sandbox/ocsp_server.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi {
namespace {

using revocation::RevocationMode;

class RevocationSandboxTest : public testing::Test {
 protected:
  RevocationSandboxTest() {
    for (const std::string anchor :
         {"auth-01", "auth-02", "auth-03", "auth-04", "sign-01", "sign-02", "sign-03", "sign-04"}) {
      const std::string path = sandbox::World::CaCertificatePath(shared_.directory, anchor);
      issuers_.emplace(anchor, *pki::Certificate::Parse(base::AsBytes(*base::ReadFile(path))));
    }
    auto responder =
        sandbox::OcspResponder::Create(shared_.clock, {.directory = shared_.directory});
    server_ = *sandbox::OcspServer::Start(*std::move(responder), /*port=*/0);
    EXPECT_TRUE(server_->WriteRespondersFile(shared_.directory).ok());
    EXPECT_TRUE(shared_.world->PublishCrls().ok());
    crl_store_ = *revocation::CrlStore::Create(
        {shared_.clock, observer_}, {.directory = shared_.directory + "/crl", .issuers = issuers_});
    ocsp_client_ = *revocation::OcspClient::Create(
        {*http_, shared_.clock, shared_.random, crl_store_.get(), observer_},
        {.issuers = issuers_,
         .responders = *revocation::ParseResponders(
             *base::ReadFile(shared_.directory + "/responders.json"))});
    checker_ = *revocation::RevocationChecker::Create(
        {shared_.clock, crl_store_.get(), ocsp_client_.get(), observer_});
  }

  std::string Check(const std::string& card, const std::string& anchor, RevocationMode mode) {
    const auto target = *pki::Certificate::Parse(shared_.Load(card)->ReadCertificate());
    const pki::RevocationFinding finding =
        checker_->Check(target, issuers_.at(anchor), shared_.clock.Now(), mode,
                        shared_.clock.Now() + absl::Seconds(30));
    return std::string(pki::Name(finding.outcome)) + " " + std::string(pki::Name(finding.method)) +
           " " + std::string(pki::Name(finding.reason));
  }

  fakes::SandboxWorld& shared_ = fakes::SandboxWorld::Get();
  fakes::RecordingObserver observer_;
  revocation::Issuers issuers_;
  std::unique_ptr<sandbox::OcspServer> server_;
  std::unique_ptr<http::CurlHttpClient> http_ = *http::CurlHttpClient::Create();
  std::unique_ptr<revocation::CrlStore> crl_store_;
  std::unique_ptr<revocation::OcspClient> ocsp_client_;
  std::unique_ptr<revocation::RevocationChecker> checker_;
};

TEST_F(RevocationSandboxTest, EveryPublishedListIsInForce) {
  ASSERT_FALSE(observer_.scopes().empty());
  for (const revocation::ScopeEvent& event : observer_.scopes()) {
    EXPECT_EQ(Name(event.outcome), "LOADED") << event.file;
    EXPECT_EQ(pki::Name(event.crl_outcome), "USABLE") << event.file;
  }
}

TEST_F(RevocationSandboxTest, ACardIsGoodUntilItIsRevoked) {
  const std::string card = shared_.NewCard();
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kOcspOnly), "GOOD OCSP NOT_GIVEN");
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kCrlOnly), "GOOD CRL NOT_GIVEN");
  ASSERT_TRUE(shared_.world->RevokeCard(card, sandbox::RevocationReason::kAffiliationChanged).ok());
  ASSERT_TRUE(shared_.world->PublishCrls().ok());
  ASSERT_TRUE(crl_store_->Reload().ok());
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kCrlOnly), "REVOKED CRL AFFILIATION_CHANGED");
}

TEST_F(RevocationSandboxTest, OcspKnowsBeforeTheNextList) {
  const std::string card = shared_.NewCard();
  ASSERT_TRUE(shared_.world->RevokeCard(card, sandbox::RevocationReason::kKeyCompromise).ok());
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kCrlOnly), "GOOD CRL NOT_GIVEN");
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kOcspThenCrl), "REVOKED OCSP KEY_COMPROMISE");
  // Known now, so not even the list that lacks it makes it good.
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kCrlOnly), "REVOKED OCSP KEY_COMPROMISE");
}

TEST_F(RevocationSandboxTest, WithoutTheResponderTheListAnswers) {
  const std::string card = shared_.NewCard();
  server_.reset();
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kOcspThenCrl), "GOOD CRL NOT_GIVEN");
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kOcspOnly), "NO_USABLE_ANSWER OCSP NOT_GIVEN");
}

}  // namespace
}  // namespace musubi
