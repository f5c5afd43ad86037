// The protocol of a peer of `scripts/bench validation`, and a peer in C++.
//
//   PEER WORKLOAD      reads the workload, checks itself against its bad cards, warms up, then
//   -> "ready"         one line on standard output; or exit code 1 and why on standard error
//   <- ROW             a line on standard input: measure the row of this name once
//   -> MICROSECONDS    CPU time a validation, in decimal; or "error" and what was wrong
//
// and ends when standard input does. A peer runs for all repetitions, so that a JVM stays warm.
#ifndef MUSUBI_BENCH_PEERS_PEER_H_
#define MUSUBI_BENCH_PEERS_PEER_H_

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/validation_workload.h"
#include "bench/validator.h"

namespace musubi::bench {

// RunPeer is main of a peer: `make` builds its validators, which may keep a reference to the
// workload. Returns the exit code.
int RunPeer(int argc, char** argv,
            const std::function<absl::StatusOr<std::vector<Validator>>(const Workload&)>& make);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PEERS_PEER_H_
