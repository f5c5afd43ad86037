#include "lib/revocation/helper_threads.h"

#include <system_error>
#include <utility>

namespace musubi::revocation {

HelperThreads::~HelperThreads() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool HelperThreads::Run(std::function<void()> task) {
  base::MutexLock lock(mutex_);
  if (free_ > 0) {
    --free_;
  } else {
    if (threads_.size() >= max_threads_) return false;
    try {
      threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      return false;
    }
  }
  tasks_.push_back(std::move(task));
  changed_.NotifyOne();
  return true;
}

void HelperThreads::Work() {
  for (;;) {
    std::function<void()> task;
    {
      base::MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) changed_.Wait(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    base::MutexLock lock(mutex_);
    ++free_;
  }
}

}  // namespace musubi::revocation
