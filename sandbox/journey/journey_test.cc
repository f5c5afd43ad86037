#include "sandbox/journey/journey.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/signature.h"
#include "lib/pki/certificate.h"
#include "musubi/v1/link.grpc.pb.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/challenge_encoder.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi::sandbox {
namespace {

using grpc::ServerContext;
using grpc::Status;

constexpr char kOrigin[] = "https://prelink.example";

// Octets that a test can recognise: `size` times `c`.
std::string Octets(char c, size_t size) { return std::string(size, c); }

// FakeMusubid answers every call of a journey with fixed values and keeps what it was sent. It
// holds callers to credentials, codes and the challenge, and to nothing else.
class FakeMusubid final {
 public:
  FakeMusubid() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&sessions_);
    builder.RegisterService(&pairings_);
    builder.RegisterService(&validations_);
    builder.RegisterService(&links_);
    server_ = builder.BuildAndStart();
  }
  ~FakeMusubid() { server_->Shutdown(); }

  std::unique_ptr<Connection> Connect(const std::string& role) {
    return Connection::Over(clock_, server_->InProcessChannel({}), role);
  }

  v1::Challenge challenge = [] {
    v1::Challenge made;
    made.set_version(1);
    made.set_relying_party_id("demo-university");
    made.set_origin(kOrigin);
    made.set_act(v1::ACT_LINK);
    made.set_session_id(Octets('s', 16));
    made.set_flow(v1::FLOW_CROSS_DEVICE);
    made.set_transcript_hash(Octets('t', 32));
    made.add_requested_attributes(v1::ATTRIBUTE_NAME);
    made.set_consent_text_version("2026-04");
    made.set_nonce(Octets('n', 32));
    return made;
  }();
  v1::VerdictStatus verdict = v1::VERDICT_STATUS_VALID;
  std::string returned_state;  // Empty: the one that the session was opened with.
  v1::SubmitProofRequest proof;
  base::RealClock clock_;

 private:
  // The credential that a call carries, as octets.
  static std::string Bearer(const ServerContext& context) {
    const auto it = context.client_metadata().find("authorization");
    if (it == context.client_metadata().end()) return "";
    const std::string text(it->second.data(), it->second.size());
    const auto octets = base::Base64UrlDecode(text.substr(std::string("Bearer ").size()));
    return octets.ok() ? base::ToString(*octets) : "";
  }

  static Status Need(const ServerContext& context, char credential) {
    if (Bearer(context) == Octets(credential, 32)) return Status::OK;
    return {grpc::StatusCode::UNAUTHENTICATED, "another credential"};
  }

  struct Sessions final : v1::SessionService::Service {
    explicit Sessions(FakeMusubid& owner) : fake(owner) {}
    Status CreateSession(ServerContext*, const v1::CreateSessionRequest* request,
                         v1::CreateSessionResponse* response) override {
      response->set_session_id(Octets('s', 16));
      fake.challenge.set_act(request->act());
      state = request->state();
      if (request->act() == v1::ACT_VERIFY) {
        response->mutable_start()->set_start_code(Octets('c', 32));
      } else {
        response->set_browser_credential(Octets('b', 32));
      }
      return Status::OK;
    }
    Status ClaimStart(ServerContext*, const v1::ClaimStartRequest* request,
                      v1::ClaimStartResponse* response) override {
      if (request->start_code() != Octets('c', 32)) return {grpc::StatusCode::NOT_FOUND, ""};
      response->set_browser_credential(Octets('b', 32));
      return Status::OK;
    }
    Status WatchSession(ServerContext* context, const v1::WatchSessionRequest*,
                        grpc::ServerWriter<v1::WatchSessionResponse>* writer) override {
      if (Status status = Need(*context, 'b'); !status.ok()) return status;
      for (const v1::SessionState next : states) {
        v1::WatchSessionResponse response;
        response.mutable_session()->set_state(next);
        writer->Write(response);
      }
      return Status::OK;
    }
    FakeMusubid& fake;
    std::string state;
    std::vector<v1::SessionState> states = {v1::SESSION_STATE_PROVEN, v1::SESSION_STATE_READY};
  };

  struct Pairings final : v1::PairingService::Service {
    explicit Pairings(FakeMusubid& owner) : fake(owner) {}
    Status GetQrFrame(ServerContext* context, const v1::GetQrFrameRequest*,
                      v1::GetQrFrameResponse* response) override {
      response->mutable_frame()->set_payload("frame");
      return Need(*context, 'b');
    }
    Status ClaimQr(ServerContext*, const v1::ClaimQrRequest* request,
                   v1::ClaimQrResponse* response) override {
      if (request->payload() != "frame") return {grpc::StatusCode::INVALID_ARGUMENT, ""};
      response->set_session_id(Octets('s', 16));
      response->set_device_credential(Octets('d', 32));
      response->set_pairing_code("012345");
      response->set_act(fake.challenge.act());
      fake.challenge.set_flow(v1::FLOW_CROSS_DEVICE);
      return Status::OK;
    }
    Status ConfirmCode(ServerContext* context, const v1::ConfirmCodeRequest* request,
                       v1::ConfirmCodeResponse*) override {
      if (request->pairing_code() != "012345") return {grpc::StatusCode::INVALID_ARGUMENT, ""};
      return Need(*context, 'b');
    }
    Status CreateHandoff(ServerContext* context, const v1::CreateHandoffRequest*,
                         v1::CreateHandoffResponse* response) override {
      response->set_handoff_token(Octets('h', 32));
      return Need(*context, 'b');
    }
    Status ClaimHandoff(ServerContext*, const v1::ClaimHandoffRequest* request,
                        v1::ClaimHandoffResponse* response) override {
      if (request->handoff_token() != Octets('h', 32)) return {grpc::StatusCode::NOT_FOUND, ""};
      response->set_device_credential(Octets('d', 32));
      response->set_act(fake.challenge.act());
      fake.challenge.set_flow(v1::FLOW_ONE_DEVICE);
      return Status::OK;
    }
    Status CompleteReturn(ServerContext* context, const v1::CompleteReturnRequest* request,
                          v1::CompleteReturnResponse* response) override {
      const bool one_device = fake.challenge.flow() == v1::FLOW_ONE_DEVICE;
      if (request->return_code() != (one_device ? Octets('r', 32) : "")) {
        return {grpc::StatusCode::INVALID_ARGUMENT, "another return code"};
      }
      response->set_browser_credential(Octets('B', 32));
      response->mutable_verify()->set_result_code(Octets('v', 32));
      response->mutable_verify()->set_state(fake.returned_state.empty() ? fake.sessions_.state
                                                                        : fake.returned_state);
      return Need(*context, 'b');
    }
    FakeMusubid& fake;
  };

  struct Validations final : v1::ValidationService::Service {
    explicit Validations(FakeMusubid& owner) : fake(owner) {}
    Status GetChallenge(ServerContext* context, const v1::GetChallengeRequest*,
                        v1::GetChallengeResponse* response) override {
      *response->mutable_challenge() = fake.challenge;
      return Need(*context, 'd');
    }
    Status SubmitProof(ServerContext* context, const v1::SubmitProofRequest* request,
                       v1::SubmitProofResponse* response) override {
      fake.proof = *request;
      response->mutable_verdict()->set_status(fake.verdict);
      response->mutable_consent()->set_consent_text_version("2026-04");
      response->mutable_consent()->add_attributes()->set_attribute(v1::ATTRIBUTE_NAME);
      return Need(*context, 'd');
    }
    Status GrantConsent(ServerContext* context, const v1::GrantConsentRequest* request,
                        v1::GrantConsentResponse* response) override {
      if (request->attributes_size() != 1 || request->consent_text_version() != "2026-04") {
        return {grpc::StatusCode::FAILED_PRECONDITION, "another consent"};
      }
      if (fake.challenge.flow() == v1::FLOW_ONE_DEVICE) {
        response->mutable_ticket()->set_return_code(Octets('r', 32));
      }
      return Need(*context, 'd');
    }
    FakeMusubid& fake;
  };

  struct Links final : v1::LinkService::Service {
    Status CreateLink(ServerContext*, const v1::CreateLinkRequest* request,
                      v1::CreateLinkResponse* response) override {
      response->mutable_link()->set_link_id(Octets('l', 16));
      return request->sign_in().auth_time().seconds() > 0
                 ? Status::OK
                 : Status(grpc::StatusCode::FAILED_PRECONDITION, "no sign-in");
    }
    Status DeleteLink(ServerContext*, const v1::DeleteLinkRequest*,
                      v1::DeleteLinkResponse* response) override {
      response->mutable_link()->set_link_id(Octets('l', 16));
      return Status::OK;
    }
    Status ResolveLink(ServerContext* context, const v1::ResolveLinkRequest* request,
                       v1::ResolveLinkResponse* response) override {
      const auto role = context->client_metadata().find("musubi-role");
      if (role == context->client_metadata().end() ||
          role->second != "relying-party/demo-university" ||
          request->result_code() != Octets('v', 32)) {
        return {grpc::StatusCode::PERMISSION_DENIED, ""};
      }
      response->mutable_account()->set_subject("shiken-001");
      return Status::OK;
    }
  };

 public:
  Sessions sessions_{*this};

 private:
  Pairings pairings_{*this};
  Validations validations_{*this};
  Links links_;
  std::unique_ptr<grpc::Server> server_;
};

