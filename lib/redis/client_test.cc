#include "lib/redis/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <thread>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/redis/client_fixture.h"
#include "tests/fakes/redis_server.h"

namespace musubi::redis {
namespace {

using base::ErrorReason;
using testing::HasSubstr;

Client::Options To(const fakes::RedisServer& server) { return {.server = server.address()}; }

std::string Message(const absl::Status& status) {
  return std::string(base::ToStd(status.message()));
}

TEST(RedisClient, GivesAnswersOfEveryKind) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  Client& client = *subject->client;
  const std::string octets("a\0\r\n$3\r\n\xff", 9);
  EXPECT_EQ(client.Command({"SET", "key", octets}, kLong)->text, "OK");
  EXPECT_EQ(client.Command({"GET", "key"}, kLong)->text, octets);
  EXPECT_TRUE(client.Command({"GET", "nothing"}, kLong)->is_nil());
  EXPECT_EQ(client.Command({"INCR", "number"}, kLong)->integer, 1);
  const Reply nested =
      *client.Eval(Script("return {1, 'two', {3, false}, {err = 'FOUR it is'}}"), {}, kLong);
  ASSERT_TRUE(nested.is_array());
  ASSERT_EQ(nested.elements.size(), 4u);
  EXPECT_EQ(nested.elements[0].integer, 1);
  EXPECT_EQ(nested.elements[1].text, "two");
  EXPECT_EQ(nested.elements[2].elements[0].integer, 3);
  EXPECT_TRUE(nested.elements[2].elements[1].is_nil());
  EXPECT_EQ(nested.elements[3].kind, Reply::Kind::kError);
  EXPECT_EQ(nested.elements[3].text, "FOUR it is");
  EXPECT_EQ(subject->observer.count("ANSWERED"), 5);
}

TEST(RedisClient, AnErrorReplyIsAStatusThatSaysWhetherSomethingMayHaveRun) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  const absl::Status command = subject->client->Command({"NO-SUCH"}, kLong).status();
  EXPECT_EQ(command.code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(MayHaveRun(command));
  const absl::Status script =
      subject->client->Eval(Script("redis.call('SET', 'a', '1') return {err = 'OH no'}"), {}, kLong)
          .status();
  EXPECT_EQ(script.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(MayHaveRun(script));
  EXPECT_EQ(subject->observer.count("ERROR_REPLY"), 2);
}

TEST(RedisClient, TakesUnixSockets) {
  fakes::RedisServer server;
  const auto subject = ReadySubject({.server = server.unix_address()});
  EXPECT_EQ(subject->client->Command({"PING"}, kLong)->text, "PONG");
}

TEST(RedisClient, RefusesCommandsThatWouldDisturbOthers) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{}, {""}, {"multi"}, {"WAIT", "1", "0"}, {"Subscribe", "a"}}) {
    EXPECT_EQ(subject->client->Command(command, kLong).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(RedisClient, SendsWhatManyThreadsAskOverFewConnectionsAndLosesNothing) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  const Script script("return redis.call('INCRBY', KEYS[1], ARGV[1])");
  constexpr int kThreads = 8;
  constexpr int kCalls = 250;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < kCalls; ++call) {
        EXPECT_TRUE(
            subject->client->Eval(script, {.keys = {"sum"}, .args = {"2"}}, kLong)->is_integer());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(subject->client->Command({"GET", "sum"}, kLong)->text,
            std::to_string(2 * kThreads * kCalls));
  // Two shared ones, one for WAIT, and that of redis-cli.
  EXPECT_THAT(server.Ask({"INFO", "clients"}), HasSubstr("connected_clients:4"));
}

TEST(RedisClient, KeepsTheOrderOfOneCallerOnOneConnection) {
  fakes::RedisServer server;
  Client::Options options = To(server);
  options.connections = 1;
  const auto subject = ReadySubject(options);
  Answers answers;
  constexpr size_t kCommands = 2000;  // More than are on their way at a time.
  for (size_t i = 0; i < kCommands; ++i) {
    subject->client->CommandAsync({"INCR", "n"}, kLong, answers.Next());
  }
  int64_t expected = 0;
  for (const auto& answer : answers.Wait(kCommands)) EXPECT_EQ(answer->integer, ++expected);
}

TEST(RedisClient, LoadsAScriptThatTheServerHasForgotten) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  const Script script("return ARGV[1]");
  EXPECT_EQ(script.sha1(), "098e0f0d1448c0a81dafe820f66d460eb09263da");
  EXPECT_EQ(subject->client->Eval(script, {.args = {"a"}}, kLong)->text, "a");
  EXPECT_EQ(subject->client->Eval(script, {.args = {"b"}}, kLong)->text, "b");
  EXPECT_EQ(server.Ask({"SCRIPT", "FLUSH"}), "OK");
  EXPECT_EQ(subject->client->Eval(script, {.args = {"c"}}, kLong)->text, "c");
  const std::string stats = server.Ask({"INFO", "commandstats"});
  EXPECT_THAT(stats, HasSubstr("cmdstat_evalsha:calls=3"));
  EXPECT_THAT(stats, HasSubstr("cmdstat_eval:calls=2"));
}

