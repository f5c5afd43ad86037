#include "lib/telemetry/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "absl/time/time.h"

namespace musubi::telemetry {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void AppendString(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (octet < 0x20 || octet == 0x7f) {
      line += "\\u00";
      line += kHexDigits[octet >> 4];
      line += kHexDigits[octet & 15];
    } else {
      line += c;
    }
  }
  line += '"';
}

void AppendName(std::string& line, std::string_view name) {
  line += line.empty() ? "{" : ",";
  AppendString(line, name);
  line += ':';
}

void AppendMember(std::string& line, std::string_view name, std::string_view value) {
  AppendName(line, name);
  AppendString(line, value);
}

std::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      break;
  }
  return "ERROR";
}

}  // namespace

std::string FormatLine(absl::Time time, Severity severity, std::string_view event,
                       std::span<const Log::Field> fields) {
  std::string line;
  AppendMember(line, "time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()));
  AppendMember(line, "severity", Name(severity));
  AppendMember(line, "event", event);
  for (const Log::Field& field : fields) {
    AppendName(line, field.name);
    if (const auto* number = std::get_if<int64_t>(&field.value)) {
      line += std::to_string(*number);
    } else {
      AppendString(line, std::get<std::string>(field.value));
    }
  }
  line += '}';
  return line;
}

Log::Log(const base::Clock& clock)
    : clock_(clock),
      logger_(std::make_shared<spdlog::logger>("musubi",
                                               std::make_shared<spdlog::sinks::stderr_sink_mt>())) {
  logger_->set_pattern("%v");
  logger_->flush_on(spdlog::level::info);
}

Log::~Log() = default;

void Log::Write(Severity severity, std::string_view event, std::span<const Field> fields) {
  logger_->info(FormatLine(clock_.Now(), severity, event, fields));
}

}  // namespace musubi::telemetry