class JourneyTest : public testing::Test {
 protected:
  absl::StatusOr<JourneyResult> Run(JourneyOptions options) {
    if (options.pins.authentication.empty()) options.pins = {"1234", "5678"};
    actions_.clear();
    return Journey({.clock = musubid_.clock_,
                    .random = shared_.random,
                    .front = *front_,
                    .relying_party = relying_party_.get(),
                    .card = *card_},
                   options, [this](const Step& step) { actions_.emplace_back(step.action); })
        .Run();
  }

  fakes::SandboxWorld& shared_ = fakes::SandboxWorld::Get();
  FakeMusubid musubid_;
  std::unique_ptr<Connection> front_ = musubid_.Connect("front");
  std::unique_ptr<Connection> relying_party_ = musubid_.Connect("relying-party/demo-university");
  std::unique_ptr<VirtualCard> card_ = shared_.Load(shared_.NewCard({.generation = "04"}));
  std::vector<std::string> actions_;
};

TEST_F(JourneyTest, LinksAcrossTwoDevices) {
  const auto result = Run({.act = v1::ACT_LINK, .flow = v1::FLOW_CROSS_DEVICE});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->link_id, Octets('l', 16));
  EXPECT_EQ(actions_,
            (std::vector<std::string>{"CreateSession", "GetQrFrame", "ClaimQr", "ConfirmCode",
                                      "GetChallenge", "read", "SubmitProof", "GrantConsent",
                                      "WatchSession", "CompleteReturn", "CreateLink"}));
}

