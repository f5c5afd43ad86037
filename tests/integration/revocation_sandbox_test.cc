// The sandbox's CRLs and OCSP responder, as Musubi consumes them: the files of a world, the HTTP
// client, the CRL store and the checker together.
#include <gtest/gtest.h>

#include <memory>
#include <set>
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
    EXPECT_TRUE(shared_.world->PublishCrls().ok());
    crl_store_ = MakeCrlStore(observer_);
    AskAfresh();
  }

  std::unique_ptr<revocation::CrlStore> MakeCrlStore(revocation::Observer& observer) {
    return *revocation::CrlStore::Create(
        {shared_.clock, observer}, {.directory = shared_.directory + "/crl", .issuers = issuers_});
  }

  // A checker and an OCSP client that remember nothing.
  void AskAfresh(const sandbox::RespondersFileOptions& options = {}) {
    EXPECT_TRUE(server_->WriteRespondersFile(shared_.directory, options).ok());
    checker_.reset();
    ocsp_client_ = *revocation::OcspClient::Create(
        {*http_, shared_.clock, shared_.clock, shared_.random, crl_store_.get(), observer_},
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
  EXPECT_EQ(Check(card, "auth-03", RevocationMode::kOcspOnly),
            "NO_USABLE_ANSWER UNSPECIFIED NOT_GIVEN");
}

TEST_F(RevocationSandboxTest, AnUnauthorisedIssuanceIsUnknownToTheResponderAlone) {
  const auto card = shared_.world->IssueForgedCard(sandbox::Forgery::kUnknownToRegister);
  ASSERT_TRUE(card.ok()) << card.status();
  EXPECT_EQ(Check(*card, "auth-03", RevocationMode::kOcspThenCrl),
            "UNKNOWN_TO_RESPONDER OCSP NOT_GIVEN");
  EXPECT_EQ(Check(*card, "auth-03", RevocationMode::kCrlOnly), "GOOD CRL NOT_GIVEN");
}

struct OcspCase {
  sandbox::OcspMisbehaviour misbehaviour;
  std::string exchange;
  std::string outcome;
  std::string finding = "NO_USABLE_ANSWER UNSPECIFIED";
  sandbox::RespondersFileOptions options = {};
};

TEST_F(RevocationSandboxTest, NoMisbehaviourOfTheResponderIsBelieved) {
  using sandbox::OcspMisbehaviour;
  const std::string card = shared_.NewCard();
  for (const OcspCase& test : std::vector<OcspCase>{
           {OcspMisbehaviour::kSlow,
            "TIMEOUT",
            "UNSPECIFIED",
            "NO_USABLE_ANSWER UNSPECIFIED",
            {.timeout = absl::Milliseconds(100)}},
           {OcspMisbehaviour::kDead, "UNREACHABLE", "UNSPECIFIED"},
           {OcspMisbehaviour::kGarbage, "REFUSED", "MALFORMED"},
           {OcspMisbehaviour::kUnknown, "ANSWERED", "ANSWERED", "UNKNOWN_TO_RESPONDER OCSP"},
           {OcspMisbehaviour::kWrongCertId, "REFUSED", "NO_MATCHING_ANSWER"},
           {OcspMisbehaviour::kStale, "REFUSED", "STALE"},
           {OcspMisbehaviour::kFuture, "REFUSED", "NOT_YET_VALID"},
           {OcspMisbehaviour::kUnauthorisedDelegate, "REFUSED", "DELEGATE_NOT_AUTHORISED"},
           {OcspMisbehaviour::kWrongNonce, "REFUSED", "WRONG_NONCE"},
           {OcspMisbehaviour::kMissingNonce,
            "REFUSED",
            "NONCE_MISSING",
            "NO_USABLE_ANSWER UNSPECIFIED",
            {.nonce = "REQUIRED"}},
           {OcspMisbehaviour::kTwoAnswers, "REFUSED", "SEVERAL_ANSWERS"},
           // Nothing of the above is remembered, and an optional nonce may be left out.
           {OcspMisbehaviour::kMissingNonce, "ANSWERED", "ANSWERED", "GOOD OCSP"},
           {OcspMisbehaviour::kNone, "ANSWERED", "ANSWERED", "GOOD OCSP", {.nonce = "REQUIRED"}},
       }) {
    AskAfresh(test.options);
    server_->Misbehave(test.misbehaviour);
    EXPECT_EQ(Check(card, "auth-03", RevocationMode::kOcspOnly), test.finding + " NOT_GIVEN")
        << Name(test.misbehaviour);
    const revocation::OcspEvent event = observer_.ocsp().back();
    EXPECT_EQ(Name(event.exchange), test.exchange) << Name(test.misbehaviour);
    EXPECT_EQ(Name(event.outcome), test.outcome) << Name(test.misbehaviour);
  }
}

TEST_F(RevocationSandboxTest, NoCardOfAnyGenerationIsAResponder) {
  server_->Misbehave(sandbox::OcspMisbehaviour::kUnauthorisedDelegate);
  const std::string card = shared_.NewCard({.generation = "04"});
  EXPECT_EQ(Check(card, "auth-04", RevocationMode::kOcspOnly),
            "NO_USABLE_ANSWER UNSPECIFIED NOT_GIVEN");
  EXPECT_EQ(Name(observer_.ocsp().back().outcome), "DELEGATE_NOT_AUTHORISED");
}

struct CrlCase {
  sandbox::CrlMisbehaviour misbehaviour;
  std::string on_good_lists;  // Outcomes of a load into a store that has good ones in force.
  std::string on_nothing;     // The same of a store that has none.
  std::string finding;        // Of that store.
};

const CrlCase kCrlCases[] = {
    {sandbox::CrlMisbehaviour::kOld, "OLDER USABLE", "LOADED STALE", "NO_USABLE_ANSWER"},
    // Who knows no newer one cannot tell.
    {sandbox::CrlMisbehaviour::kOlderNumber, "OLDER USABLE", "LOADED USABLE", "GOOD"},
    {sandbox::CrlMisbehaviour::kBadSignature, "REFUSED BAD_SIGNATURE", "REFUSED BAD_SIGNATURE",
     "NO_USABLE_ANSWER"},
    {sandbox::CrlMisbehaviour::kWrongGenerationKey, "REFUSED BAD_SIGNATURE",
     "REFUSED BAD_SIGNATURE", "NO_USABLE_ANSWER"},
    {sandbox::CrlMisbehaviour::kForeignScope, "REFUSED FOREIGN_SCOPE", "REFUSED FOREIGN_SCOPE",
     "NO_USABLE_ANSWER"},
    {sandbox::CrlMisbehaviour::kMissingPartition, "MISSING USABLE", "MISSING UNSPECIFIED",
     "NO_USABLE_ANSWER"},
    {sandbox::CrlMisbehaviour::kUnknownCriticalEntryExtension,
     "REFUSED UNKNOWN_CRITICAL_ENTRY_EXTENSION", "REFUSED UNKNOWN_CRITICAL_ENTRY_EXTENSION",
     "NO_USABLE_ANSWER"},
    {sandbox::CrlMisbehaviour::kCut, "REFUSED MALFORMED", "REFUSED MALFORMED", "NO_USABLE_ANSWER"},
};

// The outcomes of the scopes of one CA key, from event `first` on.
std::set<std::string> OutcomesOf(const fakes::RecordingObserver& observer, size_t first) {
  std::set<std::string> outcomes;
  const auto events = observer.scopes();
  for (size_t i = first; i < events.size(); ++i) {
    if (events[i].anchor != "auth-03") continue;
    outcomes.insert(std::string(Name(events[i].outcome)) + " " +
                    std::string(pki::Name(events[i].crl_outcome)));
  }
  return outcomes;
}

TEST_F(RevocationSandboxTest, GoodListsOutlastEveryMisbehaviourOfTheirSuccessors) {
  const std::string good = shared_.NewCard();
  const std::string revoked = shared_.NewCard();
  ASSERT_TRUE(
      shared_.world->RevokeCard(revoked, sandbox::RevocationReason::kAffiliationChanged).ok());
  ASSERT_TRUE(shared_.world->PublishCrls().ok());
  ASSERT_TRUE(crl_store_->Reload().ok());
  for (const CrlCase& test : kCrlCases) {
    ASSERT_TRUE(shared_.world->PublishCrls(test.misbehaviour).ok());
    const size_t first = observer_.scopes().size();
    ASSERT_TRUE(crl_store_->Reload().ok());
    EXPECT_EQ(OutcomesOf(observer_, first), std::set<std::string>{test.on_good_lists})
        << Name(test.misbehaviour);
    EXPECT_EQ(Check(good, "auth-03", RevocationMode::kCrlOnly), "GOOD CRL NOT_GIVEN")
        << Name(test.misbehaviour);
    EXPECT_EQ(Check(revoked, "auth-03", RevocationMode::kCrlOnly),
              "REVOKED CRL AFFILIATION_CHANGED")
        << Name(test.misbehaviour);
  }
  ASSERT_TRUE(shared_.world->PublishCrls().ok());
  const size_t first = observer_.scopes().size();
  ASSERT_TRUE(crl_store_->Reload().ok());
  EXPECT_EQ(OutcomesOf(observer_, first), std::set<std::string>{"LOADED USABLE"});
}

TEST_F(RevocationSandboxTest, MisbehavingListsMakeNothingGood) {
  const std::string card = shared_.NewCard();
  for (const CrlCase& test : kCrlCases) {
    ASSERT_TRUE(shared_.world->PublishCrls(test.misbehaviour).ok());
    fakes::RecordingObserver observer;
    const auto store = MakeCrlStore(observer);
    EXPECT_EQ(OutcomesOf(observer, 0), std::set<std::string>{test.on_nothing})
        << Name(test.misbehaviour);
    const auto target = *pki::Certificate::Parse(shared_.Load(card)->ReadCertificate());
    EXPECT_EQ(pki::Name(store->Lookup(target, issuers_.at("auth-03"), shared_.clock.Now()).outcome),
              test.finding)
        << Name(test.misbehaviour);
  }
}

}  // namespace
}  // namespace musubi
