// A closed loop of callers of one server: each asks about the next card when its answer is there,
// and each answer is compared with what is known of the card. One wrong answer ends a load without
// figures. Blocking threads, one a caller: for servers that take at least tens of microseconds.
#ifndef MUSUBI_BENCH_PEERS_SERVERS_LOAD_H_
#define MUSUBI_BENCH_PEERS_SERVERS_LOAD_H_

#include <sys/types.h>

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/peers/servers/asker.h"

namespace musubi::bench {

// ExpectedFinding is what a server must say of a card; it knows nothing of what it is not shown.
using ExpectedFinding = std::function<Finding(const PeerCard&)>;

// CheckAnswer asks about one card. DATA_LOSS, naming both, if the answer is another one.
absl::Status CheckAnswer(Asker& asker, const std::vector<PeerCard>& cards, size_t card,
                         const ExpectedFinding& expected);

// CheckServer asks about the first card of each Finding, and then shows that a wrong answer would
// be seen: it expects the opposite of the right one for each. INTERNAL if one passes.
absl::Status CheckServer(Asker& asker, const std::vector<PeerCard>& cards,
                         const ExpectedFinding& expected);

struct LoadOptions {
  int callers = 1;
  absl::Duration warm_up;   // Not counted.
  absl::Duration duration;  // Answers that come within it are counted.
  pid_t server = 0;         // The process whose CPU time is counted.
};

struct LoadFigures {
  double answers_per_second = 0;
  // Of the server, and of this process, user and system.
  absl::Duration server_cpu_an_answer;
  absl::Duration own_cpu_an_answer;
  // Of one core, what the server used of it: well below 1, something else was the limit.
  double server_cores = 0;
};

absl::StatusOr<LoadFigures> RunLoad(const std::function<std::unique_ptr<Asker>()>& connect,
                                    const std::vector<PeerCard>& cards,
                                    const ExpectedFinding& expected, const LoadOptions& options);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PEERS_SERVERS_LOAD_H_
