// What a client makes of servers that stop, vanish and come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/redis/client_fixture.h"
#include "tests/fakes/redis_server.h"
#include "tests/fakes/tcp_proxy.h"

namespace musubi::redis {
namespace {

using base::ErrorReason;
using testing::HasSubstr;

constexpr absl::Duration kShort = absl::Milliseconds(50);

// Two connections fewer, so that tests know which one a command takes.
Client::Options One(const std::string& address) {
  return {.server = address, .connections = 1, .wait_connections = 0};
}

TEST(RedisFailures, AFullQueueIsOverloadedAndTheCommandNeverRuns) {
  fakes::RedisServer server;
  Client::Options options = One(server.address());
  options.max_pending = 4;
  const auto subject = ReadySubject(options);
  server.Freeze();
  Answers answers;
  for (int i = 0; i < 4; ++i) {
    subject->client->CommandAsync({"INCR", "n"}, kLong, answers.Next());
  }
  const absl::Status refused = subject->client->Command({"INCR", "n"}, kLong).status();
  EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kOverloaded) << refused;
  EXPECT_FALSE(MayHaveRun(refused));
  EXPECT_EQ(subject->observer.count("OVERLOADED"), 1);
  server.Thaw();
  answers.Wait(4);
  EXPECT_EQ(subject->client->Command({"INCR", "n"}, kLong)->integer, 5);
}

TEST(RedisFailures, CommandsThatTimedOutCountAsPendingUntilTheyAreAnswered) {
  fakes::RedisServer server;
  Client::Options options = One(server.address());
  options.max_pending = 1;
  const auto subject = ReadySubject(options);
  server.Freeze();
  EXPECT_TRUE(MayHaveRun(subject->client->Command({"INCR", "n"}, kShort).status()));
  EXPECT_EQ(base::ReasonOf(subject->client->Command({"INCR", "n"}, kLong).status()),
            ErrorReason::kOverloaded);
  server.Thaw();
}

TEST(RedisFailures, ATimeoutSaysThatTheCommandMayHaveRunAndTheConnectionHeals) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(One(server.address()));
  server.Freeze();
  const absl::Status late = subject->client->Command({"INCR", "n"}, kShort).status();
  EXPECT_EQ(base::ReasonOf(late), ErrorReason::kUnavailable) << late;
  EXPECT_TRUE(MayHaveRun(late));
  EXPECT_EQ(subject->observer.count("TIMEOUT"), 1);
  server.Thaw();
  // It did run: on the same connection, since none was lost.
  EXPECT_EQ(subject->client->Command({"INCR", "n"}, kLong)->integer, 2);
  EXPECT_EQ(subject->observer.count("failed"), 0);
}

TEST(RedisFailures, AServerThatStaysFrozenLosesItsConnectionAndIsFoundAgain) {
  fakes::RedisServer server;
  Client::Options options = One(server.address());
  options.stall_timeout = absl::Milliseconds(200);
  options.connect_timeout = absl::Milliseconds(200);
  const auto subject = ReadySubject(options);
  server.Freeze();
  const absl::Status lost = subject->client->Command({"INCR", "n"}, kLong).status();
  EXPECT_TRUE(MayHaveRun(lost)) << lost;
  EXPECT_EQ(subject->observer.count("CONNECTION_LOST"), 1);
  // The kernel accepts for a frozen process: the connect timeout ends that.
  subject->observer.WaitFor("failed", 3);
  server.Thaw();
  EXPECT_TRUE(subject->client->WaitUntilReady(kLong).ok());
  EXPECT_TRUE(subject->client->Command({"INCR", "n"}, kLong)->is_integer());
}

TEST(RedisFailures, AnIdleConnectionOnWhichNobodyAnswersIsFoundOut) {
  fakes::RedisServer server;
  Client::Options options = One(server.address());
  options.check_interval = absl::Milliseconds(50);
  options.stall_timeout = absl::Milliseconds(200);
  const auto subject = ReadySubject(options);
  server.Freeze();
  subject->observer.WaitFor("failed", 1);
  server.Thaw();
}