TEST(RedisClient, TellsAScriptTheRunIdOfTheServerThatRunsIt) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  const Script script("return ARGV[#ARGV]");
  const Reply run_id =
      *subject->client->Eval(script, {.args = {"first"}, .run_id_last = true}, kLong);
  EXPECT_EQ(run_id.text, subject->client->run_id());
  EXPECT_THAT(server.Ask({"INFO", "server"}), HasSubstr("run_id:" + run_id.text));
}

TEST(RedisClient, AWaitForReplicasThatAreNotThereSaysThatTheScriptRan) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(To(server));
  const Script script("return redis.call('INCR', 'n')");
  const absl::Status status =
      subject->client->Eval(script, {.wait_replicas = 1}, absl::Milliseconds(500)).status();
  EXPECT_EQ(base::ReasonOf(status), ErrorReason::kUnavailable) << status;
  EXPECT_TRUE(MayHaveRun(status));
  EXPECT_EQ(server.Ask({"GET", "n"}), "1");
}

TEST(RedisClient, AWaitHoldsUpNoOtherCommand) {
  fakes::RedisServer server;
  auto subject = ReadySubject(To(server));
  subject->observer.WaitFor("connected", 3);
  Answers answers;
  const Script script("return redis.call('INCR', 'n')");
  subject->client->EvalAsync(script, {.wait_replicas = 1}, kLong, answers.Next());
  server.WaitFor({"INFO", "clients"}, "blocked_clients:1");
  EXPECT_EQ(subject->client->Command({"PING"}, kLong)->text, "PONG");
  EXPECT_EQ(answers.size(), 0u);
  subject->client.reset();
  EXPECT_TRUE(MayHaveRun(answers.Wait(1)[0].status()));
}

void Write(const std::string& path, const std::string& content, unsigned mode = 0600) {
  ASSERT_TRUE(base::WriteFileAtomically(path, content, mode).ok());
}

class RedisLogin : public testing::Test {
 protected:
  RedisLogin() : server_({"user default off", "user musubi on >secret ~* &* +@all"}) {
    options_ = To(server_);
    options_.user_file = directory_.File("user");
    options_.password_file = directory_.File("password");
    Write(options_.user_file, "musubi\n", 0644);
    Write(options_.password_file, "secret\n");
  }

  fakes::TempDir directory_;
  fakes::RedisServer server_;
  Client::Options options_;
};

TEST_F(RedisLogin, SignsInWithUserAndPasswordFromFiles) {
  const auto subject = ReadySubject(options_);
  EXPECT_EQ(subject->client->Command({"ACL", "WHOAMI"}, kLong)->text, "musubi");
}

