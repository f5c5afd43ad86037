#include "bench/peers/servers/load.h"

#include <atomic>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bench/clocks.h"
#include "bench/peers/servers/server_process.h"
#include "lib/base/status.h"

namespace musubi::bench {
namespace {

struct Reading {
  absl::Duration at;
  absl::Duration server;
  absl::Duration own;
};

absl::StatusOr<Reading> Read(pid_t server) {
  MUSUBI_ASSIGN_OR_RETURN(const ProcessUsage usage, UsageOf(server));
  return Reading{.at = SteadyTime(), .server = usage.cpu, .own = ProcessCpuTime()};
}

// Caller is one thread's part.
struct Caller {
  int64_t answers = 0;  // Within the window.
  absl::Status status;
};

}  // namespace

absl::Status CheckAnswer(Asker& asker, const std::vector<PeerCard>& cards, size_t card,
                         const ExpectedFinding& expected) {
  MUSUBI_ASSIGN_OR_RETURN(const Finding found, asker.Ask(card));
  const Finding right = expected(cards[card]);
  if (found == right) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("card ", card, " is ", base::ToAbsl(Name(right)),
                                          ", and the answer is ", base::ToAbsl(Name(found))));
}

absl::Status CheckServer(Asker& asker, const std::vector<PeerCard>& cards,
                         const ExpectedFinding& expected) {
  const ExpectedFinding wrong = [&](const PeerCard& card) {
    return expected(card) == Finding::kNothing ? Finding::kRevocation : Finding::kNothing;
  };
  for (const Finding finding : kFindings) {
    size_t card = 0;
    while (card < cards.size() && cards[card].finding != finding) ++card;
    if (card == cards.size()) {
      return absl::InternalError(absl::StrCat("no card is ", base::ToAbsl(Name(finding))));
    }
    MUSUBI_RETURN_IF_ERROR(CheckAnswer(asker, cards, card, expected));
    if (!absl::IsDataLoss(CheckAnswer(asker, cards, card, wrong))) {
      return absl::InternalError("a wrong answer would not be seen");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadFigures> RunLoad(const std::function<std::unique_ptr<Asker>()>& connect,
                                    const std::vector<PeerCard>& cards,
                                    const ExpectedFinding& expected, const LoadOptions& options) {
  const absl::Duration from = SteadyTime() + options.warm_up;
  const absl::Duration until = from + options.duration;
  std::atomic<size_t> next = 0;
  std::atomic<bool> failed = false;
  std::vector<Caller> callers(static_cast<size_t>(options.callers));
  std::vector<std::thread> threads;
  for (Caller& caller : callers) {
    threads.emplace_back([&] {
      const std::unique_ptr<Asker> asker = connect();
      while (!failed) {
        caller.status = CheckAnswer(*asker, cards, next++ % cards.size(), expected);
        if (!caller.status.ok()) failed = true;
        const absl::Duration now = SteadyTime();
        if (now >= until) break;
        if (now >= from) ++caller.answers;
      }
    });
  }
  // A reading that comes late does no harm: CPU an answer is (CPU / time between readings) /
  // (answers / window).
  Rest(from - SteadyTime());
  const absl::StatusOr<Reading> before = Read(options.server);
  if (!failed) Rest(until - SteadyTime());
  const absl::StatusOr<Reading> after = Read(options.server);
  for (std::thread& thread : threads) thread.join();

  int64_t answers = 0;
  for (const Caller& caller : callers) {
    MUSUBI_RETURN_IF_ERROR(caller.status);
    answers += caller.answers;
  }
  MUSUBI_RETURN_IF_ERROR(before.status());
  MUSUBI_RETURN_IF_ERROR(after.status());
  if (answers == 0) return absl::DeadlineExceededError("no answer within the counted time");
  if (after->server == before->server) {
    return absl::InternalError(absl::StrCat("process ", options.server, " used no CPU time for ",
                                            answers, " answers: it is not who answers"));
  }
  const double per_second = static_cast<double>(answers) / absl::ToDoubleSeconds(options.duration);
  const absl::Duration watched = after->at - before->at;
  const double server_cores = absl::FDivDuration(after->server - before->server, watched);
  const double own_cores = absl::FDivDuration(after->own - before->own, watched);
  return LoadFigures{.answers_per_second = per_second,
                     .server_cpu_an_answer = absl::Seconds(server_cores / per_second),
                     .own_cpu_an_answer = absl::Seconds(own_cores / per_second),
                     .server_cores = server_cores};
}

}  // namespace musubi::bench
