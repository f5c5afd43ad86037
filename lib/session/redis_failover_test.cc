// What a session may do after Redis has restarted or failed over: nothing twice. Each test is a
// case of docs/architecture.md, "When Redis goes back".
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/session/apply.h"
#include "lib/session/failover.h"
#include "lib/session/random_record.h"
#include "lib/session/redis_store_fixture.h"
#include "lib/session/state_machine.h"

namespace musubi::session {
namespace {

using base::ErrorReason;

base::Hash256 H(uint8_t kind, uint8_t number = 0) { return {kind, number}; }
constexpr uint8_t kBrowser = 1, kDevice = 2, kOneTime = 3, kRequest = 4, kBody = 5, kFresh = 6;

// Each with a request id of its own, but where `number` is the same.
Event By(uint8_t credential, Payload payload, uint8_t number) {
  return {.payload = std::move(payload),
          .credential = H(credential),
          .once = Once{H(kRequest, number), H(kBody, number), {number}}};
}
Event ByNobody(Payload payload) { return {.payload = std::move(payload)}; }

// A session of which something can be used once.
struct Case {
  std::string name;
  SessionRecord start;
  Event use;
  ErrorReason refused;      // What the second use is told, after STORE_FAILED_OVER.
  std::vector<Event> cure;  // How the person goes on, on the same page. Empty: only from the start.
  std::optional<Event> again = std::nullopt;  // The second use, if it is not the first again.
};

SessionRecord RecordIn(State state, Flow flow, absl::Time now) {
  SessionRecord record;
  record.act = Act::kVerify;
  record.flow_policy = FlowPolicy::kAny;
  record.created_at = now;
  record.expires_at = now + absl::Minutes(30);
  record.qr_page_expires_at = now + absl::Minutes(25);
  record.state = state;
  record.flow = flow;
  record.browser_credential = H(kBrowser);
  record.claimed_by = H(kFresh);
  if (state != State::kCreated) record.device_credential = H(kDevice);
  if (state == State::kReady) record.ready_expires_at = now + absl::Minutes(25);
  return record;
}

std::vector<Case> Cases(absl::Time now) {
  const OneTime code{H(kOneTime), now + absl::Minutes(25)};
  const base::Hash256 fresh = H(kFresh);
  const Event new_nonce = By(kDevice, NewChallenge{fresh}, 10);
  const Event take_nonce = By(kDevice, TakeChallenge{fresh}, 11);
  const Event consent = By(kDevice, GrantConsent{{"name"}, "1", fresh}, 12);
  std::vector<Case> cases = {
      {"start code",
       RecordIn(State::kCreated, Flow::kUnspecified, now),
       ByNobody(ClaimStart{H(kOneTime), fresh}),
       ErrorReason::kStartCodeInvalid,
       {}},
      {"hand-off",
       RecordIn(State::kCreated, Flow::kOneDevice, now),
       ByNobody(ClaimHandoff{H(kOneTime), H(kDevice)}),
       ErrorReason::kHandoffInvalid,
       {By(kBrowser, CreateHandoff{fresh}, 10), ByNobody(ClaimHandoff{fresh, H(kDevice)})}},
      {"pairing code",
       RecordIn(State::kClaimed, Flow::kCrossDevice, now),
       By(kBrowser, ConfirmCode{H(kOneTime)}, 1),
       ErrorReason::kPairingCodeExpired,
       {By(kDevice, RefreshCode{fresh}, 10), By(kBrowser, ConfirmCode{fresh}, 11)}},
      {"nonce",
       RecordIn(State::kPaired, Flow::kCrossDevice, now),
       By(kDevice, TakeChallenge{H(kOneTime)}, 1),
       ErrorReason::kChallengeInvalid,
       {new_nonce, take_nonce}},
      {"kept proof",
       RecordIn(State::kPaired, Flow::kCrossDevice, now),
       By(kDevice, ResumeProof{H(kOneTime)}, 1),
       ErrorReason::kChallengeInvalid,
       {new_nonce, take_nonce}},
      {"proof under way",
       RecordIn(State::kPaired, Flow::kCrossDevice, now),
       By(kDevice, ProofDecided{H(kRequest, 1), ProofOutcome::kValid, H(kOneTime), {1}, {2}}, 1),
       ErrorReason::kChallengeInvalid,
       {new_nonce, take_nonce}},
      {"return code",
       RecordIn(State::kConsented, Flow::kOneDevice, now),
       By(kBrowser, CompleteReturn{H(kOneTime), H(kBrowser), H(kOneTime)}, 1),
       ErrorReason::kReturnCodeInvalid,
       {By(kDevice, RefreshReturnCode{fresh}, 10),
        By(kBrowser, CompleteReturn{fresh, H(kBrowser), fresh}, 11)}},
      {"consent and result code",
       RecordIn(State::kReady, Flow::kOneDevice, now),
       ByNobody(Use{}),
       ErrorReason::kWrongState,
       {consent, By(kBrowser, CompleteReturn{fresh, H(kBrowser), fresh}, 13), ByNobody(Use{})}},
      {"consent that was withdrawn",
       RecordIn(State::kReady, Flow::kCrossDevice, now),
       By(kDevice, Cancel{CancelReason::kUserCancelled}, 1),
       ErrorReason::kWrongState,
       {consent},
       ByNobody(Use{})},
  };
  cases[0].start.start_code = code;
  cases[0].start.browser_credential.reset();
  cases[1].start.handoff = code;
  cases[2].start.pairing_code = code;
  cases[3].start.challenge = code;
  cases[4].start.kept_proof = KeptProof{H(kOneTime), {7}, now + absl::Minutes(25)};
  cases[5].start.proof_attempt = H(kRequest, 1);
  cases[6].start.return_code = code;
  cases[7].start.result_code = code;
  for (uint8_t i = 0; i < cases.size(); ++i) cases[i].start.id = {1, i};
  return cases;
}

// What was told: the machine's refusal or the store's. While the client finds the server again, the
// person presses again.
std::optional<ErrorReason> Send(SessionStore& store, const SessionId& id, const Event& event,
                                Applied* out = nullptr) {
  for (int i = 0; i < 1000; ++i) {
    auto applied = ApplyEvent(store, Lifetimes(), id, [&](const SessionRecord&) { return event; });
    const auto reason = base::ReasonOf(applied.ok() ? applied->status : applied.status());
    if (reason == ErrorReason::kUnavailable) continue;
    EXPECT_TRUE(reason.has_value() || applied.ok()) << applied.status();
    if (applied.ok() && out != nullptr) *out = *std::move(applied);
    return reason;
  }
  ADD_FAILURE() << "the store did not come back";
  return ErrorReason::kUnavailable;
}

// Servers of which one loses what was written after Mark.
class Loss {
 public:
  virtual ~Loss() = default;
  virtual RedisSessionStore& store() = 0;  // Of the server that leads.
  virtual void Mark(size_t sessions) = 0;
  virtual void GoBack() = 0;
};

// Somebody restores an older snapshot, or the server crashes and has no newer one.
class OlderSnapshot final : public Loss {
 public:
  RedisSessionStore& store() override { return replica_.store(); }
  void Mark(size_t) override { EXPECT_EQ(server_.Ask({"SAVE"}), "OK"); }
  void GoBack() override {
    server_.Kill();
    server_.Start();
  }