TEST_F(JourneyTest, VerifiesOnOneDevice) {
  const auto result = Run({.act = v1::ACT_VERIFY, .flow = v1::FLOW_ONE_DEVICE});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->account_subject, "shiken-001");
  EXPECT_EQ(actions_,
            (std::vector<std::string>{"CreateSession", "ClaimStart", "CreateHandoff",
                                      "ClaimHandoff", "GetChallenge", "read", "SubmitProof",
                                      "GrantConsent", "CompleteReturn", "ResolveLink"}));
}

TEST_F(JourneyTest, UnlinksWithTheCard) {
  const auto result = Run({.act = v1::ACT_UNLINK, .flow = v1::FLOW_ONE_DEVICE});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(actions_.back(), "DeleteLink");
}

TEST_F(JourneyTest, ProvesTheEncodedChallenge) {
  ASSERT_TRUE(Run({}).ok());
  const auto encoded = EncodeChallenge({.relying_party_id = "demo-university",
                                        .origin = kOrigin,
                                        .act = "LINK",
                                        .session_id = base::Bytes(16, 's'),
                                        .flow = "CROSS_DEVICE",
                                        .transcript = base::Bytes(32, 't'),
                                        .requested_attributes = {"name"},
                                        .consent_text_version = "2026-04",
                                        .nonce = base::Bytes(32, 'n')});
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  const auto certificate = pki::Certificate::Parse(base::AsBytes(musubid_.proof.certificate()));
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_TRUE(crypto::VerifySignature(crypto::SignatureAlgorithm::kEcdsaP384Sha384,
                                      certificate->spki_der(), *encoded,
                                      base::AsBytes(musubid_.proof.signature())));
  EXPECT_EQ(musubid_.proof.name_statement().challenge_hash(),
            base::ToString(crypto::Sha256(*encoded)));
  EXPECT_EQ(musubid_.proof.nonce(), Octets('n', 32));
  EXPECT_EQ(musubid_.proof.algorithm(), v1::SIGNATURE_ALGORITHM_ECDSA_P384_SHA384);
}

