#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/redis/client_fixture.h"
#include "tests/fakes/redis_server.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::redis {
namespace {

using testing::HasSubstr;

TEST(RedisSentinel, FindsTheMasterAndFollowsAFailover) {
  fakes::RedisSentinels sentinels;
  Client::Options options;
  options.sentinels = sentinels.addresses();
  options.master_name = fakes::RedisSentinels::kMasterName;
  auto subject = ReadySubject(options);
  const std::string before = subject->client->run_id();
  EXPECT_THAT(sentinels.master().Ask({"INFO", "server"}), HasSubstr(before));
  // Confirmed by the replica, so it is there after the failover.
  const Script script("return redis.call('INCR', KEYS[1])");
  EXPECT_EQ(subject->client->Eval(script, {.keys = {"n"}, .wait_replicas = 1}, kLong)->integer, 1);

  // The one that is asked first goes too.
  sentinels.sentinel(0).Kill();
  sentinels.master().Kill();
  sentinels.WaitUntilReplicaLeads(1);
  subject->observer.WaitFor("changed", 1);
  EXPECT_TRUE(subject->client->WaitUntilReady(kLong).ok());
  EXPECT_NE(subject->client->run_id(), before);
  EXPECT_EQ(subject->client->Eval(script, {.keys = {"n"}}, kLong)->integer, 2);
  EXPECT_EQ(sentinels.replica().Ask({"GET", "n"}), "2");
}

TEST(RedisSentinel, LeavesAMasterThatTheSentinelsNoLongerName) {
  fakes::RedisServer first;
  fakes::RedisServer second;
  const std::string name = "sessions";
  fakes::RedisServer sentinel = fakes::RedisServer::Sentinel(name, first.port(), 1);
  Client::Options options;
  options.sentinels = {"127.0.0.1:1", sentinel.address()};
  options.master_name = name;
  options.check_interval = absl::Milliseconds(50);
  options.routes = {{second.address(), second.unix_address()}};
  const auto subject = ReadySubject(options);
  EXPECT_EQ(subject->client->Command({"SET", "a", "1"}, kLong)->text, "OK");
  EXPECT_EQ(first.Ask({"GET", "a"}), "1");
  // The first lives and would still take writes.
  EXPECT_EQ(sentinel.Ask({"SENTINEL", "REMOVE", name}), "OK");
  EXPECT_EQ(
      sentinel.Ask({"SENTINEL", "MONITOR", name, "127.0.0.1", std::to_string(second.port()), "1"}),
      "OK");
  subject->observer.WaitFor("changed", 1);
  EXPECT_TRUE(subject->client->WaitUntilReady(kLong).ok());
  EXPECT_THAT(second.Ask({"INFO", "server"}), HasSubstr(subject->client->run_id()));
}

TEST(RedisSentinel, SaysThatNoSentinelKnowsTheName) {
  fakes::RedisServer master;
  fakes::RedisServer sentinel = fakes::RedisServer::Sentinel("sessions", master.port(), 1);
  Client::Options options;
  options.sentinels = {sentinel.address()};
  options.master_name = "another";
  Subject subject(options);
  subject.observer.WaitFor("failed", 2);
  const absl::Status status = subject->WaitUntilReady(absl::ZeroDuration());
  EXPECT_EQ(base::ReasonOf(status), base::ErrorReason::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("knows no master \"another\""));
}

TEST(RedisSentinel, SignsInToSentinelsThatAskForIt) {
  fakes::RedisServer master;
  fakes::RedisServer sentinel = fakes::RedisServer::Sentinel(
      "sessions", master.port(), 1,
      {"user asker on >mihon-himitsu -@all +ping +sentinel|get-master-addr-by-name",
       "user default off"});
  fakes::TempDir directory;
  const auto write = [&](const std::string& name, const std::string& text) {
    const std::string path = directory.File(name);
    EXPECT_TRUE(base::WriteFileAtomically(path, text, 0600).ok());
    return path;
  };
  Client::Options options;
  options.sentinels = {sentinel.address()};
  options.master_name = "sessions";
  options.sentinel_user_file = write("user", "asker\n");
  options.sentinel_password_file = write("password", "wrong\n");
  Subject subject(options);
  subject.observer.WaitFor("failed", 1);
  const absl::Status status = subject->WaitUntilReady(absl::ZeroDuration());
  EXPECT_EQ(base::ReasonOf(status), base::ErrorReason::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.sentinel_password_file));
  EXPECT_THAT(std::string(status.message()), HasSubstr("WRONGPASS"));
  write("password", "mihon-himitsu\n");
  EXPECT_TRUE(subject->WaitUntilReady(kLong).ok());
  EXPECT_THAT(master.Ask({"INFO", "server"}), HasSubstr(subject->run_id()));
}

}  // namespace
}  // namespace musubi::redis
