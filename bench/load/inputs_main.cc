// musubi-load-inputs: makes what `scripts/bench rpc` loads a server with, or measures the engine on
// it. Flags to library calls; see inputs.h.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "bench/clocks.h"
#include "bench/load/engine.h"
#include "bench/load/inputs.h"
#include "bench/load/question_file.h"
#include "lib/base/clock.h"
#include "lib/base/status.h"
#include "sandbox/json.h"

ABSL_FLAG(std::string, out, "", "directory to make, or to find complete");
ABSL_FLAG(size_t, cards, musubi::bench::InputsOptions().cards,
          "certificates, each with one question");
ABSL_FLAG(size_t, keys, musubi::bench::InputsOptions().keys, "RSA-2048 key pairs that they share");
ABSL_FLAG(double, revoked, musubi::bench::InputsOptions().revoked, "share that is revoked");
ABSL_FLAG(double, expired, musubi::bench::InputsOptions().expired, "share that has expired");
ABSL_FLAG(double, forged, musubi::bench::InputsOptions().forged,
          "share of which a signature is wrong");
ABSL_FLAG(size_t, crl_entries, musubi::bench::InputsOptions().crl_entries,
          "entries of the CRLs, the revoked cards among them");
ABSL_FLAG(size_t, swap_crl_entries, musubi::bench::InputsOptions().swap_crl_entries,
          "entries of a newer full CRL in swap/; 0: there is none");
ABSL_FLAG(int, ocsp_port, musubi::bench::InputsOptions().ocsp_port,
          "port of the OCSP responder that the server asks; 0: none");
ABSL_FLAG(uint64_t, seed, musubi::bench::InputsOptions().seed, "of every choice but keys");
ABSL_FLAG(int, threads, musubi::bench::InputsOptions().threads, "that sign");
ABSL_FLAG(std::string, measure, "",
          "instead: directory whose questions the engine answers, on this thread; JSON to stdout");
ABSL_FLAG(std::string, dispatch, "lanes", "measure: lanes or scalar");
ABSL_FLAG(int, passes, 5, "measure: how often all questions are asked, after once to warm up");

namespace musubi::bench {
namespace {

absl::Status Measure(const base::Clock& clock, const std::string& directory) {
  const std::string dispatch = absl::GetFlag(FLAGS_dispatch);
  if (dispatch != "lanes" && dispatch != "scalar") {
    return absl::InvalidArgumentError("--dispatch is lanes or scalar, not " + dispatch);
  }
  const int passes = absl::GetFlag(FLAGS_passes);
  if (passes < 1) return absl::InvalidArgumentError("--passes is at least 1");
  // kAuto is what a server has; it is without lanes where the processor has none.
  MUSUBI_ASSIGN_OR_RETURN(
      const auto engine,
      LoadEngine::Create(clock, directory,
                         dispatch == "lanes" ? crypto::SignatureDispatch::kAuto
                                             : crypto::SignatureDispatch::kScalar));
  MUSUBI_ASSIGN_OR_RETURN(const auto questions, ReadQuestions(QuestionsPath(directory)));
  MUSUBI_RETURN_IF_ERROR(engine->Judge(questions));
  sandbox::Json rates = sandbox::Json::array();
  std::vector<double> sorted;
  const absl::Duration cpu = ThreadCpuTime();
  for (int i = 0; i < passes; ++i) {
    const absl::Duration begin = SteadyTime();
    MUSUBI_RETURN_IF_ERROR(engine->Judge(questions));
    sorted.push_back(static_cast<double>(questions.size()) /
                     absl::ToDoubleSeconds(SteadyTime() - begin));
    rates.push_back(sorted.back());
  }
  const double each = absl::ToDoubleMicroseconds(ThreadCpuTime() - cpu) / passes /
                      static_cast<double>(questions.size());
  std::ranges::sort(sorted);
  std::cout << sandbox::Json({{"row", "engine_one_core"},
                              {"dispatch", dispatch},
                              {"lanes", engine->uses_lanes()},
                              {"questions", questions.size()},
                              {"wrong_verdicts", 0},
                              {"validations_per_second", sorted[sorted.size() / 2]},
                              {"passes", rates},
                              {"cpu_microseconds", each}})
                   .dump(2)
            << '\n';
  return absl::OkStatus();
}

absl::Status Run() {
  const base::RealClock clock;
  const std::string measured = absl::GetFlag(FLAGS_measure);
  if (measured.empty() == absl::GetFlag(FLAGS_out).empty()) {
    return absl::InvalidArgumentError("give --out=DIR, or --measure=DIR");
  }
  if (!measured.empty()) return Measure(clock, measured);
  return MakeInputs(clock,
                    {.directory = absl::GetFlag(FLAGS_out),
                     .cards = absl::GetFlag(FLAGS_cards),
                     .keys = absl::GetFlag(FLAGS_keys),
                     .revoked = absl::GetFlag(FLAGS_revoked),
                     .expired = absl::GetFlag(FLAGS_expired),
                     .forged = absl::GetFlag(FLAGS_forged),
                     .crl_entries = absl::GetFlag(FLAGS_crl_entries),
                     .swap_crl_entries = absl::GetFlag(FLAGS_swap_crl_entries),
                     .ocsp_port = absl::GetFlag(FLAGS_ocsp_port),
                     .seed = absl::GetFlag(FLAGS_seed),
                     .threads = absl::GetFlag(FLAGS_threads)},
                    [](std::string_view sentence) { std::cout << sentence << std::endl; });
}

}  // namespace
}  // namespace musubi::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "makes cards of the simulated JPKI with known verdicts, and all that a musubid needs to "
      "judge "
      "them: --out=DIR. Or measures the engine on them: --measure=DIR.");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = musubi::bench::Run();
  if (status.ok()) return 0;
  std::cerr << "musubi-load-inputs: " << status.message() << '\n';
  return 1;
}
