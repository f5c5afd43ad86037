#include "bench/clocks.h"

#include <time.h>

#include "lib/base/check.h"
#include "lib/base/mutex.h"

namespace musubi::bench {
namespace {

absl::Duration Read(clockid_t clock) {
  timespec now{};
  MUSUBI_CHECK(clock_gettime(clock, &now) == 0, "the kernel has no such clock");
  return absl::DurationFromTimespec(now);
}

}  // namespace

absl::Duration ThreadCpuTime() { return Read(CLOCK_THREAD_CPUTIME_ID); }
absl::Duration ProcessCpuTime() { return Read(CLOCK_PROCESS_CPUTIME_ID); }
absl::Duration SteadyTime() { return Read(CLOCK_MONOTONIC); }

void Rest(absl::Duration time) {
  base::Mutex mutex;
  base::CondVar never;
  base::MutexLock lock(mutex);
  const absl::Duration end = SteadyTime() + time;
  for (absl::Duration left = time; left > absl::ZeroDuration(); left = end - SteadyTime()) {
    never.WaitFor(mutex, absl::ToChronoMilliseconds(absl::Ceil(left, absl::Milliseconds(1))));
  }
}

}  // namespace musubi::bench
