#include "lib/session/redis_session_store.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "lib/base/call_deadline.h"
#include "lib/session/random_record.h"
#include "lib/session/record_codec.h"
#include "lib/session/redis_store_fixture.h"
#include "lib/session/session_store_contract.h"

namespace musubi::session {
namespace {

using base::ErrorReason;

// How a replica finds its Redis.
struct ByAddress {
  static redis::Client::Options Server() { return {.server = SharedRedis().address()}; }
};
struct BySentinels {
  static redis::Client::Options Server() {
    static const fakes::RedisSentinels sentinels;
    return {.sentinels = sentinels.addresses(), .master_name = fakes::RedisSentinels::kMasterName};
  }
};

// Whom a call meets is up to chance in production; here they take turns.
template <int kReplicas, typename Find = ByAddress>
class RedisFixture {
 public:
  RedisFixture() {
    const std::string prefix = FreshPrefix();
    for (auto& replica : replicas_) {
      replica = std::make_unique<RedisReplica>(
          Find::Server(), RedisSessionStore::Options{.prefix = prefix, .time_offset = [this] {
                                                       return absl::Seconds(advanced_.load());
                                                     }});
    }
    replicas_[0]->WaitForSubscribers(kReplicas);
  }
  SessionStore& store() { return replicas_[next_++ % kReplicas]->store(); }
  void Advance(absl::Duration step) { advanced_ += absl::ToInt64Seconds(step); }
  // Asking Redis takes the time that its message needs.
  void WaitUntil(const std::function<bool()>& condition) {
    for (int i = 0; i < 100'000 && !condition(); ++i) ASSERT_TRUE(store().Now().ok());
  }

 private:
  std::atomic<int64_t> advanced_ = 0;
  std::atomic<size_t> next_ = 0;
  std::array<std::unique_ptr<RedisReplica>, kReplicas> replicas_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(OneReplica, SessionStoreContract, RedisFixture<1>);
INSTANTIATE_TYPED_TEST_SUITE_P(TwoReplicas, SessionStoreContract, RedisFixture<2>);
using SentinelFixture = RedisFixture<1, BySentinels>;
INSTANTIATE_TYPED_TEST_SUITE_P(ThroughSentinel, SessionStoreContract, SentinelFixture);

class RedisSessionStoreTest : public ::testing::Test {
 protected:
  SessionRecord NewRecord(uint8_t id) { return NewRecordIn(store(), id); }
  RedisSessionStore& store() { return replica_.store(); }
  // Of the shared server: a command of the test's own.
  redis::Reply Ask(std::vector<std::string> command) {
    auto reply = replica_.client().Command(std::move(command), absl::Minutes(1));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : redis::Reply();
  }

  std::atomic<int64_t> advanced_ = 0;
  RedisReplica replica_{SharedRedis(), {.prefix = FreshPrefix(), .time_offset = [this] {
                                          return absl::Seconds(advanced_.load());
                                        }}};
};

TEST_F(RedisSessionStoreTest, CreateRefusesOptionsOutOfTheirRange) {
  const RedisSessionStore::Options bad[] = {{.prefix = ""},
                                            {.prefix = std::string(65, 'p')},
                                            {.timeout = absl::ZeroDuration()},
                                            {.poll_interval = absl::ZeroDuration()},
                                            {.notify_threads = 0}};
  for (const auto& options : bad) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        RedisSessionStore::Create({replica_.client(), replica_.timer()}, options).status()));
  }
}

TEST_F(RedisSessionStoreTest, ACallEndsByItsDeadlineAndIsNotBegunAfterIt) {
  fakes::RedisServer server;
  RedisReplica replica({.server = server.address(), .stall_timeout = absl::Hours(1)},
                       {.timeout = absl::Hours(1)});
  SessionRecord record = NewRecordIn(replica.store(), 1);
  ASSERT_TRUE(*replica.store().Insert(record));
  const std::string tenure = replica.store().Get(record.id)->tenure;
  record.version = 1;
  {
    const base::CallDeadline passed(absl::ZeroDuration());
    EXPECT_EQ(base::ReasonOf(replica.store().CompareAndSet(record, tenure).status()),
              ErrorReason::kUnavailable);
    EXPECT_EQ(base::ReasonOf(replica.store().Now().status()), ErrorReason::kUnavailable);
  }
  EXPECT_EQ(replica.store().Get(record.id)->record.version, 0u);
  server.Freeze();
  {
    // Or it would wait for an hour.
    const base::CallDeadline soon(absl::Milliseconds(50));
    EXPECT_EQ(base::ReasonOf(replica.store().Get(record.id).status()), ErrorReason::kUnavailable);
  }
  server.Thaw();
  EXPECT_TRUE(replica.store().Get(record.id).ok());
}

TEST_F(RedisSessionStoreTest, KeepsEveryField) {
  RandomRecord random(5);
  for (int i = 0; i < 20; ++i) {
    SessionRecord record = random.Next(true);
    record.expires_at = *store().Now() + absl::Minutes(30);
    ASSERT_TRUE(*store().Insert(record));
    EXPECT_EQ(store().Get(record.id)->record, record);
  }
}

TEST_F(RedisSessionStoreTest, RedisCollectsTenMinutesAfterTheEndByItsOwnClock) {
  SessionRecord record = NewRecord(1);
  ASSERT_TRUE(*store().Insert(record));
  auto collected_at = [&] { return Ask({"PEXPIRETIME", store().KeyOf(record.id)}).integer; };
  EXPECT_EQ(collected_at(), absl::ToUnixMillis(record.expires_at + absl::Minutes(10)));
  // The test's clock is a quarter of an hour ahead: the session's end comes sooner for Redis.
  advanced_ = 15 * 60;
  record.version = 1;
  ASSERT_TRUE(*store().CompareAndSet(record, store().Get(record.id)->tenure));
  EXPECT_EQ(collected_at(), absl::ToUnixMillis(record.expires_at - absl::Minutes(5)));
}

TEST_F(RedisSessionStoreTest, ThePollFindsAChangeThatNoMessageTold) {
  const SessionRecord record = NewRecord(1);
  ASSERT_TRUE(*store().Insert(record));
  std::atomic<int> heard = 0;
  const auto subscription = store().Subscribe(record.id, [&] {
    // A subscriber may read.
    EXPECT_TRUE(store().Now().ok());
    ++heard, heard.notify_all();
  });
  replica_.timer().Advance(absl::Seconds(2));
  heard.wait(0);
  EXPECT_EQ(heard, 1);
  // Behind everybody's back.
  Ask({"SETRANGE", store().KeyOf(record.id), "7", "\x01"});
  // The next poll is set when the last was answered, which the test does not see.
  while (heard == 1) {
    replica_.timer().Advance(absl::Seconds(2));
    ASSERT_TRUE(store().Now().ok());
  }
  EXPECT_EQ(heard, 2);
}

TEST_F(RedisSessionStoreTest, WhatCannotBeReadIsAFaultAndNoRecord) {
  SessionRecord record = NewRecord(1);
  const std::string key = store().KeyOf(record.id);
  ASSERT_TRUE(*store().Insert(record));
  const std::string value = Ask({"GET", key}).text;
  const SessionId other = {2};
  const struct {
    std::string key, value;
  } bad[] = {{key, value.substr(0, 40)},
             {key, value.substr(0, 48)},
             {key, value + "x"},
             {key, std::string(8, '\x01') + value.substr(8)},
             {store().KeyOf(other), value}};
  for (const auto& [bad_key, bad_value] : bad) {
    Ask({"SET", bad_key, bad_value});
    const SessionId id = bad_key == key ? record.id : other;
    EXPECT_EQ(base::ReasonOf(store().Get(id).status()), ErrorReason::kInternal);
  }
  Ask({"DEL", key});
  Ask({"HSET", key, "a", "b"});
  EXPECT_EQ(base::ReasonOf(store().Get(record.id).status()), ErrorReason::kInternal);
}

TEST_F(RedisSessionStoreTest, RefusesARecordThatIsTooLarge) {
  SessionRecord record = NewRecord(1);
  record.sealed_card.resize(kMaxEncodedRecord);
  EXPECT_EQ(base::ReasonOf(store().Insert(record).status()), ErrorReason::kInternal);
  EXPECT_EQ(base::ReasonOf(store().CompareAndSet(record, "").status()), ErrorReason::kInternal);
}

TEST_F(RedisSessionStoreTest, GoesOnWhenRedisHasForgottenTheScripts) {
  SessionRecord record = NewRecord(1);
  Ask({"SCRIPT", "FLUSH"});
  ASSERT_TRUE(*store().Insert(record));
  Ask({"SCRIPT", "FLUSH"});
  const auto stored = store().Get(record.id);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_FALSE(stored->failed_over);
  record.version = 1;
  Ask({"SCRIPT", "FLUSH"});
  EXPECT_TRUE(*store().CompareAndSet(record, stored->tenure));
}

TEST_F(RedisSessionStoreTest, AFullRedisRefusesSessionsAndAnswersOthers) {
  fakes::RedisServer server({"maxmemory 4mb", "maxmemory-policy noeviction"});
  RedisReplica replica(server, {});
  SessionRecord record = NewRecord(1);
  record.sealed_card.resize(60'000);
  absl::StatusOr<bool> inserted = true;
  for (int i = 0; i < 200 && inserted.ok(); ++i) {
    record.id[1] = static_cast<uint8_t>(i);
    inserted = replica.store().Insert(record);
  }
  EXPECT_EQ(base::ReasonOf(inserted.status()), ErrorReason::kUnavailable) << inserted.status();
  record.id[1] = 0;
  EXPECT_TRUE(replica.store().Get(record.id).ok());
}

// Not a limit: what docs/architecture.md says of the memory that a million sessions take.
TEST_F(RedisSessionStoreTest, ASessionTakesAboutWhatTheDocumentsSay) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define MUSUBI_SANITIZED
#endif
#endif
#ifdef MUSUBI_SANITIZED
  constexpr int kSessions = 1'000;
#else
  constexpr int kSessions = 20'000;
#endif
  constexpr int kThreads = 16;
  fakes::RedisServer server;
  RedisReplica replica(server, {});
  auto used_memory = [&] {
    const std::string info = server.Ask({"INFO", "memory"});
    const std::string name = "used_memory:";
    return std::stod(info.substr(info.find(name) + name.size()));
  };
  // PROVEN: the largest that most sessions become. A certificate of 1.6 KB, ten answers.
  SessionRecord record = NewRecord(1);
  record.relying_party_id = "university";
  record.locale = "ja";
  record.client_context = {"Firefox 140", "Windows 11", "Example University"};
  record.account =
      AccountBinding{"https://idp.example.ac.jp", std::string(32, 's'), "sh***@example"};
  record.state = State::kProven;
  record.browser_credential = record.device_credential = record.claimed_by = base::Hash256{1};
  record.last_verdict.resize(60);
  record.sealed_card.resize(2'000);
  record.answers.resize(10);
  for (StoredAnswer& answer : record.answers) answer.sealed.resize(70);
  const double before = used_memory();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&replica, record, thread]() mutable {
      for (int i = thread; i < kSessions; i += kThreads) {
        record.id = {1, static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)};
        EXPECT_TRUE(*replica.store().Insert(record));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double each = (used_memory() - before) / kSessions;
  RecordProperty("encoded", static_cast<int>(EncodeRecord(record)->size()));
  RecordProperty("octets_a_session", static_cast<int>(each));
  EXPECT_LT(each, 5'000);
}

}  // namespace
}  // namespace musubi::session
