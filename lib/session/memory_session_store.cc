#include "lib/session/memory_session_store.h"

#include <vector>

#include "lib/base/error.h"
#include "lib/session/lifetimes.h"

namespace musubi::session {
namespace {

absl::Status NotFound() {
  return base::Error(base::ErrorReason::kSessionNotFound, "no session of this id");
}

}  // namespace

// Who wants to hear of which session.
class MemorySessionStore::Subscribers {
 public:
  using Key = std::pair<SessionId, uint64_t>;

  Key Add(const SessionId& id, std::function<void()> changed) {
    base::MutexLock lock(mutex_);
    const Key key{id, next_++};
    callbacks_.emplace(key, std::make_shared<std::function<void()>>(std::move(changed)));
    return key;
  }

  void Remove(const Key& key) {
    std::shared_ptr<std::function<void()>> dropped;  // May own the subscriber: not under the lock.
    base::MutexLock lock(mutex_);
    const auto it = callbacks_.find(key);
    dropped = std::move(it->second);
    callbacks_.erase(it);
  }

  void Notify(const SessionId& id) {
    std::vector<std::shared_ptr<std::function<void()>>> due;
    {
      base::MutexLock lock(mutex_);
      for (auto it = callbacks_.lower_bound(Key{id, 0});
           it != callbacks_.end() && it->first.first == id; ++it) {
        due.push_back(it->second);
      }
    }
    for (const auto& callback : due) (*callback)();
  }

 private:
  base::Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Key, std::shared_ptr<std::function<void()>>> callbacks_ ABSL_GUARDED_BY(mutex_);
};

MemorySessionStore::MemorySessionStore(const base::Clock& clock, size_t capacity)
    : clock_(clock), capacity_(capacity), subscribers_(std::make_shared<Subscribers>()) {}

MemorySessionStore::~MemorySessionStore() = default;

absl::StatusOr<absl::Time> MemorySessionStore::Now() { return clock_.Now(); }

absl::StatusOr<bool> MemorySessionStore::Insert(const SessionRecord& record) {
  base::MutexLock lock(mutex_);
  DropOld(clock_.Now());
  if (records_.contains(record.id)) return false;
  if (records_.size() >= capacity_) {
    return base::Error(base::ErrorReason::kOverloaded, "the session store is full");
  }
  records_.emplace(record.id, record);
  by_expiry_.emplace(record.expires_at, record.id);
  return true;
}

absl::StatusOr<SessionStore::Stored> MemorySessionStore::Get(const SessionId& id) {
  const absl::Time now = clock_.Now();
  base::MutexLock lock(mutex_);
  const auto it = records_.find(id);
  if (it == records_.end() || now >= it->second.expires_at + kRecordGrace) return NotFound();
  return Stored{.record = it->second, .now = now};
}

absl::StatusOr<bool> MemorySessionStore::CompareAndSet(const SessionRecord& next,
                                                       const std::string&) {
  {
    base::MutexLock lock(mutex_);
    const auto it = records_.find(next.id);
    if (it == records_.end()) return NotFound();
    if (it->second.version + 1 != next.version) return false;
    it->second = next;
  }
  subscribers_->Notify(next.id);
  return true;
}

std::unique_ptr<Subscription> MemorySessionStore::Subscribe(const SessionId& id,
                                                            std::function<void()> changed) {
  class Entry final : public Subscription {
   public:
    Entry(std::shared_ptr<Subscribers> subscribers, Subscribers::Key key)
        : subscribers_(std::move(subscribers)), key_(key) {}
    ~Entry() override { subscribers_->Remove(key_); }

   private:
    std::shared_ptr<Subscribers> subscribers_;
    Subscribers::Key key_;
  };
  const auto key = subscribers_->Add(id, std::move(changed));
  return std::make_unique<Entry>(subscribers_, key);
}

void MemorySessionStore::DropOld(absl::Time now) {
  while (!by_expiry_.empty() && now >= by_expiry_.begin()->first + kRecordGrace) {
    records_.erase(by_expiry_.begin()->second);
    by_expiry_.erase(by_expiry_.begin());
  }
}

size_t MemorySessionStore::size() {
  base::MutexLock lock(mutex_);
  return records_.size();
}

}  // namespace musubi::session
