// How many may judge a certificate the slow way at once, so that those who need it do not hold up
// all others. Judges nothing and starts no thread.
#ifndef MUSUBI_LIB_JPKI_SLOW_PATH_POOL_H_
#define MUSUBI_LIB_JPKI_SLOW_PATH_POOL_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"

namespace musubi::jpki {

// SlowPathPool is thread-safe.
class SlowPathPool {
 public:
  struct Options {
    int at_once = 1;
    // Who may wait for a place, each holding up its thread.
    int waiting = 1;

    // For a server with so many threads: whatever comes, half of them stay free for others.
    static Options ForThreads(int threads);
  };

  // A place in the pool, given back by its destructor. The pool outlives it.
  class Place {
   public:
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class SlowPathPool;
    explicit Place(SlowPathPool& pool) : pool_(&pool) {}
    SlowPathPool* pool_;
  };

  // Dies unless `at_once` is above 0 and `waiting` not below.
  explicit SlowPathPool(Options options);

  // Take waits for a place. OVERLOADED (ResourceExhausted), at once, if too many wait already.
  absl::StatusOr<Place> Take();

  // Who waits now.
  int waiting() const;

 private:
  void GiveBack();

  const Options options_;
  mutable base::Mutex mutex_;
  base::CondVar freed_;
  int taken_ ABSL_GUARDED_BY(mutex_) = 0;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_SLOW_PATH_POOL_H_
