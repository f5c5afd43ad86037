#include "lib/session/session_watchers.h"

namespace musubi::session {

class SessionWatchers::Entry final : public Subscription {
 public:
  Entry(std::shared_ptr<SessionWatchers> watchers, Key key)
      : watchers_(std::move(watchers)), key_(key) {}
  ~Entry() override { watchers_->Remove(key_); }

 private:
  const std::shared_ptr<SessionWatchers> watchers_;
  const Key key_;
};

std::unique_ptr<Subscription> SessionWatchers::Add(const SessionId& id,
                                                   std::function<void()> changed) {
  Key key;
  {
    base::MutexLock lock(mutex_);
    key = Key{id, next_++};
    watchers_[key].changed = std::make_shared<const std::function<void()>>(std::move(changed));
    SchedulePoll(key);
  }
  return std::make_unique<Entry>(shared_from_this(), key);
}

void SessionWatchers::Remove(const Key& key) {
  std::shared_ptr<const std::function<void()>> dropped;  // May own anything: not under the lock.
  base::MutexLock lock(mutex_);
  const auto it = watchers_.find(key);
  if (!closed_) timer_.Cancel(it->second.poll);
  dropped = std::move(it->second.changed);
  watchers_.erase(it);
}

void SessionWatchers::Told(const SessionId& id, const std::string& version) {
  base::MutexLock lock(mutex_);
  for (auto it = watchers_.lower_bound(Key{id, 0}); it != watchers_.end() && it->first.first == id;
       ++it) {
    Wake(it->first, it->second, version);
  }
}

void SessionWatchers::Close() {
  base::MutexLock lock(mutex_);
  closed_ = true;
  for (auto& [key, watcher] : watchers_) timer_.Cancel(watcher.poll);
  while (polling_ > 0) idle_.Wait(mutex_);
}

void SessionWatchers::SchedulePoll(const Key& key) {
  if (closed_) return;
  watchers_[key].poll = timer_.Schedule(poll_interval_, [weak = weak_from_this(), key] {
    if (const auto self = weak.lock()) self->Poll(key);
  });
}

void SessionWatchers::Poll(const Key& key) {
  {
    base::MutexLock lock(mutex_);
    if (closed_ || !watchers_.contains(key)) return;
    ++polling_;  // Holds Close, and so what `ask_` uses.
  }
  ask_(key.first, [weak = weak_from_this(), key](std::optional<std::string> version) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    base::MutexLock lock(self->mutex_);
    const auto it = self->watchers_.find(key);
    if (it == self->watchers_.end()) return;
    if (version.has_value()) self->Wake(key, it->second, *version);
    self->SchedulePoll(key);
  });
  base::MutexLock lock(mutex_);
  --polling_;
  idle_.NotifyAll();
}

void SessionWatchers::Wake(const Key& key, Watcher& watcher, const std::string& version) {
  if (closed_ || watcher.version == version) return;
  // One that is about to be called will see this version too.
  if (!watcher.due && !workers_.Submit([weak = weak_from_this(), key] {
        if (const auto self = weak.lock()) self->Call(key);
      })) {
    return;  // No room: the next poll finds it.
  }
  watcher.due = true;
  watcher.version = version;
}

void SessionWatchers::Call(const Key& key) {
  std::shared_ptr<const std::function<void()>> changed;
  {
    base::MutexLock lock(mutex_);
    const auto it = watchers_.find(key);
    if (closed_ || it == watchers_.end()) return;
    it->second.due = false;
    changed = it->second.changed;
  }
  (*changed)();
}

}  // namespace musubi::session
