#include "lib/base/call_deadline.h"

#include <algorithm>

#include "lib/base/steady_time.h"

namespace musubi::base {
namespace {

// What a deadline may lie ahead at most, so that no sum overflows: longer than any call.
constexpr absl::Duration kLongest = absl::Hours(24);

thread_local std::optional<CallDeadline::TimePoint> current;

CallDeadline::TimePoint From(absl::Duration left) {
  return SteadyNow() + ToSteady(std::clamp(left, absl::ZeroDuration(), kLongest));
}

}  // namespace

CallDeadline::CallDeadline(absl::Duration left) : before_(current) { current = AtMost(left); }

CallDeadline::~CallDeadline() { current = before_; }

CallDeadline::TimePoint CallDeadline::AtMost(absl::Duration otherwise) {
  const TimePoint then = From(otherwise);
  return current.has_value() ? std::min(*current, then) : then;
}

absl::Duration CallDeadline::Left(TimePoint deadline) {
  return std::max(absl::FromChrono(deadline - SteadyNow()), absl::ZeroDuration());
}

}  // namespace musubi::base
