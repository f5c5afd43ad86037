#include "sandbox/ocsp_server.h"

#include <gtest/gtest.h>
#include <httplib.h>

#include <chrono>
#include <future>
#include <memory>
#include <string>

#include "lib/base/file.h"
#include "lib/base/steady_time.h"
#include "sandbox/json.h"
#include "tests/fakes/sandbox_world.h"

namespace musubi::sandbox {
namespace {

constexpr int kNoAnswer = 0;

class OcspServerTest : public testing::Test {
 protected:
  OcspServerTest() {
    auto responder = OcspResponder::Create(shared_.clock, {.directory = shared_.directory});
    server_ = *OcspServer::Start(*std::move(responder), /*port=*/0);
  }

  // The HTTP status of a request that is none, or kNoAnswer.
  int Ask(std::chrono::milliseconds timeout = std::chrono::minutes(1)) {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_read_timeout(timeout);
    const auto result = client.Post("/auth-03", "", "application/ocsp-request");
    error_ = result.error();
    return result ? result->status : kNoAnswer;
  }

  fakes::SandboxWorld& shared_ = fakes::SandboxWorld::Get();
  std::unique_ptr<OcspServer> server_;
  httplib::Error error_ = httplib::Error::Success;
};

TEST_F(OcspServerTest, IsDeadAndAliveAgainOnOnePort) {
  const int port = server_->port();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Ask(), 200);
    server_->Misbehave(OcspMisbehaviour::kDead);
    EXPECT_EQ(Ask(), kNoAnswer);
    EXPECT_EQ(error_, httplib::Error::Connection);
    server_->Misbehave(i % 2 == 0 ? OcspMisbehaviour::kNone : OcspMisbehaviour::kGarbage);
  }
  EXPECT_EQ(server_->port(), port);
  EXPECT_EQ(Ask(), 200);
}

TEST_F(OcspServerTest, HoldsAnswersBackUntilTheBehaviourChanges) {
  server_->Misbehave(OcspMisbehaviour::kSlow);
  EXPECT_EQ(Ask(std::chrono::milliseconds(50)), kNoAnswer);
  EXPECT_EQ(error_, httplib::Error::Read);
  auto held_back = std::async(std::launch::async, [this] { return Ask(); });
  server_->Misbehave(OcspMisbehaviour::kNone);
  EXPECT_EQ(held_back.get(), 200);
}

TEST_F(OcspServerTest, LetsGoOfAnswersHeldBackWhenItGoes) {
  server_->Misbehave(OcspMisbehaviour::kSlow);
  EXPECT_EQ(Ask(std::chrono::milliseconds(50)), kNoAnswer);
  server_.reset();  // Would wait for ever.
}

TEST_F(OcspServerTest, HoldsEachAnswerBackForItsDelay) {
  constexpr std::chrono::milliseconds kDelay(20);
  auto responder = OcspResponder::Create(shared_.clock, {.directory = shared_.directory});
  server_ = *OcspServer::Start(*std::move(responder), /*port=*/0, absl::FromChrono(kDelay));
  const auto began = base::SteadyNow();
  EXPECT_EQ(Ask(), 200);
  EXPECT_GE(base::SteadyNow() - began, kDelay);
}

TEST_F(OcspServerTest, LetsGoOfDelayedAnswersWhenItGoes) {
  auto responder = OcspResponder::Create(shared_.clock, {.directory = shared_.directory});
  server_ = *OcspServer::Start(*std::move(responder), /*port=*/0, absl::Hours(1));
  EXPECT_EQ(Ask(std::chrono::milliseconds(50)), kNoAnswer);
  server_.reset();  // Would wait for an hour.
}

TEST_F(OcspServerTest, SharesItsPortWithNobody) {
  auto responder = OcspResponder::Create(shared_.clock, {.directory = shared_.directory});
  EXPECT_EQ(OcspServer::Start(*std::move(responder), server_->port()).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(OcspServerTest, WritesWhatAVerifierIsToDo) {
  ASSERT_TRUE(server_
                  ->WriteRespondersFile(shared_.directory,
                                        {.nonce = "REQUIRED", .timeout = absl::Milliseconds(250)})
                  .ok());
  const auto json = ParseJson(*base::ReadFile(shared_.directory + "/responders.json"));
  ASSERT_TRUE(json.ok());
  ASSERT_EQ((*json)["responders"].size(), 8u);
  for (const Json& responder : (*json)["responders"]) {
    EXPECT_EQ(responder["nonce"], "REQUIRED");
    EXPECT_EQ(responder["timeout_ms"], 250);
  }
}

}  // namespace
}  // namespace musubi::sandbox
