// The structured log: one JSON object a line on standard error. The only user of spdlog. Decides
// nothing about what may be logged: callers give no secret and no personal data.
#ifndef MUSUBI_LIB_TELEMETRY_LOG_H_
#define MUSUBI_LIB_TELEMETRY_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "lib/base/clock.h"

namespace spdlog {
class logger;
}

namespace musubi::telemetry {

enum class Severity { kInfo, kWarning, kError };

// Log is thread-safe.
class Log {
 public:
  struct Field {
    std::string_view name;
    // A number is a JSON number. Durations are numbers of microseconds, in a field ..._us.
    std::variant<std::string, int64_t> value;
  };

  // Lines carry the time of `clock`, which must outlive the log.
  explicit Log(const base::Clock& clock);
  ~Log();

  // Write adds the line {"time":..., "severity":..., "event":..., FIELDS...}. Values are escaped:
  // no value can end the line or pose as another field.
  void Write(Severity severity, std::string_view event, std::span<const Field> fields);
  void Write(Severity severity, std::string_view event, std::initializer_list<Field> fields) {
    Write(severity, event, std::span(fields.begin(), fields.size()));
  }

 private:
  const base::Clock& clock_;
  std::shared_ptr<spdlog::logger> logger_;
};

// FormatLine is what Write writes, without the line's end.
std::string FormatLine(absl::Time time, Severity severity, std::string_view event,
                       std::span<const Log::Field> fields);

}  // namespace musubi::telemetry

#endif  // MUSUBI_LIB_TELEMETRY_LOG_H_
