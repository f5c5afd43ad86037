#include "lib/link/audit_checkpointer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::link {
namespace {

// For their owner's eyes, as the databases are.
constexpr unsigned kMode = 0600;

// A descriptor that holds the lock.
absl::StatusOr<int> Lock(const std::string& path) {
  const std::string name = path + ".lock";
  const int fd = open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kMode);
  if (fd < 0) return absl::ErrnoToStatus(errno, base::ToAbsl("cannot open " + name));
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  close(fd);
  if (error != EWOULDBLOCK) {
    return absl::ErrnoToStatus(error, base::ToAbsl("cannot lock " + name));
  }
  return absl::FailedPreconditionError(
      path + " is written by another process: give this one a file of its own");
}

}  // namespace

AuditCheckpointer::AuditCheckpointer(crypto::Ed25519PrivateKey key, std::string path, int lock)
    : key_(std::move(key)), path_(std::move(path)), lock_(lock) {}

AuditCheckpointer::~AuditCheckpointer() { close(lock_); }

absl::StatusOr<std::unique_ptr<AuditCheckpointer>> AuditCheckpointer::Open(
    crypto::Ed25519PrivateKey key, std::string path) {
  MUSUBI_ASSIGN_OR_RETURN(const int lock, Lock(path));
  std::unique_ptr<AuditCheckpointer> made(
      new AuditCheckpointer(std::move(key), std::move(path), lock));
  const auto octets = ForEachCheckpointLine(
      made->path_, [&](std::string_view line, int64_t number) -> absl::Status {
        const auto checkpoint = AuditCheckpoint::Parse(line);
        if (!checkpoint.ok()) {
          return absl::FailedPreconditionError(
              absl::StrCat(made->path_, ": line ", number, " ", checkpoint.status().message(),
                           ": keep the file for whoever looks into it, and name another one"));
        }
        made->heads_[checkpoint->chain.relying_party_id] = checkpoint->chain.head;
        return absl::OkStatus();
      });
  if (!octets.ok() && !absl::IsNotFound(octets.status())) return octets.status();
  made->octets_ = octets.value_or(0);
  return made;
}

AuditCheckpointer::Round AuditCheckpointer::Append(std::span<const ChainHead> heads,
                                                   absl::Time now) {
  Round round;
  for (const ChainHead& chain : heads) {
    const auto known = heads_.find(chain.relying_party_id);
    if (known != heads_.end()) {
      if (known->second == chain.head) continue;
      if (known->second.sequence >= chain.head.sequence) {
        round.regressions.push_back({{chain.relying_party_id, known->second}, chain});
      }
    }
    round.checkpoints.push_back(SignCheckpoint(chain, now, key_));
  }
  std::erase_if(heads_, [&](const auto& known) {
    if (std::ranges::count(heads, known.first, &ChainHead::relying_party_id) > 0) return false;
    round.regressions.push_back({{known.first, known.second}, {known.first, {}}});
    return true;
  });
  if (round.checkpoints.empty()) return round;
  round.written = Write(round.checkpoints);
  if (!round.written.ok()) return round;
  for (const AuditCheckpoint& checkpoint : round.checkpoints) {
    heads_[checkpoint.chain.relying_party_id] = checkpoint.chain.head;
  }
  return round;
}

absl::Status AuditCheckpointer::Write(std::span<const AuditCheckpoint> checkpoints) {
  std::string lines;
  for (const AuditCheckpoint& checkpoint : checkpoints) lines += checkpoint.ToJson() + "\n";
  struct stat info;
  const bool there = stat(path_.c_str(), &info) == 0;
  if (!there && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, base::ToAbsl("cannot stat " + path_));
  }
  if (!there || info.st_size == 0) octets_ = 0;  // Put away, by rename or a copy.
  MUSUBI_RETURN_IF_ERROR(base::WriteFileFrom(path_, octets_, lines, kMode));
  octets_ += lines.size();
  return absl::OkStatus();
}

}  // namespace musubi::link
