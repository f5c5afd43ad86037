#include "bench/percentile.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace musubi::bench {
namespace {

TEST(Percentile, IsTheNearestRank) {
  std::vector<int64_t> hundred(100);
  std::iota(hundred.begin(), hundred.end(), 1);
  const struct {
    std::vector<int64_t> sorted;
    size_t percent;
    int64_t expected;
  } cases[] = {
      {hundred, 0, 1},
      {hundred, 1, 1},
      {hundred, 50, 50},
      {hundred, 99, 99},
      {hundred, 100, 100},
      {{15, 20, 35, 40, 50}, 30, 20},
      {{15, 20, 35}, 50, 20},
      {{15, 20, 35, 40}, 50, 20},
      {{15, 20, 35, 40}, 51, 35},
      {{7}, 50, 7},
      {{7}, 99, 7},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Percentile(c.sorted, c.percent), c.expected)
        << c.sorted.size() << " values, p" << c.percent;
  }
}

TEST(Percentile, OfNothingIsZero) { EXPECT_EQ(Percentile({}, 50), 0); }

}  // namespace
}  // namespace musubi::bench
