#include "services/musubid/crl_lag.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/fakes/simulated_clock.h"

namespace musubi::services::musubid {
namespace {

class CrlLagTest : public testing::Test {
 protected:
  // The events that Report wrote to the log.
  std::string Report() {
    testing::internal::CaptureStderr();
    lag_.Report();
    const std::string text = testing::internal::GetCapturedStderr();
    if (text.find("\"crl_lag\"") != std::string::npos) return "crl_lag";
    return text.find("\"crl_lag_over\"") != std::string::npos ? "crl_lag_over" : text;
  }

  fakes::SimulatedClock clock_;
  telemetry::Log log_{clock_};
  absl::StatusOr<absl::Duration> answer_ = absl::ZeroDuration();
  CrlLag lag_{{.clock = clock_, .log = log_, .report = [this] { return answer_; }},
              absl::Minutes(15)};
};

TEST_F(CrlLagTest, BeforeTheFirstAnswerNobodyKnows) {
  EXPECT_EQ(lag_.Get(), absl::InfiniteDuration());
  answer_ = absl::UnavailableError("away");
  EXPECT_EQ(Report(), "crl_lag");
  EXPECT_EQ(lag_.Get(), absl::InfiniteDuration());
  answer_ = absl::ZeroDuration();
  EXPECT_EQ(Report(), "crl_lag_over");
  EXPECT_EQ(lag_.Get(), absl::ZeroDuration());
}

TEST_F(CrlLagTest, WhatWasAnsweredAgesUntilTheNextAnswer) {
  EXPECT_EQ(Report(), "");
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(lag_.Get(), absl::Minutes(1));
  answer_ = absl::Minutes(4);
  EXPECT_EQ(Report(), "");
  EXPECT_EQ(lag_.Get(), absl::Minutes(4));
  answer_ = absl::UnavailableError("away");
  for (int i = 0; i < 11; ++i) {
    clock_.Advance(absl::Minutes(1));
    EXPECT_EQ(Report(), "");
  }
  EXPECT_EQ(lag_.Get(), absl::Minutes(15));
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(Report(), "crl_lag");
  EXPECT_EQ(Report(), "") << "said once, not at each report";
  answer_ = absl::ZeroDuration();
  EXPECT_EQ(Report(), "crl_lag_over");
  EXPECT_EQ(Report(), "");
}

TEST_F(CrlLagTest, WhoHasToKnowAsksWhenTheAnswerIsOlderThanItShouldBe) {
  EXPECT_EQ(lag_.Ask(), absl::ZeroDuration()) << "before the first report";
  clock_.Advance(2 * kCrlReportInterval);
  answer_ = absl::Minutes(7);
  EXPECT_EQ(lag_.Ask(), 2 * kCrlReportInterval);
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(lag_.Ask(), absl::Minutes(7));
  EXPECT_EQ(lag_.Get(), absl::Minutes(7));
}

}  // namespace
}  // namespace musubi::services::musubid