TEST(RedisFailures, AServerThatDiesAndComesBackIsAnotherServer) {
  fakes::RedisServer server;
  Client::Options options = One(server.address());
  options.queue_timeout = kShort;
  const auto subject = ReadySubject(options);
  const std::string before = subject->client->run_id();
  server.Freeze();
  Answers answers;
  subject->client->CommandAsync({"INCR", "n"}, kLong, answers.Next());
  // A second one that times out: then the first is on its way for sure.
  EXPECT_FALSE(subject->client->Command({"INCR", "n"}, kShort).ok());
  server.Kill();
  const absl::Status lost = answers.Wait(1)[0].status();
  EXPECT_EQ(base::ReasonOf(lost), ErrorReason::kUnavailable);
  EXPECT_TRUE(MayHaveRun(lost)) << lost;

  subject->observer.WaitFor("failed", 2);
  const absl::Status unsent = subject->client->Command({"INCR", "n"}, kLong).status();
  EXPECT_EQ(base::ReasonOf(unsent), ErrorReason::kUnavailable);
  EXPECT_FALSE(MayHaveRun(unsent)) << unsent;
  EXPECT_THAT(std::string(unsent.message()), HasSubstr(server.address()));

  server.Start();
  EXPECT_TRUE(subject->client->WaitUntilReady(kLong).ok());
  EXPECT_NE(subject->client->run_id(), before);
  EXPECT_EQ(subject->observer.count("changed"), 1);
  EXPECT_EQ(subject->client->Command({"INCR", "n"}, kLong)->integer, 1);
}

TEST(RedisFailures, ACommandWhoseAnswerIsLostIsNotSentAgain) {
  fakes::RedisServer server;
  fakes::TcpProxy proxy(server.port());
  const auto subject = ReadySubject(One("127.0.0.1:" + std::to_string(proxy.port())));
  proxy.HoldAnswers();
  Answers answers;
  subject->client->CommandAsync({"INCR", "n"}, kLong, answers.Next());
  proxy.WaitUntilHeld();
  proxy.Cut();
  EXPECT_TRUE(MayHaveRun(answers.Wait(1)[0].status()));
  EXPECT_EQ(subject->client->Command({"GET", "n"}, kLong)->text, "1");
}

TEST(RedisFailures, AnswersInSmallPiecesAreWhole) {
  fakes::RedisServer server;
  fakes::TcpProxy proxy(server.port());
  proxy.Drip(7);
  const auto subject = ReadySubject(One("127.0.0.1:" + std::to_string(proxy.port())));
  const std::string value(3000, 'x');
  EXPECT_EQ(subject->client->Command({"SET", "a", value}, kLong)->text, "OK");
  EXPECT_EQ(subject->client->Command({"GET", "a"}, kLong)->text, value);
}

TEST(RedisFailures, AServerWithoutMemoryRefusesWritesInAWayThatARetryCures) {
  fakes::RedisServer server({"maxmemory 1", "maxmemory-policy noeviction"});
  const auto subject = ReadySubject(One(server.address()));
  const absl::Status full = subject->client->Command({"SET", "a", "1"}, kLong).status();
  EXPECT_EQ(base::ReasonOf(full), ErrorReason::kUnavailable) << full;
  EXPECT_FALSE(MayHaveRun(full));
  EXPECT_TRUE(subject->client->Command({"GET", "a"}, kLong)->is_nil());
  EXPECT_EQ(server.Ask({"CONFIG", "SET", "maxmemory", "0"}), "OK");
  EXPECT_EQ(subject->client->Command({"SET", "a", "1"}, kLong)->text, "OK");
}

TEST(RedisFailures, AMasterThatBecomesAReplicaIsLeft) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(One(server.address()));
  EXPECT_EQ(server.Ask({"REPLICAOF", "127.0.0.1", "1"}), "OK");
  const absl::Status refused = subject->client->Command({"SET", "a", "1"}, kLong).status();
  EXPECT_EQ(base::ReasonOf(refused), ErrorReason::kUnavailable) << refused;
  subject->observer.WaitFor("failed", 2);
  const absl::Status status = subject->client->WaitUntilReady(absl::ZeroDuration());
  EXPECT_THAT(std::string(status.message()), HasSubstr("not a master"));
}

