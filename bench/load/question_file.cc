#include "bench/load/question_file.h"

#include <algorithm>
#include <string_view>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "lib/base/check.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

namespace musubi::bench {
namespace {

// Above a million questions.
constexpr size_t kLargestFile = size_t{4} << 30;

}  // namespace

std::string Delimited(const v1::LoadQuestion& question) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    MUSUBI_CHECK(google::protobuf::util::SerializeDelimitedToZeroCopyStream(question, &stream),
                 "a question is far below 2 GiB");
  }
  return out;
}

absl::StatusOr<std::vector<v1::LoadQuestion>> ReadQuestions(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kLargestFile));
  std::vector<v1::LoadQuestion> questions;
  for (std::string_view rest = text; !rest.empty();) {
    // One at a time: a stream of protobuf ends at 2 GiB.
    google::protobuf::io::ArrayInputStream stream(
        rest.data(), static_cast<int>(std::min<size_t>(rest.size(), size_t{1} << 30)));
    bool at_end = false;
    if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(&questions.emplace_back(),
                                                                  &stream, &at_end)) {
      return absl::InvalidArgumentError(path + " is cut, or no file of questions");
    }
    rest.remove_prefix(static_cast<size_t>(stream.ByteCount()));
  }
  return questions;
}

}  // namespace musubi::bench
