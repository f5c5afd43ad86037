// Threads for work that may block (stores, signatures), so that gRPC's own threads never do. Not a
// scheduler: first in, first out, and a full queue refuses.
#ifndef MUSUBI_LIB_RPC_WORKER_POOL_H_
#define MUSUBI_LIB_RPC_WORKER_POOL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"

namespace musubi::rpc {

// WorkerPool is thread-safe. Its destructor runs what is queued and waits for it.
class WorkerPool {
 public:
  struct Options {
    // 1 to kMaxThreads.
    size_t threads = 4;
    // Tasks that may wait; 1 to kMaxQueue. At 1 ms a task and 4 threads, 256 are 64 ms of delay.
    size_t queue = 256;
  };
  static constexpr size_t kMaxThreads = 1024;
  static constexpr size_t kMaxQueue = 1 << 20;

  // INVALID_ARGUMENT if an option is out of its range; the message names it.
  static absl::StatusOr<std::unique_ptr<WorkerPool>> Create(Options options);
  ~WorkerPool();

  // Submit returns false, and drops `task`, if the queue is full.
  [[nodiscard]] bool Submit(std::function<void()> task);

  // Tasks that wait now; tasks that found the queue full, ever.
  size_t queued() const;
  uint64_t rejected() const;

 private:
  explicit WorkerPool(Options options);
  void Run();

  const size_t max_queue_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t rejected_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_WORKER_POOL_H_
