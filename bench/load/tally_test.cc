#include "bench/load/tally.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace musubi::bench::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::SteadyTime kBegin{seconds(1000)};
const base::SteadyTime kFrom = kBegin + seconds(1);
const base::SteadyTime kUntil = kFrom + seconds(2);
constexpr VerdictWords kValid{1, 0};
constexpr VerdictWords kRevoked{2, 70};

TEST(Tally, EveryQuestionOfTheWindowEndsInOneOutcome) {
  Tally tally({kBegin, kFrom, kUntil});
  tally.Offered(kFrom, 6);
  tally.Right(kFrom, kFrom + milliseconds(5));
  tally.Wrong(kFrom, kFrom + milliseconds(5), 3, kRevoked, kValid);
  tally.Failed(kFrom, kFrom + milliseconds(5), 8, "OVERLOADED", 2);
  tally.Failed(kFrom, kFrom + milliseconds(5), 14, kConnectionLost);
  tally.NotSent(kFrom, kFrom, 4);
  tally.Late(kFrom, kFrom + seconds(1), 5);
  tally.Retried(2);
  EXPECT_EQ(tally.undecided(), 1u);
  const nlohmann::ordered_json json = tally.ToJson();
  EXPECT_EQ(json["offered"], 15);
  EXPECT_EQ(json["right"], 1);
  EXPECT_EQ(json["wrong"], 1);
  EXPECT_EQ(json["failed"], 3);
  EXPECT_EQ(json["not_sent"], 4);
  EXPECT_EQ(json["late"], 5);
  EXPECT_EQ(json["undecided"], 1);
  EXPECT_EQ(json["retried"], 2);
  EXPECT_EQ(json["errors"].dump(),
            R"([{"code":"RESOURCE_EXHAUSTED","reason":"OVERLOADED","count":2},)"
            R"({"code":"UNAVAILABLE","reason":"local:connection_lost","count":1}])");
  EXPECT_EQ(json["wrong_samples"][0],
            "question 3: right is status 2 reason 70, answered status 1 reason 0");
}

TEST(Tally, WarmUpCountsForNothingButWrongVerdicts) {
  Tally tally({kBegin, kFrom, kUntil});
  tally.Offered(kBegin, 2);
  tally.Right(kBegin, kBegin + milliseconds(1));
  tally.Wrong(kBegin, kBegin + milliseconds(1), 0, kValid, kRevoked);
  tally.NotSent(kBegin, kBegin);
  tally.Late(kUntil, kUntil);
  EXPECT_EQ(tally.wrong(), 1u);
  const nlohmann::ordered_json json = tally.ToJson();
  EXPECT_EQ(json["offered"], 0);
  EXPECT_EQ(json["right"], 0);
  EXPECT_EQ(json["wrong"], 0);
  EXPECT_EQ(json["wrong_at_any_time"], 1);
  EXPECT_EQ(json["p99_us"], 0);
}

TEST(Tally, ThroughputIsWhatWasAnsweredInTheWindowWheneverItWasAsked) {
  Tally tally({kBegin, kFrom, kUntil});
  tally.Offered(kFrom - milliseconds(1));
  tally.Right(kFrom - milliseconds(1), kFrom);
  tally.Offered(kUntil - milliseconds(1));
  tally.Right(kUntil - milliseconds(1), kUntil);
  EXPECT_EQ(tally.right_in_window(), 1u);
  const nlohmann::ordered_json json = tally.ToJson();
  EXPECT_EQ(json["right_per_second"], 0.5);
  EXPECT_EQ(json["right"], 1);
  EXPECT_EQ(json["p50_us"], 1000);
}

TEST(Tally, LatencyCountsFromTheIntendedStart) {
  Tally tally({kBegin, kFrom, kUntil});
  tally.Offered(kFrom, 2);
  tally.Right(kFrom, kFrom + milliseconds(40));
  tally.Failed(kFrom, kFrom + milliseconds(70), 8, "OVERLOADED");
  const nlohmann::ordered_json json = tally.ToJson();
  EXPECT_EQ(json["max_us"], 40'000);
  EXPECT_EQ(json["p50_us"], 40'000);
  EXPECT_EQ(json["failed_p99_us"], 70'000);
}

TEST(Tally, TheTimelineHasASliceForEveryTenthOfASecondAlsoWhenNothingHappened) {
  Tally tally({kBegin, kFrom, kUntil});
  tally.Right(kBegin, kBegin + milliseconds(10));
  tally.Right(kBegin, kBegin + milliseconds(99));
  tally.Failed(kBegin, kBegin + milliseconds(350), 14, "UNAVAILABLE", 3);
  tally.Right(kBegin + milliseconds(340), kBegin + milliseconds(360));
  const nlohmann::ordered_json timeline = tally.ToJson()["timeline"];
  ASSERT_EQ(timeline.size(), 4u);
  EXPECT_EQ(timeline[0]["right_per_second"], 20);
  EXPECT_EQ(timeline[0]["max_us"], 99'000);
  EXPECT_EQ(timeline[1]["right_per_second"], 0);
  EXPECT_EQ(timeline[2]["p99_us"], 0);
  EXPECT_EQ(timeline[3]["failed"], 3);
  EXPECT_EQ(timeline[3]["p50_us"], 20'000);
  EXPECT_DOUBLE_EQ(timeline[3]["seconds"], 0.3);
}

TEST(CodeName, IsThatOfGrpcOrTheNumber) {
  EXPECT_EQ(CodeName(4), "DEADLINE_EXCEEDED");
  EXPECT_EQ(CodeName(16), "UNAUTHENTICATED");
  EXPECT_EQ(CodeName(77), "77");
}

}  // namespace
}  // namespace musubi::bench::load
