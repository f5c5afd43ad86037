// Everything that a chaos run breaks, as real processes on loopback: Redis alone or under Sentinel,
// PostgreSQL, three musubid with the clock of production, and a proxy between each pair.
#ifndef MUSUBI_TESTS_CHAOS_CLUSTER_H_
#define MUSUBI_TESTS_CHAOS_CLUSTER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "sandbox/stage/child_process.h"
#include "sandbox/stage/stage.h"
#include "sandbox/virtual_card.h"
#include "sandbox/world.h"
#include "tests/fakes/postgres_server.h"
#include "tests/fakes/redis_server.h"
#include "tests/fakes/tcp_proxy.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::chaos {

// Outside is the simulated JPKI with cards, keys and files, made once a run.
class Outside {
 public:
  explicit Outside(int cards);

  // Flags of a musubid over plaintext on loopback, without stores and without a port.
  sandbox::Stage::Flags Flags() const;
  std::string File(const std::string& name) const { return stage_->File(name); }
  const base::Clock& clock() const { return clock_; }
  base::SecureRandom& random() { return random_; }
  const std::vector<std::unique_ptr<sandbox::VirtualCard>>& cards() const { return cards_; }

 private:
  base::RealClock clock_;
  base::SystemRandom random_;
  fakes::TempDir world_directory_;
  fakes::TempDir directory_;
  std::unique_ptr<sandbox::World> world_;
  std::unique_ptr<sandbox::Stage> stage_;
  std::vector<std::unique_ptr<sandbox::VirtualCard>> cards_;
};

// Replica is one musubid on a port that it keeps over its restarts, with a proxy before it. Dies
// if musubid does not start.
class Replica {
 public:
  // `directory` is for its own files, and exists.
  Replica(std::string binary, sandbox::Stage::Flags flags, const std::string& directory);

  void Start();
  void Kill();
  // SIGTERM: returns the exit code.
  int Terminate();
  // The port of the proxy: callers go through it.
  int port() const { return proxy_->port(); }
  fakes::TcpProxy& proxy() { return *proxy_; }
  pid_t pid() const { return process_->pid(); }
  std::string output() const { return process_->output(); }

 private:
  const std::string binary_;
  sandbox::Stage::Flags flags_;
  std::unique_ptr<fakes::TcpProxy> proxy_;
  std::unique_ptr<sandbox::ChildProcess> process_;
};

// What one process holds, of /proc.
struct Footprint {
  int64_t resident_kib = 0;
  int descriptors = 0;
};
Footprint FootprintOf(pid_t pid);

// Cluster is three replicas on shared stores.
class Cluster {
 public:
  enum class Sessions { kSentinel, kSingleRedis };
  Cluster(Outside& outside, fakes::PostgresServer& postgres, Sessions sessions);

  std::vector<std::unique_ptr<Replica>>& replicas() { return replicas_; }
  std::vector<int> ports() const;
  // kSentinel only, with who leads now.
  fakes::RedisSentinels& sentinels() { return *sentinels_; }
  // kSingleRedis only, and what is between it and the replicas.
  fakes::RedisServer& redis() { return *redis_; }
  fakes::TcpProxy& redis_proxy() { return *redis_proxy_; }
  // Each of the two stores in PostgreSQL has its own.
  fakes::TcpProxy& links_proxy() { return *links_proxy_; }
  fakes::TcpProxy& persons_proxy() { return *persons_proxy_; }
  fakes::PostgresServer& postgres() { return postgres_; }
  // Of a login that may act as every role.
  std::string conninfo() const { return postgres_.Conninfo(database_); }

 private:
  fakes::PostgresServer& postgres_;
  const std::string database_;
  fakes::TempDir directory_;
  std::unique_ptr<fakes::RedisSentinels> sentinels_;
  std::unique_ptr<fakes::RedisServer> redis_;
  std::unique_ptr<fakes::TcpProxy> redis_proxy_;
  std::unique_ptr<fakes::TcpProxy> links_proxy_;
  std::unique_ptr<fakes::TcpProxy> persons_proxy_;
  std::vector<std::unique_ptr<Replica>> replicas_;
};

// Where the binaries of this build lie.
std::string Binary(const std::string& name);

}  // namespace musubi::chaos

#endif  // MUSUBI_TESTS_CHAOS_CLUSTER_H_
