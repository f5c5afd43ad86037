// The sandbox and the libraries were written apart, each from the documents: here they meet.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "lib/base/encoding.h"
#include "lib/crypto/hash.h"
#include "lib/jpki/card_validator.h"
#include "lib/jpki/challenge.h"
#include "lib/jpki/hierarchy.h"
#include "lib/jpki/name_statement.h"
#include "lib/pki/certificate.h"
#include "lib/pki/trust_store.h"
#include "sandbox/challenge_encoder.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi {
namespace {

using base::AsBytes;

TEST(SandboxAndLib, TheAnchorsFileIsAccepted) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto store = pki::TrustStore::Load(shared.directory + "/anchors.json");
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ(store->anchors().size(), 8u);
  const auto certificate =
      pki::Certificate::Parse(shared.Load(shared.NewCard())->ReadCertificate());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  // One DN for all four generations.
  EXPECT_EQ(store->FindBySubject(certificate->issuer_der()).size(), 4u);
}

TEST(SandboxAndLib, TheParserReadsEveryFieldOfACardCertificate) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto certificate = pki::Certificate::Parse(
      shared.Load(shared.NewCard({.municipality = "99003", .generation = "04"}))
          ->ReadCertificate());
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(certificate->serial().size(), 4u);
  EXPECT_EQ(certificate->key_usage(), static_cast<uint16_t>(pki::KeyUsage::kDigitalSignature));
  EXPECT_EQ(certificate->policies(), std::vector<std::string>{"2.999.1.30"});
  EXPECT_TRUE(certificate->policies_critical());
  EXPECT_EQ(certificate->critical_extensions(),
            (std::vector<std::string>{"2.5.29.15", "2.5.29.32"}));
  EXPECT_EQ(certificate->ocsp_uris(),
            std::vector<std::string>{"http://ocspauthnorm.jpki-sim.example"});
  ASSERT_EQ(certificate->crl_distribution_points().size(), 1u);
  EXPECT_EQ(certificate->crl_distribution_points()[0].directory_names_der,
            std::vector<base::Bytes>{sandbox::DistributionPointName(
                sandbox::Role::kUserAuthentication, *sandbox::FindMunicipality("99003"))});
  ASSERT_TRUE(certificate->authority_key_identifier().has_value());
  EXPECT_EQ(certificate->authority_key_identifier()->issuer_name_der,
            sandbox::CaName(sandbox::Role::kUserAuthentication));
}

TEST(SandboxAndLib, BothEncodeTheSameChallenge) {
  base::SystemRandom random;
  for (int i = 0; i < 100; ++i) {
    const auto session_id = random.Bytes<16>();
    const auto hash = random.Bytes<32>();
    const auto transcript = random.Bytes<32>();
    const auto nonce = random.Bytes<32>();
    const std::string act = i % 2 == 0 ? "LINK" : "VERIFY";
    const std::string flow = i % 3 == 0 ? "ONE_DEVICE" : "CROSS_DEVICE";
    const std::vector<std::string> attributes =
        i % 5 == 0 ? std::vector<std::string>{} : std::vector<std::string>{"name"};
    const bool bound = i % 7 != 0;
    const auto server =
        jpki::EncodeChallenge({.relying_party_id = "demo-university",
                               .origin = "https://prelink.example",
                               .act = act,
                               .session_id = session_id,
                               .account_binding_hash = bound ? base::ToBytes(hash) : base::Bytes{},
                               .flow = flow,
                               .transcript = transcript,
                               .requested_attributes = attributes,
                               .consent_text_version = "2026-04",
                               .nonce = nonce});
    const auto app = sandbox::EncodeChallenge(
        {.relying_party_id = "demo-university",
         .origin = "https://prelink.example",
         .act = act,
         .session_id = base::ToBytes(session_id),
         .account_binding_hash = bound ? base::ToBytes(hash) : base::Bytes{},
         .flow = flow,
         .transcript = base::ToBytes(transcript),
         .requested_attributes = attributes,
         .consent_text_version = "2026-04",
         .nonce = base::ToBytes(nonce)});
    ASSERT_TRUE(server.ok() && app.ok()) << server.status() << app.status();
    EXPECT_EQ(*server, *app);
  }
}

