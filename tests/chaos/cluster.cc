#include "tests/chaos/cluster.h"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/check.h"

namespace musubi::chaos {
namespace {

constexpr int kReplicas = 3;
// Cards share so many keys: making one takes a tenth of a second.
constexpr int kKeys = 8;
// Connections of each store of each replica: few, so that a fault meets them all.
constexpr char kPostgresConnections[] = "6";

}  // namespace

std::string Binary(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

Outside::Outside(int cards) {
  const std::string world_directory = world_directory_.File("world");
  auto world =
      sandbox::World::Create({.clock = clock_, .random = random_}, {.directory = world_directory});
  MUSUBI_CHECK(world.ok(), world.status().ToString());
  world_ = *std::move(world);
  const auto paths = world_->IssueCards({.count = cards, .key_pool = kKeys});
  MUSUBI_CHECK(paths.ok(), paths.status().ToString());
  for (const std::string& path : *paths) {
    auto card = sandbox::VirtualCard::Load(path);
    MUSUBI_CHECK(card.ok(), card.status().ToString());
    cards_.push_back(*std::move(card));
  }
  auto stage = sandbox::Stage::Create(
      {.world = *world_, .clock = clock_, .advance_clock = {}, .random = random_},
      {.world_directory = world_directory, .directory = directory_.path(), .musubid = {}});
  MUSUBI_CHECK(stage.ok(), stage.status().ToString());
  stage_ = *std::move(stage);
}

sandbox::Stage::Flags Outside::Flags() const {
  sandbox::Stage::Flags flags = stage_->flags();
  for (const char* name : {"tls_certificate", "tls_private_key", "tls_client_ca", "listen",
                           "port_file", "link_db", "person_db", "responders"}) {
    flags.erase(name);
  }
  flags["insecure_loopback_roles"] =
      absl::StrCat("front,relying-party/", sandbox::Stage::kRelyingParty);
  // The responder is no part of this: its faults have tests of their own.
  flags["revocation_mode"] = "CRL_ONLY";
  // People who begin anew because of a fault, over and over, are not what the limit is against.
  flags["account_sessions_per_hour"] = "1000";
  return flags;
}

Replica::Replica(std::string binary, sandbox::Stage::Flags flags, const std::string& directory)
    : binary_(std::move(binary)), flags_(std::move(flags)) {
  const int port = fakes::SomeFreePort();
  flags_["listen"] = absl::StrCat("127.0.0.1:", port);
  for (const char* name : {"crl_state", "revoked_overlay", "check_log"}) {
    flags_[name] = directory + "/" + name;
  }
  Start();
  proxy_ = std::make_unique<fakes::TcpProxy>(port);
}

void Replica::Start() {
  std::vector<std::string> command = {binary_};
  for (const auto& [name, value] : flags_) command.push_back("--" + name + "=" + value);
  process_ = std::make_unique<sandbox::ChildProcess>(command, std::map<std::string, std::string>{},
                                                     std::vector<int>{});
  MUSUBI_CHECK(process_->WaitForText("\"event\":\"listening\""),
               "musubid does not start: " + process_->output());
}

void Replica::Kill() {
  process_->Signal(SIGKILL);
  process_->Wait();
}

int Replica::Terminate() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

Footprint FootprintOf(pid_t pid) {
  const std::string process = absl::StrCat("/proc/", pid);
  Footprint footprint;
  std::ifstream status(process + "/status");
  for (std::string word; status >> word;) {
    if (word == "VmRSS:") status >> footprint.resident_kib;
  }
  std::error_code ignored;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator(process + "/fd", ignored)) {
    ++footprint.descriptors;
  }
  return footprint;
}

Cluster::Cluster(Outside& outside, fakes::PostgresServer& postgres, Sessions sessions)
    : postgres_(postgres), database_(postgres.NewDatabase()) {
  sandbox::ChildProcess migrate({Binary("musubictl"), "migrate", "--postgres=" + conninfo()}, {},
                                {});
  MUSUBI_CHECK(migrate.Wait() == 0, migrate.output());
  links_proxy_ = std::make_unique<fakes::TcpProxy>(postgres.port());
  persons_proxy_ = std::make_unique<fakes::TcpProxy>(postgres.port());

  sandbox::Stage::Flags flags = outside.Flags();
  flags["session_store"] = "redis";
  if (sessions == Sessions::kSentinel) {
    sentinels_ = std::make_unique<fakes::RedisSentinels>();
    flags["redis_sentinels"] = absl::StrJoin(sentinels_->addresses(), ",");
    flags["redis_master_name"] = fakes::RedisSentinels::kMasterName;
  } else {
    redis_ = std::make_unique<fakes::RedisServer>();
    redis_proxy_ = std::make_unique<fakes::TcpProxy>(redis_->port());
    flags["redis_server"] = absl::StrCat("127.0.0.1:", redis_proxy_->port());
  }
  flags["link_postgres"] = postgres_.TcpConninfo(database_, links_proxy_->port());
  flags["person_postgres"] = postgres_.TcpConninfo(database_, persons_proxy_->port());
  flags["postgres_connections"] = kPostgresConnections;
  for (int i = 0; i < kReplicas; ++i) {
    const std::string own = directory_.File(absl::StrCat("replica-", i));
    std::filesystem::create_directory(own);
    replicas_.push_back(std::make_unique<Replica>(Binary("musubid"), flags, own));
  }
}

std::vector<int> Cluster::ports() const {
  std::vector<int> ports;
  for (const auto& replica : replicas_) ports.push_back(replica->port());
  return ports;
}

}  // namespace musubi::chaos
