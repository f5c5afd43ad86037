// Rate limits of one process.
#ifndef MUSUBI_LIB_LIMITS_MEMORY_RATE_LIMITER_H_
#define MUSUBI_LIB_LIMITS_MEMORY_RATE_LIMITER_H_

#include <cstddef>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/limits/rate_limiter.h"

namespace musubi::limits {

// MemoryRateLimiter keeps what still counts: at most `capacity` keys of Take and kMaxWindows of
// Window, OVERLOADED beyond. Fails in no other way.
class MemoryRateLimiter final : public RateLimiter {
 public:
  // Three for each session that the memory store takes: account, network and device. Some 50 MB.
  static constexpr size_t kDefaultCapacity = 600'000;
  // Windows are over everybody, and so few; and apart, so that nobody who fills the other keys
  // stops the counting of codes.
  static constexpr size_t kMaxWindows = 16;

  // `clock` must outlive the limiter.
  explicit MemoryRateLimiter(const base::Clock& clock, size_t capacity = kDefaultCapacity);

  absl::StatusOr<Decision> Take(const Key& key, const Limit& limit) override;
  absl::StatusOr<WindowCount> Window(const Key& key, const Limit& limit, WindowStep step) override;

  // How many keys of Take are kept, those that no longer count among them until the room is needed.
  size_t size();

 private:
  // A key is the output of a hash: any part of it is one too.
  struct KeyHash {
    size_t operator()(const Key& key) const {
      size_t hash;
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };
  struct Times {
    std::deque<absl::Time> latest;  // Oldest first, at most the window's count.
    absl::Time forget_at = absl::InfinitePast();
  };

  // Makes room for one more key of Take. False: there is none.
  bool MakeRoom(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  const size_t capacity_;
  base::Mutex mutex_;
  // GCRA's theoretical arrival time: when the next one would come at a steady rate. One that is
  // past counts no more.
  std::unordered_map<Key, absl::Time, KeyHash> arrivals_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<Key, Times, KeyHash> windows_ ABSL_GUARDED_BY(mutex_);
  // What no longer counts is looked for when there are so many keys, twice what the last look left:
  // all looks together cost no more than what was put in. And not before this time, which matters
  // once all is full.
  size_t sweep_at_ ABSL_GUARDED_BY(mutex_);
  absl::Time sweep_after_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace musubi::limits

#endif  // MUSUBI_LIB_LIMITS_MEMORY_RATE_LIMITER_H_
