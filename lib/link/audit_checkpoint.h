// Checkpoints of the audit: where a chain ended at a time, signed with an Ed25519 key of their own.
// Kept away from the database, they show later that nothing up to them was cut off or written anew,
// to whoever has the public key, even if the audit keyring got out.
#ifndef MUSUBI_LIB_LINK_AUDIT_CHECKPOINT_H_
#define MUSUBI_LIB_LINK_AUDIT_CHECKPOINT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/crypto/ed25519.h"
#include "lib/link/audit_chain.h"
#include "lib/link/audit_reader.h"

namespace musubi::link {

struct AuditCheckpoint {
  ChainHead chain;
  absl::Time at;  // Whole microseconds.
  std::string key_id;
  crypto::Ed25519Signature signature{};

  // One JSON object on one line, without its end; docs/audit.md describes the members. Parse takes
  // what ToJson writes and nothing else: INVALID_ARGUMENT.
  std::string ToJson() const;
  static absl::StatusOr<AuditCheckpoint> Parse(std::string_view line);

  friend bool operator==(const AuditCheckpoint&, const AuditCheckpoint&) = default;
};

AuditCheckpoint SignCheckpoint(ChainHead chain, absl::Time at,
                               const crypto::Ed25519PrivateKey& key);

// By id.
using CheckpointKeys = std::map<std::string, crypto::Ed25519PublicKey, std::less<>>;

// ForEachCheckpointLine reads a file of checkpoints with one line in memory at a time. A last line
// without its end is not given: its write was cut off, or is under way. Returns the octets of the
// lines that were given. NOT_FOUND; FAILED_PRECONDITION for a line that is longer than any of ours;
// an error of `on_line` ends it.
absl::StatusOr<uint64_t> ForEachCheckpointLine(
    const std::string& path,
    absl::FunctionRef<absl::Status(std::string_view line, int64_t number)> on_line);

enum class CheckpointFault {
  kMalformed = 1,       // The line is no checkpoint.
  kUnknownKey = 2,      // Signed with a key that was not given, by its id.
  kBadSignature = 3,    // Changed since it was signed, or never signed by that key.
  kChainMissing = 4,    // The database has no entry of this chain: taken away, or another database.
  kChainTruncated = 5,  // The chain ends before the checkpoint: its tail was cut off.
  kEntryMissing = 6,    // The chain goes on behind it, but the entry is not there.
  kEntryRewritten = 7,  // Another entry stands there.
};
std::string_view Name(CheckpointFault fault);  // As in "CHAIN_TRUNCATED".

// All lines with one kind of fault.
struct CheckpointFinding {
  CheckpointFault fault;
  int64_t lines = 0;
  int64_t first_line = 0;
  std::string what;  // About the first one, for an operator.
};

// Default-constructed: not ok.
struct CheckpointReport {
  bool ok = false;
  int64_t count = 0;                        // Checkpoints that hold.
  std::optional<absl::Time> newest;         // Of those.
  std::vector<CheckpointFinding> findings;  // In order of the first line; none if ok.
};

// VerifyCheckpoints holds every line of the file against the database, which must not be a standby
// that lags. One bad line hides no other. It compares MACs and so needs no audit keyring; that an
// entry's own fields are those its MAC was made of, only AuditReader::Verify shows.
// FAILED_PRECONDITION for a file without a line: nothing could be compared.
absl::StatusOr<CheckpointReport> VerifyCheckpoints(const std::string& path,
                                                   const CheckpointKeys& keys, AuditReader& reader);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_AUDIT_CHECKPOINT_H_
