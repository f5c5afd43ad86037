// Sessions in this process's memory: the embedded default, for one replica. A restart loses them.
#ifndef MUSUBI_LIB_SESSION_MEMORY_SESSION_STORE_H_
#define MUSUBI_LIB_SESSION_MEMORY_SESSION_STORE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/session/session_store.h"

namespace musubi::session {

// MemorySessionStore is thread-safe. Records whose grace is over go when others are inserted.
class MemorySessionStore final : public SessionStore {
 public:
  // A record takes about 2 KB: a full store of the default size takes about 400 MB.
  static constexpr size_t kDefaultCapacity = 200'000;

  // `clock` must outlive the store. Insert beyond `capacity` live records is OVERLOADED.
  explicit MemorySessionStore(const base::Clock& clock, size_t capacity = kDefaultCapacity);
  ~MemorySessionStore() override;

  absl::StatusOr<absl::Time> Now() override;
  absl::StatusOr<bool> Insert(const SessionRecord& record) override;
  absl::StatusOr<Stored> Get(const SessionId& id) override;
  absl::StatusOr<bool> CompareAndSet(const SessionRecord& next, const std::string& tenure) override;
  std::unique_ptr<Subscription> Subscribe(const SessionId& id,
                                          std::function<void()> changed) override;

  // Records held: those of live sessions, and of ended ones until Insert drops them.
  size_t size();

 private:
  class Subscribers;

  void DropOld(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  const size_t capacity_;
  // Shared with the subscriptions, which may outlive the store.
  const std::shared_ptr<Subscribers> subscribers_;
  base::Mutex mutex_;
  std::map<SessionId, SessionRecord> records_ ABSL_GUARDED_BY(mutex_);
  // (expires_at, id): expires_at never changes.
  std::set<std::pair<absl::Time, SessionId>> by_expiry_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_MEMORY_SESSION_STORE_H_
