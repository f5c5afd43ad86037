#include "bench/load/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace musubi::bench::load {
namespace {

TEST(Histogram, IsEmptyAtFirstAndAfterClear) {
  Histogram histogram;
  EXPECT_EQ(histogram.Percentile(99), absl::ZeroDuration());
  histogram.Record(absl::Microseconds(7), 3);
  EXPECT_EQ(histogram.count(), 3u);
  histogram.Clear();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Max(), absl::ZeroDuration());
  EXPECT_EQ(histogram.Percentile(50), absl::ZeroDuration());
}

TEST(Histogram, KeepsSmallValuesExactly) {
  Histogram histogram;
  for (int64_t i = 1; i <= 2000; ++i) histogram.Record(absl::Nanoseconds(i));
  EXPECT_EQ(histogram.Percentile(50), absl::Nanoseconds(1000));
  EXPECT_EQ(histogram.Percentile(99.9), absl::Nanoseconds(1998));
  EXPECT_EQ(histogram.Percentile(100), absl::Nanoseconds(2000));
}

TEST(Histogram, AnyPercentileIsTheTrueOneOrAtMostAThousandthAbove) {
  Histogram histogram;
  std::vector<int64_t> values;
  // Over all magnitudes, and both sides of each power of two, where buckets change their width.
  for (int64_t power = 1; power < int64_t{1} << 41; power *= 2) {
    for (const int64_t value : {power - 1, power, power + 1, power + power / 3, power / 7 * 9}) {
      values.push_back(value);
      histogram.Record(absl::Nanoseconds(value));
    }
  }
  std::sort(values.begin(), values.end());
  for (size_t rank = 1; rank <= values.size(); ++rank) {
    const double percent = 100.0 * static_cast<double>(rank) / static_cast<double>(values.size());
    const int64_t truth = values[rank - 1];
    const int64_t told = absl::ToInt64Nanoseconds(histogram.Percentile(percent));
    EXPECT_GE(told, truth) << percent;
    EXPECT_LE(told - truth, truth / 1000) << percent;
  }
}

TEST(Histogram, ValuesOutsideItsRangeCountAtItsEdges) {
  Histogram histogram;
  histogram.Record(absl::Seconds(-1));
  EXPECT_EQ(histogram.Percentile(100), absl::ZeroDuration());
  histogram.Record(absl::Hours(24));
  EXPECT_EQ(histogram.Max(), absl::Hours(24));
  EXPECT_EQ(histogram.Percentile(100), absl::Nanoseconds(Histogram::kLargest));
  EXPECT_EQ(histogram.count(), 2u);
}

}  // namespace
}  // namespace musubi::bench::load
