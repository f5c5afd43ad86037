// Whether something that failed again and again may be asked again. Knows no clock and asks nobody.
#ifndef MUSUBI_LIB_REVOCATION_CIRCUIT_BREAKER_H_
#define MUSUBI_LIB_REVOCATION_CIRCUIT_BREAKER_H_

#include <optional>

#include "absl/time/time.h"

namespace musubi::revocation {

// CircuitBreaker is closed at first. So many failures in a row open it: nobody may ask. After a
// time one caller may, as a probe: what comes of it closes the breaker or keeps it open as long
// again. Not thread-safe.
class CircuitBreaker {
 public:
  // One lost answer is no outage, nor are two of a server that restarts. Of a responder that never
  // answers, each failure more costs a caller its whole timeout.
  static constexpr int kFailuresToOpen = 5;
  // A person who waits a moment and tries again should find a responder that is back; a probe of
  // one that is not costs one caller its timeout.
  static constexpr absl::Duration kOpenFor = absl::Seconds(10);

  enum class Admission { kRefused, kUsual, kProbe };
  enum class Outcome {
    kWorks,
    kFails,
    kUndecided,  // The caller gave up too early to tell.
  };
  enum class Change { kNone, kOpened, kClosed };

  // Whether Admit would refuse.
  bool Refuses(absl::Time now) const;
  // Unless it refuses, Admit obliges the caller to Report what came of it.
  Admission Admit(absl::Time now);
  Change Report(Admission admission, Outcome outcome, absl::Time now);

 private:
  int failures_ = 0;                     // In a row.
  std::optional<absl::Time> opened_at_;  // Or when the last probe failed; nothing: it is closed.
  bool probing_ = false;
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CIRCUIT_BREAKER_H_
