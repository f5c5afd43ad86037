// musubi-bench-peers: `scripts/bench peers`. What an SRE would reach for instead of musubid, beside
// it: nginx with ssl_verify_client and ssl_crl, and the JDK's PKIX behind its own HTTP server. Each
// row is of fresh starts; the server has one core, the callers have another.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/clocks.h"
#include "bench/peers/servers/asker.h"
#include "bench/peers/servers/inputs.h"
#include "bench/peers/servers/load.h"
#include "bench/peers/servers/server_process.h"
#include "bench/report.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"

ABSL_FLAG(int, cards, 2000, "certificates, asked about in turn; more than a JDK remembers (750)");
ABSL_FLAG(int, keys, 64, "RSA-2048 keys that they share");
ABSL_FLAG(int, callers, 16, "threads that ask, each about one card at a time");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(3), "counted time of each load");
ABSL_FLAG(absl::Duration, warm_up, absl::Milliseconds(500), "time before it that is not counted");
ABSL_FLAG(absl::Duration, jdk_warm_up, absl::Seconds(5),
          "the same for the JDK, whose compiler works");
ABSL_FLAG(std::string, heap, "2g", "-Xmx of the JDK");
ABSL_FLAG(std::string, directory, "build/bench",
          "peers/ has Java's classes; servers/ is made there");
ABSL_FLAG(std::string, nginx, "/usr/sbin/nginx", "nginx");
ABSL_FLAG(std::string, java, "/usr/bin/java", "java");
ABSL_FLAG(std::string, musubid, "build/release/bin/musubid", "musubid");
ABSL_FLAG(std::string, only, "", "nginx, jdk or musubid; empty: all three");

namespace musubi::bench {
namespace {

constexpr int kUsualRepetitions = 5;
// Longer than any of them takes to its first answer.
constexpr absl::Duration kStartPatience = absl::Seconds(60);
// Callers of a server that takes tens of milliseconds an answer: two keep it busy, and more that
// share its core would all be answered at once, which no window of some seconds counts well.
constexpr int kCallersOfSlow = 2;
// Below so much of a core the server waits for its callers.
constexpr double kBusy = 0.9;

// One kind of load on a server.
struct Load {
  std::string name;  // The start of its rows' names.
  std::string unit;
  std::function<absl::StatusOr<AskerFactory>(CrlSize)> askers;
  // Knows of policies, and of proofs apart from the connection.
  bool sees_policy_and_proof = true;
};

// One of the servers.
struct Subject {
  std::string name;
  std::vector<std::string> files;  // Without one of them it is absent, for want of `package`.
  std::string package;
  absl::Duration warm_up;
  bool reads_whole_crl = false;  // For each card.
  std::function<absl::StatusOr<ServerProcess>(const ServerOptions&)> start;
  std::vector<Load> loads;
};

std::string Row(std::string_view start, std::string_view what, CrlSize size) {
  return absl::StrCat(base::ToAbsl(start), base::ToAbsl(what), "_", base::ToAbsl(Name(size)));
}

// What a server must say that has a CRL of this size, or none.
ExpectedFinding Expected(CrlSize size, bool sees_policy_and_proof) {
  return [size, sees_policy_and_proof](const PeerCard& card) {
    switch (card.finding) {
      case Finding::kRevocation:
        return size == CrlSize::kNone ? Finding::kNothing : card.finding;
      case Finding::kForgedProof:
      case Finding::kPhone:
        return sees_policy_and_proof ? card.finding : Finding::kNothing;
      default:
        return card.finding;
    }
  };
}

// Until the server has given its first answer about a good card.
absl::Status WaitForAnswer(const AskerFactory& askers, int port, const std::vector<PeerCard>& cards,
                           const ExpectedFinding& expected) {
  const absl::Duration end = SteadyTime() + kStartPatience;
  while (true) {
    const absl::Status status = CheckAnswer(*askers(port), cards, 0, expected);
    if (!absl::IsUnavailable(status) || SteadyTime() > end) return status;
    Rest(absl::Milliseconds(2));
  }
}

// Bench runs all servers, once a repetition for each size of CRL.
class Bench {
 public:
  Bench(const ServerInputs& inputs, int core, Report& report)
      : inputs_(inputs), core_(core), report_(report) {}

