// For tests: a replica of ours at a real Redis server.
#ifndef MUSUBI_LIB_SESSION_REDIS_STORE_FIXTURE_H_
#define MUSUBI_LIB_SESSION_REDIS_STORE_FIXTURE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "lib/base/secure_random.h"
#include "lib/redis/client.h"
#include "lib/session/redis_session_store.h"
#include "tests/fakes/redis_server.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::session {

// One server for all tests of the binary that change nothing but their own keys.
inline fakes::RedisServer& SharedRedis() {
  static fakes::RedisServer server;
  return server;
}

// A prefix that no other test has.
inline std::string FreshPrefix() {
  static std::atomic<int> count = 0;
  return "t" + std::to_string(++count) + ":";
}

// What one musubid has of Redis.
class RedisReplica {
 public:
  RedisReplica(redis::Client::Options server, RedisSessionStore::Options options) {
    auto client = redis::Client::Create({observer_, random_}, std::move(server));
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
    EXPECT_TRUE(client_->WaitUntilReady(absl::Minutes(1)).ok());
    auto store = RedisSessionStore::Create({*client_, timer_}, std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  RedisReplica(const fakes::RedisServer& server, RedisSessionStore::Options options)
      : RedisReplica({.server = server.address()}, std::move(options)) {}

  RedisSessionStore& store() { return *store_; }
  redis::Client& client() { return *client_; }
  // Of the poll alone.
  fakes::SimulatedClock& timer() { return timer_; }

  // Blocks until `count` replicas hear what is told.
  void WaitForSubscribers(int count) {
    while (true) {
      const auto reply =
          client_->Command({"PUBSUB", "NUMSUB", store_->Channel()}, absl::Minutes(1));
      ASSERT_TRUE(reply.ok()) << reply.status();
      if (reply->elements.at(1).integer == count) return;
    }
  }

 private:
  redis::Observer observer_;
  base::SystemRandom random_;
  fakes::SimulatedClock timer_;
  std::unique_ptr<redis::Client> client_;
  std::unique_ptr<RedisSessionStore> store_;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_REDIS_STORE_FIXTURE_H_
