#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace musubi::bench::load {
namespace {

// Up to kExact each value has a bucket of its own. From there each power of two has kExact / 2
// buckets of equal width, which is at most 1 / 1024 of the values in it.
constexpr unsigned kExactBits = 11;
constexpr uint64_t kExact = uint64_t{1} << kExactBits;
constexpr uint64_t kHalf = kExact / 2;

size_t BucketOf(uint64_t value) {
  if (value < kExact) return value;
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kExactBits;
  return kExact + (shift - 1) * kHalf + (value >> shift) - kHalf;
}

// The largest value of a bucket.
uint64_t TopOf(size_t bucket) {
  if (bucket < kExact) return bucket;
  const uint64_t shift = (bucket - kExact) / kHalf + 1;
  const uint64_t step = (bucket - kExact) % kHalf + kHalf;
  return ((step + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(BucketOf(kLargest) + 1) {}

void Histogram::Record(absl::Duration value, uint64_t times) {
  const int64_t nanoseconds = std::max<int64_t>(0, absl::ToInt64Nanoseconds(value));
  buckets_[BucketOf(std::min<uint64_t>(static_cast<uint64_t>(nanoseconds), kLargest))] += times;
  count_ += times;
  if (times > 0) max_ = std::max(max_, nanoseconds);
}

void Histogram::Clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = 0;
  max_ = 0;
}

absl::Duration Histogram::Percentile(double percent) const {
  const auto rank = std::max<uint64_t>(
      1, static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_) - 1e-9)));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) {
      return absl::Nanoseconds(std::min(static_cast<int64_t>(TopOf(bucket)), max_));
    }
  }
  return Max();
}

}  // namespace musubi::bench::load
