#include "lib/base/worker_pool.h"

#include <system_error>
#include <utility>

namespace musubi::base {

absl::StatusOr<std::unique_ptr<WorkerPool>> WorkerPool::Create(Options options) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError("worker threads must be 1 to 1024");
  }
  if (options.queue > kMaxQueue) {
    return absl::InvalidArgumentError("the worker queue must hold at most 1048576 tasks");
  }
  return std::unique_ptr<WorkerPool>(new WorkerPool(options));
}

WorkerPool::~WorkerPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::Submit(std::function<void()> task) {
  {
    MutexLock lock(mutex_);
    if (queue_.size() >= free_ && threads_.size() < options_.threads) StartThread();
    if (queue_.size() >= free_ + options_.queue || threads_.empty()) {
      ++rejected_;
      return false;
    }
    queue_.push_back(std::move(task));
  }
  changed_.NotifyOne();
  return true;
}

void WorkerPool::StartThread() {
  try {
    threads_.emplace_back([this] { Run(); });
    ++free_;
  } catch (const std::system_error&) {
    // The task waits for one of those that there are.
  }
}

size_t WorkerPool::queued() const {
  MutexLock lock(mutex_);
  return queue_.size();
}

uint64_t WorkerPool::rejected() const {
  MutexLock lock(mutex_);
  return rejected_;
}

void WorkerPool::Run() {
  for (;;) {
    std::function<void()> task;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      --free_;
    }
    task();
    MutexLock lock(mutex_);
    ++free_;
  }
}

}  // namespace musubi::base
