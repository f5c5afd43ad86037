#include "lib/telemetry/work.h"

#include <algorithm>

#include "lib/base/check.h"

namespace musubi::telemetry {
namespace {

thread_local Work* current = nullptr;

}  // namespace

Work::Work(const base::Clock& clock, const TraceContext& trace)
    : clock_(clock), trace_(trace), before_(current) {
  current = this;
}

Work::~Work() { current = before_; }

Work* Work::Current() { return current; }

void Work::Settle() {
  const absl::Time now = clock_.Now();
  if (depth_ > 0) {
    // A wall clock may go back.
    times_[static_cast<size_t>(open_[depth_ - 1])] += std::max(absl::ZeroDuration(), now - since_);
  }
  since_ = now;
}

void EnterStage(Stage stage) {
  if (current == nullptr) return;
  MUSUBI_CHECK(current->depth_ < Work::kMaxDepth, "stages that nobody leaves");
  current->Settle();
  current->open_[current->depth_++] = stage;
}

void LeaveStage() {
  if (current == nullptr) return;
  MUSUBI_CHECK(current->depth_ > 0, "a stage that nobody entered");
  current->Settle();
  --current->depth_;
}

}  // namespace musubi::telemetry
