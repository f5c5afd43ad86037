// What `musubictl validate` made of files and contents, so that a batch reads each once. Bounded:
// what was used least recently is dropped first. Notices no change of a file.
#ifndef MUSUBI_SERVICES_MUSUBICTL_CACHE_H_
#define MUSUBI_SERVICES_MUSUBICTL_CACHE_H_

#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"

namespace musubi::services::musubictl {

struct CacheLimits {
  size_t entries;
  size_t octets;  // Of all sources together. The newest entry is kept, however large.
};

// Something that was made, and how many octets it was made of.
template <typename T>
struct Made {
  std::shared_ptr<T> value;
  size_t octets = 0;
};

// Cache is thread-safe. An entry that is dropped lives on with those who use it.
template <typename T>
class Cache {
 public:
  explicit Cache(CacheLimits limits) : limits_(limits) {}

  // Get returns the entry of `key`. If there is none it calls `make`, which returns
  // absl::StatusOr<Made<T>>, without the lock: threads that ask at the same time may each make one,
  // and all get the first. An error is not remembered.
  template <typename Make>
  absl::StatusOr<std::shared_ptr<T>> Get(const std::string& key, Make make) {
    if (std::shared_ptr<T> found = Find(key)) return found;
    MUSUBI_ASSIGN_OR_RETURN(Made<T> made, make());
    return Add(key, std::move(made));
  }

 private:
  struct Entry {
    std::string key;
    Made<T> made;
  };

  std::shared_ptr<T> Find(const std::string& key) {
    base::MutexLock lock(mutex_);
    return FindLocked(key);
  }
  std::shared_ptr<T> FindLocked(const std::string& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->made.value;
  }

  std::shared_ptr<T> Add(const std::string& key, Made<T> made) {
    std::list<Entry> dropped;  // Destroyed after the lock is gone.
    base::MutexLock lock(mutex_);
    if (std::shared_ptr<T> found = FindLocked(key)) return found;
    octets_ += made.octets;
    entries_.push_front({key, std::move(made)});
    by_key_.emplace(key, entries_.begin());
    while (entries_.size() > 1 && (entries_.size() > limits_.entries || octets_ > limits_.octets)) {
      octets_ -= entries_.back().made.octets;
      by_key_.erase(entries_.back().key);
      dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
    }
    return entries_.front().made.value;
  }

  const CacheLimits limits_;
  base::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // The most recently used first.
  std::map<std::string, typename std::list<Entry>::iterator> by_key_ ABSL_GUARDED_BY(mutex_);
  size_t octets_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_CACHE_H_
