// Work that comes back: on a timer, but done by a worker, since a timer's own thread must not
// block.
#ifndef MUSUBI_SERVICES_MUSUBID_HOUSEKEEPING_H_
#define MUSUBI_SERVICES_MUSUBID_HOUSEKEEPING_H_

#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "lib/base/timer.h"
#include "lib/base/worker_pool.h"

namespace musubi::services::musubid {

// Periodic runs `work` every `interval`, first after one interval, never twice at once. A run that
// finds no free worker is left out. Its destructor waits for a run that is under way.
class Periodic {
 public:
  Periodic(base::Timer& timer, base::WorkerPool& workers, absl::Duration interval,
           std::function<void()> work);
  ~Periodic();
  Periodic(const Periodic&) = delete;
  Periodic& operator=(const Periodic&) = delete;

 private:
  // Shared with what is scheduled, which may come after the end.
  struct State;
  static void ScheduleNext(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_HOUSEKEEPING_H_
