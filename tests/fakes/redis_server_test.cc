// RedisSentinels is tested where a client follows a failover (lib/redis/sentinel_test.cc).
#include "tests/fakes/redis_server.h"

#include <gtest/gtest.h>

namespace musubi::fakes {
namespace {

TEST(RedisServer, AnswersAndForgetsWhenKilledAndStartedAgain) {
  RedisServer server;
  EXPECT_EQ(server.Ask({"SET", "a", "1"}), "OK");
  server.Kill();
  server.Start();
  EXPECT_EQ(server.Ask({"GET", "a"}), "");
  EXPECT_EQ(server.Ask({"PING"}), "PONG");
}

TEST(RedisServer, GoesOnAfterAFreeze) {
  RedisServer server;
  server.Freeze();
  server.Thaw();
  EXPECT_EQ(server.Ask({"PING"}), "PONG");
}

}  // namespace
}  // namespace musubi::fakes