  absl::Status RunOnce(const Subject& subject, CrlSize size) {
    std::vector<AskerFactory> askers;
    for (const Load& load : subject.loads) {
      MUSUBI_ASSIGN_OR_RETURN(askers.emplace_back(), load.askers(size));
    }
    const bool slow = subject.reads_whole_crl && size == CrlSize::k1m;
    const int callers = slow ? kCallersOfSlow : absl::GetFlag(FLAGS_callers);
    const absl::Duration start = SteadyTime();
    MUSUBI_ASSIGN_OR_RETURN(ServerProcess server, subject.start({.core = core_, .crl = size}));
    if (const absl::Status status =
            WaitForAnswer(askers[0], server.port, inputs_.cards,
                          Expected(size, subject.loads[0].sees_policy_and_proof));
        !status.ok()) {
      return base::Annotate(status, "the server said: " + server.process().output());
    }
    Add(Row(subject.name, "_start", size), "s", absl::ToDoubleSeconds(SteadyTime() - start));
    for (size_t i = 0; i < subject.loads.size(); ++i) {
      const Load& load = subject.loads[i];
      const ExpectedFinding expected = Expected(size, load.sees_policy_and_proof);
      const auto connect = [&] { return askers[i](server.port); };
      MUSUBI_RETURN_IF_ERROR(CheckServer(*connect(), inputs_.cards, expected));
      MUSUBI_ASSIGN_OR_RETURN(const LoadFigures figures,
                              RunLoad(connect, inputs_.cards, expected,
                                      {.callers = callers,
                                       .warm_up = subject.warm_up,
                                       .duration = absl::GetFlag(FLAGS_duration),
                                       .server = server.worker()}));
      Add(Row(load.name, "", size), load.unit, figures.answers_per_second);
      Add(Row(load.name, "_a_core", size), load.unit,
          1 / absl::ToDoubleSeconds(figures.server_cpu_an_answer));
      Add(Row(load.name, "_client_cpu", size), "us",
          absl::ToDoubleMicroseconds(figures.own_cpu_an_answer));
      cores_[Row(load.name, "", size)].push_back(figures.server_cores);
    }
    MUSUBI_ASSIGN_OR_RETURN(const ProcessUsage usage, UsageOf(server.worker()));
    Add(Row(subject.name, "_memory", size), "MiB", static_cast<double>(usage.resident) / (1 << 20));
    return absl::OkStatus();
  }

  // Whose figures are not their own: the server waited.
  void NoteLimits() {
    std::string limited;
    for (auto& [row, cores] : cores_) {
      std::sort(cores.begin(), cores.end());
      const double median = cores[cores.size() / 2];
      if (median >= kBusy) continue;
      absl::StrAppend(&limited, limited.empty() ? "" : ", ",
                      absl::StrFormat("%s (%.2f of its core)", row, median));
    }
    if (limited.empty()) return;
    report_.Note("These servers waited for their callers' core, or lost theirs to other work: " +
                 limited + "; what a core of theirs could do is ..._a_core_..., from CPU time.");
  }

 private:
  void Add(const std::string& row, std::string_view unit, double figure) {
    report_.Add(row, unit, figure);
  }