TEST_F(RedisLogin, NamesTheFilesAndTheFixWhenTheServerRefusesThemAndReadsThemAgain) {
  Write(options_.password_file, "wrong");
  Subject subject(options_);
  subject.observer.WaitFor("failed", 1);
  const absl::Status status = subject->WaitUntilReady(absl::ZeroDuration());
  EXPECT_EQ(base::ReasonOf(status), ErrorReason::kUnavailable);
  EXPECT_THAT(Message(status), HasSubstr(options_.user_file));
  EXPECT_THAT(Message(status), HasSubstr(options_.password_file));
  EXPECT_THAT(Message(status), HasSubstr("ACL SETUSER"));
  EXPECT_THAT(Message(status), HasSubstr("WRONGPASS"));
  EXPECT_THAT(Message(status), testing::Not(HasSubstr("wrong")));
  Write(options_.password_file, "secret");
  EXPECT_TRUE(subject->WaitUntilReady(kLong).ok());
}

TEST_F(RedisLogin, RefusesAPasswordFileThatOthersCanRead) {
  Write(options_.password_file, "secret", 0644);
  CountingObserver observer;
  fakes::FakeRandom random;
  const auto client = Client::Create({.observer = observer, .random = random}, options_);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(client.status()), HasSubstr(options_.password_file));
}

TEST(RedisClientTimeout, ACommandWithoutTimeIsRefusedBeforeItIsQueued) {
  fakes::RedisServer server;
  const auto subject = ReadySubject({.server = server.address()});
  const absl::Status status =
      subject->client->Command({"SET", "a", "1"}, absl::ZeroDuration()).status();
  EXPECT_EQ(base::ReasonOf(status), ErrorReason::kUnavailable);
  EXPECT_FALSE(MayHaveRun(status));
  EXPECT_THAT(Message(status), HasSubstr("over already"));
  EXPECT_TRUE(subject->client->Command({"GET", "a"}, kLong)->is_nil());
}

TEST(RedisSubscription, SaysWhatTheUserLacksIfTheServerRefusesIt) {
  fakes::RedisServer server({"user default on nopass +@all resetchannels &heard"});
  const auto subject = ReadySubject(
      {.server = server.address(), .wait_connections = 0, .stall_timeout = absl::Milliseconds(50)});
  const auto subscription = subject->client->Subscribe(
      "heard", [](const std::string&) {}, [] {});
  subject->observer.WaitFor("failed", 1);
  EXPECT_THAT(Message(subject->observer.last_failure()), HasSubstr("+subscribe"));
  EXPECT_THAT(Message(subject->observer.last_failure()), HasSubstr("&musubi:alive"));
}

TEST(RedisClientOptions, RefusesWhatMakesNoSenseAndNamesIt) {
  const struct {
    Client::Options options;
    std::string names;
  } kCases[] = {
      {{}, "server"},
      {{.server = "a:1", .sentinels = {"b:2"}}, "sentinels"},
      {{.server = "localhost"}, "localhost"},
      {{.server = "localhost:0"}, "localhost:0"},
      {{.server = "localhost:65536"}, "65535"},
      {{.server = "localhost:12x"}, "12x"},
      {{.server = "::1:6379"}, "IPv6"},
      {{.server = "unix:relative"}, "unix:/path"},
      {{.sentinels = {"a:1"}}, "master_name"},
      {{.sentinels = {"a"}, .master_name = "m"}, "sentinels"},
      {{.server = "a:1", .user_file = "/x"}, "password_file"},
      {{.server = "a:1", .password_file = "/nowhere/at/all"}, "/nowhere/at/all"},
      {{.server = "a:1", .connections = 0}, "connections"},
      {{.server = "a:1", .connections = Client::kMaxConnections + 1}, "connections"},
      {{.server = "a:1", .wait_connections = -1}, "wait_connections"},
      {{.server = "a:1", .max_pending = 0}, "max_pending"},
      {{.server = "a:1", .max_pending = Client::kMaxPending + 1}, "max_pending"},
      {{.server = "a:1", .connect_timeout = absl::ZeroDuration()}, "connect_timeout"},
      {{.server = "a:1", .max_backoff = absl::InfiniteDuration()}, "max_backoff"},
  };
  CountingObserver observer;
  fakes::FakeRandom random;
  for (const auto& c : kCases) {
    const auto client = Client::Create({.observer = observer, .random = random}, c.options);
    EXPECT_FALSE(client.ok()) << c.names;
    EXPECT_THAT(Message(client.status()), HasSubstr(c.names));
  }
}

}  // namespace
}  // namespace musubi::redis
