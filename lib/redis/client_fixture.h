// What the tests of lib/redis share.
#ifndef MUSUBI_LIB_REDIS_CLIENT_FIXTURE_H_
#define MUSUBI_LIB_REDIS_CLIENT_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "lib/redis/client.h"
#include "tests/fakes/fake_random.h"

namespace musubi::redis {

// Never reached when all is well.
inline constexpr absl::Duration kLong = absl::Seconds(60);

// CountingObserver counts, and lets tests wait for a count.
class CountingObserver final : public Observer {
 public:
  void OnCommand(CommandOutcome outcome, absl::Duration, size_t) override {
    Count(std::string(Name(outcome)));
  }
  void OnConnected() override { Count("connected"); }
  void OnConnectionFailed(const absl::Status& why) override {
    {
      base::MutexLock lock(mutex_);
      last_failure_ = why;
    }
    Count("failed");
  }
  void OnServerChanged() override { Count("changed"); }

  int count(const std::string& event) {
    base::MutexLock lock(mutex_);
    return counts_[event];
  }
  absl::Status last_failure() {
    base::MutexLock lock(mutex_);
    return last_failure_;
  }
  void WaitFor(const std::string& event, int count) {
    base::MutexLock lock(mutex_);
    while (counts_[event] < count) changed_.Wait(mutex_);
  }

 private:
  void Count(const std::string& event) {
    base::MutexLock lock(mutex_);
    ++counts_[event];
    changed_.NotifyAll();
  }

  base::Mutex mutex_;
  base::CondVar changed_;
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> counts_ ABSL_GUARDED_BY(mutex_);
};

// Answers collects what callbacks say.
class Answers {
 public:
  Client::Callback Next() {
    return [this](absl::StatusOr<Reply> answer) {
      base::MutexLock lock(mutex_);
      answers_.push_back(std::move(answer));
      changed_.NotifyAll();
    };
  }
  size_t size() {
    base::MutexLock lock(mutex_);
    return answers_.size();
  }
  // Blocks until there are `count`.
  std::vector<absl::StatusOr<Reply>> Wait(size_t count) {
    base::MutexLock lock(mutex_);
    while (answers_.size() < count) changed_.Wait(mutex_);
    return answers_;
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  std::vector<absl::StatusOr<Reply>> answers_ ABSL_GUARDED_BY(mutex_);
};

// A client and what it stands on.
struct Subject {
  CountingObserver observer;
  fakes::FakeRandom random;
  std::unique_ptr<Client> client;

  // Does not wait for a connection.
  explicit Subject(Client::Options options) {
    auto made = Client::Create({.observer = observer, .random = random}, std::move(options));
    MUSUBI_CHECK(made.ok(), made.status().ToString());
    client = *std::move(made);
  }
  Client* operator->() { return client.get(); }
};

// Connects to `address` and waits until it has.
inline std::unique_ptr<Subject> ReadySubject(Client::Options options) {
  auto subject = std::make_unique<Subject>(std::move(options));
  const absl::Status ready = subject->client->WaitUntilReady(kLong);
  MUSUBI_CHECK(ready.ok(), ready.ToString());
  return subject;
}

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_CLIENT_FIXTURE_H_
