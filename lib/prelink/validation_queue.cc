#include "lib/prelink/validation_queue.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "lib/base/check.h"
#include "lib/base/error.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using crypto::SignatureClass;

// Before the first batch was measured: an RSA-2048 check on OpenSSL.
constexpr int64_t kFirstNanosecondsPerCost = 16'000;
// Of a measurement the newest batch is one part in so many.
constexpr int64_t kMemory = 16;
// 16 cards of RSA-2048: their signatures fill the lanes four times. From so much on a caller helps.
constexpr int64_t kFullBatchCost = 64;
// About as long as a responder that is slow, and not dead, takes.
constexpr absl::Duration kRetryAsking = absl::Seconds(1);

SignatureClass ClassOf(const crypto::SignatureAlgorithm& algorithm) {
  if (algorithm == crypto::SignatureAlgorithm::kEcdsaP256Sha256) return SignatureClass::kEcP256;
  if (algorithm == crypto::SignatureAlgorithm::kEcdsaP384Sha384) return SignatureClass::kEcP384;
  return SignatureClass::kRsa2048;
}

// The issuer's signature, taken for RSA-2048, as JPKI's are; and the card's.
int64_t CostOfQuery(const CardValidationQuery& query) {
  const int64_t issuer = CostOf(SignatureClass::kRsa2048);
  return query.proof.has_value() ? issuer + CostOf(ClassOf(query.proof->algorithm)) : issuer;
}

bool IsExpensive(const CardValidationQuery& query) {
  return query.proof.has_value() && ClassOf(query.proof->algorithm) == SignatureClass::kEcP384;
}

}  // namespace

struct ValidationQueue::Batch {
  struct Part {
    ValidationJob* job;
    size_t from;  // In queries.
  };
  absl::InlinedVector<Part, jpki::kCardsAtOnce> parts;
  absl::InlinedVector<CardValidationQuery, jpki::kCardsAtOnce> queries;
  // Taken off the queue without being judged: too late, or abandoned.
  absl::InlinedVector<ValidationJob*, 8> late;
  absl::InlinedVector<ValidationJob*, 8> abandoned;
  base::SteadyTime taken_at;
  int64_t cost = 0;

  void Clear() {
    parts.clear();
    queries.clear();
    late.clear();
    abandoned.clear();
    cost = 0;
  }
  bool empty() const { return parts.empty() && late.empty() && abandoned.empty(); }
};

absl::StatusOr<std::unique_ptr<ValidationQueue>> ValidationQueue::Create(Dependencies dependencies,
                                                                         Options options) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError("validation threads must be 1 to 256");
  }
  if (options.max_cost < 1 || options.max_client_cost < 1 || options.max_asked < 1) {
    return absl::InvalidArgumentError(
        "max_cost, max_client_cost and max_asked of validation must be at least 1");
  }
  if (options.max_client_cost > options.max_cost) {
    return absl::InvalidArgumentError("max_client_cost of validation must not exceed max_cost");
  }
  std::unique_ptr<ValidationQueue> queue(new ValidationQueue(std::move(dependencies), options));
  for (size_t i = 0; i < options.threads; ++i) {
    queue->runners_.emplace_back([raw = queue.get()] { raw->Run(); });
  }
  return queue;
}

ValidationQueue::ValidationQueue(Dependencies dependencies, Options options)
    : dependencies_(std::move(dependencies)),
      options_(options),
      nanoseconds_per_cost_(kFirstNanosecondsPerCost) {}

ValidationQueue::~ValidationQueue() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& runner : runners_) runner.join();
  std::vector<ValidationJob*> left;
  {
    base::MutexLock lock(mutex_);
    SortIncoming();
    for (auto& lists : lists_) {
      for (const List& list : lists) {
        for (ValidationJob* job = list.first; job != nullptr; job = job->next_) left.push_back(job);
      }
    }
  }
  for (ValidationJob* job : left) {
    Release(*job);
    AnswerAll(*job, base::Error(ErrorReason::kUnavailable, "the server is shutting down"));
  }
  base::MutexLock lock(asked_mutex_);
  while (asked_ > 0) none_asked_.Wait(asked_mutex_);
}

