// A pointer to something immutable that one thread replaces and many read, where reading takes no
// lock and frees nothing: what was replaced goes on the writer's thread once nobody reads it. Not
// std::atomic<std::shared_ptr>, which takes a lock in libstdc++ 12, and may free on a reader.
#ifndef MUSUBI_LIB_REVOCATION_EPOCH_POINTER_H_
#define MUSUBI_LIB_REVOCATION_EPOCH_POINTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace musubi::revocation {

// EpochPointer is never null. All operations are sequentially consistent: a reader that announced
// itself after the writer looked for readers sees the writer's new pointer.
template <typename T>
class EpochPointer {
 public:
  // Threads that read at the same moment. More wait for each other, a look-up's time.
  static constexpr size_t kSlots = 128;

  // Keeps what it points to for as long as it lives. Keep it short: nothing is reclaimed meanwhile.
  class Reader {
   public:
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader() { slot_.store(kIdle, std::memory_order_release); }

    const T* operator->() const { return object_; }
    const T& operator*() const { return *object_; }

   private:
    friend class EpochPointer;
    explicit Reader(const EpochPointer& owner)
        : slot_(owner.TakeSlot()), object_(owner.current_.load()) {}

    std::atomic<uint64_t>& slot_;
    const T* object_;
  };

  explicit EpochPointer(std::unique_ptr<const T> first) : current_(first.release()) {}
  // Nobody reads any more.
  ~EpochPointer() { delete current_.load(); }
  EpochPointer(const EpochPointer&) = delete;
  EpochPointer& operator=(const EpochPointer&) = delete;

  // Thread-safe.
  Reader Read() const { return Reader(*this); }

  // One thread at a time calls these two. Publish is one store; what was there before waits for
  // Reclaim, which frees what nobody reads and returns how many still wait.
  void Publish(std::unique_ptr<const T> next) {
    std::unique_ptr<const T> old(current_.exchange(next.release()));
    retired_.push_back({epoch_.fetch_add(1) + 1, std::move(old)});
  }
  size_t Reclaim() {
    uint64_t oldest = UINT64_MAX;
    for (const Slot& slot : slots_) {
      const uint64_t epoch = slot.epoch.load();
      if (epoch != kIdle && epoch < oldest) oldest = epoch;
    }
    std::erase_if(retired_, [oldest](const Retired& retired) { return retired.epoch <= oldest; });
    return retired_.size();
  }

  // How often Publish was called.
  uint64_t epoch() const { return epoch_.load() - kFirst; }

 private:
  static constexpr uint64_t kIdle = 0;
  static constexpr uint64_t kFirst = 1;

  struct alignas(64) Slot {
    std::atomic<uint64_t> epoch = kIdle;
  };
  // Readers that announced `epoch` or a later one cannot see it.
  struct Retired {
    uint64_t epoch;
    std::unique_ptr<const T> object;
  };

  // A thread comes back to its own slot, which is in its cache.
  std::atomic<uint64_t>& TakeSlot() const {
    static std::atomic<size_t> threads = 0;
    thread_local const size_t home = threads.fetch_add(1, std::memory_order_relaxed);
    for (size_t i = home;; ++i) {
      std::atomic<uint64_t>& slot = slots_[i % kSlots].epoch;
      uint64_t idle = kIdle;
      if (slot.compare_exchange_strong(idle, epoch_.load())) return slot;
      if (i % kSlots == kSlots - 1) std::this_thread::yield();
    }
  }

  mutable std::array<Slot, kSlots> slots_;
  std::atomic<uint64_t> epoch_ = kFirst;
  std::atomic<const T*> current_;
  std::vector<Retired> retired_;
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_EPOCH_POINTER_H_
