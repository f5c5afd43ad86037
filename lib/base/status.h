// Small help with absl::Status: macros for propagation, and the conversions that Debian's Abseil
// (whose string_view is its own type) needs.
#ifndef MUSUBI_LIB_BASE_STATUS_H_
#define MUSUBI_LIB_BASE_STATUS_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace musubi::base {

inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view ToStd(absl::string_view text) { return {text.data(), text.size()}; }

// Annotate puts `context` in front of the message and keeps code and payloads.
absl::Status Annotate(const absl::Status& status, std::string_view context);

}  // namespace musubi::base

#define MUSUBI_STATUS_CONCAT_INNER(a, b) a##b
#define MUSUBI_STATUS_CONCAT(a, b) MUSUBI_STATUS_CONCAT_INNER(a, b)

// Returns from the enclosing function if `expr` is not OK.
#define MUSUBI_RETURN_IF_ERROR(expr)                                \
  do {                                                              \
    if (absl::Status musubi_status = (expr); !musubi_status.ok()) { \
      return musubi_status;                                         \
    }                                                               \
  } while (false)

// Assigns the value of a StatusOr to `lhs`, or returns its status.
#define MUSUBI_ASSIGN_OR_RETURN(lhs, expr) \
  MUSUBI_ASSIGN_OR_RETURN_IMPL(MUSUBI_STATUS_CONCAT(musubi_statusor_, __LINE__), lhs, expr)
#define MUSUBI_ASSIGN_OR_RETURN_IMPL(name, lhs, expr) \
  auto name = (expr);                                 \
  if (!name.ok()) return std::move(name).status();    \
  lhs = *std::move(name)

#endif  // MUSUBI_LIB_BASE_STATUS_H_