 private:
  fakes::RedisServer server_;
  RedisReplica replica_{server_, {}};
};

// Two servers, of which the second follows the first until Mark.
class Pair : public Loss {
 public:
  Pair() { second_.WaitFor({"INFO", "replication"}, "master_link_status:up"); }
  void Mark(size_t sessions) override {
    second_.WaitFor({"DBSIZE"}, std::to_string(sessions) + "\n");
    EXPECT_EQ(second_.Ask({"REPLICAOF", "NO", "ONE"}), "OK");
  }

 protected:
  fakes::RedisServer first_;
  fakes::RedisServer second_{{"replicaof 127.0.0.1 " + std::to_string(first_.port())}};
  RedisReplica to_first_{first_, {}};
};

// The master dies, and the replica that lagged leads.
class LaggingReplica final : public Pair {
 public:
  RedisSessionStore& store() override {
    return to_second_ ? to_second_->store() : to_first_.store();
  }
  void GoBack() override {
    first_.Kill();
    to_second_ = std::make_unique<RedisReplica>(second_, RedisSessionStore::Options{});
  }

 private:
  std::unique_ptr<RedisReplica> to_second_;  // A client takes no server that follows another.
};

// The master is demoted, takes over what the lagging replica has, and leads again: the process
// never ended, and has the run id that it had.
class MasterThatComesBack final : public Pair {
 public:
  RedisSessionStore& store() override { return to_first_.store(); }
  void GoBack() override {
    const std::string before = RunId();
    EXPECT_EQ(first_.Ask({"REPLICAOF", "127.0.0.1", std::to_string(second_.port())}), "OK");
    first_.WaitFor({"INFO", "replication"}, "master_link_status:up");
    EXPECT_EQ(first_.Ask({"REPLICAOF", "NO", "ONE"}), "OK");
    EXPECT_EQ(RunId(), before);
  }

