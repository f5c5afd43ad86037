// Randomness for tests: scripted bytes first, then a counter. Predictable on purpose.
#ifndef MUSUBI_TESTS_FAKES_FAKE_RANDOM_H_
#define MUSUBI_TESTS_FAKES_FAKE_RANDOM_H_

#include <deque>
#include <initializer_list>

#include "lib/base/mutex.h"
#include "lib/base/secure_random.h"

namespace musubi::fakes {

// FakeRandom never repeats a block of 4 bytes or more: each unscripted Fill writes a counter.
class FakeRandom final : public base::SecureRandom {
 public:
  // The next bytes to hand out, before any counter.
  void Script(std::initializer_list<uint8_t> bytes) {
    base::MutexLock lock(mutex_);
    scripted_.insert(scripted_.end(), bytes);
  }

  void Fill(std::span<uint8_t> out) override {
    base::MutexLock lock(mutex_);
    ++counter_;
    size_t shift = 0;
    for (uint8_t& byte : out) {
      if (!scripted_.empty()) {
        byte = scripted_.front();
        scripted_.pop_front();
      } else {
        byte = static_cast<uint8_t>(counter_ >> (8 * (shift++ % 8)));
      }
    }
  }

 private:
  base::Mutex mutex_;
  std::deque<uint8_t> scripted_ ABSL_GUARDED_BY(mutex_);
  uint64_t counter_ ABSL_GUARDED_BY(mutex_) = 0x1000;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_FAKE_RANDOM_H_
