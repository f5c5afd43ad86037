#include "bench/load/answer.h"

#include "absl/strings/escaping.h"
#include "bench/load/wire.h"
#include "lib/base/status.h"

namespace musubi::bench::load {
namespace {

constexpr size_t kPrefix = 5;  // Flag and length of a gRPC message.
constexpr std::string_view kErrorInfo = "type.googleapis.com/google.rpc.ErrorInfo";

// Fields that come again replace what was read, as protobuf merges them.
bool MergeVerdict(std::string_view verdict, VerdictWords& words) {
  WireReader reader(verdict);
  while (reader.Next()) {
    if (reader.field() == 1) words.status = reader.number();
    if (reader.field() == 2) words.reason = reader.number();
  }
  return reader.ok();
}

}  // namespace

std::optional<VerdictWords> ReadAnswer(std::string_view response) {
  std::optional<VerdictWords> words;
  WireReader reader(response);
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    if (!words.has_value()) words.emplace();
    if (!MergeVerdict(reader.octets(), *words)) return std::nullopt;
  }
  return reader.ok() ? words : std::nullopt;
}

bool ReadStreamAnswers(std::string_view response,
                       const std::function<void(const StreamAnswer&)>& take) {
  WireReader answers(response);
  while (answers.Next()) {
    if (answers.field() != 1) continue;
    StreamAnswer answer;
    WireReader fields(answers.octets());
    while (fields.Next()) {
      if (fields.field() == 1) {
        answer.index = fields.number();
      } else if (fields.field() == 2) {
        if (!answer.verdict.has_value()) answer.verdict.emplace();
        if (!MergeVerdict(fields.octets(), *answer.verdict)) return false;
      } else if (fields.field() == 3) {
        answer.verdict.reset();  // One of the two: the last.
        WireReader error(fields.octets());
        while (error.Next()) {
          if (error.field() == 1) answer.error_reason = error.number();
        }
        if (!error.ok()) return false;
      }
    }
    if (!fields.ok()) return false;
    take(answer);
  }
  return answers.ok();
}

std::string ReadErrorReason(std::string_view details) {
  std::string status;
  if (!absl::Base64Unescape(base::ToAbsl(details), &status)) return "";
  WireReader fields(status);
  while (fields.Next()) {
    if (fields.field() != 3) continue;
    std::string_view type, value;
    WireReader any(fields.octets());
    while (any.Next()) {
      if (any.field() == 1) type = any.octets();
      if (any.field() == 2) value = any.octets();
    }
    if (type != kErrorInfo) continue;
    WireReader info(value);
    while (info.Next()) {
      if (info.field() == 1) return std::string(info.octets());
    }
  }
  return "";
}

bool MessageReader::Take(std::string_view octets,
                         const std::function<void(std::string_view)>& message) {
  if (!partial_.empty()) {
    partial_ += octets;
    octets = partial_;
  }
  while (octets.size() >= kPrefix) {
    size_t size = 0;
    for (size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<uint8_t>(octets[i]);
    if (octets[0] != 0 || size > kMaxMessage) return false;
    if (octets.size() - kPrefix < size) break;
    message(octets.substr(kPrefix, size));
    octets.remove_prefix(kPrefix + size);
  }
  partial_ = std::string(octets);  // By way of a copy: `octets` may view it.
  return true;
}

}  // namespace musubi::bench::load
