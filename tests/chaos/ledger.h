// What the journeys of a chaos run saw: which one-time values were accepted and how to present them
// again, which links were acknowledged, what was refused and what was not as it must be. The checks
// compare it with the stores.
#ifndef MUSUBI_TESTS_CHAOS_LEDGER_H_
#define MUSUBI_TESTS_CHAOS_LEDGER_H_

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "sandbox/journey/connection.h"

namespace musubi::chaos {

// Caller is what one front and one relying party have.
struct Caller {
  std::unique_ptr<sandbox::Connection> front;
  std::unique_ptr<sandbox::Connection> relying_party;
};

// ReasonName is "STORE_FAILED_OVER", or "transport:UNAVAILABLE" for what no server of ours said.
std::string ReasonName(const absl::Status& status);
// Whether a front would send the same request again: nobody answered, or said so.
bool IsTransient(const absl::Status& status);

// Spent is a one-time value that was accepted.
struct Spent {
  std::string kind;  // "nonce", "hand-off", ...
  std::string value;
  // Presents it again, as another request. OK only if it was accepted a second time.
  std::function<absl::Status(const Caller&)> again;
};

// AckedLink is a link that somebody was told of.
struct AckedLink {
  std::string account;
  bool unlink_asked = false;  // It may have ended.
  bool unlinked = false;      // It was told to have ended.
};

// What happened since the last Cut, for a row of the table.
struct Window {
  int journeys = 0;
  int succeeded = 0;
  int cured = 0;     // Of those, after at least one refusal that reached the person.
  int restarts = 0;  // Sessions that had to begin anew.
  std::map<std::string, int> refusals;
  std::map<std::string, int> replays;  // Values that were presented again: why they were refused.
};

// Ledger is thread-safe.
class Ledger {
 public:
  // The clock outlives the ledger.
  explicit Ledger(const base::Clock& clock) : clock_(clock) {}

  // Accepted notes a value that opened something. Twice is a violation.
  void Accepted(Spent spent);
  void Linked(const std::string& link_id, const std::string& account);
  void UnlinkAsked(const std::string& link_id);
  void Unlinked(const std::string& link_id);
  void Refused(const absl::Status& status);
  void Restarted();
  void Replayed(const absl::Status& refusal);
  // A journey of `thread` that began at `began` has ended well.
  void Ended(int thread, absl::Time began, bool was_refused);
  // It did not come through.
  void Stuck(const std::string& what);
  // One of the same words counts once.
  void Violation(const std::string& what);

  // WaitForJourneys blocks until each of the threads 0..n-1 has ended a journey that it began after
  // `start`, and returns how long after `start` that was; `bound` at the most, with false.
  std::pair<bool, absl::Duration> WaitForJourneys(int threads, absl::Time start,
                                                  absl::Duration bound);

  // Cut returns what happened since the last Cut.
  Window Cut();
  // TakeSpent returns the values accepted since the last call, in their order.
  std::vector<Spent> TakeSpent();
  std::map<std::string, AckedLink> links();
  std::vector<std::string> violations();
  // By kind, over the whole run.
  std::map<std::string, int> accepted();

 private:
  void Note(const std::string& what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const base::Clock& clock_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::set<std::pair<std::string, std::string>> seen_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> accepted_ ABSL_GUARDED_BY(mutex_);
  std::vector<Spent> spent_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, AckedLink> links_ ABSL_GUARDED_BY(mutex_);
  std::map<int, absl::Time> newest_
      ABSL_GUARDED_BY(mutex_);  // Thread -> begin of its last journey.
  Window window_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> violations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::chaos

#endif  // MUSUBI_TESTS_CHAOS_LEDGER_H_
