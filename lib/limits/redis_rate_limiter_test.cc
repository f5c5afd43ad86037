#include "lib/limits/redis_rate_limiter.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/secure_random.h"
#include "lib/limits/rate_limiter_contract.h"
#include "tests/fakes/redis_server.h"

namespace musubi::limits {
namespace {

using base::ErrorReason;

// One server for all tests that change nothing but their own keys.
fakes::RedisServer& SharedRedis() {
  static fakes::RedisServer server;
  return server;
}

std::string FreshPrefix() {
  static std::atomic<int> count = 0;
  return "t" + std::to_string(++count) + ":";
}

// What one musubid has of Redis.
class Replica {
 public:
  Replica(const fakes::RedisServer& server, RedisRateLimiter::Options options) {
    auto client = redis::Client::Create({observer_, random_}, {.server = server.address()});
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    EXPECT_TRUE(client_->WaitUntilReady(absl::Minutes(1)).ok());
    auto limiter = RedisRateLimiter::Create(*client_, std::move(options));
    EXPECT_TRUE(limiter.ok()) << limiter.status();
    limiter_ = *std::move(limiter);
  }
  RedisRateLimiter& limiter() { return *limiter_; }
  redis::Reply Ask(std::vector<std::string> command) {
    auto reply = client_->Command(std::move(command), absl::Minutes(1));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *reply : redis::Reply();
  }

 private:
  redis::Observer observer_;
  base::SystemRandom random_;
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<RedisRateLimiter> limiter_;
};

// Whom a call meets is up to chance in production; here they take turns.
template <int kReplicas>
class RedisFixture {
 public:
  RedisFixture() {
    const std::string prefix = FreshPrefix();
    for (auto& replica : replicas_) {
      replica = std::make_unique<Replica>(
          SharedRedis(), RedisRateLimiter::Options{
                             .prefix = prefix, .timeout = absl::Minutes(1), .time_offset = [this] {
                               return absl::Seconds(advanced_.load());
                             }});
    }
  }
  RateLimiter& limiter() { return replicas_[next_++ % kReplicas]->limiter(); }
  void Advance(absl::Duration step) { advanced_ += absl::ToInt64Seconds(step); }

 private:
  std::atomic<int64_t> advanced_ = 0;
  std::atomic<size_t> next_ = 0;
  std::array<std::unique_ptr<Replica>, kReplicas> replicas_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(OneReplica, RateLimiterContract, RedisFixture<1>);
INSTANTIATE_TYPED_TEST_SUITE_P(TwoReplicas, RateLimiterContract, RedisFixture<2>);

TEST(RedisRateLimiter, OptionsAreChecked) {
  Replica replica(SharedRedis(), {.prefix = FreshPrefix()});
  redis::Observer observer;
  base::SystemRandom random;
  const auto client =
      redis::Client::Create({observer, random}, {.server = SharedRedis().address()});
  for (const RedisRateLimiter::Options& options :
       {RedisRateLimiter::Options{.prefix = ""},
        RedisRateLimiter::Options{.prefix = std::string(65, 'p')},
        RedisRateLimiter::Options{.timeout = absl::ZeroDuration()}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(RedisRateLimiter::Create(**client, options).status()));
  }
}

TEST(RedisRateLimiter, KeysGoFromRedisWhenTheyCountNoMore) {
  Replica replica(SharedRedis(), {.prefix = FreshPrefix()});
  RedisRateLimiter& limiter = replica.limiter();
  auto left = [&](const Key& key) { return replica.Ask({"PTTL", limiter.NameOf(key)}).integer; };
  const Limit limit{10, absl::Hours(10)};
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(limiter.Take(Key{1}, limit)->allowed);
    EXPECT_LE(left(Key{1}), i * 3'600'000);
    EXPECT_GT(left(Key{1}), i * 3'600'000 - 60'000);
  }
  // To the microsecond: Lua's own way of writing a number drops the last digits.
  EXPECT_EQ(replica.Ask({"STRLEN", limiter.NameOf(Key{1})}).integer, 16);
  ASSERT_TRUE(limiter.Window(Key{2}, limit, WindowStep::kAdd).ok());
  EXPECT_LE(left(Key{2}), 36'000'000);
  EXPECT_GT(left(Key{2}), 36'000'000 - 60'000);
  // A look keeps nothing alive.
  replica.Ask({"PEXPIRE", limiter.NameOf(Key{2}), "1000000"});
  ASSERT_TRUE(limiter.Window(Key{2}, limit, WindowStep::kLook).ok());
  EXPECT_LE(left(Key{2}), 1'000'000);
  EXPECT_GT(left(Key{2}), 0);
  ASSERT_TRUE(limiter.Window(Key{3}, limit, WindowStep::kLook).ok());
  EXPECT_LE(left(Key{3}), 1);
}

TEST(RedisRateLimiter, AWindowKeepsNoMoreTimesThanItsCount) {
  Replica replica(SharedRedis(), {.prefix = FreshPrefix()});
  const Limit limit{5, absl::Hours(1)};
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(replica.limiter().Window(Key{1}, limit, WindowStep::kAdd).ok());
  }
  EXPECT_EQ(replica.Ask({"STRLEN", replica.limiter().NameOf(Key{1})}).integer, 5 * 16);
}

TEST(RedisRateLimiter, WhatRedisLostIsNotCounted) {
  fakes::RedisServer server;
  Replica replica(server, {.prefix = FreshPrefix()});
  const Limit limit{1, absl::Hours(1)};
  EXPECT_TRUE(replica.limiter().Take(Key{1}, limit)->allowed);
  EXPECT_FALSE(replica.limiter().Take(Key{1}, limit)->allowed);
  replica.Ask({"FLUSHALL"});
  EXPECT_TRUE(replica.limiter().Take(Key{1}, limit)->allowed);
}

TEST(RedisRateLimiter, IsUnavailableAndAllowsNothingWhileRedisIsGone) {
  fakes::RedisServer server;
  Replica replica(server, {.prefix = FreshPrefix(), .timeout = absl::Milliseconds(200)});
  ASSERT_TRUE(replica.limiter().Take(Key{1}, {1, absl::Hours(1)}).ok());
  server.Kill();
  EXPECT_EQ(base::ReasonOf(replica.limiter().Take(Key{2}, {1, absl::Hours(1)}).status()),
            ErrorReason::kUnavailable);
  EXPECT_EQ(base::ReasonOf(
                replica.limiter().Window(Key{2}, {1, absl::Hours(1)}, WindowStep::kAdd).status()),
            ErrorReason::kUnavailable);
}

// What holds up a wrong code must hold up a right one, or the two could be told apart while nothing
// is counted.
TEST(RedisRateLimiter, WhereNothingCanBeAddedNothingIsLookedAtEither) {
  fakes::RedisServer server({"maxmemory-policy noeviction"});
  Replica replica(server, {.prefix = FreshPrefix()});
  const Limit limit{5, absl::Hours(1)};
  ASSERT_TRUE(replica.limiter().Window(Key{1}, limit, WindowStep::kAdd).ok());
  replica.Ask({"CONFIG", "SET", "maxmemory", "1"});
  for (const Key& key : {Key{1}, Key{2}}) {
    for (const WindowStep step : {WindowStep::kAdd, WindowStep::kLook}) {
      EXPECT_EQ(base::ReasonOf(replica.limiter().Window(key, limit, step).status()),
                ErrorReason::kUnavailable);
    }
  }
}

}  // namespace
}  // namespace musubi::limits