  const ServerInputs& inputs_;
  const int core_;
  Report& report_;
  std::map<std::string, std::vector<double>> cores_;  // By row: what the server used of its core.
};

std::vector<Subject> Subjects(const ServerInputs& inputs) {
  const std::string classes = absl::GetFlag(FLAGS_directory) + "/peers";
  const JdkOptions jdk{.java = absl::GetFlag(FLAGS_java),
                       .classes = classes,
                       .heap = absl::GetFlag(FLAGS_heap),
                       .threads = absl::GetFlag(FLAGS_callers)};
  const auto musubid = [&inputs](bool fresh) {
    return [&inputs, fresh](CrlSize size) {
      return MusubidAskers(inputs.cards, {.tls_directory = inputs.tls_directory(),
                                          .ask_crl = size != CrlSize::kNone,
                                          .fresh_connections = fresh});
    };
  };
  return {
      {.name = "nginx",
       .files = {absl::GetFlag(FLAGS_nginx)},
       .package = "nginx",
       .warm_up = absl::GetFlag(FLAGS_warm_up),
       .reads_whole_crl = true,
       .start =
           [&inputs](const ServerOptions& options) {
             return StartNginx(absl::GetFlag(FLAGS_nginx), inputs, options);
           },
       .loads = {{.name = "nginx_handshakes",
                  .unit = "handshakes/s",
                  .askers = [&inputs](CrlSize) { return HandshakeAskers(inputs.cards); },
                  .sees_policy_and_proof = false}}},
      {.name = "jdk",
       .files = {jdk.java, classes + "/JdkServer.class"},
       .package = "openjdk-17-jdk-headless",
       .warm_up = absl::GetFlag(FLAGS_jdk_warm_up),
       .reads_whole_crl = true,
       .start = [&inputs,
                 jdk](const ServerOptions& options) { return StartJdk(jdk, inputs, options); },
       .loads = {{.name = "jdk_http_requests",
                  .unit = "requests/s",
                  .askers = [&inputs](CrlSize) { return HttpAskers(inputs.cards); }}}},
      {.name = "musubid",
       .files = {absl::GetFlag(FLAGS_musubid)},
       .package = "musubid: build it",
       .warm_up = absl::GetFlag(FLAGS_warm_up),
       .start =
           [&inputs](const ServerOptions& options) {
             return StartMusubid(absl::GetFlag(FLAGS_musubid), inputs, options);
           },
       .loads = {{.name = "musubid_connections", .unit = "connections/s", .askers = musubid(true)},
                 {.name = "musubid_requests", .unit = "requests/s", .askers = musubid(false)}}},
  };
}

bool IsThere(const Subject& subject) {
  return std::all_of(subject.files.begin(), subject.files.end(),
                     [](const std::string& file) { return access(file.c_str(), R_OK) == 0; });
}

void ReportAbsent(const Subject& subject, Report& report) {
  for (const CrlSize size : kCrlSizes) {
    for (const Load& load : subject.loads)
      report.Absent(Row(load.name, "", size), "no " + subject.package);
  }
}

// Two cores that this process may use: the server's, and everybody else's.
absl::StatusOr<std::pair<int, int>> TwoCores(const cpu_set_t& allowed) {
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  if (cores.size() < 2) {
    return absl::FailedPreconditionError("two cores are needed, one for the server alone");
  }
  return std::pair(cores[0], cores[1]);
}

absl::Status Measure(Report& report) {
  const int cards = absl::GetFlag(FLAGS_cards), keys = absl::GetFlag(FLAGS_keys);
  if (cards < 1000 || cards > 5000 || keys < 1 || keys > cards ||
      absl::GetFlag(FLAGS_callers) < 1 || absl::GetFlag(FLAGS_callers) > 256) {
    return absl::InvalidArgumentError(
        "--cards: 1000 to 5000; --keys: 1 to --cards; --callers: 1 to 256");
  }
  const base::RealClock clock;
  const std::string directory = absl::GetFlag(FLAGS_directory) + "/servers";
  std::cout << "making cards and CRLs" << std::endl;
  MUSUBI_ASSIGN_OR_RETURN(
      const ServerInputs inputs,
      MakeServerInputs(clock, directory, static_cast<size_t>(cards), static_cast<size_t>(keys)));
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
    return absl::InternalError("cannot read which cores are ours");
  }
  MUSUBI_ASSIGN_OR_RETURN(const auto cores, TwoCores(allowed));
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(cores.second, &own);
  // Threads inherit it.
  sched_setaffinity(0, sizeof(own), &own);

  std::vector<Subject> subjects;
  for (Subject& subject : Subjects(inputs)) {
    if (const std::string only = absl::GetFlag(FLAGS_only); !only.empty() && only != subject.name) {
      continue;
    }
    if (IsThere(subject)) {
      subjects.push_back(std::move(subject));
    } else {
      ReportAbsent(subject, report);
    }
  }
  Bench bench(inputs, cores.first, report);
  const size_t runs = subjects.size() * std::size(kCrlSizes);
  for (int repetition = 0; repetition < Repetitions(kUsualRepetitions); ++repetition) {
    for (size_t i = 0; i < runs; ++i) {
      const size_t at = (static_cast<size_t>(repetition) + i) % runs;
      const Subject& subject = subjects[at / std::size(kCrlSizes)];
      const CrlSize size = kCrlSizes[at % std::size(kCrlSizes)];
      if (const absl::Status status = bench.RunOnce(subject, size); !status.ok()) {
        return base::Annotate(status, Row(subject.name, "", size));
      }
    }
  }
  bench.NoteLimits();
  report.Note(absl::StrCat(cards, " certificates over ", keys,
                           " RSA-2048 keys, one issuing CA; of each 20 one revoked, ",
                           "one expired, one whose proof is forged, one a phone's. ",
                           absl::GetFlag(FLAGS_callers), " callers (", kCallersOfSlow,
                           " of nginx and the JDK with the large CRL), each with one card under "
                           "way; every answer is compared with what is known of its ",
                           "card. The server has one core, the callers have another. JDK with -Xmx",
                           absl::GetFlag(FLAGS_heap), ", warmed up for ",
                           absl::FormatDuration(absl::GetFlag(FLAGS_jdk_warm_up)), "."));
  sched_setaffinity(0, sizeof(allowed), &allowed);  // For the report's count of cores.
  std::error_code error;
  std::filesystem::remove_all(directory, error);  // Its CRLs are large.
  return absl::OkStatus();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  // A server that closed is an error with a name, not the end of us.
  std::signal(SIGPIPE, SIG_IGN);
  absl::SetProgramUsageMessage("measures nginx, the JDK and musubid as judges of cards");
  absl::ParseCommandLine(argc, argv);
  musubi::bench::Report report("peers");
  const absl::Status status = musubi::bench::Measure(report);
  if (status.ok()) return report.Finish();
  std::cerr << "musubi-bench-peers: " << status.ToString() << "\n";
  return 1;
}
