// JourneyFixture with a card, its CA and an OCSP responder that says what the test tells it. For
// tests only.
#ifndef MUSUBI_LIB_PRELINK_CARD_FIXTURE_H_
#define MUSUBI_LIB_PRELINK_CARD_FIXTURE_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/crypto/hash.h"
#include "lib/jpki/card_validator.h"
#include "lib/jpki/challenge.h"
#include "lib/jpki/hierarchy.h"
#include "lib/jpki/name_statement.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/prelink/journey_fixture.h"
#include "lib/prelink/proofs.h"
#include "lib/revocation/crl_store.h"
#include "lib/revocation/ocsp_client.h"
#include "lib/revocation/revocation_checker.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/fake_responder.h"
#include "tests/fakes/recording_observer.h"
#include "tests/fakes/test_ca.h"
#include "tests/fakes/test_revocation.h"

namespace musubi::prelink {

class CardFixture : public JourneyFixture {
 protected:
  void SetUp() override {
    JourneyFixture::SetUp();
    MakeProofs(revocation::RevocationMode::kOcspOnly);
  }

  void MakeProofs(revocation::RevocationMode mode) {
    proofs = std::make_unique<ProofUseCases>(
        ProofUseCases::Dependencies{.journey = *journey_,
                                    .validation = validation_,
                                    .name_issuers = name_issuers_,
                                    .revocation_mode = mode,
                                    .crl_lag = [this] { return crl_lag_; }});
  }

  // What the app sends for `issued`, after the card has signed.
  SubmitProofArgs Prove(const IssuedChallenge& issued) { return Prove(issued, card_key_); }
  SubmitProofArgs Prove(const IssuedChallenge& issued, const fakes::TestKey& key) {
    return Prove(issued, key, card_der_);
  }
  SubmitProofArgs Prove(const IssuedChallenge& issued, const fakes::TestKey& key,
                        const base::Bytes& certificate_der) {
    const base::Bytes message = *jpki::EncodeChallenge(issued.challenge);
    return SubmitProofArgs{
        .request_id = NewRequest(),
        .nonce = issued.challenge.nonce,
        .certificate_der = certificate_der,
        .algorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256,
        .signature = key.Sign(crypto::SignatureAlgorithm::kRsaPkcs1Sha256, message),
        .name_statement = StateName("試験 一号", message, certificate_der)};
  }
  jpki::NameStatement StateName(std::string name, base::ByteView message) {
    return StateName(std::move(name), message, card_der_);
  }
  jpki::NameStatement StateName(std::string name, base::ByteView message,
                                base::ByteView certificate_der) {
    jpki::NameStatement statement{.name = base::Secret<std::string>(std::move(name)),
                                  .issuer_key_id = "sim-1",
                                  .challenge_hash = crypto::Sha256(message),
                                  .certificate_hash = crypto::Sha256(certificate_der)};
    const auto signature =
        name_key_.Sign(jpki::EncodeNameStatement(statement.name.Reveal(), statement.challenge_hash,
                                                 statement.certificate_hash)
                           .RevealBytes());
    statement.signature.assign(signature.begin(), signature.end());
    return statement;
  }
  // The CRL of the card's municipality: in force for 48 hours from then on, and without the card.
  void PublishCrl(absl::Time this_update) {
    const base::Bytes point = fakes::DistributionPointName("Mihon-shi");
    crls_.Expect("auth-01", point, "mihon-shi.crl");
    crls_.Write("mihon-shi.crl",
                fakes::IssueCrl(fakes::MakeCrlSpec(ca_, point, 7, this_update), ca_.key()));
    ASSERT_TRUE(crl_store_->Reload().ok());
  }
  absl::StatusOr<ProofAnswer> Submit(const SessionCall& phone, const SubmitProofArgs& args) {
    return proofs->SubmitProof(phone, args, clock_.Now() + absl::Seconds(5));
  }
  // Challenge, good proof, consent.
  void ProveAndConsent(const SessionCall& phone) {
    const auto issued = proofs->GetChallenge(phone);
    ASSERT_TRUE(issued.ok()) << issued.status();
    const auto answer = Submit(phone, Prove(*issued));
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_EQ(answer->state, session::State::kProven) << pki::Name(answer->verdict.reason);
    const auto consent = proofs->GrantConsent(phone, NewRequest(), "2026-04", {"name"});
    ASSERT_TRUE(consent.ok()) << consent.status();
  }
  // A READY session of `act` across two devices; the browser's call.
  SessionCall OpenReady(session::Act act) {
    const SessionCall browser = Open(act);
    ProveAndConsent(PairAcrossDevices(browser));
    return browser;
  }

  const fakes::TestKey& card_key_ = fakes::TestKey::Get(fakes::KeyKind::kRsa2048, 9);
  fakes::TestCa ca_;
  const base::Bytes card_der_ = ca_.Issue(ca_.CardSpec(card_key_));
  const crypto::Ed25519PrivateKey name_key_ = crypto::Ed25519PrivateKey::Generate("sim-1", random_);
  const jpki::NameIssuers name_issuers_ =
      *jpki::NameIssuers::Parse(R"({"version":1,"issuers":[{"id":"sim-1","ed25519_public_key":")" +
                                    base::Base64UrlEncode(name_key_.public_key()) + "\"}]}",
                                "name-issuers.json");

  absl::Duration crl_lag_;               // For how long another replica has had newer CRLs.
  std::atomic<bool> ocsp_down_ = false;  // Read by the thread of a call.
  fakes::FakeResponder responder_{ca_, fakes::ParseCertificate(card_der_), clock_};
  fakes::FakeHttpClient http_{[this](const http::Request& request) {
    return ocsp_down_ ? absl::StatusOr<http::Response>(absl::UnavailableError("down"))
                      : responder_.Answer(request);
  }};
  fakes::RecordingObserver observer_;
  const std::unique_ptr<revocation::OcspClient> ocsp_client_ = OrDie(revocation::OcspClient::Create(
      {http_, clock_, clock_, random_, nullptr, observer_},
      {.issuers = {{"auth-01", ca_.certificate()}},
       .responders = {{.anchor = "auth-01", .urls = {"http://ocsp.example/"}}}}));
  fakes::CrlDirectory crls_;
  const std::unique_ptr<revocation::CrlStore> crl_store_ = OrDie(revocation::CrlStore::Create(
      {clock_, observer_},
      {.directory = crls_.path(), .issuers = {{"auth-01", ca_.certificate()}}}));
  const std::unique_ptr<revocation::RevocationChecker> checker_ =
      OrDie(revocation::RevocationChecker::Create(
          {clock_, crl_store_.get(), ocsp_client_.get(), observer_}));
  const jpki::CardValidator card_validator_ =
      jpki::CardValidator::Create(
          pki::TrustStore::Create(pki::Environment::kSim, {ca_.Anchor("auth-01")}).value(),
          jpki::Hierarchy::Create(pki::Environment::kSim,
                                  {{jpki::CertificateKind::kUserAuthentication, {"2.999.1.30"}},
                                   {jpki::CertificateKind::kDigitalSignature, {"2.999.1.20"}},
                                   {jpki::CertificateKind::kPhone, {"2.999.1.40"}},
                                   {jpki::CertificateKind::kTest, {"2.999.2.30"}}})
              .value())
          .value();
  const CertificateValidation validation_{
      {.clock = clock_, .card_validator = card_validator_, .revocation_checker = *checker_}};
  std::unique_ptr<ProofUseCases> proofs;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_CARD_FIXTURE_H_
