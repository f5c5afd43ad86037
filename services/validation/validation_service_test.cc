#include "services/validation/validation_service.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/secure_random.h"
#include "lib/checklog/check_row.h"
#include "lib/checklog/verify.h"
#include "lib/prelink/card_fixture.h"
#include "lib/rpc/error_mapping.h"
#include "lib/rpc/server.h"
#include "services/validation/bulk_reactor.h"
#include "services/wire/wire.h"
#include "tests/fakes/memory_segments.h"

namespace musubi::services::validation {
namespace {

using base::ErrorReason;
using prelink::OrDie;
using Stub = v1::ValidationService::Stub;

class IgnoringObserver final : public rpc::RequestObserver {
 public:
  void OnRequest(const rpc::RequestRecord&) override {}
};

// The service in a server of this process, on the journeys' simulated clock.
class ValidationServiceTest : public prelink::CardFixture {
 protected:
  void SetUp() override {
    CardFixture::SetUp();
    calls_ = OrDie(rpc::Calls::Create(
        {.clock = real_clock_, .random = random_, .observer = observer_, .workers = *workers_},
        {.security = {.insecure_loopback_roles = *rpc::ParseInsecureRoles("front,platform")}}));
    service_ = std::make_unique<ValidationService>(
        ValidationService::Dependencies{.calls = *calls_,
                                        .proofs = *proofs,
                                        .clock = clock_,
                                        .queue = *queue_,
                                        .check_log = *check_log_});
    server_ = OrDie(rpc::Server::Create(*calls_, {{"musubi.v1.ValidationService", service_.get()}},
                                        {.listen = {"127.0.0.1:0"}}));
    stub_ = v1::ValidationService::NewStub(server_->InProcessChannel());
  }
  void TearDown() override { server_.reset(); }

  std::unique_ptr<grpc::ClientContext> Context(const std::string& role) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->AddMetadata("musubi-role", role);
    context->set_deadline(absl::ToChronoTime(real_clock_.Now() + absl::Seconds(10)));
    return context;
  }

  template <typename Request, typename Response>
  absl::Status Phone(const prelink::SessionCall& phone,
                     grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                     Request request, Response& response) {
    const auto context = Context("front");
    context->AddMetadata("authorization",
                         "Bearer " + base::Base64UrlEncode(phone.credential->RevealBytes()));
    request.set_session_id(wire::ToOctets(phone.session_id));
    return rpc::FromGrpc((stub_.get()->*method)(context.get(), request, &response));
  }