 private:
  std::string RunId() {
    const std::string info = first_.Ask({"INFO", "server"});
    return info.substr(info.find("run_id:"), 47);
  }
};

template <typename T>
class RedisFailover : public ::testing::Test {
 protected:
  T loss_;
};
using Losses = ::testing::Types<OlderSnapshot, LaggingReplica, MasterThatComesBack>;
class LossNames {
 public:
  template <typename T>
  static std::string GetName(int i) {
    return std::array{"OlderSnapshot", "LaggingReplica",
                      "MasterThatComesBack"}[static_cast<size_t>(i)];
  }
};
TYPED_TEST_SUITE(RedisFailover, Losses, LossNames);

TYPED_TEST(RedisFailover, NothingThatWasAcknowledgedIsAcceptedAgain) {
  Loss& loss = this->loss_;
  const std::vector<Case> cases = Cases(*loss.store().Now());
  for (const Case& c : cases) ASSERT_TRUE(*loss.store().Insert(c.start));
  loss.Mark(cases.size());
  for (const Case& c : cases)
    EXPECT_EQ(Send(loss.store(), c.start.id, c.use), std::nullopt) << c.name;
  loss.GoBack();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Event again = c.again.value_or(c.use);
    EXPECT_EQ(Send(loss.store(), c.start.id, again), ErrorReason::kStoreFailedOver);
    // Once: then the page asks for new values, and goes on.
    EXPECT_EQ(Send(loss.store(), c.start.id, again), c.refused);
    for (const Event& event : c.cure) {
      EXPECT_EQ(Send(loss.store(), c.start.id, event), std::nullopt) << Name(event.payload);
    }
  }
}

TYPED_TEST(RedisFailover, NothingIsUsableBeforeTheFirstWriteEither) {
  Loss& loss = this->loss_;
  const std::vector<Case> cases = Cases(*loss.store().Now());
  for (const Case& c : cases) ASSERT_TRUE(*loss.store().Insert(c.start));
  loss.Mark(cases.size());
  loss.GoBack();
  for (const Case& c : cases) {
    SessionRecord expected = c.start;
    VoidOneTimeValues(expected);
    auto stored = loss.store().Get(c.start.id);
    while (base::ReasonOf(stored.status()) == ErrorReason::kUnavailable) {
      stored = loss.store().Get(c.start.id);
    }
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_TRUE(stored->failed_over);
    EXPECT_EQ(stored->record, expected) << c.name;
  }
}

// A replica of ours has read, and writes when the server has gone back: to a version that is the
// right one by its number.
TYPED_TEST(RedisFailover, AWriteThatWasReadBeforeDoesNotLand) {
  Loss& loss = this->loss_;
  const Case c = Cases(*loss.store().Now())[3];
  ASSERT_TRUE(*loss.store().Insert(c.start));
  loss.Mark(1);
  SessionStore::Stored read = *loss.store().Get(c.start.id);
  // Another replica takes the nonce, and that is lost.
  EXPECT_EQ(Send(loss.store(), c.start.id, c.use), std::nullopt);
  loss.GoBack();
  read.record.version = 1;
  absl::StatusOr<bool> written = loss.store().CompareAndSet(read.record, read.tenure);
  while (base::ReasonOf(written.status()) == ErrorReason::kUnavailable) {
    written = loss.store().CompareAndSet(read.record, read.tenure);
  }
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_FALSE(*written);
  EXPECT_EQ(loss.store().Get(c.start.id)->record.version, 0u);
}

TYPED_TEST(RedisFailover, ARequestThatWasAnsweredBeforeIsNotDoneAgain) {
  Loss& loss = this->loss_;
  SessionRecord record = RecordIn(State::kPaired, Flow::kCrossDevice, *loss.store().Now());
  record.id = {1};
  ASSERT_TRUE(*loss.store().Insert(record));
  const Event refresh = By(kBrowser, RefreshQr{}, 1);
  EXPECT_EQ(Send(loss.store(), record.id, refresh), std::nullopt);
  loss.Mark(1);
  loss.GoBack();
  EXPECT_EQ(Send(loss.store(), record.id, refresh), ErrorReason::kStoreFailedOver);
  Applied applied;
  EXPECT_EQ(Send(loss.store(), record.id, refresh, &applied), std::nullopt);
  EXPECT_TRUE(applied.repeated);
  EXPECT_EQ(applied.sealed_answer, base::Bytes{1});
  EXPECT_EQ(applied.record.qr_refreshes, 1);
  Event other = refresh;
  other.once->body_hash = H(kBody, 2);
  EXPECT_EQ(Send(loss.store(), record.id, other), ErrorReason::kRequestIdReused);
}

TYPED_TEST(RedisFailover, WhatHasEndedStaysEndedAndStillAnswers) {
  Loss& loss = this->loss_;
  SessionRecord record = RecordIn(State::kReady, Flow::kCrossDevice, *loss.store().Now());
  record.id = {1};
  ASSERT_TRUE(*loss.store().Insert(record));
  const Event cancel = By(kDevice, Cancel{CancelReason::kUserCancelled}, 1);
  EXPECT_EQ(Send(loss.store(), record.id, cancel), std::nullopt);
  loss.Mark(1);
  loss.GoBack();
  Applied applied;
  EXPECT_EQ(Send(loss.store(), record.id, cancel, &applied), std::nullopt);
  EXPECT_TRUE(applied.repeated);
  EXPECT_EQ(applied.record.state, State::kCancelled);
}

TEST(RedisFailoverBySentinels, TheSessionGoesOnAtTheNewMaster) {
  fakes::RedisSentinels sentinels;
  RedisReplica replica(
      {.sentinels = sentinels.addresses(), .master_name = fakes::RedisSentinels::kMasterName}, {});
  const Case c = Cases(*replica.store().Now())[3];
  ASSERT_TRUE(*replica.store().Insert(c.start));
  sentinels.replica().WaitFor({"DBSIZE"}, "1\n");
  sentinels.master().Kill();
  sentinels.WaitUntilReplicaLeads();
  EXPECT_EQ(Send(replica.store(), c.start.id, c.use), ErrorReason::kStoreFailedOver);
  EXPECT_EQ(Send(replica.store(), c.start.id, c.use), ErrorReason::kChallengeInvalid);
  for (const Event& event : c.cure)
    EXPECT_EQ(Send(replica.store(), c.start.id, event), std::nullopt);
}

TEST(RedisLost, WhatWasFlushedIsUnknown) {
  fakes::RedisServer server;
  RedisReplica replica(server, {});
  const Case c = Cases(*replica.store().Now())[3];
  ASSERT_TRUE(*replica.store().Insert(c.start));
  SessionStore::Stored read = *replica.store().Get(c.start.id);
  EXPECT_EQ(server.Ask({"FLUSHALL"}), "OK");
  EXPECT_EQ(Send(replica.store(), c.start.id, c.use), ErrorReason::kSessionNotFound);
  // Who has read it cannot bring it back.
  read.record.version = 1;
  EXPECT_EQ(base::ReasonOf(replica.store().CompareAndSet(read.record, read.tenure).status()),
            ErrorReason::kSessionNotFound);
}

TEST(RedisFrozen, AWriteWhoseAnswerIsLostIsDoneOnceAndItsRequestAnswered) {
  fakes::RedisServer server;
  RedisReplica replica(server, {.timeout = absl::Seconds(2)});
  const Case c = Cases(*replica.store().Now())[2];
  ASSERT_TRUE(*replica.store().Insert(c.start));
  const auto frozen =
      ApplyEvent(replica.store(), Lifetimes(), c.start.id, [&](const SessionRecord&) {
        server.Freeze();  // Between read and write.
        return c.use;
      });
  EXPECT_EQ(base::ReasonOf(frozen.status()), ErrorReason::kUnavailable);
  server.Thaw();
  Applied applied;
  EXPECT_EQ(Send(replica.store(), c.start.id, c.use, &applied), std::nullopt);
  EXPECT_EQ(applied.record.state, State::kPaired);
  EXPECT_EQ(applied.record.answers.size(), 1u);
  EXPECT_EQ(applied.record.version, 1u);
  // No other request id gets the code accepted.
  EXPECT_EQ(Send(replica.store(), c.start.id, By(kBrowser, ConfirmCode{H(kOneTime)}, 2)),
            ErrorReason::kWrongState);
}

TEST(VoidOneTimeValues, LeavesNoOneTimeValueAndKeepsTheRest) {
  RandomRecord random(6);
  for (int i = 0; i < 200; ++i) {
    const SessionRecord before = random.Next(true);
    SessionRecord record = before;
    VoidOneTimeValues(record);
    if (IsTerminal(before.state)) {
      EXPECT_EQ(record, before);
      continue;
    }
    SessionRecord expected = before;
    for (auto* one_time : {&expected.start_code, &expected.handoff, &expected.pairing_code,
                           &expected.challenge, &expected.return_code, &expected.result_code}) {
      one_time->reset();
    }
    expected.proof_attempt.reset();
    expected.kept_proof.reset();
    if (before.state == State::kReady) {
      expected.state = State::kProven;
      expected.ready_expires_at.reset();
      expected.granted_attributes.clear();
      expected.consent_text_version.clear();
      expected.consented_at.reset();
    }
    EXPECT_EQ(record, expected);
  }
}

}  // namespace
}  // namespace musubi::session
