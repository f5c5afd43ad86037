// Latencies, counted in buckets whose width grows with the value (log-linear, as Tene's
// HdrHistogram): any percentile to three significant digits from a fixed amount of memory, however
// many values there are.
#ifndef MUSUBI_BENCH_LOAD_HISTOGRAM_H_
#define MUSUBI_BENCH_LOAD_HISTOGRAM_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace musubi::bench::load {

// Histogram counts durations from 0 to kLargest, in nanoseconds. Not thread-safe.
class Histogram {
 public:
  // 1.2 hours. What is longer counts as that long; Max() tells the truth.
  static constexpr uint64_t kLargest = (uint64_t{1} << 42) - 1;

  Histogram();

  // What is below 0 counts as 0.
  void Record(absl::Duration value, uint64_t times = 1);
  void Clear();

  uint64_t count() const { return count_; }
  // The largest value, exactly; 0 if there is none.
  absl::Duration Max() const { return absl::Nanoseconds(max_); }
  // Percentile returns a value that at least `percent` (above 0, at most 100) of all values do not
  // exceed, and that is at most 0.1 % above the smallest such value. 0 if there are none.
  absl::Duration Percentile(double percent) const;

 private:
  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_HISTOGRAM_H_
