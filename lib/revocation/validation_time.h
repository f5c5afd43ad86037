// The rule for questions about another time than now, shared by CRLs and OCSP. For .cc files of
// lib/revocation.
#ifndef MUSUBI_LIB_REVOCATION_VALIDATION_TIME_H_
#define MUSUBI_LIB_REVOCATION_VALIDATION_TIME_H_

#include "absl/time/time.h"

namespace musubi::revocation {

// A validation time this close to now is "now": the time between a request's arrival and the check.
inline constexpr absl::Duration kNowTolerance = absl::Minutes(5);

// CountsAt tells whether data of `this_update`, current at `now`, says something about
// `validation_time`: not about the future, and about the past only if it is no older than that.
inline bool CountsAt(absl::Time this_update, absl::Time validation_time, absl::Time now) {
  if (validation_time > now + kNowTolerance) return false;
  return validation_time >= now - kNowTolerance || this_update >= validation_time;
}

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_VALIDATION_TIME_H_
