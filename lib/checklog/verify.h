// Whether a check log is whole: walks its segments from the first row to the last. Reads only; for
// the operator's tool, and safe while a process writes (a row under way then looks torn).
#ifndef MUSUBI_LIB_CHECKLOG_VERIFY_H_
#define MUSUBI_LIB_CHECKLOG_VERIFY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lib/checklog/segment.h"
#include "lib/checklog/segment_storage.h"
#include "lib/crypto/keyring.h"

namespace musubi::checklog {

struct VerifyOptions {
  // A row of the log must be that head; the log may have grown since. Without it, a tail that was
  // cut off cannot be seen.
  std::optional<ChainPoint> expected_head;
  // Where the log begins: above 1 if older segments were put away on purpose. What the first one
  // says of them is then taken on its word, which the key protects.
  int64_t first_segment = 1;
};

// Default-constructed: not ok.
struct VerifyReport {
  bool ok = false;
  ChainPoint head;          // Of the rows that hold.
  int64_t checks = 0;       // Rows of checks among those that were read.
  int64_t broken_runs = 0;  // Processes that were killed: rows of theirs may be missing.
  bool tail_checked = false;
  ChainFault fault = ChainFault::kNone;
  std::string path;  // Of the segment with the fault.
  std::string what;  // One sentence for the operator.
};

// VerifySegments stops at the first fault; `on_row` gets every row before it. Fails only if files
// cannot be read.
absl::StatusOr<VerifyReport> VerifySegments(SegmentSource& source, const crypto::Keyring& keyring,
                                            const VerifyOptions& options,
                                            absl::FunctionRef<void(std::string_view json)> on_row);

}  // namespace musubi::checklog

#endif  // MUSUBI_LIB_CHECKLOG_VERIFY_H_
