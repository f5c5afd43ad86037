#include "lib/session/memory_session_store.h"

#include "lib/session/session_store_contract.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::session {
namespace {

class MemoryFixture {
 public:
  SessionStore& store() { return store_; }
  void Advance(absl::Duration step) { clock_.Advance(step); }
  // Notifications come on the writer's own thread here.
  void WaitUntil(const std::function<bool()>& condition) { EXPECT_TRUE(condition()); }

 private:
  fakes::SimulatedClock clock_;
  MemorySessionStore store_{clock_};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Memory, SessionStoreContract, MemoryFixture);

SessionRecord Record(uint8_t id, absl::Time created_at) {
  SessionRecord record;
  record.id[0] = id;
  record.created_at = created_at;
  record.expires_at = created_at + absl::Minutes(30);
  return record;
}

TEST(MemorySessionStore, IsOverloadedWhenFullUntilOldSessionsGo) {
  fakes::SimulatedClock clock;
  MemorySessionStore store(clock, 2);
  ASSERT_TRUE(*store.Insert(Record(1, clock.Now())));
  ASSERT_TRUE(*store.Insert(Record(2, clock.Now())));
  EXPECT_EQ(base::ReasonOf(store.Insert(Record(3, clock.Now())).status()),
            base::ErrorReason::kOverloaded);
  clock.Advance(absl::Minutes(40));
  EXPECT_TRUE(*store.Insert(Record(3, clock.Now())));
}

TEST(MemorySessionStore, SubscriptionMayOutliveTheStore) {
  fakes::SimulatedClock clock;
  std::unique_ptr<Subscription> subscription;
  {
    MemorySessionStore store(clock);
    subscription = store.Subscribe(SessionId{}, [] {});
  }
  subscription.reset();
}

}  // namespace
}  // namespace musubi::session
