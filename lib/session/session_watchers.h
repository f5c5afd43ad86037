// Who wants to hear of which session's changes, where these are told by messages that may be lost:
// a slow poll of each watched session finds what no message told. Knows no Redis.
#ifndef MUSUBI_LIB_SESSION_SESSION_WATCHERS_H_
#define MUSUBI_LIB_SESSION_SESSION_WATCHERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"
#include "lib/session/session_store.h"
#include "lib/session/types.h"

namespace musubi::session {

// SessionWatchers is thread-safe, and shared with subscriptions and callbacks, which may outlive
// the store that made it.
class SessionWatchers final : public std::enable_shared_from_this<SessionWatchers> {
 public:
  // Asks which version the session has; calls back with it, or with nothing if that is not known.
  // From the timer's thread: must not block.
  using Answer = std::function<void(std::optional<std::string> version)>;
  using AskVersion = std::function<void(const SessionId& id, Answer answer)>;

  // `timer` and `workers`, on which subscribers are called, must live until Close.
  SessionWatchers(base::Timer& timer, base::WorkerPool& workers, absl::Duration poll_interval,
                  AskVersion ask)
      : timer_(timer), workers_(workers), poll_interval_(poll_interval), ask_(std::move(ask)) {}

  std::unique_ptr<Subscription> Add(const SessionId& id, std::function<void()> changed);

  // Told says that the session has this version now.
  void Told(const SessionId& id, const std::string& version);

  // Close ends all polling and calling, but for subscribers that are being called; it waits for
  // what is under way in timer and workers. Once.
  void Close();

 private:
  using Key = std::pair<SessionId, uint64_t>;
  struct Watcher {
    std::shared_ptr<const std::function<void()>> changed;
    std::optional<std::string> version;  // The last one that it was called for.
    bool due = false;                    // Is about to be called.
    base::Timer::Id poll = 0;
  };
  class Entry;

  void Remove(const Key& key);
  void SchedulePoll(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Poll(const Key& key);
  void Wake(const Key& key, Watcher& watcher, const std::string& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Call(const Key& key);

  base::Timer& timer_;
  base::WorkerPool& workers_;
  const absl::Duration poll_interval_;
  const AskVersion ask_;
  base::Mutex mutex_;
  base::CondVar idle_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int polling_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Key, Watcher> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_SESSION_WATCHERS_H_
