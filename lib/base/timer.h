// Callbacks at a later time, for streams and refreshes. Not for deadlines of calls (gRPC has
// those) and not for measuring.
#ifndef MUSUBI_LIB_BASE_TIMER_H_
#define MUSUBI_LIB_BASE_TIMER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"

namespace musubi::base {

// Timer runs callbacks later. Implementations are thread-safe, and may be called from a callback.
class Timer {
 public:
  using Id = uint64_t;
  using Callback = std::function<void()>;

  virtual ~Timer() = default;

  // Schedule runs `callback` once, `delay` from now (at once if not positive), on the timer's own
  // thread: it must not block.
  virtual Id Schedule(absl::Duration delay, Callback callback) = 0;

  // Cancel returns true if the callback has not started and now never will. It does not wait for
  // one that is running: a callback holds what it touches alive itself (weak_ptr).
  virtual bool Cancel(Id id) = 0;
};

// ThreadTimer is the real Timer, on the steady clock and one thread of its own. Its destructor
// drops what is still scheduled and waits for a running callback.
class ThreadTimer final : public Timer {
 public:
  ThreadTimer();
  ~ThreadTimer() override;

  Id Schedule(absl::Duration delay, Callback callback) override;
  bool Cancel(Id id) override;

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Key = std::pair<SteadyTime, Id>;

  void Run();

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Id next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  std::map<Key, Callback> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<Id, SteadyTime> when_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_TIMER_H_
