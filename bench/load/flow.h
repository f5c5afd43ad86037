// What one kind of traffic (unary calls, or streams) has to do with a load test: it is pumped, says
// when it wants to be pumped again, and counts.
#ifndef MUSUBI_BENCH_LOAD_FLOW_H_
#define MUSUBI_BENCH_LOAD_FLOW_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "bench/load/answer.h"
#include "bench/load/connection_pool.h"
#include "bench/load/questions.h"
#include "bench/load/schedule.h"
#include "bench/load/tally.h"
#include "lib/base/secure_random.h"
#include "lib/base/steady_time.h"

namespace musubi::bench::load {

// What all flows are given.
struct FlowOptions {
  std::string path;  // "/package.Service/Method".
  std::string role;  // For the metadata musubi-role; empty sends none.
  bool tls = false;
  double rate = 0;  // Jobs a second: calls, or messages of streams. 0 is a closed loop.
  size_t max_waiting = 0;
  base::SteadyDuration deadline{};  // Of a call; of a stream's message, only while it waits.
  int retries = 0;                  // After the first attempt.
  size_t first_question = 0;
};

// Flow is of one thread, outlives the pool's connections and is outlived by pool and bodies.
class Flow : public Schedule::Listener {
 public:
  // Pump starts what is due and finds a place, and gives up what is overdue.
  virtual void Pump(base::SteadyTime now) = 0;
  // When Pump has something to do although nothing happens on a connection.
  virtual base::SteadyTime NextWake() const = 0;

  // Whether every question of the window has come to its end.
  bool Finished(base::SteadyTime now) const {
    return now >= window_.until && schedule_.Next() >= window_.until && tally_.undecided() == 0;
  }
  Tally& tally() { return tally_; }

 protected:
  Flow(const FlowOptions& options, const Window& window, uint64_t questions_per_job)
      : window_(window),
        questions_per_job_(questions_per_job),
        schedule_({.rate = options.rate,
                   .max_waiting = options.max_waiting,
                   .deadline = options.deadline},
                  window.begin, *this),
        tally_(window) {}

  void OnNotSent(base::SteadyTime intended) final {
    tally_.NotSent(intended, base::SteadyNow(), questions_per_job_);
  }
  void OnLate(base::SteadyTime intended) final {
    tally_.Late(intended, base::SteadyNow(), questions_per_job_);
  }

  // When a job comes due that Pump should see. While no place is free it can only wait or be given
  // up, which need not be found out to the microsecond: then at most every kFullWake.
  base::SteadyTime NextDue(bool full, base::SteadyTime pumped) const {
    constexpr std::chrono::milliseconds kFullWake(1);
    const base::SteadyTime due = schedule_.NextDue();
    return full ? std::max(due, pumped + kFullWake) : due;
  }

  const Window window_;
  const uint64_t questions_per_job_;
  Schedule schedule_;
  Tally tally_;
};

// RetryQueue holds jobs that are tried again, until their time.
template <typename Job>
class RetryQueue {
 public:
  explicit RetryQueue(base::SecureRandom& random)
      : backoff_(std::chrono::milliseconds(50), std::chrono::seconds(1), random) {}

  // `attempts` so far, 1 or more.
  void Add(base::SteadyTime now, int attempts, Job job) {
    jobs_.emplace(now + backoff_.After(attempts), std::move(job));
  }
  std::optional<Job> Take(base::SteadyTime now) {
    if (jobs_.empty() || jobs_.begin()->first > now) return std::nullopt;
    Job job = std::move(jobs_.begin()->second);
    jobs_.erase(jobs_.begin());
    return job;
  }
  base::SteadyTime Next() const {
    return jobs_.empty() ? base::SteadyTime::max() : jobs_.begin()->first;
  }

 private:
  Backoff backoff_;
  std::multimap<base::SteadyTime, Job> jobs_;
};

// TimeoutField writes `left` as the value of grpc-timeout: milliseconds, rounded up, 1 or more.
inline std::string TimeoutField(base::SteadyDuration left) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return std::to_string(std::max<int64_t>(1, milliseconds)) + "m";
}

// CallFields are the headers of a call. What they view must live until the call ends.
class CallFields {
 public:
  explicit CallFields(const FlowOptions& options)
      : fields_{Field{":method", "POST"}, {":scheme", options.tls ? "https" : "http"},
                {":path", options.path},  {":authority", ""},
                {"te", "trailers"},       {"content-type", "application/grpc"},
                {"grpc-timeout", ""},     {"musubi-role", options.role}},
        count_(options.role.empty() ? fields_.size() - 1 : fields_.size()) {}

  // A usual timeout is worth remembering for the peer's table.
  std::span<const Field> For(const Address& target, std::string_view timeout, bool usual) {
    fields_[3].value = target.text;
    fields_[6].value = timeout;
    fields_[6].indexed = usual;
    return std::span(fields_).first(count_);
  }

 private:
  std::array<Field, 8> fields_;
  const size_t count_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_FLOW_H_
