#include "tests/chaos/ledger.h"

#include <algorithm>
#include <chrono>

#include "lib/base/error.h"

namespace musubi::chaos {

std::string ReasonName(const absl::Status& status) {
  if (const auto reason = base::ReasonOf(status)) return std::string(base::Name(*reason));
  return "transport:" + absl::StatusCodeToString(status.code());
}

bool IsTransient(const absl::Status& status) {
  const auto reason = base::ReasonOf(status);
  if (reason) {
    return *reason == base::ErrorReason::kUnavailable || *reason == base::ErrorReason::kOverloaded;
  }
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDeadlineExceeded ||
         status.code() == absl::StatusCode::kCancelled;
}

void Ledger::Accepted(Spent spent) {
  base::MutexLock lock(mutex_);
  ++accepted_[spent.kind];
  if (!seen_.emplace(spent.kind, spent.value).second) {
    Note("a " + spent.kind + " was accepted twice");
  }
  spent_.push_back(std::move(spent));
}

void Ledger::Linked(const std::string& link_id, const std::string& account) {
  base::MutexLock lock(mutex_);
  const auto [entry, is_new] = links_.try_emplace(link_id, AckedLink{.account = account});
  if (!is_new && entry->second.account != account) {
    Note("one link was acknowledged to two accounts");
  }
}

void Ledger::UnlinkAsked(const std::string& link_id) {
  base::MutexLock lock(mutex_);
  links_[link_id].unlink_asked = true;
}

void Ledger::Unlinked(const std::string& link_id) {
  base::MutexLock lock(mutex_);
  if (!links_.contains(link_id)) Note("an unlink named a link of nobody");
  links_[link_id].unlinked = true;
}

void Ledger::Refused(const absl::Status& status) {
  const std::string name = ReasonName(status);
  base::MutexLock lock(mutex_);
  ++window_.refusals[name];
  // No fault outside may look like one of ours.
  if (!IsTransient(status) && (!base::ReasonOf(status) || name == "INTERNAL")) {
    Note("not a typed refusal: " + status.ToString());
  }
}

void Ledger::Restarted() {
  base::MutexLock lock(mutex_);
  ++window_.restarts;
}

void Ledger::Replayed(const absl::Status& refusal) {
  base::MutexLock lock(mutex_);
  ++window_.replays[ReasonName(refusal)];
}

void Ledger::Ended(int thread, absl::Time began, bool was_refused) {
  base::MutexLock lock(mutex_);
  ++window_.journeys;
  ++window_.succeeded;
  if (was_refused) ++window_.cured;
  newest_[thread] = began;
  changed_.NotifyAll();
}

void Ledger::Stuck(const std::string& what) {
  base::MutexLock lock(mutex_);
  ++window_.journeys;
  Note("a journey does not come through: " + what);
}

void Ledger::Violation(const std::string& what) {
  base::MutexLock lock(mutex_);
  Note(what);
}

void Ledger::Note(const std::string& what) {
  if (std::find(violations_.begin(), violations_.end(), what) == violations_.end()) {
    violations_.push_back(what);
  }
}

std::pair<bool, absl::Duration> Ledger::WaitForJourneys(int threads, absl::Time start,
                                                        absl::Duration bound) {
  base::MutexLock lock(mutex_);
  while (true) {
    int done = 0;
    for (const auto& [thread, began] : newest_) done += thread < threads && began >= start ? 1 : 0;
    const absl::Duration passed = clock_.Now() - start;
    if (done == threads || passed > bound) return {done == threads, passed};
    changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
  }
}

Window Ledger::Cut() {
  base::MutexLock lock(mutex_);
  return std::exchange(window_, {});
}

std::vector<Spent> Ledger::TakeSpent() {
  base::MutexLock lock(mutex_);
  return std::exchange(spent_, {});
}

std::map<std::string, AckedLink> Ledger::links() {
  base::MutexLock lock(mutex_);
  return links_;
}

std::vector<std::string> Ledger::violations() {
  base::MutexLock lock(mutex_);
  return violations_;
}

std::map<std::string, int> Ledger::accepted() {
  base::MutexLock lock(mutex_);
  return accepted_;
}

}  // namespace musubi::chaos
