// What became of the questions of a load test: right, wrong, failed and why, never sent; latencies
// from the intended start; and all of it over time. Sends nothing, keeps no time.
#ifndef MUSUBI_BENCH_LOAD_TALLY_H_
#define MUSUBI_BENCH_LOAD_TALLY_H_

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/load/answer.h"
#include "bench/load/histogram.h"
#include "lib/base/steady_time.h"

namespace musubi::bench::load {

// Window is the part of a run that is counted: [from, until).
struct Window {
  base::SteadyTime begin;  // Of the run, with its warm-up.
  base::SteadyTime from;
  base::SteadyTime until;

  bool Holds(base::SteadyTime time) const { return time >= from && time < until; }
};

// gRPC's code as in "UNAVAILABLE"; its number if it is none.
std::string CodeName(int code);

// Reasons of errors that this program found itself, where the server gave none.
inline constexpr std::string_view kConnectionLost = "local:connection_lost";
inline constexpr std::string_view kRefusedStream = "local:refused_stream";
inline constexpr std::string_view kDeadline = "local:deadline";
inline constexpr std::string_view kReset = "local:reset";
inline constexpr std::string_view kNoAnswer = "local:no_answer";
inline constexpr std::string_view kNoStatus = "local:no_status";

// Tally counts questions whose intended start lies in the window, each once: what is offered is
// right, wrong, an error, not sent, late or (never answered) undecided. Throughput is what was
// answered rightly within the window, whenever it was asked. Wrong verdicts count at any time.
class Tally {
 public:
  explicit Tally(Window window) : window_(window) {}

  // A job of `questions` was taken; each of them ends in one of the calls below.
  void Offered(base::SteadyTime intended, uint64_t questions = 1);
  // What was never taken: offered and ended at once.
  void NotSent(base::SteadyTime intended, base::SteadyTime now, uint64_t questions = 1);
  void Late(base::SteadyTime intended, base::SteadyTime now, uint64_t questions = 1);

  void Right(base::SteadyTime intended, base::SteadyTime now);
  void Wrong(base::SteadyTime intended, base::SteadyTime now, uint64_t question,
             const VerdictWords& right, const VerdictWords& answered);
  void Failed(base::SteadyTime intended, base::SteadyTime now, int code, std::string_view reason,
              uint64_t questions = 1);
  // Another attempt was made at a job; it ends once all the same.
  void Retried(uint64_t questions = 1) { retried_ += questions; }
  // An answer to nothing that was asked, or a second one: the server's fault. At any time.
  void Unexpected() { ++unexpected_; }

  // Of the window, offered and not ended.
  uint64_t undecided() const { return offered_ - ended_; }
  uint64_t right_in_window() const { return right_in_window_; }
  uint64_t answers_in_window() const { return answers_in_window_; }
  uint64_t retried() const { return retried_; }
  uint64_t wrong() const { return wrong_; }
  uint64_t unexpected() const { return unexpected_; }

  // All figures, and the timeline.
  nlohmann::ordered_json ToJson();

 private:
  struct Slice {
    uint64_t right = 0;
    uint64_t wrong = 0;
    uint64_t failed = 0;
    uint64_t unsent = 0;
    absl::Duration p50, p99, max;
  };

  void End(base::SteadyTime intended, base::SteadyTime now, uint64_t& outcome, uint64_t questions);
  // The slice of `now`: those before it are closed.
  Slice& SliceOf(base::SteadyTime now);
  void CloseSlice();

  const Window window_;
  uint64_t offered_ = 0, ended_ = 0;
  uint64_t right_ = 0, wrong_in_window_ = 0, failed_ = 0, not_sent_ = 0, late_ = 0;
  uint64_t right_in_window_ = 0, answers_in_window_ = 0;
  uint64_t wrong_ = 0, unexpected_ = 0, retried_ = 0;
  Histogram latency_, failure_latency_;
  std::map<std::pair<int, std::string>, uint64_t, std::less<>> errors_;
  std::vector<std::string> wrong_samples_;
  std::vector<Slice> slices_;
  Histogram slice_latency_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_TALLY_H_