  v1::CertificateQuery Query() {
    v1::CertificateQuery query;
    query.set_certificate(wire::ToOctets(card_der_));
    query.set_revocation_mode(v1::REVOCATION_MODE_OCSP_ONLY);
    query.set_purpose(v1::CHECK_PURPOSE_ACCOUNT_RECOVERY);
    return query;
  }
  v1::CertificateQuery QueryWithProof() {
    v1::CertificateQuery query = Query();
    v1::PossessionProof& proof = *query.mutable_proof();
    proof.set_message("a platform's own words");
    proof.set_signature(wire::ToOctets(card_key_.Sign(crypto::SignatureAlgorithm::kRsaPkcs1Sha256,
                                                      base::AsBytes(proof.message()))));
    proof.set_algorithm(v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
    return query;
  }
  absl::StatusOr<v1::Verdict> Ask(const v1::CertificateQuery& query,
                                  const std::string& role = "platform") {
    v1::ValidateCertificateRequest request;
    *request.mutable_query() = query;
    v1::ValidateCertificateResponse response;
    const auto context = Context(role);
    const grpc::Status status = stub_->ValidateCertificate(context.get(), request, &response);
    if (!status.ok()) return rpc::FromGrpc(status);
    return response.verdict();
  }

  // The rows of checks, once all are written.
  std::vector<std::string> Rows() {
    check_log_->Flush();
    std::vector<std::string> rows;
    const auto source = segments_.Open();
    const auto report =
        checklog::VerifySegments(*source, audit_keyring_, {}, [&](std::string_view json) {
          if (checklog::KindOf(json) == checklog::RowKind::kCheck) rows.emplace_back(json);
        });
    EXPECT_TRUE(report.ok() && report->ok);
    return rows;
  }

  static constexpr size_t kCheckLogQueue = 400;

  base::RealClock real_clock_;
  fakes::MemorySegments segments_;
  const crypto::Keyring audit_keyring_ = crypto::Keyring::Generate("k1", random_);
  const std::unique_ptr<checklog::CheckLog> check_log_ = OrDie(checklog::CheckLog::Create(
      {.clock = clock_, .storage = segments_.Open(), .keyring = audit_keyring_},
      {.queue = kCheckLogQueue}));
  IgnoringObserver observer_;
  const std::unique_ptr<base::WorkerPool> workers_ =
      OrDie(base::WorkerPool::Create({.threads = 2}));
  // A queue that a stream fills at once.
  const std::unique_ptr<prelink::ValidationQueue> queue_ = OrDie(prelink::ValidationQueue::Create(
      {.engine = validation_}, {.threads = 2, .max_cost = 64, .max_client_cost = 64}));
  std::unique_ptr<rpc::Calls> calls_;
  std::unique_ptr<ValidationService> service_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(ValidationServiceTest, AnswersOneQuestion) {
  const auto without = Ask(Query());
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->status(), v1::VERDICT_STATUS_VALID);
  EXPECT_EQ(without->possession(), v1::POSSESSION_OUTCOME_NOT_ASKED);
  EXPECT_EQ(without->revocation().outcome(), v1::REVOCATION_OUTCOME_GOOD);
  v1::CertificateQuery query = QueryWithProof();
  query.set_profile(std::string(kUserAuthenticationProfile));
  EXPECT_EQ(Ask(query)->possession(), v1::POSSESSION_OUTCOME_PROVEN);
  query.mutable_proof()->set_message("other words");
  const auto foreign = Ask(query);
  EXPECT_EQ(foreign->status(), v1::VERDICT_STATUS_INVALID);
  EXPECT_EQ(foreign->reason(), v1::VERDICT_REASON_POSSESSION_FAILED);
}

TEST_F(ValidationServiceTest, EveryAnswerIsARowOfTheCheckLogWithoutTheCertificate) {
  const auto verdict = Ask(QueryWithProof());
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  ocsp_down_ = true;
  v1::CertificateQuery query = QueryWithProof();
  query.set_purpose(v1::CHECK_PURPOSE_STATUS_MONITORING);
  query.set_revocation_mode(v1::REVOCATION_MODE_NONE);
  ASSERT_TRUE(Ask(query).ok());
  query.set_certificate("nonsense");
  ASSERT_TRUE(Ask(query).ok());
  // What is refused is no check.
  query.clear_certificate();
  EXPECT_FALSE(Ask(query).ok());
  const std::vector<std::string> rows = Rows();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_THAT(rows[0], testing::HasSubstr(R"("caller":"platform","purpose":"ACCOUNT_RECOVERY",)"
                                          R"("method":"OCSP","data_age_s":)"));
  EXPECT_THAT(rows[0], testing::HasSubstr(R"("status":"VALID","reason":"UNSPECIFIED",)"
                                          R"("key_id":"k1","card":")"));
  EXPECT_THAT(rows[1], testing::HasSubstr(R"("purpose":"STATUS_MONITORING",)"
                                          R"("method":"UNSPECIFIED","data_age_s":null)"));
  EXPECT_THAT(rows[2], testing::HasSubstr(R"("reason":"MALFORMED","key_id":null,"card":null})"));
  const auto card_of = [](const std::string& row) { return row.substr(row.find(R"("card":)")); };
  EXPECT_EQ(card_of(rows[0]), card_of(rows[1])) << "one card, one hash";
  for (const auto& [name, text] : segments_.files()) {
    EXPECT_EQ(text.find(wire::ToOctets(card_der_)), std::string::npos);
    EXPECT_EQ(text.find("試験"), std::string::npos);
  }
}

TEST_F(ValidationServiceTest, AnAnswerWhoseRowTheLogCannotTakeIsNotGiven) {
  segments_.Block();
  size_t answered = 0;
  absl::Status refused;
  while (refused.ok() && answered <= kCheckLogQueue) {
    refused = Ask(Query()).status();
    if (refused.ok()) ++answered;
  }
  EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kOverloaded) << refused;
  EXPECT_EQ(answered, kCheckLogQueue);
  segments_.Unblock();
  EXPECT_EQ(Rows().size(), kCheckLogQueue);
  EXPECT_TRUE(Ask(Query()).ok());
}

TEST_F(ValidationServiceTest, InAStreamToo) {
  segments_.Block();
  const auto context = Context("platform");
  const auto stream = stub_->ValidateCertificates(context.get());
  constexpr uint64_t kQuestions = kCheckLogQueue + 20;
  std::thread writer([&] {
    v1::ValidateCertificatesRequest request;
    for (uint64_t index = 0; index < kQuestions; ++index) {
      v1::IndexedQuery& query = *request.add_queries();
      query.set_index(index);
      *query.mutable_query() = Query();
      if (request.queries_size() < 100 && index + 1 < kQuestions) continue;
      EXPECT_TRUE(stream->Write(request));
      request.Clear();
    }
    stream->WritesDone();
  });
  uint64_t verdicts = 0;
  uint64_t refused = 0;
  v1::ValidateCertificatesResponse response;
  while (stream->Read(&response)) {
    for (const v1::IndexedAnswer& answer : response.answers()) {
      if (answer.has_verdict()) {
        ++verdicts;
      } else {
        EXPECT_EQ(answer.error().reason(), v1::ERROR_REASON_OVERLOADED);
        ++refused;
      }
    }
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(verdicts, kCheckLogQueue);
  EXPECT_EQ(refused, kQuestions - kCheckLogQueue);
  segments_.Unblock();
  EXPECT_EQ(Rows().size(), kCheckLogQueue);
}

TEST_F(ValidationServiceTest, TellsEachAlgorithmFromTheOthers) {
  // The key is RSA: PKCS #1 is right, PSS is not taken, ECDSA does not fit.
  for (const auto algorithm :
       {v1::SIGNATURE_ALGORITHM_RSA_PSS_SHA256, v1::SIGNATURE_ALGORITHM_ECDSA_P256_SHA256,
        v1::SIGNATURE_ALGORITHM_ECDSA_P384_SHA384}) {
    v1::CertificateQuery query = QueryWithProof();
    query.mutable_proof()->set_algorithm(algorithm);
    EXPECT_EQ(Ask(query)->reason(), v1::VERDICT_REASON_PROOF_ALGORITHM_NOT_ALLOWED) << algorithm;
  }
}

TEST_F(ValidationServiceTest, WithoutAnAnswerAboutRevocationItIsIndeterminate) {
  ocsp_down_ = true;
  const auto verdict = Ask(QueryWithProof());
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  EXPECT_EQ(verdict->status(), v1::VERDICT_STATUS_INDETERMINATE);
  EXPECT_EQ(verdict->reason(), v1::VERDICT_REASON_REVOCATION_UNAVAILABLE);
}

TEST_F(ValidationServiceTest, RefusesQuestionsOutsideTheContract) {
  struct Case {
    std::string field;
    ErrorReason reason;
    std::function<void(v1::CertificateQuery&)> damage;
  };
  const std::vector<Case> cases = {
      {"certificate", ErrorReason::kFieldInvalid, [](auto& q) { q.clear_certificate(); }},
      {"intermediates", ErrorReason::kFieldNotAllowed, [](auto& q) { q.add_intermediates("x"); }},
      {"profile", ErrorReason::kFieldInvalid, [](auto& q) { q.set_profile(std::string(65, 'x')); }},
      {"", ErrorReason::kNotSupported, [](auto& q) { q.set_profile("another"); }},
      {"validation_time", ErrorReason::kFieldNotAllowed,
       [](auto& q) { q.mutable_validation_time(); }},
      {"revocation_mode", ErrorReason::kFieldInvalid,
       [](auto& q) { q.set_revocation_mode(v1::REVOCATION_MODE_UNSPECIFIED); }},
      {"revocation_mode", ErrorReason::kFieldInvalid,
       [](auto& q) { q.set_revocation_mode(static_cast<v1::RevocationMode>(99)); }},
      {"purpose", ErrorReason::kFieldInvalid, [](auto& q) { q.clear_purpose(); }},
      {"purpose", ErrorReason::kFieldInvalid,
       [](auto& q) { q.set_purpose(static_cast<v1::CheckPurpose>(99)); }},
      {"proof.message", ErrorReason::kFieldInvalid,
       [](auto& q) { q.mutable_proof()->clear_message(); }},
      {"proof.message", ErrorReason::kFieldInvalid,
       [](auto& q) {
         q.mutable_proof()->set_message(std::string(kMaxPossessionMessage + 1, 'x'));
       }},
      {"proof.message", ErrorReason::kMyNumberPresent,
       [](auto& q) { q.mutable_proof()->set_message(std::string("\xFF\x10\x01\x31", 4)); }},
      {"proof.signature", ErrorReason::kFieldInvalid,
       [](auto& q) {
         q.mutable_proof()->set_signature(std::string(kMaxPossessionSignature + 1, 'x'));
       }},
      {"proof.algorithm", ErrorReason::kFieldInvalid,
       [](auto& q) { q.mutable_proof()->clear_algorithm(); }},
  };
  for (const Case& c : cases) {
    v1::CertificateQuery query = QueryWithProof();
    c.damage(query);
    const absl::Status status = Ask(query).status();
    EXPECT_EQ(base::ReasonOf(status), c.reason) << c.field << ": " << status;
    EXPECT_EQ(base::MetadataOf(status)["field"], c.field);
  }
  EXPECT_EQ(base::ReasonOf(Ask(Query(), "front").status()), ErrorReason::kRoleNotAllowed);
}

TEST_F(ValidationServiceTest, AJourneyGoesFromChallengeToConsent) {
  const prelink::SessionCall browser = Open();
  const prelink::SessionCall phone = PairAcrossDevices(browser);
  v1::GetChallengeResponse challenged;
  ASSERT_TRUE(Phone(phone, &Stub::GetChallenge, v1::GetChallengeRequest(), challenged).ok());
  EXPECT_EQ(challenged.proof_tries_left(), 3u);
  EXPECT_EQ(challenged.display().relying_party().name().en(), "Mihon University");
  // The app encodes by itself what it was told.
  const v1::Challenge& told = challenged.challenge();
  EXPECT_EQ(told.version(), 1u);
  EXPECT_EQ(told.act(), v1::ACT_LINK);
  EXPECT_EQ(told.flow(), v1::FLOW_CROSS_DEVICE);
  EXPECT_THAT(told.requested_attributes(), testing::ElementsAre(v1::ATTRIBUTE_NAME));
  prelink::IssuedChallenge issued;
  issued.challenge = {.relying_party_id = told.relying_party_id(),
                      .origin = told.origin(),
                      .act = "LINK",
                      .session_id = *wire::ParseId("", told.session_id()),
                      .account_binding_hash = base::ToBytes(told.account_binding_hash()),
                      .flow = "CROSS_DEVICE",
                      .transcript = *wire::ParseHash("", told.transcript_hash()),
                      .requested_attributes = {"name"},
                      .consent_text_version = told.consent_text_version(),
                      .nonce = *wire::ParseHash("", told.nonce())};
  const prelink::SubmitProofArgs proof = Prove(issued);
  v1::SubmitProofRequest submit;
  submit.set_request_id(wire::ToOctets(proof.request_id.RevealBytes()));
  submit.set_nonce(wire::ToOctets(proof.nonce));
  submit.set_certificate(wire::ToOctets(proof.certificate_der));
  submit.set_algorithm(v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
  submit.set_signature(wire::ToOctets(proof.signature));
  v1::NameStatement& statement = *submit.mutable_name_statement();
  statement.set_name(proof.name_statement->name.Reveal());
  statement.set_issuer_key_id(proof.name_statement->issuer_key_id);
  statement.set_challenge_hash(wire::ToOctets(proof.name_statement->challenge_hash));
  statement.set_certificate_hash(wire::ToOctets(proof.name_statement->certificate_hash));
  statement.set_signature(wire::ToOctets(proof.name_statement->signature));
  v1::SubmitProofResponse proven;
  const absl::Status submitted = Phone(phone, &Stub::SubmitProof, submit, proven);
  ASSERT_TRUE(submitted.ok()) << submitted;
  EXPECT_EQ(proven.verdict().status(), v1::VERDICT_STATUS_VALID) << proven.verdict().reason();
  EXPECT_EQ(proven.state(), v1::SESSION_STATE_PROVEN);
  ASSERT_EQ(proven.consent().attributes_size(), 1);
  EXPECT_EQ(proven.consent().attributes(0).value(), "試験 一号");
  v1::GrantConsentRequest consent;
  consent.set_request_id(wire::ToOctets(NewRequest().RevealBytes()));
  consent.set_consent_text_version(proven.consent().consent_text_version());
  consent.add_attributes(v1::ATTRIBUTE_UNSPECIFIED);
  v1::GrantConsentResponse granted;
  EXPECT_EQ(base::ReasonOf(Phone(phone, &Stub::GrantConsent, consent, granted)),
            ErrorReason::kFieldInvalid);
  consent.set_attributes(0, v1::ATTRIBUTE_NAME);
  ASSERT_TRUE(Phone(phone, &Stub::GrantConsent, consent, granted).ok());
  EXPECT_EQ(granted.state(), v1::SESSION_STATE_READY);
  EXPECT_FALSE(granted.has_ticket());
}

TEST_F(ValidationServiceTest, EveryQuestionOfAStreamGetsOneAnswer) {
  const auto context = Context("platform");
  const auto stream = stub_->ValidateCertificates(context.get());
  // Writes while the test reads: a stream whose answers are not read takes no more questions.
  std::thread writer([&] {
    uint64_t index = 0;
    for (const int size : {200, 0, 100}) {
      v1::ValidateCertificatesRequest request;
      for (int i = 0; i < size; ++i, ++index) {
        v1::IndexedQuery& query = *request.add_queries();
        query.set_index(index);
        *query.mutable_query() = Query();
        if (index % 10 == 0) query.mutable_query()->clear_revocation_mode();
      }
      EXPECT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
  });
  std::map<uint64_t, int> answers;
  v1::ValidateCertificatesResponse response;
  while (stream->Read(&response)) {
    EXPECT_LE(response.answers_size(), kMaxQueriesInFlight);
    for (const v1::IndexedAnswer& answer : response.answers()) {
      ++answers[answer.index()];
      if (answer.index() % 10 == 0) {
        EXPECT_EQ(answer.error().reason(), v1::ERROR_REASON_FIELD_INVALID);
        EXPECT_EQ(answer.error().metadata().at("field"), "revocation_mode");
      } else {
        EXPECT_EQ(answer.verdict().status(), v1::VERDICT_STATUS_VALID)
            << answer.error().ShortDebugString();
      }
    }
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answers.size(), 300u);
  for (const auto& [index, times] : answers) EXPECT_EQ(times, 1) << index;
}

TEST_F(ValidationServiceTest, AStreamEndsAtAMessageWithTooManyQuestions) {
  const auto context = Context("platform");
  const auto stream = stub_->ValidateCertificates(context.get());
  v1::ValidateCertificatesRequest request;
  for (int i = 0; i <= kMaxQueriesPerMessage; ++i) request.add_queries();
  stream->Write(request);
  v1::ValidateCertificatesResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const absl::Status status = rpc::FromGrpc(stream->Finish());
  EXPECT_EQ(base::ReasonOf(status), ErrorReason::kFieldInvalid) << status;
  EXPECT_EQ(base::MetadataOf(status)["field"], "queries");
}

TEST_F(ValidationServiceTest, AStreamIsForPlatforms) {
  const auto context = Context("front");
  const auto stream = stub_->ValidateCertificates(context.get());
  v1::ValidateCertificatesResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(base::ReasonOf(rpc::FromGrpc(stream->Finish())), ErrorReason::kRoleNotAllowed);
}

TEST_F(ValidationServiceTest, AStreamWhoseClientLeavesHoldsNobodyUp) {
  const auto context = Context("platform");
  const auto stream = stub_->ValidateCertificates(context.get());
  v1::ValidateCertificatesRequest request;
  for (int i = 0; i < kMaxQueriesPerMessage; ++i) {
    v1::IndexedQuery& query = *request.add_queries();
    query.set_index(static_cast<uint64_t>(i));
    *query.mutable_query() = Query();
  }
  ASSERT_TRUE(stream->Write(request));
  context->TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  server_.reset();
}

TEST_F(ValidationServiceTest, AStreamWithoutQuestionsEndsWell) {
  const auto stub = v1::ValidationService::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string(server_->ports()[0]), grpc::InsecureChannelCredentials()));
  for (int i = 0; i < 50; ++i) {
    const auto context = Context("platform");
    const auto stream = stub->ValidateCertificates(context.get());
    EXPECT_TRUE(stream->WritesDone());
    EXPECT_TRUE(stream->Finish().ok());
  }
}

TEST_F(ValidationServiceTest, AServerThatDrainsAnswersWhatItTookUpAndSendsTheStreamElsewhere) {
  // Over a socket: gRPC's channel within a process ends a stream that still reads by itself.
  const auto stub = v1::ValidationService::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string(server_->ports()[0]), grpc::InsecureChannelCredentials()));
  const auto context = Context("platform");
  const auto stream = stub->ValidateCertificates(context.get());
  v1::ValidateCertificatesRequest request;
  for (uint64_t index = 0; index < 3; ++index) {
    v1::IndexedQuery& query = *request.add_queries();
    query.set_index(index);
    *query.mutable_query() = Query();
  }
  ASSERT_TRUE(stream->Write(request));
  v1::ValidateCertificatesResponse response;
  int answers = 0;
  while (answers < 3 && stream->Read(&response)) answers += response.answers_size();
  EXPECT_EQ(answers, 3);
  // The client neither sends nor goes.
  server_->Drain(absl::Hours(1));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(base::ReasonOf(rpc::FromGrpc(stream->Finish())), ErrorReason::kUnavailable);
}

}  // namespace
}  // namespace musubi::services::validation