TEST_F(JourneyTest, RefusesAChallengeThatIsNotTheAppsOwn) {
  const std::vector<void (*)(v1::Challenge&)> spoil = {
      [](v1::Challenge& c) { c.set_origin("https://evil.example"); },
      [](v1::Challenge& c) { c.set_version(2); },
      [](v1::Challenge& c) { c.set_session_id(Octets('x', 16)); },
      [](v1::Challenge& c) { c.set_act(v1::ACT_VERIFY); },
      [](v1::Challenge& c) { c.set_flow(v1::FLOW_ONE_DEVICE); },
  };
  Phone phone(*front_, shared_.random, *card_, kOrigin);
  musubid_.challenge.set_act(v1::ACT_LINK);
  ASSERT_TRUE(phone.ClaimQr("frame").ok());
  const Pins pins = {"1234", "5678"};
  ASSERT_TRUE(phone.ReadCard(musubid_.challenge, pins).ok());
  for (size_t i = 0; i < spoil.size(); ++i) {
    v1::Challenge challenge = musubid_.challenge;
    spoil[i](challenge);
    EXPECT_EQ(phone.ReadCard(challenge, pins).status().code(),
              absl::StatusCode::kFailedPrecondition)
        << i;
  }
  // The PIN was not asked for: nothing was signed.
  EXPECT_EQ(*card_->TriesLeft(Pin::kAuthentication), kPinTries);
}

TEST_F(JourneyTest, StopsAtAProofThatIsNotValid) {
  musubid_.verdict = v1::VERDICT_STATUS_INDETERMINATE;
  EXPECT_EQ(Run({}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(actions_.back(), "SubmitProof");
}

TEST_F(JourneyTest, StopsAtAWrongPin) {
  EXPECT_EQ(Run({.pins = {"9999", "5678"}}).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(actions_.back(), "read");
}

TEST_F(JourneyTest, TakesNoStateOfAnotherJourney) {
  musubid_.returned_state = "another";
  EXPECT_EQ(Run({.act = v1::ACT_VERIFY}).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(JourneyTest, WaitsNoLongerForASessionThatHasEnded) {
  musubid_.sessions_.states = {v1::SESSION_STATE_PROVEN, v1::SESSION_STATE_CANCELLED};
  EXPECT_EQ(Run({}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(actions_.back(), "WatchSession");
}

}  // namespace
}  // namespace musubi::sandbox
