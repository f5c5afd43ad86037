// The segments of a check log in memory, whose disk stalls or fails when a test says so.
#ifndef MUSUBI_TESTS_FAKES_MEMORY_SEGMENTS_H_
#define MUSUBI_TESTS_FAKES_MEMORY_SEGMENTS_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/checklog/segment_storage.h"

namespace musubi::fakes {

// MemorySegments outlives what Open returns. Thread-safe.
class MemorySegments {
 public:
  using Files = std::map<std::string, std::string>;

  MemorySegments() = default;
  explicit MemorySegments(Files files) : files_(std::move(files)) {}

  std::unique_ptr<checklog::SegmentStorage> Open() { return std::make_unique<Storage>(*this); }

  Files files() const {
    base::MutexLock lock(mutex_);
    return files_;
  }
  void Put(const std::string& name, std::string content) {
    base::MutexLock lock(mutex_);
    files_[name] = std::move(content);
  }

  // Every write from now on waits for Unblock.
  void Block() {
    base::MutexLock lock(mutex_);
    blocked_ = true;
  }
  void Unblock() {
    base::MutexLock lock(mutex_);
    blocked_ = false;
    changed_.NotifyAll();
  }
  void WaitForBlockedWrite() {
    base::MutexLock lock(mutex_);
    while (waiting_ == 0) changed_.Wait(mutex_);
  }
  // Every write fails with `status`, after `kept` octets of it; OK: none does.
  void Fail(absl::Status status, size_t kept = 0) {
    base::MutexLock lock(mutex_);
    failure_ = std::move(status);
    kept_ = kept;
  }
  int failed_writes() const {
    base::MutexLock lock(mutex_);
    return failed_writes_;
  }
  void WaitForFailedWrites(int times) {
    base::MutexLock lock(mutex_);
    while (failed_writes_ < times) changed_.Wait(mutex_);
  }

 private:
  class Storage final : public checklog::SegmentStorage {
   public:
    explicit Storage(MemorySegments& owner) : owner_(owner) {}
    absl::StatusOr<std::vector<std::string>> List() override {
      std::vector<std::string> names;
      for (const auto& [name, content] : owner_.files()) names.push_back(name);
      return names;
    }
    absl::StatusOr<std::string> Read(const std::string& name) override {
      return owner_.files().at(name);
    }
    std::string PathOf(const std::string& name) const override { return "/memory/" + name; }
    absl::Status Write(const std::string& name, uint64_t offset,
                       std::string_view content) override {
      return owner_.Write(name, offset, content);
    }

   private:
    MemorySegments& owner_;
  };

  absl::Status Write(const std::string& name, uint64_t offset, std::string_view content) {
    base::MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (blocked_) changed_.Wait(mutex_);
    --waiting_;
    std::string& file = files_[name];
    if (file.size() < offset) return absl::DataLossError(name + " was cut");
    file.resize(offset);
    if (!failure_.ok()) {
      file += content.substr(0, kept_);
      ++failed_writes_;
      changed_.NotifyAll();
      return failure_;
    }
    file += content;
    return absl::OkStatus();
  }

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  Files files_ ABSL_GUARDED_BY(mutex_);
  bool blocked_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  size_t kept_ ABSL_GUARDED_BY(mutex_) = 0;
  int failed_writes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_MEMORY_SEGMENTS_H_
