// A peer of `scripts/bench validation` as a process of its own; bench/peers/peer.h has the
// protocol.
#ifndef MUSUBI_BENCH_PEER_PROCESS_H_
#define MUSUBI_BENCH_PEER_PROCESS_H_

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace musubi::bench {

// PeerProcess is not thread-safe. Its end closes the peer's input and waits for it.
class PeerProcess {
 public:
  // Start returns when the peer has checked itself and is warm. `argv[0]` is found as execvp does.
  // INTERNAL if it does not start, or refuses a good card or accepts a bad one: it has said so on
  // standard error.
  static absl::StatusOr<std::unique_ptr<PeerProcess>> Start(const std::vector<std::string>& argv);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Microseconds of CPU time a validation, over the whole workload once.
  absl::StatusOr<double> Measure(std::string_view row);

 private:
  PeerProcess(std::string name, pid_t pid, FILE* to, FILE* from)
      : name_(std::move(name)), pid_(pid), to_(to), from_(from) {}

  absl::StatusOr<std::string> ReadLine();

  const std::string name_;
  const pid_t pid_;
  FILE* const to_;
  FILE* const from_;
};

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PEER_PROCESS_H_
