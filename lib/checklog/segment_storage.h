// Where the segments of a check log are kept: a folder of files. Knows nothing of rows.
#ifndef MUSUBI_LIB_CHECKLOG_SEGMENT_STORAGE_H_
#define MUSUBI_LIB_CHECKLOG_SEGMENT_STORAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace musubi::checklog {

// SegmentSource is what reading takes. Used by one thread at a time, as SegmentStorage is.
class SegmentSource {
 public:
  virtual ~SegmentSource() = default;
  // The names of all segments, in ascending order; other files do not count.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  virtual absl::StatusOr<std::string> Read(const std::string& name) = 0;
  // What an error message calls it.
  virtual std::string PathOf(const std::string& name) const = 0;
};

class SegmentStorage : public SegmentSource {
 public:
  // As base::WriteFileFrom.
  virtual absl::Status Write(const std::string& name, uint64_t offset,
                             std::string_view content) = 0;
};

// Segments are named checks-000000000001.log and so on. SegmentNumber: 0 for any other name.
std::string SegmentName(int64_t number);
int64_t SegmentNumber(std::string_view name);

// OpenSegments opens `directory` for a log's one writer; made (0700) if absent. FAILED_PRECONDITION
// while another object, of this process or another, has it.
absl::StatusOr<std::unique_ptr<SegmentStorage>> OpenSegments(const std::string& directory);

// OpenSegmentsToRead needs no lock and changes nothing. NOT_FOUND if there is no such folder.
absl::StatusOr<std::unique_ptr<SegmentSource>> OpenSegmentsToRead(const std::string& directory);

}  // namespace musubi::checklog

#endif  // MUSUBI_LIB_CHECKLOG_SEGMENT_STORAGE_H_
