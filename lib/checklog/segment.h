// The lines of a check log's segments and the chain that joins them. A line is 64 hexadecimal
// digits, a space, a JSON object and a newline; the digits are HMAC-SHA256 over those of the line
// before and the object's own octets. The first line of a segment is its header: its number, the
// number of its first row, the chain's value before it and the id of its key. Reads and writes
// text, no files.
#ifndef MUSUBI_LIB_CHECKLOG_SEGMENT_H_
#define MUSUBI_LIB_CHECKLOG_SEGMENT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/crypto/keyring.h"

namespace musubi::checklog {

// What a key of the audit keyring gives the check log: two keys that say nothing about each other,
// nor about the audit chain's.
struct SegmentKeys {
  base::Secret256 chain;
  base::Secret256 card;
};
SegmentKeys KeysOf(const crypto::Keyring::Key& key);

// A place in the chain: after how many rows, and its value there. That of an empty log is a
// default-constructed one.
struct ChainPoint {
  int64_t rows = 0;
  base::Hash256 mac{};

  // As in "17:" and 64 hexadecimal digits. Parse: INVALID_ARGUMENT otherwise.
  std::string ToText() const;
  static absl::StatusOr<ChainPoint> Parse(std::string_view text);

  friend bool operator==(const ChainPoint&, const ChainPoint&) = default;
};

// AppendHeader and AppendRow write one line behind `out` and move `point` over it. A header counts
// as no row.
void AppendHeader(std::string& out, ChainPoint& point, int64_t segment,
                  const crypto::Keyring::Key& key, const SegmentKeys& keys);
void AppendRow(std::string& out, ChainPoint& point, const SegmentKeys& keys, std::string_view json);

enum class ChainFault {
  kNone = 0,
  kSegmentMissing = 1,  // Its number is not there, or it has nothing in it.
  kHeaderBroken = 2,    // The first line is no header, that of another segment, or was changed.
  kUnknownKey = 3,      // The keyring has no key of the header's id.
  kDoesNotFollow = 4,   // The segment does not begin where the one before it ended.
  kRowBroken = 5,       // A row was changed, moved, removed or put there.
  kTorn = 6,            // The last line has no end: a write was cut off, or is under way.
  kHeadMissing = 7,     // The log ends before the expected head: its tail was cut off.
  kHeadMismatch = 8,    // Another row stands where the expected head was.
};
std::string_view Name(ChainFault fault);  // As in "ROW_BROKEN".

// What was found in a segment. Everything before `fault` holds.
struct SegmentFinding {
  ChainPoint end;      // After the last line that holds.
  size_t octets = 0;   // Of the lines that hold.
  int64_t lines = 0;   // Of those.
  std::string key_id;  // Of the header; empty if that does not hold.
  ChainFault fault = ChainFault::kNone;
  std::string what;  // About the fault: the rule and the fix, for an operator.
};

// CheckSegment walks over the text of segment `number`. `before` is where the segment before it
// ended; null: the header's word counts. `on_row` gets every row that holds, with the point after
// it.
SegmentFinding CheckSegment(
    std::string_view text, int64_t number, const ChainPoint* before, const crypto::Keyring& keyring,
    absl::FunctionRef<void(std::string_view json, const ChainPoint& after)> on_row);

}  // namespace musubi::checklog

#endif  // MUSUBI_LIB_CHECKLOG_SEGMENT_H_
