// Reading fields of JSON without exceptions. For .cc files of the sandbox and of benchmarks only:
// the library behind it is slow to compile.
#ifndef MUSUBI_SANDBOX_JSON_H_
#define MUSUBI_SANDBOX_JSON_H_

#include <string>
#include <type_traits>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "nlohmann/json.hpp"

namespace musubi::sandbox {

// Members keep the order in which they are written.
using Json = nlohmann::ordered_json;

inline absl::StatusOr<Json> ParseJson(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError("not JSON");
  return json;
}

// Field returns the member `name`: a std::string, or an unsigned integer. INVALID_ARGUMENT names
// it, and never holds its value.
template <typename T>
absl::StatusOr<T> Field(const Json& object, const char* name) {
  const auto it = object.is_object() ? object.find(name) : object.end();
  const bool fits = it != object.end() &&
                    (std::is_same_v<T, std::string> ? it->is_string() : it->is_number_unsigned());
  if (!fits) {
    return absl::InvalidArgumentError(
        absl::StrCat("member \"", name, "\" is absent or of another type"));
  }
  return it->template get<T>();
}

// Base64Field returns the octets of a string in standard base64.
inline absl::StatusOr<base::Bytes> Base64Field(const Json& object, const char* name) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, Field<std::string>(object, name));
  return base::Base64Decode(text);
}

inline std::string FormatRfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

inline absl::StatusOr<absl::Time> ParseRfc3339(std::string_view text) {
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_sec, base::ToAbsl(text), &time, &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("not a time like 2026-04-01T00:00:00Z: ", base::ToAbsl(text)));
  }
  return time;
}

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_JSON_H_
