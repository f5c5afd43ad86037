// 64 calls at the same moment on one session, for each event that has a winner: one wins, the
// others get the right refusal, and the counts are right. The start of a round is shared by a
// barrier; the threads stay for all rounds, or making them would be most of the test.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <functional>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/clock.h"
#include "lib/session/apply.h"
#include "lib/session/memory_session_store.h"
#include "lib/session/redis_store_fixture.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::session {
namespace {

using base::ErrorReason;
using base::Hash256;

const absl::Time kNow = absl::FromUnixSeconds(1'775'000'000);
constexpr int kThreads = 64;
// Sessions that the threads race for between two barriers: waking 64 threads costs more than what
// they do for one session.
constexpr int kBatch = 10;
// A sanitizer sees a race without meeting it, and makes each step some ten times as slow.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MUSUBI_SANITIZED
#endif
#endif
#ifdef MUSUBI_SANITIZED
constexpr int kRounds = 100, kRedisRounds = 10;
#else
constexpr int kRounds = 1000, kRedisRounds = 30;
#endif
static_assert(kRounds % kBatch == 0 && kRedisRounds % kBatch == 0);

Hash256 H(uint8_t kind, int thread = 0) {
  Hash256 hash{};
  hash[0] = kind;
  hash[1] = static_cast<uint8_t>(thread);
  return hash;
}
constexpr uint8_t kBrowser = 1, kDevice = 2, kOneTime = 3, kRequest = 4, kBody = 5, kFresh = 6,
                  kWrong = 7;

struct Contest {
  std::string name;
  SessionRecord start;
  // What each thread sends, one after the other for as long as it is accepted.
  std::vector<std::function<Event(int thread)>> events;
  std::set<ErrorReason> losers;  // What the others are told.
  std::function<bool(const SessionRecord& before, const SessionRecord& after, int winner)> holds;
  // Nothing: who was accepted wins. Else who was told this.
  std::optional<ErrorReason> winner_is_told;

  friend void PrintTo(const Contest& contest, std::ostream* out) { *out << contest.name; }
};

// A live session of this state in which nothing has lapsed.
SessionRecord RecordIn(State state, Flow flow, absl::Time now) {
  SessionRecord record;
  record.act = Act::kLink;
  record.flow_policy = FlowPolicy::kAny;
  record.created_at = now;
  record.expires_at = now + absl::Minutes(30);
  record.qr_page_expires_at = now + absl::Minutes(5);
  record.state = state;
  record.flow = flow;
  record.browser_credential = H(kBrowser);
  if (state != State::kCreated) record.device_credential = H(kDevice);
  if (state == State::kReady) record.ready_expires_at = now + absl::Minutes(5);
  return record;
}

Event By(uint8_t credential, Payload payload, int thread) {
  return {.payload = std::move(payload),
          .credential = H(credential),
          .once = Once{H(kRequest, thread), H(kBody, thread), {static_cast<uint8_t>(thread)}}};
}
Event ByNobody(Payload payload) { return {.payload = std::move(payload)}; }

class Contests {
 public:
  explicit Contests(absl::Time now) : now_(now), soon_{H(kOneTime), now + absl::Minutes(1)} {}

  std::vector<Contest> All() const {
    std::vector<Contest> all = Pairing();
    for (auto contests : {Proving(), Finishing()}) {
      all.insert(all.end(), contests.begin(), contests.end());
    }
    return all;
  }

 private:
  SessionRecord In(State state, Flow flow = Flow::kCrossDevice) const {
    return RecordIn(state, flow, now_);
  }

  std::vector<Contest> Pairing() const {
    SessionRecord unstarted = In(State::kCreated, Flow::kUnspecified);
    unstarted.browser_credential.reset();
    unstarted.start_code = soon_;
    SessionRecord last_refresh = In(State::kPaired);
    last_refresh.qr_refreshes = Lifetimes().qr_refreshes - 1;
    SessionRecord handed = In(State::kCreated, Flow::kOneDevice);
    handed.handoff = soon_;
    SessionRecord claimed = In(State::kClaimed);
    claimed.pairing_code = soon_;
    SessionRecord last_try = claimed;
    last_try.wrong_codes = Lifetimes().pairing_code_tries - 1;
    return {
        {"ClaimStart",
         unstarted,
         {[](int i) {
           return ByNobody(ClaimStart{H(kOneTime), H(kFresh, i)});
         }},
         {ErrorReason::kStartCodeInvalid},
         [](const auto&, const auto& after, int winner) {
           return after.browser_credential == H(kFresh, winner) && !after.start_code;
         }},
        {"ClaimQr",
         In(State::kCreated, Flow::kUnspecified),
         {[](int i) {
           return ByNobody(ClaimQr{1, 0, H(kOneTime, i), H(kFresh, i), H(kOneTime, i)});
         }},
         {ErrorReason::kAlreadyClaimed},
         [](const auto&, const auto& after, int winner) {
           return after.device_credential == H(kFresh, winner) &&
                  after.claimed_by == H(kOneTime, winner) && after.second_phone_refused;
         }},
        {"ClaimHandoff",
         handed,
         {[](int i) {
           return ByNobody(ClaimHandoff{H(kOneTime), H(kFresh, i)});
         }},
         {ErrorReason::kWrongState},
         [](const auto&, const auto& after, int winner) {
           return after.device_credential == H(kFresh, winner) && !after.handoff;
         }},
        {"RefreshQr, one left",
         last_refresh,
         {[](int i) { return By(kBrowser, RefreshQr{}, i); }},
         {ErrorReason::kQrRefreshesExhausted},
         [](const auto& before, const auto& after, int) {
           return after.generation == before.generation + 1 && after.answers.size() == 1;
         }},
        {"ConfirmCode",
         claimed,
         {[](int i) { return By(kBrowser, ConfirmCode{H(kOneTime)}, i); }},
         {ErrorReason::kWrongState},
         [](const auto&, const auto& after, int) {
           return after.state == State::kPaired && after.wrong_codes == 0;
         }},
        {"ConfirmCode, wrong with one try left",
         last_try,
         {[](int i) { return By(kBrowser, ConfirmCode{H(kWrong, i)}, i); }},
         {ErrorReason::kWrongState},
         [](const auto& before, const auto& after, int) {
           return after.state == State::kFailed && after.wrong_codes == before.wrong_codes + 1;
         },
         ErrorReason::kPairingCodeWrong},
        {"CreateHandoff, then ClaimHandoff",
         In(State::kCreated, Flow::kUnspecified),
         {[](int i) { return By(kBrowser, CreateHandoff{H(kOneTime, i)}, i); },
          [](int i) {
            return ByNobody(ClaimHandoff{H(kOneTime, i), H(kFresh, i)});
          }},
         {ErrorReason::kHandoffInvalid, ErrorReason::kWrongState},
         [](const auto&, const auto& after, int winner) {
           return after.device_credential == H(kFresh, winner) && after.flow == Flow::kOneDevice;
         }},
        {"ClaimQr against CreateHandoff and ClaimHandoff",
         In(State::kCreated, Flow::kUnspecified),
         {[](int i) {
            return i % 2 == 0
                       ? By(kBrowser, CreateHandoff{H(kOneTime, i)}, i)
                       : ByNobody(ClaimQr{1, 0, H(kOneTime, i), H(kFresh, i), H(kOneTime, i)});
          },
          [](int i) {
            return i % 2 == 0 ? ByNobody(ClaimHandoff{H(kOneTime, i), H(kFresh, i)})
                              : ByNobody(Settle{});
          }},
         {ErrorReason::kAlreadyClaimed, ErrorReason::kFlowNotAllowed, ErrorReason::kWrongState,
          ErrorReason::kHandoffInvalid},
         [](const auto&, const auto& after, int winner) {
           return after.device_credential == H(kFresh, winner) &&
                  after.flow == (winner % 2 == 0 ? Flow::kOneDevice : Flow::kCrossDevice);
         }},
    };
  }

  std::vector<Contest> Proving() const {
    SessionRecord challenged = In(State::kPaired);
    challenged.challenge = soon_;
    SessionRecord kept = In(State::kPaired);
    kept.proofs = 1;
    kept.kept_proof = KeptProof{H(kOneTime), {7}, now_ + absl::Minutes(1)};
    SessionRecord judged = In(State::kPaired);
    judged.proofs = 1;
    judged.proof_attempt = H(kRequest, 0);
    return {
        {"TakeChallenge",
         challenged,
         {[](int i) { return By(kDevice, TakeChallenge{H(kOneTime)}, i); }},
         {ErrorReason::kChallengeInvalid},
         [](const auto&, const auto& after, int winner) {
           return after.proofs == 1 && after.proof_attempt == H(kRequest, winner);
         }},
        {"ProofDecided",
         judged,
         {[](int i) {
           Event event =
               By(kDevice,
                  ProofDecided{H(kRequest, 0), ProofOutcome::kValid, H(kOneTime), {1}, {2}}, i);
           return event;
         }},
         {ErrorReason::kWrongState},
         [](const auto&, const auto& after, int) {
           return after.state == State::kProven && after.proofs == 1 && !after.proof_attempt &&
                  after.sealed_card == base::Bytes{2};
         }},
        // Each may begin; the one that began last is decided.
        {"ResumeProof, then ProofDecided",
         kept,
         {[](int i) { return By(kDevice, ResumeProof{H(kOneTime)}, i); },
          [](int i) {
            return By(kDevice,
                      ProofDecided{H(kRequest, i), ProofOutcome::kValid, H(kOneTime), {1}, {2}}, i);
          }},
         {ErrorReason::kChallengeInvalid, ErrorReason::kWrongState},
         [](const auto&, const auto& after, int) {
           return after.state == State::kProven && after.proofs == 1 && !after.kept_proof;
         }},
    };
  }

  std::vector<Contest> Finishing() const {
    SessionRecord proven = In(State::kProven);
    proven.sealed_card = {1};
    SessionRecord consented = In(State::kConsented, Flow::kOneDevice);
    consented.sealed_card = {1};
    consented.return_code = soon_;
    SessionRecord ready = In(State::kReady);
    ready.sealed_card = {1};
    return {
        {"GrantConsent",
         proven,
         {[](int i) {
           return By(kDevice, GrantConsent{{"name"}, "1", H(kFresh, i)}, i);
         }},
         {ErrorReason::kWrongState},
         [](const auto&, const auto& after, int) {
           return after.state == State::kReady && after.consented_at.has_value();
         }},
        {"CompleteReturn",
         consented,
         {[](int i) {
           return By(kBrowser, CompleteReturn{H(kOneTime), H(kFresh, i), std::nullopt}, i);
         }},
         {ErrorReason::kCredentialInvalid},
         [](const auto&, const auto& after, int winner) {
           return after.state == State::kReady && after.browser_credential == H(kFresh, winner);
         }},
        {"BindAccount of different accounts",
         ready,
         {[](int i) {
           return By(kBrowser,
                     BindAccount{{"https://idp.example", std::to_string(i), ""}, H(kFresh, i)}, i);
         }},
         {ErrorReason::kCredentialInvalid},
         [](const auto&, const auto& after, int winner) {
           return after.account->subject == std::to_string(winner) &&
                  after.browser_credential == H(kFresh, winner);
         }},
        {"Use",
         ready,
         {[](int) { return ByNobody(Use{}); }},
         {ErrorReason::kWrongState},
         [](const auto&, const auto& after, int) { return after.state == State::kUsed; }},
        {"Cancel against Use",
         ready,
         {[](int i) {
           return i % 2 == 0 ? ByNobody(Use{}) : By(kBrowser, Cancel{CancelReason::kNotMe}, i);
         }},
         {ErrorReason::kWrongState},
         [](const auto&, const auto& after, int winner) {
           return after.state == (winner % 2 == 0 ? State::kUsed : State::kCancelled) &&
                  after.sealed_card.empty();
         }},
    };
  }

  const absl::Time now_;
  const OneTime soon_;
};

// kThreads threads that run the same contest again and again.
class Arena {
 public:
  // Each thread talks to the replica of its number.
  Arena(std::vector<SessionStore*> replicas, const Contest& contest, int rounds)
      : replicas_(std::move(replicas)), contest_(contest), rounds_(rounds) {}

  void Run() {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([this, i] { Race(i); });
    for (int first = 0; first < rounds_; first += kBatch) {
      for (int i = 0; i < kBatch; ++i) EXPECT_TRUE(*replicas_[0]->Insert(StartOf(first + i)));
      line_.arrive_and_wait();  // They run...
      line_.arrive_and_wait();  // ...and have come in.
      for (int i = 0; i < kBatch; ++i) Judge(first + i, told_[static_cast<size_t>(i)]);
    }
    for (std::thread& thread : threads) thread.join();
  }

  int given_up() const { return given_up_; }
  int stepped_again() const { return stepped_again_; }

 private:
  using Told = std::array<absl::Status, kThreads>;

  static SessionId IdOf(int round) {
    return {static_cast<uint8_t>(round), static_cast<uint8_t>(round >> 8)};
  }
  SessionRecord StartOf(int round) const {
    SessionRecord start = contest_.start;
    start.id = IdOf(round);
    return start;
  }

  void Race(int thread) {
    for (int first = 0; first < rounds_; first += kBatch) {
      line_.arrive_and_wait();
      for (int i = 0; i < kBatch; ++i) {
        told_[static_cast<size_t>(i)][static_cast<size_t>(thread)] = Send(IdOf(first + i), thread);
      }
      line_.arrive_and_wait();
    }
  }

  absl::Status Send(const SessionId& id, int thread) {
    SessionStore& store = *replicas_[static_cast<size_t>(thread) % replicas_.size()];
    for (const auto& make : contest_.events) {
      int steps = 0;
      const auto applied = ApplyEvent(store, Lifetimes(), id, [&](const SessionRecord&) {
        ++steps;
        return make(thread);
      });
      stepped_again_ += steps - 1;
      const absl::Status status = applied.ok() ? applied->status : applied.status();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void Judge(int round, const Told& told) {
    std::vector<int> winners;
    for (int i = 0; i < kThreads; ++i) {
      const absl::Status& status = told[static_cast<size_t>(i)];
      const auto reason = base::ReasonOf(status);
      if (reason == contest_.winner_is_told) {
        winners.push_back(i);
      } else if (reason == ErrorReason::kUnavailable) {
        ++given_up_;  // Lost kMaxRounds times to others: it may try again.
      } else {
        EXPECT_TRUE(reason.has_value() && contest_.losers.contains(*reason))
            << contest_.name << ", round " << round << ": " << status;
      }
    }
    const SessionRecord start = StartOf(round);
    const SessionRecord after = replicas_[0]->Get(start.id)->record;
    ASSERT_EQ(winners.size(), 1u) << contest_.name << ", round " << round;
    EXPECT_TRUE(contest_.holds(start, after, winners[0])) << contest_.name << ", round " << round;
  }

  const std::vector<SessionStore*> replicas_;
  const Contest& contest_;
  const int rounds_;
  std::barrier<> line_{kThreads + 1};
  std::array<Told, kBatch> told_;
  int given_up_ = 0;
  std::atomic<int> stepped_again_ = 0;
};

class StateMachineRace : public ::testing::TestWithParam<Contest> {};

TEST_P(StateMachineRace, OneOfSixtyFourWins) {
  fakes::SimulatedClock clock(kNow);
  MemorySessionStore store(clock);
  Arena arena({&store}, GetParam(), kRounds);
  arena.Run();
  // For who reads the results: whether the threads met at all.
  RecordProperty("stepped_again", arena.stepped_again());
  RecordProperty("given_up", arena.given_up());
}

TEST_P(StateMachineRace, OneOfSixtyFourWinsAtTwoReplicasOnRedis) {
  // The contests' time stands still, however long they take.
  const RedisSessionStore::Options options{
      .prefix = FreshPrefix(), .timeout = absl::Minutes(1), .time_offset = [] {
        return kNow - base::RealClock().Now();
      }};
  RedisReplica one(SharedRedis(), options), two(SharedRedis(), options);
  Arena arena({&one.store(), &two.store()}, GetParam(), kRedisRounds);
  arena.Run();
  RecordProperty("stepped_again", arena.stepped_again());
  RecordProperty("given_up", arena.given_up());
}

std::string TestName(const ::testing::TestParamInfo<Contest>& info) {
  std::string name;
  for (const char c : info.param.name) {
    if (c != ',') name.push_back(c == ' ' ? '_' : c);
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Each, StateMachineRace, ::testing::ValuesIn(Contests(kNow).All()),
                         TestName);

}  // namespace
}  // namespace musubi::session
