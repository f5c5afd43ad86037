// Lines of a stream, answered on several threads and in their order. Knows nothing of what they
// say.
#ifndef MUSUBI_SERVICES_MUSUBICTL_LINE_ANSWERS_H_
#define MUSUBI_SERVICES_MUSUBICTL_LINE_ANSWERS_H_

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace musubi::services::musubictl {

struct Line {
  size_t number = 0;  // From 1.
  std::string text;   // Empty if it is too long.
  bool too_long = false;
};

struct LineAnswersOptions {
  int threads = 1;
  size_t max_line = 0;  // Octets; what lies beyond is read and dropped.
  // A lot is complete when it has so many lines, or so many octets.
  size_t lines_at_once = 1;
  size_t octets_at_once = size_t{1} << 20;
};

// AnswerLines gives each lot of lines to `answer`, which threads call at the same time, and writes
// what it returns. Lines of nothing but white space are counted and left out. Each thread holds
// one lot at a time and its answer. INTERNAL if the streams fail before the end.
absl::Status AnswerLines(std::istream& in, std::ostream& out, const LineAnswersOptions& options,
                         absl::FunctionRef<std::string(const std::vector<Line>&)> answer);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_LINE_ANSWERS_H_
