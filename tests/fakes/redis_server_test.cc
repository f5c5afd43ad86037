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

TEST(RedisSentinels, LetTheReplicaLeadWhenTheMasterIsKilled) {
  RedisSentinels sentinels;
  EXPECT_EQ(sentinels.master().Ask({"SET", "a", "1"}), "OK");
  EXPECT_EQ(sentinels.master().Ask({"WAIT", "1", "0"}), "1");
  sentinels.master().Kill();
  sentinels.WaitUntilReplicaLeads();
  EXPECT_EQ(sentinels.replica().Ask({"GET", "a"}), "1");
  EXPECT_EQ(sentinels.replica().Ask({"SET", "a", "2"}), "OK");
}

}  // namespace
}  // namespace musubi::fakes