base::SteadyTime ValidationQueue::Now() const {
  return dependencies_.steady_now == nullptr ? base::SteadyNow() : dependencies_.steady_now();
}

// The time that runners need for `cost`.
absl::Duration ValidationQueue::WaitFor(int64_t cost) const {
  return absl::Nanoseconds(cost * nanoseconds_per_cost_.load(std::memory_order_relaxed) /
                           static_cast<int64_t>(options_.threads));
}

absl::Status ValidationQueue::Ask(ValidationJob& job) {
  const size_t count = job.queries_.size();
  MUSUBI_CHECK(count >= 1 && count <= ValidationJob::kMaxQueries, "a job has 1 to 32 queries");
  int64_t cost = 0;
  for (const CardValidationQuery& query : job.queries_) cost += CostOfQuery(query);
  job.cost_ = cost;

  const int64_t before = waiting_cost_.fetch_add(cost, std::memory_order_relaxed);
  const int64_t clients = job.client_ == nullptr ? 0
                                                 : job.client_->waiting_cost.fetch_add(
                                                       job.cost_, std::memory_order_relaxed);
  const absl::Duration wait = WaitFor(before);
  std::string_view why;
  // What is asked of an empty queue is taken, however much it is.
  if (before > 0 && before + cost > options_.max_cost) {
    why = "more certificates wait than can be validated in time: try again later";
  } else if (clients > 0 && clients + cost > options_.max_client_cost) {
    why = "more of this client's certificates wait than its share allows: try again later";
  } else if (Now() + base::ToSteady(wait) > job.deadline_) {
    why = "the deadline would pass before the certificate's turn: try again later";
  }
  if (!why.empty()) {
    Release(job);
    if (dependencies_.observer != nullptr) dependencies_.observer->OnRefused(count);
    return base::RetryLater(ErrorReason::kOverloaded, why, std::max(wait, absl::Milliseconds(1)));
  }
  const bool call = job.urgency_ == Urgency::kCall;
  const int64_t queued = queued_cost_.fetch_add(cost, std::memory_order_relaxed) + cost;
  // From here on the job may be over.
  Push(job);
  if (call && queued >= kFullBatchCost) Help();
  return absl::OkStatus();
}

// One batch of cheap cards on the caller's thread, if no other caller helps now.
void ValidationQueue::Help() {
  if (helping_.exchange(true, std::memory_order_acquire)) return;
  Batch batch;
  batch.Clear();
  {
    base::MutexLock lock(mutex_);
    SortIncoming();
    if (HasWork(kCheap)) Fill(batch, kCheap);
  }
  helping_.store(false, std::memory_order_release);
  Judge(batch);
}

void ValidationQueue::Release(const ValidationJob& job) {
  waiting_cost_.fetch_sub(job.cost_, std::memory_order_relaxed);
  if (job.client_ != nullptr) {
    job.client_->waiting_cost.fetch_sub(job.cost_, std::memory_order_relaxed);
  }
}

void ValidationQueue::Push(ValidationJob& job) {
  ValidationJob* newest = incoming_.load(std::memory_order_relaxed);
  do {
    job.next_ = newest;
  } while (!incoming_.compare_exchange_weak(newest, &job));
  // Sequentially consistent with Take: either the runner that is about to sleep sees the job, or
  // this thread sees the runner.
  if (sleepers_.load() > 0) Wake();
}

// One of those that sleep, once until it has woken: what else comes meanwhile is for it too.
void ValidationQueue::Wake() {
  if (waking_.exchange(true)) return;
  // Whoever is about to sleep holds the lock until it does.
  { base::MutexLock lock(mutex_); }
  changed_.NotifyOne();
}

