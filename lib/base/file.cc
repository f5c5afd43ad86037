#include "lib/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "lib/base/status.h"

namespace musubi::base {
namespace {

// Closes a descriptor at the end of a scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

absl::Status Failure(const std::string& what, const std::string& path) {
  return absl::ErrnoToStatus(errno, what + " " + path);
}

absl::StatusOr<std::string> ReadAll(const std::string& path, bool secret, size_t max_size) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return Failure("cannot open", path);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Failure("cannot stat", path);
  if (S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(path + " is a directory, not a file");
  }
  if (secret && !IsClosed(info.st_mode, info.st_uid, geteuid())) {
    return absl::FailedPreconditionError(
        path + " holds a secret but others may open it: chmod 600 " + path);
  }
  std::string content;
  if (info.st_size > 0) content.reserve(std::min(static_cast<size_t>(info.st_size), max_size));
  char buffer[65536];
  while (true) {
    const ssize_t n = read(file.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failure("cannot read", path);
    if (n == 0) return content;
    if (static_cast<size_t>(n) > max_size - content.size()) {
      return absl::FailedPreconditionError(path + " is larger than " + std::to_string(max_size) +
                                           " octets, the limit for such a file");
    }
    content.append(buffer, static_cast<size_t>(n));
  }
}

int OpenDirectoryOf(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  return open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_size) {
  return ReadAll(path, false, max_size);
}
bool IsClosed(unsigned mode, unsigned owner, unsigned self) {
  constexpr unsigned kRoot = 0;
  const bool given_by_root = owner == kRoot && self != kRoot;
  return (mode & (given_by_root ? 037 : 077)) == 0;
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  return ReadAll(path, true, kMaxFileSize);
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode) {
  // Before anything is replaced: it has to be readable.
  Descriptor directory(OpenDirectoryOf(path));
  if (directory.get() < 0) return Failure("cannot open the directory of", path);
  std::string temporary = path + ".XXXXXX";
  Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return Failure("cannot create a file beside", path);
  auto fail = [&](const char* what) {
    absl::Status status = Failure(what, temporary);
    unlink(temporary.c_str());
    return status;
  };
  if (fchmod(file.get(), mode) != 0) return fail("cannot chmod");
  while (!content.empty()) {
    const ssize_t n = write(file.get(), content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail("cannot write");
    content.remove_prefix(static_cast<size_t>(n));
  }
  if (fsync(file.get()) != 0) return fail("cannot sync");
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail("cannot rename");
  if (fsync(directory.get()) != 0) return Failure("cannot sync the directory of", path);
  return absl::OkStatus();
}

absl::Status WriteFileFrom(const std::string& path, uint64_t offset, std::string_view content,
                           unsigned mode) {
  Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode));
  if (file.get() < 0) return Failure("cannot open", path);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Failure("cannot stat", path);
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < offset) {
    return absl::DataLossError(path + " has " + std::to_string(size) + " octets, but " +
                               std::to_string(offset) +
                               " were written: somebody else has cut it; put it back from a copy");
  }
  if (size > offset && ftruncate(file.get(), static_cast<off_t>(offset)) != 0) {
    return Failure("cannot cut", path);
  }
  auto position = static_cast<off_t>(offset);
  while (!content.empty()) {
    const ssize_t n = pwrite(file.get(), content.data(), content.size(), position);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failure("cannot write", path);
    content.remove_prefix(static_cast<size_t>(n));
    position += n;
  }
  if (fsync(file.get()) != 0) return Failure("cannot sync", path);
  if (offset > 0) return absl::OkStatus();
  // The file may be new.
  Descriptor directory(OpenDirectoryOf(path));
  if (directory.get() < 0) return Failure("cannot open the directory of", path);
  if (fsync(directory.get()) != 0) return Failure("cannot sync the directory of", path);
  return absl::OkStatus();
}

}  // namespace musubi::base
