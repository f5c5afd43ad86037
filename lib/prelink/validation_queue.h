// Joins the questions of many callers into batches for the engine: lanes are filled across calls
// and streams, and no thread waits for an answer. Bounded in cost, and fair: calls go before bulk,
// expensive keys take no more than half of the time from cheap ones, and no client has more waiting
// than its share. What an answer is, CertificateValidation says.
#ifndef MUSUBI_LIB_PRELINK_VALIDATION_QUEUE_H_
#define MUSUBI_LIB_PRELINK_VALIDATION_QUEUE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/steady_time.h"
#include "lib/prelink/certificate_validation.h"

namespace musubi::prelink {

// kCall: somebody waits for this one answer. kBulk: one of many.
enum class Urgency { kCall = 0, kBulk = 1 };
inline constexpr size_t kUrgencies = 2;

// What one client has waiting. Of whoever tells clients apart; outlives the jobs that name it.
struct ClientLoad {
  std::atomic<int64_t> waiting_cost = 0;
};

// The answer to queries()[index] of a job.
struct ValidationAnswer {
  size_t index = 0;
  absl::StatusOr<CardDecision> decision;
};

// ValidationJob is up to kMaxQueries questions of one caller, and where their answers go. Whoever
// makes it owns it; from Ask until the last answer it must stay where it is.
class ValidationJob {
 public:
  static constexpr size_t kMaxQueries = jpki::kCardsAtOnce;

  virtual ~ValidationJob() = default;
  ValidationJob(const ValidationJob&) = delete;
  ValidationJob& operator=(const ValidationJob&) = delete;

  // Takes some of the answers; each index is answered once. On a thread of the queue, of another
  // caller (see Ask), of OCSP's workers or of the HTTP client, under no lock; may block none of
  // them. With the last answer the job may go.
  virtual void OnAnswers(std::span<ValidationAnswer> answers) = 0;
  // Nobody waits any more: what has not begun is answered CANCELLED, and costs nothing.
  virtual bool Abandoned() const = 0;

 protected:
  ValidationJob() = default;

  // Set before Ask. The octets that queries view live until each is answered.
  std::span<const CardValidationQuery> queries_;
  Urgency urgency_ = Urgency::kCall;
  base::SteadyTime deadline_;  // Of the caller.
  ClientLoad* client_ = nullptr;

 private:
  friend class ValidationQueue;
  ValidationJob* next_ = nullptr;
  int64_t cost_ = 0;
};

// ValidationQueueObserver hears of what an operator counts. Must not block.
class ValidationQueueObserver {
 public:
  virtual ~ValidationQueueObserver() = default;
  // A batch was judged: on a thread of the queue.
  virtual void OnBatch(size_t /*cards*/) {}
  // A job was refused, or dropped since its time was over: what was not judged.
  virtual void OnRefused(size_t /*cards*/) {}
  virtual void OnExpired(size_t /*cards*/) {}
};

// ValidationQueue is thread-safe. Its destructor answers what waits with UNAVAILABLE and waits for
// responders that were asked.
//
// Ask pushes onto one list without a lock. `threads` runners take up to kCardsAtOnce cards of one
// class of cost at a time: a lone question never waits for others, and under load batches grow by
// themselves while runners work.
class ValidationQueue {
 public:
  struct Dependencies {
    const DecisionEngine& engine;
    ValidationQueueObserver* observer = nullptr;  // Null: nobody counts.
    // For tests; null: base::SteadyNow.
    std::function<base::SteadyTime()> steady_now = nullptr;
  };
  struct Options {
    // As many as cores that may judge: more would only take turns.
    size_t threads = 2;
    // What may wait or be judged, in cost units (CostOf): at 8 us a unit in lanes, 65 ms of one
    // core. Beyond it jobs are refused.
    int64_t max_cost = 8192;
    // The same of one client: whatever it does, others find room.
    int64_t max_client_cost = 4096;
    // Cards whose responder is being asked, each some KiB. Beyond it they are refused.
    size_t max_asked = 4096;
  };
  static constexpr size_t kMaxThreads = 256;

  // INVALID_ARGUMENT if an option is below 1, above its bound, or one client's cost above all.
  static absl::StatusOr<std::unique_ptr<ValidationQueue>> Create(Dependencies dependencies,
                                                                 Options options);
  ~ValidationQueue();
  ValidationQueue(const ValidationQueue&) = delete;
  ValidationQueue& operator=(const ValidationQueue&) = delete;

  // Ask takes the job, or refuses it before it costs anything: OVERLOADED, with the time after
  // which there may be room, if too much waits, of all or of its client, or if its deadline would
  // pass before its turn. A refused job gets no answers. Dies on a job without queries or with too
  // many.
  // With a call the caller may judge a batch for all, if a full one waits: then answers come, of
  // this job too, before Ask returns. So under load calls are judged where they are read.
  absl::Status Ask(ValidationJob& job);

  // What waits or is judged now, in cost units: for metrics.
  int64_t waiting_cost() const { return waiting_cost_.load(std::memory_order_relaxed); }
  // Cards whose responder is being asked.
  size_t asked() const;

 private:
  // Classes of cost: a batch holds one, so that no cheap question waits behind its own batch.
  static constexpr size_t kCheap = 0;      // RSA, P-256.
  static constexpr size_t kExpensive = 1;  // P-384.
  static constexpr size_t kCostClasses = 2;

  struct List {
    ValidationJob* first = nullptr;
    ValidationJob* last = nullptr;
  };
  struct Batch;

  ValidationQueue(Dependencies dependencies, Options options);

  static size_t CostClassOf(const ValidationJob& job);
  base::SteadyTime Now() const;
  absl::Duration WaitFor(int64_t cost) const;
  void Push(ValidationJob& job);
  void Wake();
  void Release(const ValidationJob& job);
  void Help();

  void Run();
  // False: the queue ends.
  bool Take(Batch& batch);
  void SortIncoming() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool FillFrom(Batch& batch, List& list) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns whether there was anything.
  bool Fill(Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fill(Batch& batch, size_t cost_class) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasWork(size_t cost_class) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Judge(Batch& batch);
  void Answer(ValidationJob& job, std::span<CardDecision> decisions, const absl::Status& status);
  void AnswerAll(ValidationJob& job, const absl::Status& status);
  bool MayAsk();
  void AskResponder(ValidationJob& job, size_t index, CardDecision decision);

  const Dependencies dependencies_;
  const Options options_;

  // The newest first.
  std::atomic<ValidationJob*> incoming_ = nullptr;
  std::atomic<int64_t> waiting_cost_ = 0;
  // Of that, what nobody judges yet.
  std::atomic<int64_t> queued_cost_ = 0;
  // How long a unit of cost takes a runner, as measured lately.
  std::atomic<int64_t> nanoseconds_per_cost_;
  // Runners that sleep, or are about to.
  std::atomic<size_t> sleepers_ = 0;
  std::atomic<bool> waking_ = false;
  std::atomic<bool> helping_ = false;

  // Of the runners: callers take it only to wake one that sleeps.
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<std::array<List, kCostClasses>, kUrgencies> lists_ ABSL_GUARDED_BY(mutex_);
  // What each class has cost so far: the one that has cost less has its turn.
  std::array<int64_t, kCostClasses> spent_ ABSL_GUARDED_BY(mutex_){};

  // Of cards that wait for the network alone.
  mutable base::Mutex asked_mutex_;
  size_t asked_ ABSL_GUARDED_BY(asked_mutex_) = 0;
  base::CondVar none_asked_;
  std::vector<std::thread> runners_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_VALIDATION_QUEUE_H_
