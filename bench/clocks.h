// The clocks of benchmarks: CPU time of a thread and of the process, and a steady clock for
// latencies, and rest. None tells the time of day.
#ifndef MUSUBI_BENCH_CLOCKS_H_
#define MUSUBI_BENCH_CLOCKS_H_

#include "absl/time/time.h"

namespace musubi::bench {

// CPU time, user and system, that the calling thread, or all threads of the process, have used.
// Of a process, ended threads count too; children do not.
absl::Duration ThreadCpuTime();
absl::Duration ProcessCpuTime();

// Time since some moment in the past: only differences mean anything. Goes on during sleep of the
// thread, never back.
absl::Duration SteadyTime();

// Returns after this long, and uses no processor meanwhile: where a benchmark is to do nothing.
void Rest(absl::Duration time);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_CLOCKS_H_