TEST(RedisFailures, AClientThatGoesEndsWhatIsPending) {
  fakes::RedisServer server;
  auto subject = ReadySubject(One(server.address()));
  server.Freeze();
  Answers answers;
  subject->client->CommandAsync({"INCR", "n"}, kLong, answers.Next());
  EXPECT_FALSE(subject->client->Command({"INCR", "n"}, kShort).ok());
  subject->client.reset();
  EXPECT_TRUE(MayHaveRun(answers.Wait(1)[0].status()));
  Subject nobody({.server = "127.0.0.1:1"});
  nobody->CommandAsync({"INCR", "n"}, kLong, answers.Next());
  nobody.client.reset();
  EXPECT_FALSE(MayHaveRun(answers.Wait(2)[1].status()));
}

// Collects what comes to one channel.
class Listener {
 public:
  std::unique_ptr<Subscription> To(Client& client, const std::string& channel) {
    return client.Subscribe(
        channel, [this](const std::string& message) { Add(message); }, [this] { Add("missed"); });
  }
  std::vector<std::string> Wait(size_t count) {
    base::MutexLock lock(mutex_);
    while (heard_.size() < count) changed_.Wait(mutex_);
    return heard_;
  }

 private:
  void Add(const std::string& what) {
    base::MutexLock lock(mutex_);
    heard_.push_back(what);
    changed_.NotifyAll();
  }
  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<std::string> heard_ ABSL_GUARDED_BY(mutex_);
};

TEST(RedisSubscriptions, HearsWhatIsPublishedAndResumesWhenTheServerComesBack) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(One(server.address()));
  Listener listener;
  const auto subscription = listener.To(*subject->client, "a");
  listener.Wait(1);
  EXPECT_EQ(subject->client->Command({"PUBLISH", "a", "one"}, kLong)->integer, 1);
  EXPECT_THAT(listener.Wait(2), testing::ElementsAre("missed", "one"));
  server.Kill();
  server.Start();
  listener.Wait(3);
  EXPECT_TRUE(subject->client->WaitUntilReady(kLong).ok());
  EXPECT_EQ(server.Ask({"PUBLISH", "a", "two"}), "1");
  EXPECT_THAT(listener.Wait(4), testing::ElementsAre("missed", "one", "missed", "two"));
}

TEST(RedisSubscriptions, ListenersOfOneChannelShareItUntilTheLastGoes) {
  fakes::RedisServer server;
  const auto subject = ReadySubject(One(server.address()));
  Listener first;
  Listener second;
  auto one = first.To(*subject->client, "a");
  first.Wait(1);
  auto two = second.To(*subject->client, "a");
  second.Wait(1);
  EXPECT_EQ(server.Ask({"PUBLISH", "a", "both"}), "1");
  first.Wait(2);
  second.Wait(2);
  one.reset();
  EXPECT_EQ(server.Ask({"PUBLISH", "a", "second"}), "1");
  EXPECT_THAT(second.Wait(3), testing::ElementsAre("missed", "both", "second"));
  EXPECT_THAT(first.Wait(2), testing::ElementsAre("missed", "both"));
  two.reset();
  server.WaitFor({"PUBSUB", "NUMSUB", "a"}, "a\n0\n");
}

// While the idle connections are checked all the time.
TEST(RedisSubscriptions, ManyComeAndGo) {
  fakes::RedisServer server;
  Client::Options options = One(server.address());
  options.check_interval = absl::Milliseconds(10);
  const auto subject = ReadySubject(options);
  for (int round = 0; round < 20; ++round) {
    Listener listener;
    std::vector<std::unique_ptr<Subscription>> subscriptions;
    for (int i = 0; i < 50; ++i) {
      subscriptions.push_back(listener.To(*subject->client, "channel-" + std::to_string(i)));
    }
    listener.Wait(50);
    EXPECT_EQ(subject->client->Command({"PUBLISH", "channel-7", "x"}, kLong)->integer, 1);
    listener.Wait(51);
    subscriptions.clear();
    // The same channels again, while their ends are on their way. The last may still be heard.
    if (round % 2 == 0) server.WaitFor({"PUBSUB", "NUMSUB", "channel-7"}, "channel-7\n0\n");
    subject->client->Command({"PING"}, kLong).IgnoreError();
  }
  EXPECT_EQ(subject->observer.count("failed"), 0);
}

}  // namespace
}  // namespace musubi::redis
