#include "lib/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace musubi::telemetry {

enum class Colour { kRed = 0, kBlue = 2 };  // No 1.
enum class Wide { kFirst = 0, kLast = 99 };

template <>
struct Label<Colour> {
  static constexpr std::string_view kName = "colour";
  static constexpr size_t kSize = 3;
  static std::string_view Value(Colour colour) {
    switch (colour) {
      case Colour::kRed:
        return "RED";
      case Colour::kBlue:
        return "BLUE";
    }
    return {};
  }
};
template <>
struct Label<Wide> {
  static constexpr std::string_view kName = "wide";
  static constexpr size_t kSize = 100;
  static std::string_view Value(Wide wide) { return wide == Wide::kFirst ? "FIRST" : "LAST"; }
};

namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, SmallFamiliesShowEverySeriesFromTheStart) {
  MetricRegistry registry;
  Counter<Colour> counter(registry, "things_total", "Things.");
  const std::string text = registry.Scrape();
  EXPECT_THAT(text, HasSubstr("# HELP things_total Things.\n# TYPE things_total counter\n"));
  EXPECT_THAT(text, HasSubstr("things_total{colour=\"BLUE\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("things_total{colour=\"RED\"} 0\n"));
  counter.Increment(Colour::kBlue);
  counter.Increment(Colour::kBlue);
  EXPECT_THAT(registry.Scrape(), HasSubstr("things_total{colour=\"BLUE\"} 2\n"));
}

TEST(Metrics, LargeFamiliesShowWhatHasHappened) {
  MetricRegistry registry;
  Counter<Wide, Colour> counter(registry, "things_total", "Things.");
  EXPECT_THAT(registry.Scrape(), Not(HasSubstr("wide=")));
  counter.Increment(Wide::kLast, Colour::kRed);
  EXPECT_THAT(registry.Scrape(), HasSubstr("things_total{colour=\"RED\",wide=\"LAST\"} 1\n"));
  EXPECT_THAT(registry.Scrape(), Not(HasSubstr("FIRST")));
}

TEST(Metrics, HistogramsCountSeconds) {
  MetricRegistry registry;
  LatencyHistogram<Colour> latency(registry, "wait_seconds", "Waiting.");
  latency.Observe(absl::Milliseconds(3), Colour::kRed);
  const std::string text = registry.Scrape();
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{colour=\"RED\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{colour=\"RED\",le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_sum{colour=\"RED\"} 0.003\n"));
}

TEST(Metrics, HistogramsCountOnceWhatManyThreadsObserveBetweenScrapes) {
  MetricRegistry registry;
  LatencyHistogram<Colour> latency(registry, "wait_seconds", "Waiting.");
  constexpr int kThreads = 4;
  constexpr int kTimes = 1000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kTimes; ++j) latency.Observe(absl::Seconds(20), Colour::kRed);
    });
  }
  for (int i = 0; i < 10; ++i) registry.Scrape();
  for (std::thread& thread : threads) thread.join();
  const std::string text = registry.Scrape();
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{colour=\"RED\",le=\"10\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_count{colour=\"RED\"} 4000\n"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_sum{colour=\"RED\"} 80000\n"));
}

TEST(Metrics, GaugesAndTotalsMayBeSetAtTheScrape) {
  MetricRegistry registry;
  Gauge<> depth(registry, "depth", "Depth.");
  Counter<> lost(registry, "lost_total", "Lost.");
  double value = 0;
  registry.OnScrape([&] {
    depth.Set(++value);
    lost.RaiseTo(10 * value);
  });
  EXPECT_THAT(registry.Scrape(), HasSubstr("\ndepth 1\n"));
  const std::string second = registry.Scrape();
  EXPECT_THAT(second, HasSubstr("\ndepth 2\n"));
  EXPECT_THAT(second, HasSubstr("\nlost_total 20\n"));
}

TEST(Metrics, ManyThreadsMakeOneSeries) {
  MetricRegistry registry;
  Counter<Wide> counter(registry, "things_total", "Things.");
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) counter.Increment(Wide::kLast);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(registry.Scrape(), HasSubstr("things_total{wide=\"LAST\"} 8000\n"));
}

TEST(MetricsDeathTest, ANumberThatIsNoValueDies) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  MetricRegistry registry;
  Counter<Colour> counter(registry, "things_total", "Things.");
  EXPECT_DEATH(counter.Increment(static_cast<Colour>(1)), "no value of its label");
  EXPECT_DEATH(counter.Increment(static_cast<Colour>(3)), "outside its label");
}

}  // namespace
}  // namespace musubi::telemetry