// The verdict on a card of the world, with a proof of possession.
std::string VerdictOn(const std::string& path) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto validator =
      jpki::CardValidator::Create(*pki::TrustStore::Load(shared.directory + "/anchors.json"),
                                  *jpki::Hierarchy::Load(shared.directory + "/hierarchy.json"));
  EXPECT_TRUE(validator.ok()) << validator.status();
  const auto card = shared.Load(path);
  const base::Bytes signature = *card->Sign("1234", AsBytes("challenge"));
  const pki::Verdict verdict =
      validator
          ->Check(card->ReadCertificate(),
                  jpki::Proof{.message = AsBytes("challenge"),
                              .signature = signature,
                              .algorithm = card->key_type() == sandbox::KeyType::kEcP384
                                               ? crypto::SignatureAlgorithm::kEcdsaP384Sha384
                                               : crypto::SignatureAlgorithm::kRsaPkcs1Sha256},
                  shared.clock.Now())
          .verdict;
  return std::string(pki::Name(verdict.status)) + " " + std::string(pki::Name(verdict.reason));
}

TEST(SandboxAndLib, EachForgeryGetsTheVerdictThatItIsMadeFor) {
  using sandbox::Forgery;
  const std::map<Forgery, std::string> expected = {
      {Forgery::kExpired, "INVALID EXPIRED"},
      {Forgery::kNotYetValid, "INVALID NOT_YET_VALID"},
      {Forgery::kUnknownPolicy, "INVALID UNKNOWN_POLICY"},
      {Forgery::kSelfMadeCa, "INVALID ISSUER_UNKNOWN"},
      {Forgery::kEvilTwin, "INVALID BAD_ISSUER_SIGNATURE"},
      {Forgery::kBadSignature, "INVALID BAD_ISSUER_SIGNATURE"},
      {Forgery::kWrongAlgorithm, "INVALID ALGORITHM_NOT_ALLOWED"},
      {Forgery::kUnknownCriticalExtension, "INVALID UNKNOWN_CRITICAL_EXTENSION"},
      {Forgery::kOversized, "INVALID TOO_LARGE"},
      {Forgery::kTruncated, "INVALID MALFORMED"},
      {Forgery::kTrailingBytes, "INVALID MALFORMED"},
      {Forgery::kNonDer, "INVALID MALFORMED"},
      // Only OCSP can tell: revocation_sandbox_test.cc.
      {Forgery::kUnknownToRegister, "VALID UNSPECIFIED"},
  };
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  for (const Forgery forgery : sandbox::kForgeries) {
    const auto card = shared.world->IssueForgedCard(forgery);
    ASSERT_TRUE(card.ok()) << card.status();
    EXPECT_EQ(VerdictOn(*card), expected.at(forgery)) << Name(forgery);
  }
}

TEST(SandboxAndLib, CardsOfOtherKindsAreRefusedByName) {
  using sandbox::CardKind;
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  auto verdict = [&](CardKind kind) {
    return VerdictOn(shared.NewCard({.generation = "04", .kind = kind}));
  };
  EXPECT_EQ(verdict(CardKind::kUserAuthentication), "VALID UNSPECIFIED");
  EXPECT_EQ(verdict(CardKind::kSignature), "INVALID DIGITAL_SIGNATURE_CERTIFICATE");
  EXPECT_EQ(verdict(CardKind::kPhone), "INVALID PHONE_CERTIFICATE");
  EXPECT_EQ(verdict(CardKind::kTest), "INVALID TEST_HIERARCHY");
}

TEST(SandboxAndLib, TheNameStatementOfACardIsAccepted) {
  const fakes::SandboxWorld& shared = fakes::SandboxWorld::Get();
  const auto issuers = jpki::NameIssuers::Load(shared.directory + "/name-issuers.json");
  ASSERT_TRUE(issuers.ok()) << issuers.status();
  const auto card = shared.Load(shared.NewCard({.generation = "04"}));
  const auto read = card->ReadName("5678", AsBytes("challenge"));
  ASSERT_TRUE(read.ok()) << read.status();
  const base::Hash256 challenge = crypto::Sha256(AsBytes("challenge"));
  const base::Hash256 certificate = crypto::Sha256(card->ReadCertificate());
  jpki::NameStatement statement = {.name = base::Secret<std::string>(read->name),
                                   .issuer_key_id = read->issuer_id,
                                   .challenge_hash = challenge,
                                   .certificate_hash = certificate,
                                   .signature = read->signature};
  EXPECT_EQ(jpki::CheckNameStatement(*issuers, statement, challenge, certificate),
            pki::VerdictReason::kUnspecified);
  statement.name = base::Secret<std::string>("試験\u3000二号");
  EXPECT_EQ(jpki::CheckNameStatement(*issuers, statement, challenge, certificate),
            pki::VerdictReason::kNameStatementInvalid);
}

}  // namespace
}  // namespace musubi
