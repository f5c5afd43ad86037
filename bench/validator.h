// One way to validate cards, as `scripts/bench validation` checks and measures it. Peers of other
// languages have the same by hand.
#ifndef MUSUBI_BENCH_VALIDATOR_H_
#define MUSUBI_BENCH_VALIDATOR_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/validation_workload.h"

namespace musubi::bench {

struct Validator {
  std::string name;  // Of the row.
  // Returns how many of the cards it accepts, from their octets on, keeping nothing for later.
  std::function<size_t(std::span<const SignedCard>)> validate;
  // BadCard::why of what it accepts because it does not look.
  std::vector<std::string> does_not_see;
};

// SelfCheck fails, naming the card, unless all good cards are accepted, and of the bad ones, alone
// and among good ones, exactly those are accepted that the validator says it does not see.
absl::Status SelfCheck(const Validator& validator, const Workload& workload);

// MeasureCpu validates every good card once and returns the microseconds of this thread's CPU time
// that one took. INTERNAL if one was refused: then the figure would be of something else.
absl::StatusOr<double> MeasureCpu(const Validator& validator, const Workload& workload);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_VALIDATOR_H_
