#include "lib/base/error.h"

#ifdef MUSUBI_RECORD_REASONS
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#endif

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "lib/base/check.h"
#include "lib/base/status.h"

namespace musubi::base {
namespace {

// Payload: the reason's number, then one line "key=value" each.
constexpr char kPayloadType[] = "musubi.error";

constexpr char kRetryAfter[] = "retry_after_ms";

// SCREAMING_SNAKE of a CamelCase literal.
std::string WireName(std::string_view camel) {
  std::string name;
  for (size_t i = 0; i < camel.size(); ++i) {
    const char c = camel[i];
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && i > 0) name.push_back('_');
    name.push_back(upper ? c : static_cast<char>(c - 'a' + 'A'));
  }
  return name;
}

#ifdef MUSUBI_RECORD_REASONS
// For `scripts/test coverage` alone: every reason that this program produced, once, as a line of
// $MUSUBI_REASONS_DIR/PROGRAM. Written at once: a test may kill the program.
void Record(ErrorReason reason) {
  static std::array<std::atomic_flag, 256> seen;
  const char* folder = std::getenv("MUSUBI_REASONS_DIR");
  if (folder == nullptr || seen.at(static_cast<size_t>(reason)).test_and_set()) return;
  const std::string path = std::string(folder) + "/" + program_invocation_short_name;
  const std::string line = std::string(Name(reason)) + "\n";
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  MUSUBI_CHECK(write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size()), path);
  close(file);
}
#else
void Record(ErrorReason) {}
#endif

}  // namespace

std::string_view Name(ErrorReason reason) {
  switch (reason) {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) \
  case ErrorReason::k##name: {                            \
    static const std::string wire = WireName(#name);      \
    return wire;                                          \
  }
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
  }
  MUSUBI_CHECK(false, "not an ErrorReason");
}

absl::StatusCode CodeOf(ErrorReason reason) {
  switch (reason) {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) \
  case ErrorReason::k##name:                              \
    return absl::StatusCode::code;
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
  }
  MUSUBI_CHECK(false, "not an ErrorReason");
}

std::string_view Sentence(ErrorReason reason) {
  switch (reason) {
#define MUSUBI_ERROR_REASON(name, number, code, sentence) \
  case ErrorReason::k##name:                              \
    return sentence;
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
  }
  MUSUBI_CHECK(false, "not an ErrorReason");
}

absl::Status Error(ErrorReason reason, std::string_view detail, ErrorMetadata metadata) {
  Record(reason);
  absl::Status status(CodeOf(reason), ToAbsl(detail));
  std::string payload = std::to_string(static_cast<int>(reason));
  for (const auto& [key, value] : metadata) payload += "\n" + key + "=" + value;
  status.SetPayload(kPayloadType, absl::Cord(payload));
  return status;
}

absl::Status RetryLater(ErrorReason reason, std::string_view detail, absl::Duration delay,
                        ErrorMetadata metadata) {
  const absl::Duration rounded = absl::Ceil(delay, absl::Milliseconds(1));
  metadata[kRetryAfter] = std::to_string(absl::ToInt64Milliseconds(rounded));
  return Error(reason, detail, std::move(metadata));
}

absl::Status FieldError(ErrorReason reason, std::string_view field, std::string_view rule) {
  return Error(reason, std::string(field) + ": " + std::string(rule),
               {{"field", std::string(field)}});
}

std::optional<ErrorReason> ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadType);
  if (!payload.has_value()) return std::nullopt;
  return static_cast<ErrorReason>(std::stoi(std::string(*payload)));
}

ErrorMetadata MetadataOf(const absl::Status& status) {
  ErrorMetadata metadata;
  const auto payload = status.GetPayload(kPayloadType);
  if (!payload.has_value()) return metadata;
  const std::string text(*payload);
  for (size_t line = text.find('\n'); line != std::string::npos;) {
    const size_t end = text.find('\n', line + 1);
    const std::string entry = text.substr(line + 1, end - line - 1);
    const size_t equals = entry.find('=');
    metadata.emplace(entry.substr(0, equals), entry.substr(equals + 1));
    line = end;
  }
  return metadata;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const ErrorMetadata metadata = MetadataOf(status);
  const auto it = metadata.find(kRetryAfter);
  int64_t milliseconds = 0;
  if (it == metadata.end() || !absl::SimpleAtoi(it->second, &milliseconds)) return std::nullopt;
  return absl::Milliseconds(milliseconds);
}

}  // namespace musubi::base
