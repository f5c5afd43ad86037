// The percentile that the load generators report. Interpolates nothing: the answer is a latency
// that some call had.
#ifndef MUSUBI_BENCH_PERCENTILE_H_
#define MUSUBI_BENCH_PERCENTILE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace musubi::bench {

// Percentile returns the smallest of `sorted` (ascending) that at least `percent` (0 to 100) of all
// are not above: the nearest-rank method. 0 if there are none.
inline int64_t Percentile(std::span<const int64_t> sorted, size_t percent) {
  if (sorted.empty()) return 0;
  const size_t rank = (sorted.size() * percent + 99) / 100;
  return sorted[rank == 0 ? 0 : rank - 1];
}

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PERCENTILE_H_
