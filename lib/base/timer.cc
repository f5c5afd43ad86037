#include "lib/base/timer.h"

#include <algorithm>

namespace musubi::base {

ThreadTimer::ThreadTimer() : thread_([this] { Run(); }) {}

ThreadTimer::~ThreadTimer() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyOne();
  thread_.join();
}

Timer::Id ThreadTimer::Schedule(absl::Duration delay, Callback callback) {
  const SteadyTime when = std::chrono::steady_clock::now() +
                          absl::ToChronoNanoseconds(std::max(delay, absl::ZeroDuration()));
  Id id;
  {
    MutexLock lock(mutex_);
    id = next_id_++;
    queue_.emplace(Key{when, id}, std::move(callback));
    when_.emplace(id, when);
  }
  changed_.NotifyOne();
  return id;
}

bool ThreadTimer::Cancel(Id id) {
  Callback dropped;  // Destroyed after the lock is gone: it may own anything.
  MutexLock lock(mutex_);
  auto it = when_.find(id);
  if (it == when_.end()) return false;
  auto entry = queue_.find(Key{it->second, id});
  dropped = std::move(entry->second);
  queue_.erase(entry);
  when_.erase(it);
  return true;
}

void ThreadTimer::Run() {
  while (true) {
    Callback callback;
    {
      MutexLock lock(mutex_);
      while (true) {
        if (stopping_) return;
        if (queue_.empty()) {
          changed_.Wait(mutex_);
          continue;
        }
        auto first = queue_.begin();
        if (first->first.first > std::chrono::steady_clock::now()) {
          changed_.WaitUntil(mutex_, first->first.first);
          continue;
        }
        callback = std::move(first->second);
        when_.erase(first->first.second);
        queue_.erase(first);
        break;
      }
    }
    callback();
  }
}

}  // namespace musubi::base
