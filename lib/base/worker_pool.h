// Threads for work that may block or takes long (stores, signatures, disks), so that neither gRPC's
// own threads nor those of an event loop are held up. Not a scheduler: first in, first out, and a
// full queue refuses.
#ifndef MUSUBI_LIB_BASE_WORKER_POOL_H_
#define MUSUBI_LIB_BASE_WORKER_POOL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"

namespace musubi::base {

// WorkerPool makes a thread when a task finds none free, and keeps it. Thread-safe. Its destructor
// runs what is queued and waits for it.
class WorkerPool {
 public:
  struct Options {
    // 1 to kMaxThreads.
    size_t threads = 4;
    // Tasks that may wait for a thread, at most kMaxQueue. At 1 ms a task and 4 threads, 256 are 64
    // ms of delay. 0: what finds no thread free is refused.
    size_t queue = 256;
  };
  static constexpr size_t kMaxThreads = 1024;
  static constexpr size_t kMaxQueue = 1 << 20;

  // INVALID_ARGUMENT if an option is out of its range; the message names it.
  static absl::StatusOr<std::unique_ptr<WorkerPool>> Create(Options options);
  ~WorkerPool();

  // Submit returns false, and drops `task`, if all threads are busy and the queue is full, or the
  // system has no thread to give.
  [[nodiscard]] bool Submit(std::function<void()> task);

  // Tasks that wait now; tasks that were refused, ever.
  size_t queued() const;
  uint64_t rejected() const;

 private:
  explicit WorkerPool(Options options) : options_(options) {}
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();

  const Options options_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  size_t free_ ABSL_GUARDED_BY(mutex_) =
      0;  // Threads without a task; those of queue_ are for them first.
  uint64_t rejected_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_WORKER_POOL_H_
