// Every call that must not be done twice, over a network that loses its answer: the server has done
// it, the connection is cut, and the client asks again on a new one.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_reader.h"
#include "musubi/v1/link.grpc.pb.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "tests/fakes/tcp_proxy.h"
#include "tests/integration/test_stage.h"

namespace musubi::integration {
namespace {

using base::ErrorReason;
using sandbox::Connection;
using sandbox::Journey;
using sandbox::JourneyOptions;
using Sessions = v1::SessionService;
using Pairings = v1::PairingService;
using Validations = v1::ValidationService;
using Links = v1::LinkService;

const std::string kFront = "front";
const std::string kRelyingParty = std::string("relying-party/") + sandbox::Stage::kRelyingParty;

// A call as its server answered it, without what differs from call to call.
std::string AsText(const absl::Status& status) {
  std::string text(absl::StatusCodeToString(status.code()));
  for (const auto& [key, value] : base::MetadataOf(status)) {
    if (key != "request_id") text += " " + key + "=" + value;
  }
  const auto reason = base::ReasonOf(status);
  return text + (reason.has_value() ? " " + std::string(base::Name(*reason)) : "");
}

template <typename Response>
std::string AsText(const absl::StatusOr<Response>& answer) {
  return answer.ok() ? answer->DebugString() : AsText(answer.status());
}

class Retries : public testing::Test {
 protected:
  Retries() {
    const absl::Status started = stage_->Start();
    EXPECT_TRUE(started.ok()) << started;
    proxy_.emplace(stage_->port());
    front_ = stage_->Connect(kFront);
    relying_party_ = stage_->Connect(kRelyingParty);
  }

  std::unique_ptr<Connection> ConnectOverProxy(const std::string& role) {
    auto connection =
        Connection::Create(machine_clock_, {.server = "127.0.0.1:" + std::to_string(proxy_->port()),
                                            .role = role,
                                            .tls_directory = stage_->File("tls")});
    EXPECT_TRUE(connection.ok()) << connection.status();
    EXPECT_TRUE((*connection)->channel()->WaitForConnected(gpr_inf_future(GPR_CLOCK_REALTIME)));
    return *std::move(connection);
  }

  // Loses the answer of a call that the server has done with `outcome`, as its log calls it.
  template <typename Service, typename Request, typename Response>
  void LoseAnswer(grpc::Status (Service::Stub::*method)(grpc::ClientContext*, const Request&,
                                                        Response*),
                  const Request& request, const std::string& credential, const std::string& role,
                  const std::string& outcome) {
    const auto connection = ConnectOverProxy(role);
    const auto stub = Service::NewStub(connection->channel());
    const std::string call = "lost-" + std::to_string(++lost_);
    const std::string span = absl::StrCat(absl::Hex(lost_, absl::kZeroPad16));
    grpc::ClientContext context;
    connection->Prepare(context, credential);
    context.AddMetadata("x-request-id", call);
    context.AddMetadata("traceparent", "00-" + std::string(32, 'a') + "-" + span + "-01");
    proxy_->HoldAnswers();
    grpc::Status status;
    Response response;
    std::thread caller([&] { status = (stub.get()->*method)(&context, request, &response); });
    // In the line of the log it stands after the outcome.
    EXPECT_TRUE(stage_->WaitForOutput("\"parent_span_id\":\"" + span + "\"").ok());
    proxy_->Cut();
    caller.join();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    const std::string output = stage_->output();
    const size_t line = output.find("\"request_id\":\"" + call + "\"");
    ASSERT_NE(line, std::string::npos);
    const size_t at = output.find("\"outcome\":", line);
    ASSERT_NE(at, std::string::npos);
    const std::string expected = "\"outcome\":\"" + outcome + "\"";
    EXPECT_EQ(output.substr(at, expected.size()), expected);
  }

  // Loses the answer of a call, repeats the call twice, and returns what the repeated call got.
  // `observe` says what the call may have changed, besides the audit chain.
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Repeat(grpc::Status (Service::Stub::*method)(grpc::ClientContext*,
                                                                        const Request&, Response*),
                                  const Request& request, const std::string& credential,
                                  const std::function<std::string()>& observe,
                                  const std::string& role = kFront,
                                  const std::string& outcome = "OK") {
    const auto written = [&] { return AuditChain() + observe(); };
    LoseAnswer<Service>(method, request, credential, role, outcome);
    const std::string after = written();
    const auto connection = ConnectOverProxy(role);
    const auto repeat = [&] {
      return connection->Call<Service, Request, Response>(method, request, credential);
    };
    const absl::StatusOr<Response> first = repeat();
    const absl::StatusOr<Response> second = repeat();
    EXPECT_EQ(AsText(first), AsText(second));
    EXPECT_EQ(written(), after);
    return first;
  }

