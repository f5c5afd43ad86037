#include "lib/telemetry/log.h"

#include <gtest/gtest.h>

namespace musubi::telemetry {
namespace {

std::string Line(absl::Time time, Severity severity, std::string_view event,
                 std::initializer_list<Log::Field> fields) {
  return FormatLine(time, severity, event, std::span(fields.begin(), fields.size()));
}

TEST(Log, WritesOneJsonObjectWithTheTimeItWasGiven) {
  EXPECT_EQ(Line(absl::FromUnixMillis(1'775'000'000'123), Severity::kWarning, "crl",
                 {{"scope", "auth-03"}, {"entries", 5}, {"change", -1}}),
            R"({"time":"2026-03-31T23:33:20.123Z","severity":"WARNING","event":"crl",)"
            R"("scope":"auth-03","entries":5,"change":-1})");
}

TEST(Log, NoValueEndsTheLineOrPosesAsAnotherField) {
  EXPECT_EQ(Line(absl::UnixEpoch(), Severity::kInfo, "e", {{"a", "x\",\"b\":\"y\n\x01\\"}}),
            R"({"time":"1970-01-01T00:00:00.000Z","severity":"INFO","event":"e",)"
            R"("a":"x\",\"b\":\"y\u000a\u0001\\"})");
}

}  // namespace
}  // namespace musubi::telemetry
