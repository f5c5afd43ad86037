#include "lib/jpki/slow_path_pool.h"

#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/error.h"

namespace musubi::jpki {

SlowPathPool::Options SlowPathPool::Options::ForThreads(int threads) {
  return {.at_once = std::max(1, threads / 4), .waiting = threads / 4};
}

SlowPathPool::Place::Place(Place&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}

SlowPathPool::Place::~Place() {
  if (pool_ != nullptr) pool_->GiveBack();
}

SlowPathPool::SlowPathPool(Options options) : options_(options) {
  MUSUBI_CHECK(options.at_once > 0 && options.waiting >= 0, "a pool has places");
}

absl::StatusOr<SlowPathPool::Place> SlowPathPool::Take() {
  base::MutexLock lock(mutex_);
  if (taken_ == options_.at_once) {
    if (waiting_ == options_.waiting) {
      return base::Error(base::ErrorReason::kOverloaded,
                         "too many certificates that need the slow path");
    }
    ++waiting_;
    while (taken_ == options_.at_once) freed_.Wait(mutex_);
    --waiting_;
  }
  ++taken_;
  return Place(*this);
}

int SlowPathPool::waiting() const {
  base::MutexLock lock(mutex_);
  return waiting_;
}

void SlowPathPool::GiveBack() {
  base::MutexLock lock(mutex_);
  --taken_;
  freed_.NotifyOne();
}

}  // namespace musubi::jpki
