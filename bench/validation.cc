// musubi-bench-validation: `scripts/bench validation`. CPU time of one validation of a card, ours
// and that of other libraries: each certificate is parsed cold and seen once a repetition. The
// peers are processes that wait for their turn, so that all rows are interleaved.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "bench/allocations.h"
#include "bench/peer_process.h"
#include "bench/report.h"
#include "bench/validation_musubi.h"
#include "bench/validation_workload.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

ABSL_FLAG(int, cards, 2000, "certificates, each validated once a repetition");
ABSL_FLAG(int, keys, 256, "RSA-2048 keys that they share");
ABSL_FLAG(std::string, directory, "build/bench",
          "workloads are kept here; peers/ has Go's and Java's");
ABSL_FLAG(std::string, programs, "build/release/bin", "the peers in C++ are here");

namespace musubi::bench {
namespace {

// More than what a JDK remembers (750).
constexpr int kMinCards = 1000;
constexpr int kMaxCards = 20'000;
constexpr int kUsualRepetitions = 9;

// A workload is kept: its keys take longer than the measurements.
absl::StatusOr<Workload> ReadOrMake(const std::string& path, size_t cards, size_t keys) {
  if (const auto encoded = base::ReadFile(path); encoded.ok()) {
    if (auto workload = DecodeWorkload(base::AsBytes(*encoded)); workload.ok()) return workload;
  }
  std::cout << "making " << keys << " keys and " << cards << " cards, once" << std::endl;
  const Workload workload = MakeWorkload(cards, keys);
  MUSUBI_RETURN_IF_ERROR(
      base::WriteFileAtomically(path, base::AsText(EncodeWorkload(workload)), 0644));
  return workload;
}

struct Peer {
  std::vector<std::string> rows;
  std::string file;  // Is there if the peer was built.
  std::vector<std::string> argv;
  std::string package;
};

std::vector<Peer> Peers() {
  const std::string compiled = absl::GetFlag(FLAGS_programs) + "/musubi-bench-peer-";
  const std::string others = absl::GetFlag(FLAGS_directory) + "/peers/";
  return {
      {.rows = {"openssl_no_crl", "openssl_crl_once", "openssl_crl_check_5300",
                "openssl_policy_crl_once", "openssl_share_parse"},
       .file = compiled + "openssl",
       .argv = {compiled + "openssl"},
       .package = "libssl-dev"},
      {.rows = {"gnutls", "gnutls_crl_check_5300"},
       .file = compiled + "gnutls",
       .argv = {compiled + "gnutls"},
       .package = "libgnutls28-dev"},
      {.rows = {"go"}, .file = others + "go", .argv = {others + "go"}, .package = "golang-go"},
      {.rows = {"jdk_cold", "jdk_cached"},
       .file = others + "JdkPeer.class",
       .argv = {"java", "-XX:+UseSerialGC", "-cp", others, "JdkPeer"},
       .package = "openjdk-17-jdk-headless"},
  };
}

absl::Status Measure(Report& report) {
  const int cards = absl::GetFlag(FLAGS_cards), keys = absl::GetFlag(FLAGS_keys);
  if (cards < kMinCards || cards > kMaxCards || keys < 1 || keys > cards) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cards: ", kMinCards, " to ", kMaxCards, "; --keys: 1 to --cards"));
  }
  const std::string directory = absl::GetFlag(FLAGS_directory);
  const std::string path = absl::StrCat(directory, "/validation-", cards, "-", keys, ".workload");
  MUSUBI_ASSIGN_OR_RETURN(const Workload workload,
                          ReadOrMake(path, static_cast<size_t>(cards), static_cast<size_t>(keys)));
  std::vector<Task> tasks;
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<OurRow> ours, MakeOurRows(workload));
  for (const OurRow& row : ours) {
    if (row.absent.empty()) {
      tasks.push_back(row.task);
    } else {
      report.Absent(row.task.name, row.absent);
    }
  }
  std::vector<std::unique_ptr<PeerProcess>> running;
  for (Peer& peer : Peers()) {
    if (access(peer.file.c_str(), R_OK) != 0) {
      for (const std::string& row : peer.rows) report.Absent(row, "no " + peer.package);
      continue;
    }
    peer.argv.push_back(path);
    MUSUBI_ASSIGN_OR_RETURN(running.emplace_back(), PeerProcess::Start(peer.argv));
    for (const std::string& row : peer.rows) {
      tasks.push_back(
          {row, "us", [process = running.back().get(), row] { return process->Measure(row); }});
    }
  }
  MUSUBI_RETURN_IF_ERROR(RunInterleaved(tasks, Repetitions(kUsualRepetitions), report));
  for (Target& target : OurTargets()) report.AddTarget(std::move(target));
  report.Note(absl::StrCat(cards, " certificates over ", keys,
                           " RSA-2048 keys, one issuing CA, a CRL of ", kCrlEntries,
                           " entries; a repetition validates each once."));
  return absl::OkStatus();
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  musubi::bench::CountOpensslAllocations();
  // A peer that ended is an error with a name, not the end of us.
  std::signal(SIGPIPE, SIG_IGN);
  absl::SetProgramUsageMessage("measures the validation of cards, ours beside other libraries");
  absl::ParseCommandLine(argc, argv);
  musubi::bench::Report report("validation");
  const absl::Status status = musubi::bench::Measure(report);
  if (status.ok()) return report.Finish();
  std::cerr << "musubi-bench-validation: " << status.ToString() << "\n";
  return 1;
}
