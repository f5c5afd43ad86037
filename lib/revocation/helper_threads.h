// Threads for work whose caller may stop waiting before it ends. No queue: what finds no thread is
// not taken. For lib/revocation alone; a pool that queues is lib/rpc/worker_pool.h.
#ifndef MUSUBI_LIB_REVOCATION_HELPER_THREADS_H_
#define MUSUBI_LIB_REVOCATION_HELPER_THREADS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"

namespace musubi::revocation {

// HelperThreads makes a thread when a task finds none free, and keeps it. Thread-safe. The
// destructor waits for the tasks under way.
class HelperThreads {
 public:
  explicit HelperThreads(size_t max_threads) : max_threads_(max_threads) {}
  ~HelperThreads();

  // Run has `task` run on a thread of its own, now. False, and it is not run: as many tasks as
  // there may be threads are under way, or the system has no thread to give.
  [[nodiscard]] bool Run(std::function<void()> task);

 private:
  void Work();

  const size_t max_threads_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t free_ ABSL_GUARDED_BY(mutex_) = 0;  // Threads that have been given no task.
  // Each has its thread, which has not begun with it.
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_HELPER_THREADS_H_
