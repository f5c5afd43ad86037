#include "lib/session/apply.h"

#include <gtest/gtest.h>

#include "lib/session/memory_session_store.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::session {
namespace {

class ApplyEventTest : public ::testing::Test {
 protected:
  ApplyEventTest() {
    record_.id[0] = 1;
    record_.browser_credential = base::Hash256{1};
    record_.created_at = clock_.Now();
    record_.expires_at = clock_.Now() + absl::Minutes(30);
    EXPECT_TRUE(*store_.Insert(record_));
  }
  static Event CancelByBrowser(const SessionRecord&) {
    return Event{.payload = Cancel{CancelReason::kUserCancelled}, .credential = base::Hash256{1}};
  }

  fakes::SimulatedClock clock_;
  MemorySessionStore store_{clock_};
  SessionRecord record_;
};

TEST_F(ApplyEventTest, WritesWhatTheMachineDecided) {
  const auto applied = ApplyEvent(store_, Lifetimes(), record_.id, CancelByBrowser);
  ASSERT_TRUE(applied.ok());
  EXPECT_TRUE(applied->status.ok());
  EXPECT_EQ(store_.Get(record_.id)->record, applied->record);
  EXPECT_EQ(applied->record.state, State::kCancelled);
  EXPECT_EQ(applied->record.version, 1u);
}

TEST_F(ApplyEventTest, StepsAgainWhenAnotherCallCameBetween) {
  int rounds = 0;
  const auto applied =
      ApplyEvent(store_, Lifetimes(), record_.id, [&](const SessionRecord& record) {
        if (rounds++ == 0) {
          SessionRecord other = record;
          ++other.version;
          other.locale = "ja";
          EXPECT_TRUE(*store_.CompareAndSet(other, ""));
        }
        return CancelByBrowser(record);
      });
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(rounds, 2);
  EXPECT_EQ(applied->record.locale, "ja");
  EXPECT_EQ(applied->record.state, State::kCancelled);
}

TEST_F(ApplyEventTest, TellsTheObserverOfEachEventOnce) {
  struct Recorder final : Observer {
    void OnApplied(const Payload& payload, State before, const Applied& applied) override {
      EXPECT_TRUE(std::holds_alternative<Cancel>(payload));
      seen.push_back({before, applied.record.state, applied.status.ok()});
    }
    struct Seen {
      State before, after;
      bool ok;
      bool operator==(const Seen&) const = default;
    };
    std::vector<Seen> seen;
  } recorder;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(
        ApplyEvent(store_, Lifetimes(), record_.id, CancelByBrowser, nullptr, &recorder).ok());
  }
  const std::vector<Recorder::Seen> expected = {{State::kCreated, State::kCancelled, true},
                                                {State::kCancelled, State::kCancelled, false}};
  EXPECT_EQ(recorder.seen, expected);
}

TEST_F(ApplyEventTest, GivesUpWhenItNeverWins) {
  const auto applied =
      ApplyEvent(store_, Lifetimes(), record_.id, [&](const SessionRecord& record) {
        SessionRecord other = record;
        ++other.version;
        EXPECT_TRUE(*store_.CompareAndSet(other, ""));
        return CancelByBrowser(record);
      });
  EXPECT_EQ(base::ReasonOf(applied.status()), base::ErrorReason::kUnavailable);
}

TEST_F(ApplyEventTest, WritesNothingIfTheOtherStoreRefuses) {
  const auto applied = ApplyEvent(store_, Lifetimes(), record_.id, CancelByBrowser,
                                  [](const SessionRecord& before, const SessionRecord& after) {
                                    EXPECT_EQ(before.state, State::kCreated);
                                    EXPECT_EQ(after.state, State::kCancelled);
                                    return absl::UnavailableError("database is away");
                                  });
  EXPECT_EQ(applied.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_.Get(record_.id)->record, record_);
}

TEST_F(ApplyEventTest, RefusalWithoutEffectWritesNothing) {
  const auto applied = ApplyEvent(store_, Lifetimes(), record_.id,
                                  [](const SessionRecord&) { return Event{.payload = Use{}}; });
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(base::ReasonOf(applied->status), base::ErrorReason::kWrongState);
  EXPECT_EQ(store_.Get(record_.id)->record.version, 0u);
}

}  // namespace
}  // namespace musubi::session
