#include "lib/rpc/worker_pool.h"

#include <utility>

namespace musubi::rpc {

absl::StatusOr<std::unique_ptr<WorkerPool>> WorkerPool::Create(Options options) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError("worker threads must be 1 to 1024");
  }
  if (options.queue < 1 || options.queue > kMaxQueue) {
    return absl::InvalidArgumentError("the worker queue must hold 1 to 1048576 tasks");
  }
  return std::unique_ptr<WorkerPool>(new WorkerPool(options));
}

WorkerPool::WorkerPool(Options options) : max_queue_(options.queue) {
  for (size_t i = 0; i < options.threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::Submit(std::function<void()> task) {
  {
    base::MutexLock lock(mutex_);
    if (queue_.size() >= max_queue_) {
      ++rejected_;
      return false;
    }
    queue_.push_back(std::move(task));
  }
  changed_.NotifyOne();
  return true;
}

size_t WorkerPool::queued() const {
  base::MutexLock lock(mutex_);
  return queue_.size();
}

uint64_t WorkerPool::rejected() const {
  base::MutexLock lock(mutex_);
  return rejected_;
}

void WorkerPool::Run() {
  for (;;) {
    std::function<void()> task;
    {
      base::MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace musubi::rpc