void ValidationQueue::Run() {
  // A thread that is woken takes no core from one that works: on a busy machine batches grow
  // meanwhile, and journeys' threads come first. An idle core takes it at once. It is only a wish.
  const sched_param priority{};
  static_cast<void>(pthread_setschedparam(pthread_self(), SCHED_BATCH, &priority));
  static_cast<void>(pthread_setname_np(pthread_self(), "validation"));
  Batch batch;
  while (Take(batch)) Judge(batch);
}

bool ValidationQueue::Take(Batch& batch) {
  batch.Clear();
  base::MutexLock lock(mutex_);
  for (;;) {
    if (stopping_) return false;
    SortIncoming();
    if (Fill(batch)) break;
    sleepers_.fetch_add(1);
    // Whoever wanted to wake somebody has found nobody asleep, and may have left this behind.
    waking_ = false;
    if (incoming_.load() == nullptr) changed_.Wait(mutex_);
    sleepers_.fetch_sub(1);
    waking_ = false;
  }
  if (sleepers_ > 0 && (HasWork(kCheap) || HasWork(kExpensive)) && !waking_.exchange(true)) {
    changed_.NotifyOne();
  }
  return true;
}

bool ValidationQueue::HasWork(size_t cost_class) const {
  return lists_[0][cost_class].first != nullptr || lists_[1][cost_class].first != nullptr;
}

size_t ValidationQueue::CostClassOf(const ValidationJob& job) {
  return std::ranges::any_of(job.queries_, IsExpensive) ? kExpensive : kCheap;
}

// Moves what was pushed to the lists, the oldest first.
void ValidationQueue::SortIncoming() {
  ValidationJob* oldest = nullptr;
  for (ValidationJob* job = incoming_.exchange(nullptr); job != nullptr;) {
    ValidationJob* const older = std::exchange(job->next_, oldest);
    oldest = std::exchange(job, older);
  }
  while (oldest != nullptr) {
    ValidationJob& job = *std::exchange(oldest, oldest->next_);
    job.next_ = nullptr;
    const size_t cost_class = CostClassOf(job);
    // Who had nothing to do saves no turns.
    if (!HasWork(cost_class)) {
      spent_[cost_class] = std::max(spent_[cost_class], spent_[1 - cost_class]);
    }
    List& list = lists_[static_cast<size_t>(job.urgency_)][cost_class];
    (list.first == nullptr ? list.first : list.last->next_) = &job;
    list.last = &job;
  }
}

// Returns whether there is room for more.
bool ValidationQueue::FillFrom(Batch& batch, List& list) {
  while (list.first != nullptr) {
    ValidationJob& job = *list.first;
    const bool fits = batch.queries.size() + job.queries_.size() <= jpki::kCardsAtOnce &&
                      (batch.cost == 0 || batch.cost + job.cost_ <= crypto::kMaxBatchCost);
    if (!fits) return false;
    list.first = job.next_;
    queued_cost_.fetch_sub(job.cost_, std::memory_order_relaxed);
    if (job.Abandoned()) {
      batch.abandoned.push_back(&job);
    } else if (batch.taken_at >= job.deadline_) {
      batch.late.push_back(&job);
    } else {
      batch.parts.push_back({&job, batch.queries.size()});
      batch.queries.insert(batch.queries.end(), job.queries_.begin(), job.queries_.end());
      batch.cost += job.cost_;
    }
  }
  return true;
}

bool ValidationQueue::Fill(Batch& batch) {
  const bool cheap = HasWork(kCheap);
  if (!cheap && !HasWork(kExpensive)) return false;
  Fill(batch, cheap && (!HasWork(kExpensive) || spent_[kCheap] <= spent_[kExpensive]) ? kCheap
                                                                                      : kExpensive);
  return true;
}

void ValidationQueue::Fill(Batch& batch, size_t cost_class) {
  batch.taken_at = Now();
  if (FillFrom(batch, lists_[static_cast<size_t>(Urgency::kCall)][cost_class])) {
    FillFrom(batch, lists_[static_cast<size_t>(Urgency::kBulk)][cost_class]);
  }
  spent_[cost_class] += batch.cost;
}

