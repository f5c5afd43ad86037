// The servers of `scripts/bench peers` as processes: on one core, on a free port of 127.0.0.1, and
// nothing of the system's own service or configuration is touched. Asks them nothing.
#ifndef MUSUBI_BENCH_PEERS_SERVERS_SERVER_PROCESS_H_
#define MUSUBI_BENCH_PEERS_SERVERS_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/peers/servers/inputs.h"
#include "sandbox/stage/child_process.h"

namespace musubi::bench {

// What a process has used so far, by proc(5): CPU time in steps of 10 ms.
struct ProcessUsage {
  absl::Duration cpu;
  int64_t resident = 0;  // Octets; pages that it shares with others count.
};
// UNAVAILABLE if there is no such process.
absl::StatusOr<ProcessUsage> UsageOf(pid_t pid);

// ServerProcess ends with its object: by SIGTERM, and waited for.
class ServerProcess {
 public:
  explicit ServerProcess(const std::vector<std::string>& command)
      : process_(std::make_unique<sandbox::ChildProcess>(
            command, std::map<std::string, std::string>(), std::vector<int>())) {}
  ~ServerProcess();
  ServerProcess(ServerProcess&&) = default;

  sandbox::ChildProcess& process() { return *process_; }
  // Who does the work: nginx's only worker, or the process itself.
  pid_t worker() const;

  int port = 0;
  bool forks = false;  // It has a worker, once it has answered.

 private:
  std::unique_ptr<sandbox::ChildProcess> process_;  // Null: moved away.
};

struct ServerOptions {
  int core = 0;  // The only one that it may use.
  CrlSize crl = CrlSize::kNone;
};

// Each returns before the server answers, or INTERNAL with what it said. StartNginx returns even
// before it listens.
absl::StatusOr<ServerProcess> StartNginx(const std::string& nginx, const ServerInputs& inputs,
                                         const ServerOptions& options);
struct JdkOptions {
  std::string java;
  std::string classes;  // Folder of JdkServer.class.
  std::string heap;     // As in 2g.
  int threads = 1;
};
absl::StatusOr<ServerProcess> StartJdk(const JdkOptions& jdk, const ServerInputs& inputs,
                                       const ServerOptions& options);
// Keys, stores and check log are made anew in the inputs' folder.
absl::StatusOr<ServerProcess> StartMusubid(const std::string& musubid, const ServerInputs& inputs,
                                           const ServerOptions& options);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_PEERS_SERVERS_SERVER_PROCESS_H_
