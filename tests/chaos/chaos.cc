// `scripts/test chaos`: steady journeys while one thing after the other breaks, and what holds
// afterwards. Prints a table. Exit code 1 if anything did not hold.
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "tests/chaos/checks.h"
#include "tests/chaos/cluster.h"
#include "tests/chaos/faults.h"
#include "tests/chaos/ledger.h"
#include "tests/chaos/traffic.h"

ABSL_FLAG(uint32_t, seed, 1, "Of what people do, and when a process is killed");
ABSL_FLAG(int, threads, 8, "Journeys at a time");
ABSL_FLAG(std::vector<std::string>, scenes,
          std::vector<std::string>({"sentinel", "redis", "sqlite"}), "Which sets of stores");
ABSL_FLAG(std::string, only, "", "Only faults whose name has this in it");

namespace musubi::chaos {
namespace {

constexpr int kCardsOfAThread = 5;
// Who has not come through a journey so long after the mending does not recover. Generous: other
// programs may have the processor.
constexpr absl::Duration kRecoveryBound = absl::Seconds(45);
// How long it goes well before and after.
constexpr absl::Duration kSteady = absl::Seconds(4);
// So many of the newest values are presented again after a fault that goes back to nothing older.
constexpr size_t kPresented = 40;
// What a musubid may have more after all faults. Descriptors: its two pools of PostgreSQL, of six
// connections each, may have grown full, and those of one caller more may not be closed yet.
// Memory: arenas of threads that were idle before (16 workers), filled by what a fault heaps up.
constexpr int kMoreDescriptors = 2 * 6 + 4;
constexpr int64_t kMoreKib = int64_t{32} << 10;

std::string List(const std::map<std::string, int>& counts) {
  std::string list;
  for (const auto& [name, count] : counts) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", name, " ", count);
  }
  return list.empty() ? "none" : list;
}

// Over the whole run.
struct Totals {
  std::map<std::string, int> accepted;
  std::map<std::string, int> replays;
  int violations = 0;
};

// Scene is one set of stores with the journeys over it.
class Scene {
 public:
  Scene(Outside& outside, std::string name, std::vector<int> ports, Stores stores, Totals& totals)
      : outside_(outside),
        name_(std::move(name)),
        ports_(std::move(ports)),
        stores_(std::move(stores)),
        totals_(totals),
        ledger_(outside.clock()) {}
  ~Scene() {
    for (const auto& [kind, count] : ledger_.accepted()) totals_.accepted[kind] += count;
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  Ledger& ledger() { return ledger_; }
  void Check() { checked_ = chaos::Check(outside_.clock(), ledger_, stores_); }

  // Play runs the faults under journeys. `survivor`, unless null, is a musubid that none of them
  // ends.
  void Play(const std::vector<Fault>& faults, const Replica* survivor) {
    const auto name_has = [](const Fault& fault) {
      return fault.name.find(absl::GetFlag(FLAGS_only)) != std::string::npos;
    };
    Traffic traffic(outside_.clock(), outside_.random(), ledger_, outside_.cards(),
                    {.seed = absl::GetFlag(FLAGS_seed),
                     .threads = absl::GetFlag(FLAGS_threads),
                     .reserved_cards = kReservedCards,
                     .ports = ports_,
                     .name = name_});
    const auto steady = [] { Rest(kSteady); };
    Row({.name = name_ + ": nothing broken", .run = steady});
    const Footprint before = survivor == nullptr ? Footprint() : FootprintOf(survivor->pid());
    for (const Fault& fault : faults) {
      if (name_has(fault)) Row(fault);
    }
    Row({.name = name_ + ": nothing broken any more", .run = steady});
    if (survivor != nullptr) Compare(before, FootprintOf(survivor->pid()));
    traffic.Stop();
    Row({.name = name_ + ": nobody there"}, false);
  }

 private:
  void Row(const Fault& fault, bool wait = true) {
    ledger_.Cut();
    if (fault.run) fault.run();
    std::pair<bool, absl::Duration> recovered = {true, absl::ZeroDuration()};
    if (wait) {
      recovered = ledger_.WaitForJourneys(absl::GetFlag(FLAGS_threads), outside_.clock().Now(),
                                          kRecoveryBound);
    }
    if (!recovered.first) ledger_.Violation("not everybody comes through a journey afterwards");
    std::vector<Spent> spent = ledger_.TakeSpent();
    if (!fault.goes_back && spent.size() > kPresented) {
      spent.erase(spent.begin(), spent.end() - kPresented);
    }
    PresentAgain(outside_.clock(), ledger_, ports_, spent);
    Check();
    Print(fault.name, recovered.second);
  }

  void Print(const std::string& name, absl::Duration recovery) {
    const Window window = ledger_.Cut();
    const std::string reasons = List(window.refusals);
    int replays = 0;
    for (const auto& [reason, count] : window.replays) {
      totals_.replays[reason] += count;
      replays += count;
    }
    std::printf("%-48s %8d %9d %5d %8d %8.1f s %8d  %s; %s\n", name.c_str(), window.journeys,
                window.succeeded, window.cured, window.restarts, absl::ToDoubleSeconds(recovery),
                replays, reasons.c_str(), checked_.c_str());
    const std::vector<std::string> all = ledger_.violations();
    for (; seen_ < all.size(); ++seen_) {
      ++totals_.violations;
      std::printf("FAILED: %s\n", all[seen_].c_str());
    }
    std::fflush(stdout);
  }

  void Compare(const Footprint& before, const Footprint& after) {
    std::printf("%s: a musubid that lived through all of it: %d -> %d descriptors, %d -> %d MiB\n",
                name_.c_str(), before.descriptors, after.descriptors,
                static_cast<int>(before.resident_kib >> 10),
                static_cast<int>(after.resident_kib >> 10));
    if (after.descriptors > before.descriptors + kMoreDescriptors) {
      ledger_.Violation("descriptors grow");
    }
    if (after.resident_kib > before.resident_kib + kMoreKib) ledger_.Violation("memory grows");
  }

  Outside& outside_;
  const std::string name_;
  const std::vector<int> ports_;
  Stores stores_;
  Totals& totals_;
  Ledger ledger_;
  std::string checked_;
  size_t seen_ = 0;  // Violations printed.
};

void OnPostgres(Outside& outside, Cluster::Sessions sessions, Totals& totals) {
  fakes::PostgresServer postgres;
  Cluster cluster(outside, postgres, sessions);
  const bool sentinel = sessions == Cluster::Sessions::kSentinel;
  Scene scene(outside, sentinel ? "Sentinel, PostgreSQL" : "Redis, PostgreSQL", cluster.ports(),
              {.conninfo = cluster.conninfo(), .audit_keyring = outside.File("keys/audit.keyring")},
              totals);
  scene.Play(
      sentinel ? SentinelFaults(cluster) : SingleRedisFaults(outside, cluster, scene.ledger()),
      cluster.replicas()[2].get());
}

void OnSqlite(Outside& outside, Totals& totals) {
  SmallDisk disk;
  fakes::TempDir own;
  sandbox::Stage::Flags flags = outside.Flags();
  flags["link_db"] = disk.File("links.db");
  flags["person_db"] = disk.File("persons.db");
  Replica replica(Binary("musubid"), flags, own.path());
  Scene scene(outside, "memory, SQLite", {replica.port()},
              {.link_db = flags["link_db"], .audit_keyring = outside.File("keys/audit.keyring")},
              totals);
  scene.Play(SqliteFaults(replica, disk, absl::GetFlag(FLAGS_seed), [&scene] { scene.Check(); }),
             nullptr);
}

int Main() {
  // A musubid whose files may not grow is told so by an error, and not ended.
  signal(SIGXFSZ, SIG_IGN);
  // While calls fail at once, as they do when no replica is there, gRPC looks at its connections
  // only so often; by default every 5 s.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "100", 1);
  Totals totals;
  const absl::Time began = base::RealClock().Now();
  Outside outside(absl::GetFlag(FLAGS_threads) * kCardsOfAThread + kReservedCards);
  std::printf("seed %u, %d journeys at a time\n%-48s %8s %9s %5s %8s %10s %8s  %s\n",
              absl::GetFlag(FLAGS_seed), absl::GetFlag(FLAGS_threads), "fault", "journeys",
              "succeeded", "cured", "restarts", "recovery", "replays",
              "refused, by reason; checked");
  const std::vector<std::string> wanted = absl::GetFlag(FLAGS_scenes);
  const auto wants = [&wanted](const char* scene) {
    return std::find(wanted.begin(), wanted.end(), scene) != wanted.end();
  };
  if (wants("sentinel")) OnPostgres(outside, Cluster::Sessions::kSentinel, totals);
  if (wants("redis")) OnPostgres(outside, Cluster::Sessions::kSingleRedis, totals);
  if (wants("sqlite")) OnSqlite(outside, totals);
  std::printf("\n%.0f s\none-time values that were accepted: %s\npresented again and refused: %s\n",
              absl::ToDoubleSeconds(outside.clock().Now() - began), List(totals.accepted).c_str(),
              List(totals.replays).c_str());
  if (totals.violations > 0) std::printf("FAILED: %d things did not hold\n", totals.violations);
  return totals.violations == 0 ? 0 : 1;
}

}  // namespace
}  // namespace musubi::chaos

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return musubi::chaos::Main();
}
