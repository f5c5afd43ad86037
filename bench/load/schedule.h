// When a load test asks. Open loop: at a fixed rate, whatever the server does, and what finds no
// free place waits in a bounded queue. Closed loop: whenever a place is free. Pure: is told the
// time, sends nothing.
#ifndef MUSUBI_BENCH_LOAD_SCHEDULE_H_
#define MUSUBI_BENCH_LOAD_SCHEDULE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "lib/base/secure_random.h"
#include "lib/base/steady_time.h"

namespace musubi::bench::load {

// Schedule hands out the starts of jobs. A job's latency and deadline count from its intended
// start, not from when it was sent: else what a slow server keeps from being sent is never measured
// (coordinated omission). Not thread-safe.
class Schedule {
 public:
  struct Options {
    // Jobs a second; 0 is a closed loop.
    double rate = 0;
    // Jobs that may wait for a place; open loop only.
    size_t max_waiting = 0;
    // From the intended start; a job that has still not found a place by then is late. None: it
    // waits for ever.
    std::optional<base::SteadyDuration> deadline;
  };
  // Listener hears of jobs that end without having been sent.
  class Listener {
   public:
    virtual ~Listener() = default;
    // The queue was full.
    virtual void OnNotSent(base::SteadyTime intended) = 0;
    // The deadline passed in the queue.
    virtual void OnLate(base::SteadyTime intended) = 0;
  };

  // The first job is due at `start`. `listener` outlives the schedule.
  Schedule(Options options, base::SteadyTime start, Listener& listener)
      : options_(options), start_(start), listener_(listener) {}

  // Take is for who has a free place: the intended start of the job to be sent now, or nothing if
  // none is due. In a closed loop one always is, `now`.
  std::optional<base::SteadyTime> Take(base::SteadyTime now);
  // Queue is for when no place is free any more: what is due waits, or is not sent.
  void Queue(base::SteadyTime now);

  // The intended start of the oldest job that was neither taken nor given up; of a closed loop,
  // SteadyTime::max().
  base::SteadyTime Next() const;
  // When the next job comes due, if it must be waited for; of a closed loop, SteadyTime::max().
  base::SteadyTime NextDue() const;

 private:
  bool closed() const { return options_.rate == 0; }
  base::SteadyTime Intended(uint64_t job) const;
  bool IsLate(base::SteadyTime intended, base::SteadyTime now) const;

  const Options options_;
  const base::SteadyTime start_;
  Listener& listener_;
  uint64_t next_ = 0;  // The first job that has not come due.
  std::deque<base::SteadyTime> waiting_;
};

// Backoff is how long a retry, or a new connection, waits: a uniformly random part of an upper
// bound that doubles with each attempt, as gRPC retries do.
class Backoff {
 public:
  Backoff(base::SteadyDuration first, base::SteadyDuration largest, base::SecureRandom& random)
      : first_(first), largest_(largest), random_(random) {}

  // `failures` so far, 1 or more.
  base::SteadyDuration After(int failures);

 private:
  const base::SteadyDuration first_;
  const base::SteadyDuration largest_;
  base::SecureRandom& random_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_SCHEDULE_H_
