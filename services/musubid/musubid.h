// What musubid does between its flags and its end, with whatever time it is given.
#ifndef MUSUBI_SERVICES_MUSUBID_MUSUBID_H_
#define MUSUBI_SERVICES_MUSUBID_MUSUBID_H_

#include <functional>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/timer.h"

namespace musubi::services::musubid {

// PrepareProcess keeps SIGTERM and SIGINT for Run, and rules out TLS older than 1.3: call it first,
// before any thread starts.
void PrepareProcess();

// ParseFlags reads the command line; prints --help and exits if asked.
void ParseFlags(int argc, char** argv);

// Run serves until SIGTERM or SIGINT, then drains. Returns the process's exit code: 0, or 1 with
// one line on standard error if it could not start. `store_time_offset` is for a clock that is not
// the machine's: how far it is ahead of that (Stores::Dependencies).
int Run(const base::Clock& clock, base::Timer& timer,
        std::function<absl::Duration()> store_time_offset = nullptr);

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_MUSUBID_H_
