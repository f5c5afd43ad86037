#include "services/musubid/limit_reporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/telemetry/log.h"
#include "lib/telemetry/metrics.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::services::musubid {
namespace {

using prelink::JourneyLimit;
using testing::HasSubstr;

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(LimitReporter, CountsWhatWasLimitedAndLogsTheAlertAsItChanges) {
  fakes::SimulatedClock clock;
  testing::internal::CaptureStderr();
  telemetry::Log log(clock);
  telemetry::MetricRegistry registry;
  Metrics metrics(registry);
  LimitReporter reporter(log, metrics);
  EXPECT_THAT(registry.Scrape(), HasSubstr("musubi_wrong_code_alert 0"));
  reporter.OnLimited(JourneyLimit::kAccountSessions);
  for (int i = 0; i < 3; ++i) {
    reporter.OnUncounted(JourneyLimit::kWrongCodes, absl::UnavailableError("away"));
  }
  for (const bool raised : {false, true, true}) reporter.OnWrongCodeAlert(raised);
  for (const char* expected :
       {"musubi_limited_calls_total{limit=\"ACCOUNT_SESSIONS\"} 1",
        "musubi_limit_failures_total{limit=\"WRONG_CODES\"} 3", "musubi_wrong_code_alert 1"}) {
    EXPECT_THAT(registry.Scrape(), HasSubstr(expected));
  }
  for (const bool raised : {false, false}) reporter.OnWrongCodeAlert(raised);
  EXPECT_THAT(registry.Scrape(), HasSubstr("musubi_wrong_code_alert 0"));
  const std::string text = testing::internal::GetCapturedStderr();
  for (const char* event : {"\"limits_not_counted\"", "\"limits_counted_again\"",
                            "\"wrong_code_alert\"", "\"wrong_code_alert_cleared\""}) {
    EXPECT_EQ(Count(text, event), 1) << event << text;
  }
}

}  // namespace
}  // namespace musubi::services::musubid
