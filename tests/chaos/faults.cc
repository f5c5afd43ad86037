#include "tests/chaos/faults.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "tests/chaos/person.h"
#include "tests/chaos/traffic.h"

namespace musubi::chaos {
namespace {

constexpr absl::Duration kLong = absl::Seconds(5);   // As the issue of a frozen Redis.
constexpr absl::Duration kShort = absl::Seconds(3);  // Longer than musubid waits for a store.
constexpr absl::Duration kBlink = absl::Milliseconds(250);
constexpr int kBlinks = 10;
constexpr int kCuts = 12;
// The command, and the tag of its answer. With its end: BEGIN says READ COMMITTED.
constexpr std::string_view kCommit("COMMIT\0", 7);
constexpr size_t kDripOctets = 7;
constexpr size_t kNoDrip = size_t{64} << 10;

fakes::RedisServer& Leader(fakes::RedisSentinels& sentinels) {
  const std::string answer = sentinels.sentinel(0).Ask(
      {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", fakes::RedisSentinels::kMasterName});
  return answer.ends_with(absl::StrCat(sentinels.replica().port())) ? sentinels.replica()
                                                                    : sentinels.master();
}

// A failover can succeed only when the Sentinels have seen a replica in step.
void WaitUntilInStep(fakes::RedisSentinels& sentinels) {
  for (size_t i = 0; i < 3; ++i) {
    sentinels.sentinel(i).WaitFor({"SENTINEL", "REPLICAS", fakes::RedisSentinels::kMasterName},
                                  "master-link-status\nok\n");
  }
}

void WaitUntilOtherLeads(fakes::RedisSentinels& sentinels, const fakes::RedisServer& other) {
  for (size_t i = 0; i < 3; ++i) {
    sentinels.sentinel(i).WaitFor(
        {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", fakes::RedisSentinels::kMasterName},
        absl::StrCat("\n", other.port(), "\n"));
  }
}

// The four ways in which a network is bad, on each of `proxies` at once.
std::vector<Fault> NetworkFaults(const std::string& pair, std::vector<fakes::TcpProxy*> proxies) {
  const auto each = [proxies](auto act) {
    for (fakes::TcpProxy* proxy : proxies) act(*proxy);
  };
  return {
      {.name = pair + ": answers late by 250 ms",
       .run =
           [each] {
             for (int i = 0; i < kBlinks; ++i) {
               each([](fakes::TcpProxy& proxy) { proxy.HoldAnswers(); });
               Rest(kBlink);
               each([](fakes::TcpProxy& proxy) { proxy.Release(); });
               Rest(kBlink / 5);
             }
           }},
      {.name = pair + ": cut, twelve times",
       .run =
           [each] {
             // In turn: what was just asked is lost, what was just answered is, neither is.
             for (int i = 0; i < kCuts; ++i) {
               each([i](fakes::TcpProxy& proxy) {
                 if (i % 3 == 0) proxy.Swallow();
                 if (i % 3 == 1) proxy.HoldAnswers();
               });
               Rest(kBlink / 2);
               each([](fakes::TcpProxy& proxy) { proxy.Cut(); });
               Rest(kBlink);
             }
           }},
      {.name = pair + ": half-open 3 s",
       .run =
           [each] {
             each([](fakes::TcpProxy& proxy) { proxy.Swallow(); });
             Rest(kShort);
             each([](fakes::TcpProxy& proxy) { proxy.Cut(); });
           }},
      {.name = absl::StrCat(pair, ": ", kDripOctets, " octets at a time"),
       .run =
           [each] {
             each([](fakes::TcpProxy& proxy) { proxy.Drip(kDripOctets); });
             Rest(kShort);
             each([](fakes::TcpProxy& proxy) { proxy.Drip(kNoDrip); });
           }},
  };
}

// Fills Redis to its limit, and frees it again.
void FillRedis(fakes::RedisServer& redis) {
  const std::string memory = redis.Ask({"INFO", "memory"});
  const std::string field = "used_memory:";
  const size_t at = memory.find(field);
  MUSUBI_CHECK(at != std::string::npos, memory);
  const int64_t used = std::stoll(memory.substr(at + field.size()));
  redis.Ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  redis.Ask({"CONFIG", "SET", "maxmemory", absl::StrCat(used + (int64_t{1} << 22))});
  // Large values first, and small ones into what is left.
  for (const int octets : {16384, 256, 1}) {
    redis.Ask({"EVAL",
               "for i = 1, 2000 do redis.call('SET', 'chaos:' .. ARGV[1] .. ':' .. i, "
               "string.rep('x', ARGV[1])) end",
               "0", absl::StrCat(octets)});
  }
  MUSUBI_CHECK(redis.Ask({"SET", "chaos", "x"}).find("OOM") != std::string::npos,
               "Redis is not full");
  Rest(kShort);
  redis.Ask({"EVAL",
             "for _, key in ipairs(redis.call('KEYS', 'chaos:*')) do redis.call('DEL', key) end",
             "0"});
  redis.Ask({"CONFIG", "SET", "maxmemory", "0"});
}

// People who have a value in hand, use it after the snapshot was taken, and meet the past.
class Walkers {
 public:
  Walkers(Outside& outside, Cluster& cluster, Ledger& ledger)
      : ledger_(ledger), caller_(NewCaller(outside.clock(), ledger, cluster.ports())) {
    struct Case {
      v1::Act act;
      v1::Flow flow;
      Step until;
    };
    const Case cases[] = {{v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, Step::kConfirm},
                          {v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, Step::kProve},
                          {v1::ACT_LINK, v1::FLOW_CROSS_DEVICE, Step::kUse},
                          {v1::ACT_LINK, v1::FLOW_ONE_DEVICE, Step::kClaim},
                          {v1::ACT_LINK, v1::FLOW_ONE_DEVICE, Step::kProve},
                          {v1::ACT_LINK, v1::FLOW_ONE_DEVICE, Step::kReturn},
                          {v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, Step::kStart},
                          {v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, Step::kProve},
                          {v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, Step::kReturn},
                          {v1::ACT_VERIFY, v1::FLOW_ONE_DEVICE, Step::kUse}};
    static_assert(std::size(cases) == kReservedCards);
    for (int i = 0; i < kReservedCards; ++i) {
      const Case& one = cases[i];
      const auto& card =
          outside.cards()[outside.cards().size() - kReservedCards + static_cast<size_t>(i)];
      Plan plan = {.act = one.act, .flow = one.flow, .account = absl::StrCat("walker-", i)};
      const Person::Dependencies dependencies = {.clock = outside.clock(),
                                                 .random = outside.random(),
                                                 .caller = caller_,
                                                 .card = *card,
                                                 .ledger = ledger};
      if (one.act == v1::ACT_VERIFY) {
        Plan first = plan;
        first.act = v1::ACT_LINK;
        Person linker(dependencies, first);
        Walk(linker, Step::kDone);
        plan.link_id = linker.link_id();
      }
      people_.push_back(std::make_unique<Person>(dependencies, plan));
      Walk(*people_.back(), one.until);
    }
  }

  // Each uses what it has.
  void Use() {
    for (auto& person : people_) {
      if (!person->Try().ok()) ledger_.Violation("a walker was refused before the fault");
    }
  }
  void Finish() {
    for (auto& person : people_) Walk(*person, Step::kDone);
  }

 private:
  void Walk(Person& person, Step until) {
    for (int i = 0; person.next() != until; ++i) {
      if (i == 200) {
        ledger_.Violation("a walker does not come through: " + person.Describe());
        return;
      }
      if (!person.Try().ok()) Rest(absl::Milliseconds(100));
    }
  }

  Ledger& ledger_;
  const Caller caller_;
  std::vector<std::unique_ptr<Person>> people_;
};

}  // namespace

std::vector<Fault> SentinelFaults(Cluster& cluster) {
  fakes::RedisSentinels& sentinels = cluster.sentinels();
  return {
      {.name = "kill -9 the Redis master",
       .run = [&sentinels] { Leader(sentinels).Kill(); },
       .goes_back = true},
      {.name = "freeze the new master 5 s; the old one follows it",
       .run =
           [&sentinels] {
             sentinels.WaitUntilReplicaLeads();
             sentinels.master().Start();
             WaitUntilInStep(sentinels);
             sentinels.replica().Freeze();
             WaitUntilOtherLeads(sentinels, sentinels.master());
             Rest(kLong - absl::Seconds(2));
             sentinels.replica().Thaw();
           },
       .goes_back = true},
  };
}

std::vector<Fault> SingleRedisFaults(Outside& outside, Cluster& cluster, Ledger& ledger) {
  fakes::RedisServer& redis = cluster.redis();
  std::vector<Fault> faults = {
      {.name = "freeze Redis 5 s",
       .run =
           [&redis] {
             redis.Freeze();
             Rest(kLong);
             redis.Thaw();
           }},
      {.name = "Redis full (noeviction) 3 s", .run = [&redis] { FillRedis(redis); }},
      {.name = "an older Redis snapshot",
       .run =
           [&outside, &cluster, &redis, &ledger] {
             Walkers walkers(outside, cluster, ledger);
             redis.Ask({"SAVE"});
             walkers.Use();
             Rest(absl::Seconds(1));
             redis.Kill();
             redis.Start();
             std::vector<Spent> spent = ledger.TakeSpent();
             PresentAgain(outside.clock(), ledger, cluster.ports(), spent);
             walkers.Finish();
           },
       .goes_back = true},
      {.name = "PostgreSQL restarts, 1 s away",
       .run =
           [&cluster] {
             cluster.postgres().Stop();
             Rest(absl::Seconds(1));
             cluster.postgres().Start();
           }},
      {.name = "kill -9 one musubid, 1 s away",
       .run =
           [&cluster] {
             cluster.replicas()[0]->Kill();
             Rest(absl::Seconds(1));
             cluster.replicas()[0]->Start();
           }},
      {.name = "SIGTERM one musubid",
       .run =
           [&cluster, &ledger] {
             const int code = cluster.replicas()[1]->Terminate();
             if (code != 0) ledger.Violation(absl::StrCat("SIGTERM: exit code ", code));
             cluster.replicas()[1]->Start();
           }},
  };
  const auto add = [&faults](std::vector<Fault> more) {
    faults.insert(faults.end(), more.begin(), more.end());
  };
  add(NetworkFaults("front - one musubid", {&cluster.replicas()[2]->proxy()}));
  add(NetworkFaults("musubid - Redis", {&cluster.redis_proxy()}));
  add(NetworkFaults("musubid - PostgreSQL", {&cluster.links_proxy(), &cluster.persons_proxy()}));
  for (const bool in_answers : {false, true}) {
    add({{.name = absl::StrCat("musubid - PostgreSQL: cut at ", in_answers ? "the answer to " : "",
                               "links' COMMITs, 1 s"),
          .run = [&cluster, in_answers] {
            cluster.links_proxy().CutOn(std::string(kCommit), in_answers);
            Rest(absl::Seconds(1));
            cluster.links_proxy().CutOn("");
          }}});
  }
  return faults;
}

SmallDisk::SmallDisk() {
  is_mounted_ = mount("tmpfs", directory_.path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
                      "size=16m,mode=0700") == 0;
}

SmallDisk::~SmallDisk() {
  if (is_mounted_) umount2(directory_.path().c_str(), MNT_DETACH);
}

void SmallDisk::Fill(pid_t pid) {
  if (!is_mounted_) {
    const rlimit none = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    MUSUBI_CHECK(prlimit(pid, RLIMIT_FSIZE, &none, nullptr) == 0, "cannot limit files");
    return;
  }
  std::ofstream filler(File("filler"), std::ios::binary);
  const std::string block(1024, 'x');
  while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

void SmallDisk::Free(pid_t pid) {
  if (!is_mounted_) {
    const rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    MUSUBI_CHECK(prlimit(pid, RLIMIT_FSIZE, &all, nullptr) == 0, "cannot limit files");
    return;
  }
  std::filesystem::remove(File("filler"));
}

std::vector<Fault> SqliteFaults(Replica& replica, SmallDisk& disk, uint32_t seed,
                                std::function<void()> check) {
  return {
      {.name = "SQLite: disk full 3 s (" + disk.kind() + ")",
       .run =
           [&replica, &disk] {
             disk.Fill(replica.pid());
             Rest(kShort);
             disk.Free(replica.pid());
           }},
      {.name = "SQLite: kill -9 during writes, 10 times",
       .run =
           [&replica, seed, check = std::move(check)] {
             std::mt19937 chance(seed);
             for (int i = 0; i < 10; ++i) {
               Rest(absl::Milliseconds(500 + chance() % 700));
               replica.Kill();
               check();
               replica.Start();
             }
           }},
  };
}

}  // namespace musubi::chaos
