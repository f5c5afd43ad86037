#include "services/musubid/observers.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::services::musubid {
namespace {

TEST(RequestLog, HasTheDetailOfOurOwnFaultsAndOfAStoreThatIsAwayOnly) {
  const fakes::SimulatedClock clock;
  telemetry::Log log(clock);
  RequestLog request_log(log);
  const struct {
    absl::Status status;
    const char* severity;
    const char* outcome;
    const char* detail;
  } kCases[] = {
      {absl::OkStatus(), "INFO", "OK", ""},
      {base::Error(base::ErrorReason::kLinkNotFound, "said to the caller"), "INFO",
       "LINK_NOT_FOUND", ""},
      {absl::CancelledError("left"), "INFO", "CANCELLED", ""},
      {absl::DataLossError("a value does not open"), "ERROR", "DATA_LOSS", "a value does not open"},
      {base::Error(base::ErrorReason::kInternal, "broken"), "ERROR", "INTERNAL", "broken"},
      {base::Error(base::ErrorReason::kUnavailable, "database is locked"), "WARNING", "UNAVAILABLE",
       "database is locked"},
  };
  for (const auto& c : kCases) {
    testing::internal::CaptureStderr();
    request_log.OnRequest({.method = "/m", .status = c.status});
    const std::string line = testing::internal::GetCapturedStderr();
    const auto has = [&](const std::string& name, const std::string& value) {
      return line.find("\"" + name + "\":\"" + value + "\"") != std::string::npos;
    };
    EXPECT_TRUE(has("severity", c.severity)) << line;
    EXPECT_TRUE(has("outcome", c.outcome)) << line;
    EXPECT_TRUE(has("detail", c.detail)) << line;
  }
}

}  // namespace
}  // namespace musubi::services::musubid
