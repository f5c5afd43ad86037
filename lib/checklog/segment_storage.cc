#include "lib/checklog/segment_storage.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::checklog {
namespace {

constexpr std::string_view kPrefix = "checks-";
constexpr std::string_view kSuffix = ".log";
constexpr size_t kDigits = 12;
// For their owner's eyes, as the databases are.
constexpr unsigned kMode = 0600;

class SegmentFolder final : public SegmentStorage {
 public:
  // `lock` is a descriptor that this closes, or -1.
  SegmentFolder(std::string directory, int lock) : directory_(std::move(directory)), lock_(lock) {}
  ~SegmentFolder() override {
    if (lock_ >= 0) close(lock_);
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory_, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::string name = entry->path().filename();
      if (SegmentNumber(name) > 0) names.push_back(std::move(name));
    }
    if (error) {
      return absl::ErrnoToStatus(error.value(), base::ToAbsl("cannot list " + directory_));
    }
    std::ranges::sort(names);  // The numbers have leading zeros.
    return names;
  }
  absl::StatusOr<std::string> Read(const std::string& name) override {
    return base::ReadFile(PathOf(name));
  }
  std::string PathOf(const std::string& name) const override { return directory_ + "/" + name; }
  absl::Status Write(const std::string& name, uint64_t offset, std::string_view content) override {
    return base::WriteFileFrom(PathOf(name), offset, content, kMode);
  }

 private:
  const std::string directory_;
  const int lock_;
};

absl::StatusOr<int> OpenDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) return fd;
  return absl::ErrnoToStatus(errno, base::ToAbsl("cannot open the folder " + directory));
}

}  // namespace

std::string SegmentName(int64_t number) { return absl::StrFormat("checks-%012d.log", number); }

int64_t SegmentNumber(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return 0;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  int64_t number = 0;
  const bool is_number = name.size() == kDigits &&
                         name.find_first_not_of("0123456789") == std::string_view::npos &&
                         absl::SimpleAtoi(base::ToAbsl(name), &number);
  return is_number ? number : 0;
}

absl::StatusOr<std::unique_ptr<SegmentStorage>> OpenSegments(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, base::ToAbsl("cannot make the folder " + directory));
  }
  MUSUBI_ASSIGN_OR_RETURN(const int fd, OpenDirectory(directory));
  auto folder = std::make_unique<SegmentFolder>(directory, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return absl::ErrnoToStatus(errno, base::ToAbsl("cannot lock " + directory));
    }
    return absl::FailedPreconditionError(
        directory +
        " is written by another process, and a log has one writer: give this process a "
        "folder of its own, or stop the other one");
  }
  return folder;
}

absl::StatusOr<std::unique_ptr<SegmentSource>> OpenSegmentsToRead(const std::string& directory) {
  MUSUBI_ASSIGN_OR_RETURN(const int fd, OpenDirectory(directory));
  return std::make_unique<SegmentFolder>(directory, fd);
}

}  // namespace musubi::checklog
