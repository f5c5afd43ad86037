// Sessions in Redis, for any number of replicas: one string a session, one script a step. Which
// version of a record is believed after a restart or a failover is decided here, by the tenure of
// the server that wrote it; the argument is in docs/architecture.md.
#ifndef MUSUBI_LIB_SESSION_REDIS_SESSION_STORE_H_
#define MUSUBI_LIB_SESSION_REDIS_SESSION_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/redis/client.h"
#include "lib/session/session_store.h"

namespace musubi::session {

class SessionWatchers;

// RedisSessionStore is thread-safe. Its calls block until Redis has answered, `timeout` is over or
// the caller's base::CallDeadline has passed;
// it must not be called on the client's thread. Its subscribers are called on threads of its own,
// and so may read the store.
class RedisSessionStore final : public SessionStore {
 public:
  // All must outlive the store.
  struct Dependencies {
    redis::Client& client;
    base::Timer& timer;  // For the poll that finds changes whose message was lost.
  };
  struct Options {
    // In front of every key and of the channel. 1 to 64 octets.
    std::string prefix = "musubi:";
    absl::Duration timeout = absl::Seconds(2);  // Of one call.
    // How late a subscriber hears of a change whose message was lost.
    absl::Duration poll_interval = absl::Seconds(2);
    size_t notify_threads = 4;
    // Added to Redis's clock: how far a test has moved its own. Empty in the shipped binary.
    std::function<absl::Duration()> time_offset = nullptr;
  };

  // INVALID_ARGUMENT names the option that breaks its rule. Redis need not be there yet.
  static absl::StatusOr<std::unique_ptr<RedisSessionStore>> Create(Dependencies dependencies,
                                                                   Options options);
  ~RedisSessionStore() override;

  // Failures, of all: UNAVAILABLE, also when it is not known whether Redis has written; OVERLOADED;
  // INTERNAL for what Redis should not have answered, and for a record that nobody can read.
  absl::StatusOr<absl::Time> Now() override;
  absl::StatusOr<bool> Insert(const SessionRecord& record) override;
  absl::StatusOr<Stored> Get(const SessionId& id) override;
  absl::StatusOr<bool> CompareAndSet(const SessionRecord& next, const std::string& tenure) override;
  std::unique_ptr<Subscription> Subscribe(const SessionId& id,
                                          std::function<void()> changed) override;

  // The key of a session, and the channel on which its changes are told: for operators and tests.
  std::string KeyOf(const SessionId& id) const;
  std::string Channel() const;

 private:
  RedisSessionStore(Dependencies dependencies, Options options,
                    std::unique_ptr<base::WorkerPool> workers);

  absl::Duration Offset() const;
  absl::Duration Timeout() const;  // Of a call that begins now, on this thread.
  // By Redis's own clock, as PXAT takes it.
  std::string CollectAt(const SessionRecord& record) const;
  absl::StatusOr<redis::Reply> Eval(const redis::Script& script, const SessionId& id,
                                    std::vector<std::string> args);

  const Dependencies dependencies_;
  const Options options_;
  const std::unique_ptr<base::WorkerPool> workers_;
  const std::shared_ptr<SessionWatchers> watchers_;
  const std::unique_ptr<redis::Subscription> channel_;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_REDIS_SESSION_STORE_H_
