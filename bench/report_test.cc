#include "bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/flags/declare.h"
#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "lib/base/file.h"
#include "tests/fakes/temp_dir.h"

ABSL_DECLARE_FLAG(std::string, out);

namespace musubi::bench {
namespace {

using ::testing::HasSubstr;

struct Finished {
  int exit_code;
  std::string table;
  nlohmann::json json;
};

Finished Finish(Report& report) {
  const absl::FlagSaver saver;
  const fakes::TempDir directory;
  absl::SetFlag(&FLAGS_out, directory.File("bench.json"));
  ::testing::internal::CaptureStdout();
  const int exit_code = report.Finish();
  const std::string table = ::testing::internal::GetCapturedStdout();
  return {exit_code, table,
          nlohmann::json::parse(base::ReadFile(directory.File("bench.json")).value())};
}

TEST(Report, WritesTheMedianTheLeastAndTheGreatest) {
  Report report("test");
  for (const double figure : {3.0, 1.0, 2.0}) report.Add("odd", "us", figure);
  for (const double figure : {4.0, 1.0, 2.0, 3.0}) report.Add("even", "B", figure);
  report.Absent("gone", "no such tool");
  report.Note("A sentence.");
  const Finished finished = Finish(report);
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_EQ(finished.json["results"], nlohmann::json::parse(R"([
    {"name": "odd", "unit": "us", "median": 2.0, "min": 1.0, "max": 3.0, "repetitions": 3},
    {"name": "even", "unit": "B", "median": 2.5, "min": 1.0, "max": 4.0, "repetitions": 4}])"));
  EXPECT_EQ(finished.json["absent"],
            nlohmann::json::parse(R"([{"name": "gone", "why": "no such tool"}])"));
  EXPECT_THAT(finished.table, HasSubstr("gone: absent: no such tool\n"));
  EXPECT_THAT(finished.table, HasSubstr("A sentence.\n"));
  for (const char* fact : {"cpu", "cores", "kernel", "compiler", "openssl", "commit", "date",
                           "other_cores", "stolen_cores"}) {
    EXPECT_TRUE(finished.json["machine"].contains(fact)) << fact;
  }
}

TEST(Report, SaysWhichTargetsAreMet) {
  Report report("test");
  report.Add("slow", "us", 120);
  report.Add("fast", "us", 10);
  report.Absent("gone", "not there yet");
  const struct {
    Target target;
    const char* text;
    nlohmann::json met;
  } cases[] = {
      {{.row = "fast", .factor = 1.0 / 12, .of = "slow"}, "fast at most 1/12 of slow", true},
      {{.row = "fast", .factor = 1.0 / 13, .of = "slow"}, "fast at most 1/13 of slow", false},
      {{.row = "slow", .bound = Target::Bound::kAtLeast, .factor = 1.8, .of = "fast"},
       "slow at least 1.8 x fast",
       true},
      {{.row = "slow", .of = "fast", .plus = 3}, "slow at most fast + 3", false},
      {{.row = "fast", .plus = 10}, "fast at most 10", true},
      {{.row = "gone", .of = "fast"}, "gone at most fast", nullptr},
      {{.row = "fast", .of = "gone"}, "fast at most gone", nullptr},
  };
  for (const auto& c : cases) report.AddTarget(c.target);
  const nlohmann::json targets = Finish(report).json["targets"];
  ASSERT_EQ(targets.size(), std::size(cases));
  for (size_t i = 0; i < std::size(cases); ++i) {
    EXPECT_EQ(targets[i]["text"], cases[i].text);
    EXPECT_EQ(targets[i]["met"], cases[i].met) << cases[i].text;
  }
}

TEST(RunInterleaved, RunsEachOnceARepetitionAndMovesTheOrderOn) {
  std::string order;
  std::vector<Task> tasks;
  for (const char name : {'a', 'b', 'c'}) {
    tasks.push_back({std::string(1, name), "us", [&order, name] {
                       order.push_back(name);
                       return 1.0;
                     }});
  }
  Report report("test");
  ASSERT_TRUE(RunInterleaved(tasks, 4, report).ok());
  EXPECT_EQ(order, "abcbcacababc");
}

TEST(RunInterleaved, NamesTheTaskThatFailed) {
  const Task tasks[] = {
      {"good", "us", [] { return 1.0; }},
      {"bad", "us", []() -> absl::StatusOr<double> { return absl::InternalError("broken"); }}};
  Report report("test");
  const absl::Status status = RunInterleaved(tasks, 2, report);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bad: broken"));
}

}  // namespace
}  // namespace musubi::bench
