// Writes checkpoints of the audit to a file outside the database, one line each, and notices when a
// chain has gone back. Does not read the database.
#ifndef MUSUBI_LIB_LINK_AUDIT_CHECKPOINTER_H_
#define MUSUBI_LIB_LINK_AUDIT_CHECKPOINTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/crypto/ed25519.h"
#include "lib/link/audit_checkpoint.h"

namespace musubi::link {

// AuditCheckpointer is for one thread at a time.
class AuditCheckpointer {
 public:
  // A chain that is gone, shorter than at its last checkpoint, or has another entry there: somebody
  // cut or rewrote it, or the database was restored from a backup or lost what it had acknowledged.
  struct Regression {
    ChainHead was;
    ChainHead is;
  };
  struct Round {
    std::vector<AuditCheckpoint> checkpoints;  // Of the chains whose head is new.
    std::vector<Regression> regressions;
    // Whether they are on the disk. If not, the next round makes them anew.
    absl::Status written;
  };

  // Open reads the last checkpoint of each chain from `path`, which is absent at first; what a kill
  // left of a line is cut by the next write. FAILED_PRECONDITION, naming line and fix, if the file
  // has other lines, or another process writes it: a lock is held on `path` with .lock behind it.
  static absl::StatusOr<std::unique_ptr<AuditCheckpointer>> Open(crypto::Ed25519PrivateKey key,
                                                                 std::string path);
  ~AuditCheckpointer();

  // Append signs and writes those of `heads` (LinkStore::ListHeads) that are not its chain's last
  // checkpoint; none: writes nothing. A file that was taken away since is begun again.
  Round Append(std::span<const ChainHead> heads, absl::Time now);

 private:
  AuditCheckpointer(crypto::Ed25519PrivateKey key, std::string path, int lock);
  absl::Status Write(std::span<const AuditCheckpoint> checkpoints);

  const crypto::Ed25519PrivateKey key_;
  const std::string path_;
  const int lock_;
  uint64_t octets_ = 0;                     // Of the file's whole lines.
  std::map<std::string, AuditHead> heads_;  // Of the last checkpoints.
};

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_AUDIT_CHECKPOINTER_H_
