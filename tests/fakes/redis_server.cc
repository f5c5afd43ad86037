#include "tests/fakes/redis_server.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <utility>

#include "absl/strings/str_replace.h"
#include "lib/base/check.h"
#include "lib/base/secure_random.h"

namespace musubi::fakes {
namespace {

constexpr char kServer[] = "/usr/bin/redis-server";
constexpr char kClient[] = "/usr/bin/redis-cli";

// Below what Linux gives to outgoing connections (from 32768 on), so that the port is still free
// when a server that was killed comes back.
constexpr int kFirstPort = 20000;
constexpr int kPorts = 12000;

bool IsFree(int port) {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(descriptor);
  return free;
}

std::vector<std::string> Cli(int port, const std::vector<std::string>& command,
                             const std::vector<std::string>& options) {
  std::vector<std::string> words = {kClient, "-h", "127.0.0.1", "-p", std::to_string(port)};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

}  // namespace

int SomeFreePort() {
  base::SystemRandom random;
  while (true) {
    const int port = kFirstPort + static_cast<int>(random.Uniform(kPorts));
    if (IsFree(port)) return port;
  }
}

RedisServer::RedisServer(std::vector<std::string> config)
    : RedisServer(std::move(config), std::string()) {}

RedisServer::RedisServer(std::vector<std::string> config, std::string mode)
    : mode_(std::move(mode)), config_(std::move(config)) {
  MUSUBI_CHECK(access(kServer, X_OK) == 0 && access(kClient, X_OK) == 0,
               "this test needs a real Redis: install the packages redis-server and redis-tools");
  do {
    port_ = SomeFreePort();
  } while (!TryStart());
}

RedisServer RedisServer::Sentinel(const std::string& name, int master_port, int quorum,
                                  const std::vector<std::string>& config) {
  std::vector<std::string> lines = {"sentinel monitor " + name + " 127.0.0.1 " +
                                        std::to_string(master_port) + " " + std::to_string(quorum),
                                    "sentinel down-after-milliseconds " + name + " 1000",
                                    "sentinel failover-timeout " + name + " 5000"};
  lines.insert(lines.end(), config.begin(), config.end());
  return RedisServer(std::move(lines), "--sentinel");
}

RedisServer::~RedisServer() = default;

std::string RedisServer::address() const { return "127.0.0.1:" + std::to_string(port_); }
std::string RedisServer::unix_address() const { return "unix:" + directory_.File("redis.sock"); }

bool RedisServer::TryStart() {
  const std::string path = directory_.File("redis.conf");
  {
    std::ofstream file(path);
    file << "port " << port_ << "\nbind 127.0.0.1\ndaemonize no\nlogfile \"\"\n"
         << "dir " << directory_.path() << "\n";
    if (mode_.empty()) {
      file << "unixsocket " << directory_.File("redis.sock") << "\nsave \"\"\nappendonly no\n"
           << "repl-diskless-sync-delay 0\n";
    }
    for (const std::string& line : config_) {
      file << absl::StrReplaceAll(line, {{"{port}", std::to_string(port_)}}) << "\n";
    }
  }
  std::vector<std::string> command = {kServer, path};
  if (!mode_.empty()) command.push_back(mode_);
  process_ = std::make_unique<sandbox::ChildProcess>(
      command, std::map<std::string, std::string>{{"LC_ALL", "C"}}, std::vector<int>{});
  if (process_->WaitForText(mode_.empty() ? "Ready to accept connections" : "+monitor")) {
    return true;
  }
  process_->Wait();
  const std::string output = process_->output();
  MUSUBI_CHECK(output.find("Address already in use") != std::string::npos,
               "redis-server did not start: " + output);
  return false;
}

void RedisServer::Start() { MUSUBI_CHECK(TryStart(), "somebody took the port of the server"); }

void RedisServer::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

void RedisServer::Freeze() { process_->Signal(SIGSTOP); }
void RedisServer::Thaw() { process_->Signal(SIGCONT); }

std::string RedisServer::Ask(const std::vector<std::string>& command) const {
  sandbox::ChildProcess client(Cli(port_, command, {}), {}, {});
  client.Wait();
  std::string output = client.output();
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return output;
}

void RedisServer::WaitFor(const std::vector<std::string>& command, const std::string& text) const {
  // redis-cli does the repeating, every 50 ms, until it is killed.
  sandbox::ChildProcess client(Cli(port_, command, {"-r", "-1", "-i", "0.05"}), {}, {});
  MUSUBI_CHECK(client.WaitForText(text), "redis-cli ended: " + client.output());
}

RedisSentinels::RedisSentinels(const std::vector<std::string>& config)
    : master_(std::make_unique<RedisServer>(config)) {
  std::vector<std::string> replica = config;
  replica.push_back("replicaof 127.0.0.1 " + std::to_string(master_->port()));
  replica_ = std::make_unique<RedisServer>(replica);
  // Before the Sentinels come: the first thing they learn of the replica is that it is in step.
  replica_->WaitFor({"INFO", "replication"}, "master_link_status:up");
  const std::string name = kMasterName;
  for (int i = 0; i < 3; ++i) {
    // Made in place: it can be neither copied nor moved.
    sentinels_.emplace_back(new RedisServer(RedisServer::Sentinel(name, master_->port(), 2)));
    sentinels_.back()->Ask({"SENTINEL", "DEBUG", "INFO-PERIOD", "200", "PUBLISH-PERIOD", "200"});
  }
  for (const auto& sentinel : sentinels_) {
    sentinel->WaitFor({"SENTINEL", "MASTER", name}, "num-other-sentinels\n2\n");
    sentinel->WaitFor({"SENTINEL", "REPLICAS", name}, "master-link-status\nok\n");
  }
}

std::vector<std::string> RedisSentinels::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& sentinel : sentinels_) addresses.push_back(sentinel->address());
  return addresses;
}

void RedisSentinels::WaitUntilReplicaLeads(size_t first) {
  for (size_t i = first; i < sentinels_.size(); ++i) {
    sentinels_[i]->WaitFor({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", kMasterName},
                           "\n" + std::to_string(replica_->port()) + "\n");
  }
  replica_->WaitFor({"INFO", "replication"}, "role:master");
}

}  // namespace musubi::fakes