  // How many entries the audit chain has, and its head: it says of every change of a link.
  std::string AuditChain() {
    const auto report = link::VerifySqliteAudit(
        stage_->File("links.db"), *crypto::Keyring::Load(stage_->File("keys/audit.keyring")),
        std::nullopt);
    EXPECT_TRUE(report.ok() && report->ok);
    audit_entries_ = report->count;
    return std::to_string(report->count) + " " + report->head.ToHex() + "\n";
  }

  // What the holder of a credential sees of the session.
  v1::SessionView View(const std::string& session_id, const std::string& credential) {
    v1::GetSessionRequest request;
    request.set_session_id(session_id);
    const auto answer = front_->Call<Sessions>(&Sessions::Stub::GetSession, request, credential);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->session() : v1::SessionView();
  }
  std::function<std::string()> ViewBy(const std::string& session_id,
                                      const std::string& credential) {
    return [=, this] { return View(session_id, credential).DebugString(); };
  }
  std::function<std::string()> ViewByBrowser(Journey& journey) {
    return ViewBy(journey.browser().session_id(), journey.browser().credential());
  }
  std::function<std::string()> ViewByPhone(Journey& journey) {
    return ViewBy(journey.phone().session_id(), journey.phone().credential());
  }
  static std::string NothingElse() { return {}; }

  // A request of this journey's session with a request id of its own.
  template <typename Request>
  Request Ask(Journey& journey) {
    Request request;
    request.set_session_id(journey.browser().session_id());
    request.set_request_id(NewId());
    return request;
  }
  std::string NewId() { return sandbox::NewRequestId(stage_->random()); }

  std::unique_ptr<Journey> Make(const JourneyOptions& options) {
    return std::make_unique<Journey>(
        sandbox::JourneyDependencies{.clock = stage_->clock(),
                                     .random = stage_->random(),
                                     .front = *front_,
                                     .relying_party = relying_party_.get(),
                                     .card = *card_},
        options);
  }
  // A journey that has come to `state`.
  std::unique_ptr<Journey> At(v1::SessionState state, v1::Act act, v1::Flow flow) {
    auto journey = Make(stage_->JourneyOf(act, flow));
    const absl::Status reached = journey->Reach(state);
    EXPECT_TRUE(reached.ok()) << reached;
    return journey;
  }

