#include "services/musubid/housekeeping.h"

#include <utility>

namespace musubi::services::musubid {

struct Periodic::State {
  State(base::Timer& timer_in, base::WorkerPool& workers_in, absl::Duration interval_in,
        std::function<void()> work_in)
      : timer(timer_in), workers(workers_in), interval(interval_in), work(std::move(work_in)) {}

  base::Timer& timer;
  base::WorkerPool& workers;
  const absl::Duration interval;
  const std::function<void()> work;
  // Held during a run: the end waits for it.
  base::Mutex mutex;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
};

Periodic::Periodic(base::Timer& timer, base::WorkerPool& workers, absl::Duration interval,
                   std::function<void()> work)
    : state_(std::make_shared<State>(timer, workers, interval, std::move(work))) {
  ScheduleNext(state_);
}

Periodic::~Periodic() {
  base::MutexLock lock(state_->mutex);
  state_->stopped = true;
}

void Periodic::ScheduleNext(const std::shared_ptr<State>& state) {
  std::weak_ptr<State> weak = state;
  state->timer.Schedule(state->interval, [weak] {
    const std::shared_ptr<State> due = weak.lock();
    if (due == nullptr) return;
    const bool taken = due->workers.Submit([weak] {
      const std::shared_ptr<State> running = weak.lock();
      if (running == nullptr) return;
      {
        base::MutexLock lock(running->mutex);
        if (running->stopped) return;
        running->work();
      }
      ScheduleNext(running);
    });
    if (!taken) ScheduleNext(due);
  });
}

}  // namespace musubi::services::musubid
