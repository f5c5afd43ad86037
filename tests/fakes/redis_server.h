// Real Redis servers for tests: a single one, and one master with a replica under three Sentinels.
// On 127.0.0.1 and on ports that were free, with all their files in a directory that goes with
// them. Not fakes: the name is that of the folder.
#ifndef MUSUBI_TESTS_FAKES_REDIS_SERVER_H_
#define MUSUBI_TESTS_FAKES_REDIS_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "sandbox/stage/child_process.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::fakes {

// SomeFreePort is a port of 127.0.0.1 on which nobody listens now, and which Linux gives to no
// outgoing connection.
int SomeFreePort();

// RedisServer is for one thread. It runs from its construction on and is killed when the object
// goes. Dies, with a sentence that names the package, if redis-server is not installed.
class RedisServer {
 public:
  // `config`: lines of redis.conf, after those that make the server small, quiet and without files.
  // "{port}" in one stands for port().
  explicit RedisServer(std::vector<std::string> config = {});
  // A Sentinel that watches the server at `master_port` under `name`. `config`: more lines.
  static RedisServer Sentinel(const std::string& name, int master_port, int quorum,
                              const std::vector<std::string>& config = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  int port() const { return port_; }
  // "127.0.0.1:port", and "unix:/path" of the same server.
  std::string address() const;
  std::string unix_address() const;
  // Where the server keeps its files, dump.rdb for one.
  const std::string& directory() const { return directory_.path(); }

  // Start runs it again, on the same port: a new process with a new run id.
  void Start();
  // Kill is kill -9: returns when the process is gone.
  void Kill();
  // Freeze stops the process without ending it (SIGSTOP): its sockets stay open, and it answers
  // nothing until Thaw.
  void Freeze();
  void Thaw();

  // Ask runs a command by redis-cli on a connection of its own and returns what that prints,
  // without the line end.
  std::string Ask(const std::vector<std::string>& command) const;
  // WaitFor asks again and again until what redis-cli prints holds `text`.
  void WaitFor(const std::vector<std::string>& command, const std::string& text) const;

 private:
  // A Sentinel if `mode` is "--sentinel".
  RedisServer(std::vector<std::string> config, std::string mode);
  bool TryStart();

  const TempDir directory_;
  const std::string mode_;
  const std::vector<std::string> config_;
  int port_ = 0;
  std::unique_ptr<sandbox::ChildProcess> process_;
};

// RedisSentinels is a master and a replica watched by three Sentinels that know each other. For one
// thread. When it has been made, a failover can succeed: the Sentinels have seen the replica's
// link to the master.
class RedisSentinels {
 public:
  // `config` is for master and replica.
  explicit RedisSentinels(const std::vector<std::string>& config = {});

  static constexpr const char* kMasterName = "sessions";

  // The servers by the parts that they play at the beginning.
  RedisServer& master() { return *master_; }
  RedisServer& replica() { return *replica_; }
  RedisServer& sentinel(size_t index) { return *sentinels_[index]; }
  std::vector<std::string> addresses() const;

  // WaitUntilReplicaLeads blocks until the Sentinels, from `first` on, name the replica as the
  // master and it accepts writes.
  void WaitUntilReplicaLeads(size_t first = 0);

 private:
  std::unique_ptr<RedisServer> master_;
  std::unique_ptr<RedisServer> replica_;
  std::vector<std::unique_ptr<RedisServer>> sentinels_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_REDIS_SERVER_H_
