// Whole files, read and replaced; and a file that only grows, octet for octet under its writer's
// control. For configuration, keys and what programs write for themselves; no format, no index.
#ifndef MUSUBI_LIB_BASE_FILE_H_
#define MUSUBI_LIB_BASE_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"

namespace musubi::base {

// Largest file that ReadFile takes: a full CRL of a country is below 1.2 GB and has its own
// loader; configuration and keys are far smaller.
inline constexpr size_t kMaxFileSize = size_t{256} << 20;

// ReadFile returns all octets of `path`. NOT_FOUND, PERMISSION_DENIED, or FAILED_PRECONDITION if
// larger than `max_size` octets; the message names the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_size = kMaxFileSize);

// IsClosed tells whether a file of `mode` (as in stat) and `owner` keeps a secret of the process
// whose effective user is `self`: nobody but its owner may open it. Or it is root's and no more
// than readable by its group (0640), which then is how `self`, not root, was given it: Kubernetes
// mounts a Secret so for a pod that does not run as root.
bool IsClosed(unsigned mode, unsigned owner, unsigned self);

// ReadSecretFile is ReadFile for keys: FAILED_PRECONDITION, naming the fix, unless the file
// IsClosed to others.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// WriteFileAtomically replaces `path` by way of a temporary file beside it, fsync and rename: a
// reader sees the old content or the new. `mode` is that of the new file. When it returns OK the
// new content outlives a power cut. On an error the old content is there still, unless the last
// step failed, which is to sync the directory: then the new is, but may not outlive a power cut.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, unsigned mode);

// WriteFileFrom makes `path` hold the first `offset` octets that it has and then `content`, and
// nothing more; what it held behind `offset` is cut. Made with `mode` if absent. When it returns OK
// all of it outlives a power cut. On an error the first `offset` octets are untouched and any part
// of `content` may follow them: the same call again puts that right. DATA_LOSS if the file is
// shorter than `offset`.
absl::Status WriteFileFrom(const std::string& path, uint64_t offset, std::string_view content,
                           unsigned mode);

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_FILE_H_
