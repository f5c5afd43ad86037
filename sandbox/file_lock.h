// One writer at a time, over processes: an flock on a file of its own.
#ifndef MUSUBI_SANDBOX_FILE_LOCK_H_
#define MUSUBI_SANDBOX_FILE_LOCK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace musubi::sandbox {

// FileLock is held as long as it lives. It excludes threads of one process too.
class FileLock {
 public:
  // Acquire waits for the lock on `path`, which is created (0600) and left behind.
  static absl::StatusOr<std::unique_ptr<FileLock>> Acquire(const std::string& path);

  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_FILE_LOCK_H_
