// What one thread does for one request: how long in which stage, and under which trace. A use case
// runs on one thread from top to bottom, so the account is the thread's: what is measured far below
// (a store, a responder) needs no parameter through everything above it.
#ifndef MUSUBI_LIB_TELEMETRY_WORK_H_
#define MUSUBI_LIB_TELEMETRY_WORK_H_

#include <array>
#include <cstddef>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/telemetry/trace.h"

namespace musubi::telemetry {

enum class Stage {
  kQueued = 0,  // From the call's arrival until a worker took it.
  kSessionStore = 1,
  kLinkStore = 2,
  kPersonStore = 3,
  kValidation = 4,         // Of a certificate, without the next.
  kRevocationNetwork = 5,  // Waiting for OCSP responders.
};
inline constexpr size_t kNumStages = 6;

// Time by stage. Stages within each other do not overlap: the inner one's time is not the outer's.
using StageTimes = std::array<absl::Duration, kNumStages>;

// Work is the account of its thread for as long as it lives; the one before is the thread's again
// afterwards. Not thread-safe, and destroyed on the thread that made it.
class Work {
 public:
  // `clock` must outlive the account.
  Work(const base::Clock& clock, const TraceContext& trace);
  ~Work();
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  // The account of this thread, or null.
  static Work* Current();

  const TraceContext& trace() const { return trace_; }
  const StageTimes& times() const { return times_; }
  const base::Clock& clock() const { return clock_; }

 private:
  friend void EnterStage(Stage stage);
  friend void LeaveStage();

  // Stages within each other: a sweep of persons asks the link store, and that is the deepest.
  static constexpr size_t kMaxDepth = 8;

  // Adds the time since the last switch to the innermost stage.
  void Settle();

  const base::Clock& clock_;
  const TraceContext trace_;
  Work* const before_;
  StageTimes times_{};
  std::array<Stage, kMaxDepth> open_{};
  size_t depth_ = 0;
  absl::Time since_;
};

// EnterStage and LeaveStage come in pairs. Without an account they do nothing.
void EnterStage(Stage stage);
void LeaveStage();

class StageScope {
 public:
  explicit StageScope(Stage stage) { EnterStage(stage); }
  ~StageScope() { LeaveStage(); }
  StageScope(const StageScope&) = delete;
  StageScope& operator=(const StageScope&) = delete;
};

}  // namespace musubi::telemetry

#endif  // MUSUBI_LIB_TELEMETRY_WORK_H_