void ValidationQueue::Judge(Batch& batch) {
  for (ValidationJob* job : batch.abandoned) {
    Release(*job);
    AnswerAll(*job, absl::CancelledError("the caller waits no longer"));
  }
  for (ValidationJob* job : batch.late) {
    Release(*job);
    if (dependencies_.observer != nullptr) {
      dependencies_.observer->OnExpired(job->queries_.size());
    }
    AnswerAll(*job, absl::DeadlineExceededError("the deadline passed before the work began"));
  }
  if (batch.parts.empty()) return;
  std::array<CardDecision, jpki::kCardsAtOnce> decisions;
  const auto some = std::span(decisions).first(batch.queries.size());
  const absl::Status status = dependencies_.engine.DecideMany(batch.queries, some);
  const int64_t took = absl::ToInt64Nanoseconds(absl::FromChrono(Now() - batch.taken_at));
  const int64_t known = nanoseconds_per_cost_.load(std::memory_order_relaxed);
  nanoseconds_per_cost_.store(std::max<int64_t>(1, known + (took / batch.cost - known) / kMemory),
                              std::memory_order_relaxed);
  if (dependencies_.observer != nullptr) dependencies_.observer->OnBatch(batch.queries.size());
  for (const Batch::Part& part : batch.parts) {
    Release(*part.job);
    Answer(*part.job, some.subspan(part.from, part.job->queries_.size()), status);
  }
}

void ValidationQueue::AnswerAll(ValidationJob& job, const absl::Status& status) {
  absl::InlinedVector<ValidationAnswer, jpki::kCardsAtOnce> answers;
  for (size_t i = 0; i < job.queries_.size(); ++i) answers.push_back({i, status});
  job.OnAnswers({answers.data(), answers.size()});
}

// With its last answer the job is gone, so nothing of it is read after that.
void ValidationQueue::Answer(ValidationJob& job, std::span<CardDecision> decisions,
                             const absl::Status& status) {
  if (!status.ok()) return AnswerAll(job, status);
  absl::InlinedVector<ValidationAnswer, jpki::kCardsAtOnce> answers;
  absl::InlinedVector<size_t, jpki::kCardsAtOnce> to_ask;
  for (size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].needs_responder) {
      to_ask.push_back(i);
    } else {
      answers.push_back({i, std::move(decisions[i])});
    }
  }
  if (!answers.empty()) job.OnAnswers({answers.data(), answers.size()});
  for (const size_t i : to_ask) AskResponder(job, i, std::move(decisions[i]));
}

size_t ValidationQueue::asked() const {
  base::MutexLock lock(asked_mutex_);
  return asked_;
}

bool ValidationQueue::MayAsk() {
  base::MutexLock lock(asked_mutex_);
  if (asked_ >= options_.max_asked) return false;
  ++asked_;
  return true;
}

void ValidationQueue::AskResponder(ValidationJob& job, size_t index, CardDecision decision) {
  const auto answer = [&job, index](absl::StatusOr<CardDecision> decided) {
    ValidationAnswer one{index, std::move(decided)};
    job.OnAnswers({&one, 1});
  };
  if (!MayAsk()) {
    if (dependencies_.observer != nullptr) dependencies_.observer->OnRefused(1);
    return answer(base::RetryLater(ErrorReason::kOverloaded,
                                   "too many responders are being asked: try again later",
                                   kRetryAsking));
  }
  dependencies_.engine.AskResponder(job.queries_[index], std::move(decision),
                                    [this, answer](CardDecision decided) {
                                      answer(std::move(decided));
                                      // The last thing that is done with this queue.
                                      base::MutexLock lock(asked_mutex_);
                                      if (--asked_ == 0) none_asked_.NotifyAll();
                                    });
}

}  // namespace musubi::prelink
