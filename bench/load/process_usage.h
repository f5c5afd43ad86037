// What processes have used of the machine: CPU time, memory, descriptors. From /proc: Linux only.
#ifndef MUSUBI_BENCH_LOAD_PROCESS_USAGE_H_
#define MUSUBI_BENCH_LOAD_PROCESS_USAGE_H_

#include <cstdint>

#include "absl/status/statusor.h"

namespace musubi::bench::load {

struct ProcessUsage {
  double cpu_seconds = 0;  // Of all its threads, so far.
  uint64_t resident_kib = 0;
  uint64_t descriptors = 0;
};

// UNAVAILABLE, naming the file, if there is no such process or its descriptors are not shown to us.
absl::StatusOr<ProcessUsage> ReadProcessUsage(int pid);

// CPU time that all processes and the kernel, and the hypervisor for others, have used, in seconds.
struct MachineUsage {
  double used = 0;
  double stolen = 0;
};
absl::StatusOr<MachineUsage> ReadMachineUsage();

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_PROCESS_USAGE_H_
