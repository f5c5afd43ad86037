// What went wrong at PostgreSQL, in the kinds that a store treats differently. The status beside it
// is what a caller of the store gets if nobody treats it.
#ifndef MUSUBI_LIB_POSTGRES_FAILURE_H_
#define MUSUBI_LIB_POSTGRES_FAILURE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace musubi::postgres {

enum class Failure {
  kNone = 0,             // No failure of PostgreSQL's.
  kOther = 1,            // INTERNAL or DATA_LOSS: SQL of ours, privileges, a damaged database.
  kUniqueViolation = 2,  // INTERNAL. Another transaction was first; its rows can be seen now.
  kSerialization = 3,    // UNAVAILABLE. Nothing was done; the same transaction again may do it.
  kConnectionLost = 4,   // UNAVAILABLE. Nothing was done.
  kTimeout = 5,          // UNAVAILABLE. The call's deadline passed; nothing was done.
  // UNAVAILABLE. The connection was lost, or the deadline passed, after COMMIT was sent and before
  // its answer: what the transaction wrote is there or is not. Whoever repeats must look first.
  kOutcomeUnknown = 6,
};

Failure FailureOf(const absl::Status& status);

// MakeFailure is a status of that kind. `detail` holds no value of a row.
absl::Status MakeFailure(Failure failure, std::string_view detail);

// FailureOfSqlState judges the five characters of a SQLSTATE (PostgreSQL 15, appendix A).
Failure FailureOfSqlState(std::string_view sql_state);

}  // namespace musubi::postgres

#endif  // MUSUBI_LIB_POSTGRES_FAILURE_H_
