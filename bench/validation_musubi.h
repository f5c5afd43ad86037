// Our own rows of `scripts/bench validation`. Peers are elsewhere: bench/peers.
#ifndef MUSUBI_BENCH_VALIDATION_MUSUBI_H_
#define MUSUBI_BENCH_VALIDATION_MUSUBI_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/report.h"
#include "bench/validation_workload.h"
#include "bench/validator.h"

namespace musubi::bench {

// OurRow is a row of ours, or the reason why there is none yet.
struct OurRow {
  Task task;           // Without `measure` if absent.
  std::string absent;  // Why; empty otherwise.
};

// MakeOurRows builds the engine, checks each of its validators (SelfCheck), and returns its rows:
// CPU time a validation, the shares of its steps, the raw kernels, validations a second of one and
// of two threads, and heap allocations a validation. What the rows stand on lives in them;
// `workload` must outlive them.
absl::StatusOr<std::vector<OurRow>> MakeOurRows(const Workload& workload);

// The targets that our rows are held against.
std::vector<Target> OurTargets();

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_VALIDATION_MUSUBI_H_