  TestStage stage_;
  const base::RealClock machine_clock_;
  std::optional<fakes::TcpProxy> proxy_;
  std::unique_ptr<sandbox::VirtualCard> card_ = stage_.NewCard();
  std::unique_ptr<Connection> front_;
  std::unique_ptr<Connection> relying_party_;
  size_t audit_entries_ = 0;
  int lost_ = 0;
};

TEST_F(Retries, CreateSession) {
  v1::CreateSessionRequest request =
      Make(stage_->JourneyOf(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE))->Opening();
  request.set_request_id(NewId());
  const auto answer = Repeat<Sessions>(&Sessions::Stub::CreateSession, request, "", NothingElse);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(View(answer->session_id(), answer->browser_credential()).state(),
            v1::SESSION_STATE_CREATED);
}

TEST_F(Retries, CreateSessionByARelyingPartyAndClaimStart) {
  v1::CreateSessionRequest request =
      Make(stage_->JourneyOf(v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE))->Opening();
  request.set_request_id(NewId());
  request.set_state("state");
  const auto opened =
      Repeat<Sessions>(&Sessions::Stub::CreateSession, request, "", NothingElse, kRelyingParty);
  ASSERT_TRUE(opened.ok()) << opened.status();
  v1::ClaimStartRequest claim;
  claim.set_request_id(NewId());
  claim.set_session_id(opened->session_id());
  claim.set_start_code(opened->start().start_code());
  const auto claimed = Repeat<Sessions>(&Sessions::Stub::ClaimStart, claim, "", NothingElse);
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_EQ(View(claim.session_id(), claimed->browser_credential()).state(),
            v1::SESSION_STATE_CREATED);
}

TEST_F(Retries, RefreshQrCountsOnce) {
  const auto journey = At(v1::SESSION_STATE_CREATED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  const auto left = [&] { return journey->browser().GetSession()->qr_refreshes_left(); };
  const uint32_t before = left();
  const auto answer =
      Repeat<Pairings>(&Pairings::Stub::RefreshQr, Ask<v1::RefreshQrRequest>(*journey),
                       journey->browser().credential(), ViewByBrowser(*journey));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(left(), before - 1);
  EXPECT_TRUE(journey->phone().ClaimQr(answer->frame().payload()).ok());
}

TEST_F(Retries, ClaimQr) {
  const auto journey = At(v1::SESSION_STATE_CREATED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  ASSERT_TRUE(journey->ShowQr().ok());
  v1::ClaimQrRequest claim;
  claim.set_payload(journey->frame().payload());
  claim.set_claim_key(std::string(32, 'k'));
  const auto answer =
      Repeat<Pairings>(&Pairings::Stub::ClaimQr, claim, "", ViewByBrowser(*journey));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_FALSE(journey->browser().GetSession()->second_phone_tried());
  EXPECT_EQ(View(answer->session_id(), answer->device_credential()).state(),
            v1::SESSION_STATE_CLAIMED);
  EXPECT_TRUE(journey->browser().ConfirmCode(answer->pairing_code()).ok());
}

TEST_F(Retries, RefreshCode) {
  const auto journey = At(v1::SESSION_STATE_CLAIMED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  const auto answer =
      Repeat<Pairings>(&Pairings::Stub::RefreshCode, Ask<v1::RefreshCodeRequest>(*journey),
                       journey->phone().credential(), ViewByPhone(*journey));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE(journey->browser().ConfirmCode(answer->pairing_code()).ok());
}

TEST_F(Retries, ConfirmCodeWithTheRightAndAWrongCode) {
  const auto journey = At(v1::SESSION_STATE_CLAIMED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  const auto left = [&] { return journey->browser().GetSession()->code_tries_left(); };
  const uint32_t before = left();
  auto wrong = Ask<v1::ConfirmCodeRequest>(*journey);
  wrong.set_pairing_code(journey->pairing_code() == "000000" ? "000001" : "000000");
  const std::string& credential = journey->browser().credential();
  const auto refused = Repeat<Pairings>(&Pairings::Stub::ConfirmCode, wrong, credential,
                                        ViewByBrowser(*journey), kFront, "PAIRING_CODE_WRONG");
  EXPECT_EQ(base::ReasonOf(refused.status()), ErrorReason::kPairingCodeWrong);
  EXPECT_EQ(left(), before - 1);
  auto right = Ask<v1::ConfirmCodeRequest>(*journey);
  right.set_pairing_code(journey->pairing_code());
  const auto answer =
      Repeat<Pairings>(&Pairings::Stub::ConfirmCode, right, credential, ViewByBrowser(*journey));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->state(), v1::SESSION_STATE_PAIRED);
}

TEST_F(Retries, CreateHandoffAndClaimHandoff) {
  const auto journey = At(v1::SESSION_STATE_CREATED, v1::ACT_LINK, v1::FLOW_ONE_DEVICE);
  const auto handed =
      Repeat<Pairings>(&Pairings::Stub::CreateHandoff, Ask<v1::CreateHandoffRequest>(*journey),
                       journey->browser().credential(), ViewByBrowser(*journey));
  ASSERT_TRUE(handed.ok()) << handed.status();
  v1::ClaimHandoffRequest claim;
  claim.set_session_id(journey->browser().session_id());
  claim.set_handoff_token(handed->handoff_token());
  claim.set_claim_key(std::string(32, 'k'));
  const auto claimed =
      Repeat<Pairings>(&Pairings::Stub::ClaimHandoff, claim, "", ViewByBrowser(*journey));
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_EQ(View(claim.session_id(), claimed->device_credential()).state(),
            v1::SESSION_STATE_PAIRED);
}

TEST_F(Retries, SubmitProofGoodAndBad) {
  const auto journey = At(v1::SESSION_STATE_PAIRED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  const auto read = [&] {
    const auto challenge = journey->phone().GetChallenge();
    EXPECT_TRUE(challenge.ok()) << challenge.status();
    auto proof = journey->phone().ReadCard(challenge->challenge(), journey->options().pins);
    EXPECT_TRUE(proof.ok()) << proof.status();
    proof->set_session_id(journey->browser().session_id());
    proof->set_request_id(NewId());
    return *std::move(proof);
  };
  const auto left = [&] { return journey->browser().GetSession()->proof_tries_left(); };
  const uint32_t before = left();
  v1::SubmitProofRequest bad = read();
  bad.mutable_signature()->back() ^= 1;
  const std::string& credential = journey->phone().credential();
  const auto rejected =
      Repeat<Validations>(&Validations::Stub::SubmitProof, bad, credential, ViewByPhone(*journey));
  ASSERT_TRUE(rejected.ok()) << rejected.status();
  EXPECT_EQ(rejected->verdict().status(), v1::VERDICT_STATUS_INVALID);
  EXPECT_EQ(left(), before - 1);
  const auto proven = Repeat<Validations>(&Validations::Stub::SubmitProof, read(), credential,
                                          ViewByPhone(*journey));
  ASSERT_TRUE(proven.ok()) << proven.status();
  EXPECT_EQ(proven->verdict().status(), v1::VERDICT_STATUS_VALID);
  EXPECT_TRUE(proven->has_consent());
}

TEST_F(Retries, GrantConsentRefreshReturnCodeAndCompleteReturn) {
  const auto journey = At(v1::SESSION_STATE_PROVEN, v1::ACT_LINK, v1::FLOW_ONE_DEVICE);
  auto consent = Ask<v1::GrantConsentRequest>(*journey);
  consent.set_consent_text_version(journey->consent().consent_text_version());
  for (const v1::ConsentAttribute& given : journey->consent().attributes()) {
    consent.add_attributes(given.attribute());
  }
  const std::string& credential = journey->phone().credential();
  const auto granted = Repeat<Validations>(&Validations::Stub::GrantConsent, consent, credential,
                                           ViewByPhone(*journey));
  ASSERT_TRUE(granted.ok()) << granted.status();
  EXPECT_FALSE(granted->ticket().return_code().empty());
  const auto refreshed = Repeat<Pairings>(&Pairings::Stub::RefreshReturnCode,
                                          Ask<v1::RefreshReturnCodeRequest>(*journey), credential,
                                          ViewByPhone(*journey));
  ASSERT_TRUE(refreshed.ok()) << refreshed.status();
  EXPECT_NE(refreshed->ticket().return_code(), granted->ticket().return_code());
  auto complete = Ask<v1::CompleteReturnRequest>(*journey);
  complete.set_return_code(refreshed->ticket().return_code());
  // The credential that the call replaces is good for the same call again.
  const auto returned = Repeat<Pairings>(&Pairings::Stub::CompleteReturn, complete,
                                         journey->browser().credential(), ViewByPhone(*journey));
  ASSERT_TRUE(returned.ok()) << returned.status();
  EXPECT_NE(returned->browser_credential(), journey->browser().credential());
  EXPECT_EQ(View(complete.session_id(), returned->browser_credential()).state(),
            v1::SESSION_STATE_READY);
}

TEST_F(Retries, CompleteReturnOnThePc) {
  const auto journey = At(v1::SESSION_STATE_READY, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  const auto request = Ask<v1::CompleteReturnRequest>(*journey);
  const auto returned = Repeat<Pairings>(&Pairings::Stub::CompleteReturn, request,
                                         journey->browser().credential(), ViewByPhone(*journey));
  ASSERT_TRUE(returned.ok()) << returned.status();
  EXPECT_EQ(View(request.session_id(), returned->browser_credential()).state(),
            v1::SESSION_STATE_READY);
}

TEST_F(Retries, BindAccount) {
  JourneyOptions options = stage_->JourneyOf(v1::ACT_LINK, v1::FLOW_ONE_DEVICE);
  options.relying_party_id = sandbox::Stage::kCardFirstRelyingParty;
  options.account_first = false;
  const auto journey = Make(options);
  ASSERT_TRUE(journey->Reach(v1::SESSION_STATE_READY).ok());
  auto bind = Ask<v1::BindAccountRequest>(*journey);
  *bind.mutable_account() = journey->Account();
  const auto bound = Repeat<Sessions>(&Sessions::Stub::BindAccount, bind,
                                      journey->browser().credential(), ViewByPhone(*journey));
  ASSERT_TRUE(bound.ok()) << bound.status();
  EXPECT_TRUE(View(bind.session_id(), bound->browser_credential()).account_bound());
}

TEST_F(Retries, CancelSessionByEitherSide) {
  const auto by_browser = At(v1::SESSION_STATE_CREATED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  auto stop = Ask<v1::CancelSessionRequest>(*by_browser);
  stop.set_reason(v1::CANCEL_REASON_USER_CANCELLED);
  const auto stopped =
      Repeat<Sessions>(&Sessions::Stub::CancelSession, stop, by_browser->browser().credential(),
                       ViewByBrowser(*by_browser));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->state(), v1::SESSION_STATE_CANCELLED);

  const auto by_phone = At(v1::SESSION_STATE_CLAIMED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  AuditChain();
  const size_t before = audit_entries_;
  auto foreign = Ask<v1::CancelSessionRequest>(*by_phone);
  foreign.set_reason(v1::CANCEL_REASON_NOT_ME);
  const auto cancelled = Repeat<Sessions>(&Sessions::Stub::CancelSession, foreign,
                                          by_phone->phone().credential(), ViewByPhone(*by_phone));
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_EQ(audit_entries_, before + 1);
}

TEST_F(Retries, CreateLinkResolveLinkAndDeleteLinkWriteOneEntryEach) {
  const auto linking = At(v1::SESSION_STATE_READY, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  ASSERT_TRUE(linking->Return().ok());
  auto create = Ask<v1::CreateLinkRequest>(*linking);
  *create.mutable_sign_in() = linking->SignedIn();
  const auto created = Repeat<Links>(&Links::Stub::CreateLink, create, "", ViewByBrowser(*linking));
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(linking->browser().GetSession()->state(), v1::SESSION_STATE_USED);
  EXPECT_EQ(audit_entries_, 1u);

  const auto verifying = At(v1::SESSION_STATE_READY, v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE);
  auto resolve = Ask<v1::ResolveLinkRequest>(*verifying);
  resolve.set_result_code(verifying->verify_return().result_code());
  const auto resolved =
      Repeat<Links>(&Links::Stub::ResolveLink, resolve, "", ViewByPhone(*verifying), kRelyingParty);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  EXPECT_EQ(resolved->link_id(), created->link().link_id());
  EXPECT_EQ(audit_entries_, 2u);

  const auto unlinking = At(v1::SESSION_STATE_READY, v1::ACT_UNLINK, v1::FLOW_CROSS_DEVICE);
  ASSERT_TRUE(unlinking->Return().ok());
  auto with_card = Ask<v1::DeleteLinkRequest>(*unlinking);
  *with_card.mutable_sign_in() = unlinking->SignedIn();
  const auto deleted =
      Repeat<Links>(&Links::Stub::DeleteLink, with_card, "", ViewByBrowser(*unlinking));
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->link().state(), v1::LINK_STATE_ENDED);
  EXPECT_EQ(audit_entries_, 3u);
}

TEST_F(Retries, DeleteLinkWithoutTheCard) {
  const auto linking = At(v1::SESSION_STATE_USED, v1::ACT_LINK, v1::FLOW_CROSS_DEVICE);
  v1::DeleteLinkRequest request;
  request.set_link_id(linking->result().link_id);
  request.set_request_id(NewId());
  *request.mutable_sign_in() = linking->SignedIn();
  const auto deleted = Repeat<Links>(&Links::Stub::DeleteLink, request, "", NothingElse);
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->link().state(), v1::LINK_STATE_ENDED);
  EXPECT_EQ(audit_entries_, 2u);
}

// What a repeated call gets is what the first one was answered, to the octet.
TEST_F(Retries, ADelayedAnswerIsTheOneThatTheRepeatedCallGotMeanwhile) {
  const auto connection = ConnectOverProxy(kFront);
  const auto stub = Sessions::NewStub(connection->channel());
  v1::CreateSessionRequest request =
      Make(stage_->JourneyOf(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE))->Opening();
  request.set_request_id(NewId());
  grpc::ClientContext context;
  connection->Prepare(context, "");
  context.AddMetadata("x-request-id", "delayed");
  proxy_->HoldAnswers();
  grpc::Status status;
  v1::CreateSessionResponse delayed;
  std::thread caller([&] { status = stub->CreateSession(&context, request, &delayed); });
  EXPECT_TRUE(stage_->WaitForOutput("\"request_id\":\"delayed\"").ok());
  const auto repeated = front_->Call<Sessions>(&Sessions::Stub::CreateSession, request, "");
  proxy_->Release();
  caller.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ(delayed.DebugString(), repeated->DebugString());
}

TEST_F(Retries, AJourneyGoesThroughANetworkThatDrips) {
  proxy_->Drip(11);
  const auto connection = ConnectOverProxy(kFront);
  sandbox::Journey journey(
      {.clock = stage_->clock(), .random = stage_->random(), .front = *connection, .card = *card_},
      stage_->JourneyOf(v1::ACT_LINK, v1::FLOW_CROSS_DEVICE));
  const auto linked = journey.Run();
  EXPECT_TRUE(linked.ok()) << linked.status();
  EXPECT_GT(proxy_->forwards(), 500u);
}

}  // namespace
}  // namespace musubi::integration
