#include "bench/validator.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bench/clocks.h"

namespace musubi::bench {

absl::Status SelfCheck(const Validator& validator, const Workload& workload) {
  const auto fails = [&](auto&&... what) {
    return absl::InternalError(absl::StrCat(validator.name, ": ", what...));
  };
  if (const size_t accepted = validator.validate(workload.cards);
      accepted != workload.cards.size()) {
    return fails("accepts ", accepted, " of ", workload.cards.size(), " good cards");
  }
  // As many good ones around it as lanes have beside one.
  constexpr size_t kBeside = 7;
  for (const BadCard& bad : workload.bad_cards) {
    const bool seen = std::find(validator.does_not_see.begin(), validator.does_not_see.end(),
                                bad.why) == validator.does_not_see.end();
    const size_t expected = seen ? 0 : 1;
    if (validator.validate({&bad.card, 1}) != expected) {
      return fails(seen ? "accepts" : "refuses", " the bad card ", bad.why);
    }
    for (size_t place = 0; place <= std::min(kBeside, workload.cards.size()); ++place) {
      std::vector<SignedCard> mixed(workload.cards.begin(),
                                    workload.cards.begin() + static_cast<ptrdiff_t>(std::min(
                                                                 kBeside, workload.cards.size())));
      mixed.insert(mixed.begin() + static_cast<ptrdiff_t>(place), bad.card);
      if (validator.validate(mixed) != mixed.size() - 1 + expected) {
        return fails("errs about the bad card ", bad.why, " in place ", place, " among good ones");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> MeasureCpu(const Validator& validator, const Workload& workload) {
  const absl::Duration before = ThreadCpuTime();
  const size_t accepted = validator.validate(workload.cards);
  const absl::Duration used = ThreadCpuTime() - before;
  if (accepted != workload.cards.size()) {
    return absl::InternalError(absl::StrCat("accepted ", accepted, " of ", workload.cards.size()));
  }
  return absl::ToDoubleMicroseconds(used) / static_cast<double>(accepted);
}

}  // namespace musubi::bench
