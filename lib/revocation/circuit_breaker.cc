#include "lib/revocation/circuit_breaker.h"

namespace musubi::revocation {

bool CircuitBreaker::Refuses(absl::Time now) const {
  if (!opened_at_) return false;
  // Before it was opened: the clock went back, and cannot tell how long that is ago.
  const bool rests = now >= *opened_at_ && now < *opened_at_ + kOpenFor;
  return rests || probing_;
}

CircuitBreaker::Admission CircuitBreaker::Admit(absl::Time now) {
  if (!opened_at_) return Admission::kUsual;
  if (Refuses(now)) return Admission::kRefused;
  probing_ = true;
  return Admission::kProbe;
}

CircuitBreaker::Change CircuitBreaker::Report(Admission admission, Outcome outcome,
                                              absl::Time now) {
  if (admission == Admission::kProbe) probing_ = false;
  switch (outcome) {
    case Outcome::kUndecided:
      return Change::kNone;
    case Outcome::kWorks:
      failures_ = 0;
      if (!opened_at_) return Change::kNone;
      opened_at_.reset();
      return Change::kClosed;
    case Outcome::kFails:
      break;
  }
  if (opened_at_) {
    // Failures of those who asked before it opened say nothing new.
    if (admission == Admission::kProbe) opened_at_ = now;
    return Change::kNone;
  }
  if (++failures_ < kFailuresToOpen) return Change::kNone;
  failures_ = 0;
  opened_at_ = now;
  return Change::kOpened;
}

}  // namespace musubi::revocation
