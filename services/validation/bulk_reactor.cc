#include "services/validation/bulk_reactor.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "lib/base/error.h"
#include "lib/rpc/method_table.h"
#include "services/wire/wire.h"

namespace musubi::services::validation {
namespace {

using base::ErrorReason;

// At most `longest` octets of `text`, without half a character at the end.
std::string Shortened(std::string text, size_t longest) {
  if (text.size() <= longest) return text;
  const auto continues = [&](size_t i) { return (static_cast<uint8_t>(text[i]) & 0xC0) == 0x80; };
  while (longest > 0 && continues(longest)) --longest;
  text.resize(longest);
  return text;
}

v1::QueryError ToQueryError(const absl::Status& status) {
  v1::QueryError error;
  const std::optional<ErrorReason> reason = base::ReasonOf(status);
  if (!reason.has_value()) {
    // A fault of ours: what its text says is not for outside.
    error.set_reason(v1::ERROR_REASON_INTERNAL);
    return error;
  }
  error.set_reason(wire::SameNumber<v1::ErrorReason>(*reason));
  error.set_detail(Shortened(std::string(status.message()), kMaxQueryErrorDetail));
  for (const auto& [key, value] : base::MetadataOf(status)) {
    (*error.mutable_metadata())[key] = value;
  }
  return error;
}

bool IsExpensive(const v1::CertificateQuery& query) {
  return query.proof().algorithm() == v1::SIGNATURE_ALGORITHM_ECDSA_P384_SHA384;
}

}  // namespace

// Queries of one message that are judged together: a range of valid ones, all cheap or all
// expensive. Its own from the moment that the queue takes it until its last answer.
class BulkReactor::Chunk final : public prelink::ValidationJob {
 public:
  explicit Chunk(const BulkReactor& reactor) : reactor_(reactor.self_), message_(reactor.request_) {
    urgency_ = prelink::Urgency::kBulk;
    deadline_ = reactor.deadline_;
    client_ = reactor.client_;
  }

  void Add(const v1::IndexedQuery& query, const prelink::CardValidationQuery& question) {
    queries_on_wire_.push_back(&query);
    questions_.push_back(question);
    queries_ = {questions_.data(), questions_.size()};
    unanswered = questions_.size();
  }
  const v1::IndexedQuery& query(size_t i) const { return *queries_on_wire_[i]; }
  size_t size() const { return questions_.size(); }

  size_t unanswered = 0;  // Under the reactor's lock.

 private:
  void OnAnswers(std::span<prelink::ValidationAnswer> answers) override {
    if (reactor_->TakeAnswers(*this, answers)) delete this;
  }
  bool Abandoned() const override { return reactor_->cancelled_.load(std::memory_order_relaxed); }

  const std::shared_ptr<BulkReactor> reactor_;
  const std::shared_ptr<const v1::ValidateCertificatesRequest> message_;
  absl::InlinedVector<const v1::IndexedQuery*, kMaxChunk> queries_on_wire_;
  absl::InlinedVector<prelink::CardValidationQuery, kMaxChunk> questions_;
};

BulkReactor::BulkReactor(std::shared_ptr<rpc::Call> call, CertificateChecks& checks)
    : call_(std::move(call)),
      checks_(checks),
      deadline_(checks_.CallDeadline(call_->info())),
      request_(std::make_shared<v1::ValidateCertificatesRequest>()) {}

BulkReactor* BulkReactor::Start(std::shared_ptr<rpc::Call> call, rpc::Calls& calls,
                                CertificateChecks& checks) {
  std::shared_ptr<BulkReactor> reactor(new BulkReactor(std::move(call), checks));
  reactor->self_ = reactor;
  if (reactor->call_->admitted().ok()) {
    reactor->client_ = &checks.LoadOf(reactor->call_->info());
  } else {
    base::MutexLock lock(reactor->mutex_);
    reactor->failure_ = reactor->call_->admitted();
  }
  reactor->Advance();
  calls.CloseOnDrain(reactor);
  return reactor.get();
}

void BulkReactor::Close(absl::Status outcome) {
  {
    base::MutexLock lock(mutex_);
    closing_ = std::move(outcome);
  }
  Advance();
}

void BulkReactor::OnReadDone(bool ok) {
  {
    base::MutexLock lock(mutex_);
    reading_ = false;
    next_query_ = 0;
    if (!ok) {
      half_closed_ = true;
      request_->Clear();
    } else if (absl::Status checked = CheckMessage(); !checked.ok()) {
      failure_ = std::move(checked);
    }
  }
  Advance();
}

void BulkReactor::OnWriteDone(bool ok) {
  {
    base::MutexLock lock(mutex_);
    writing_ = false;
    in_flight_ -= writing_response_.answers_size();
    if (!ok) cancelled_ = true;
  }
  Advance();
}

void BulkReactor::OnCancel() {
  {
    base::MutexLock lock(mutex_);
    cancelled_ = true;
  }
  Advance();
}

void BulkReactor::OnDone() { const std::shared_ptr<BulkReactor> last = std::move(self_); }

absl::Status BulkReactor::CheckMessage() const {
  if (request_->ByteSizeLong() > rpc::kMaxBulkRequest) {
    return base::Error(ErrorReason::kRequestTooLarge, "a message is larger than the method takes",
                       {{"max_octets", std::to_string(rpc::kMaxBulkRequest)}});
  }
  if (request_->queries_size() > kMaxQueriesPerMessage) {
    return base::FieldError(ErrorReason::kFieldInvalid, "queries",
                            "at most " + std::to_string(kMaxQueriesPerMessage) + " a message");
  }
  return absl::OkStatus();
}

void BulkReactor::AddError(uint64_t index, const absl::Status& status) {
  v1::IndexedAnswer& answer = *ready_.add_answers();
  answer.set_index(index);
  *answer.mutable_error() = ToQueryError(status);
}

// The next queries of one class of cost, from next_query_ on, and what is wrong with some of them.
BulkReactor::Next BulkReactor::NextQueries() {
  Next next{.chunk = std::make_unique<Chunk>(*this)};
  const absl::Time network_deadline = checks_.NetworkDeadline(call_->info());
  const bool expensive = IsExpensive(request_->queries(next_query_).query());
  const int room =
      std::min({expensive ? kMaxExpensiveChunk : kMaxChunk, kMaxQueriesInFlight - in_flight_,
                request_->queries_size() - next_query_});
  for (; next.count < room; ++next.count) {
    const v1::IndexedQuery& query = request_->queries(next_query_ + next.count);
    if (IsExpensive(query.query()) != expensive) break;
    const auto question = checks_.Parse(query.query(), network_deadline);
    if (question.ok()) {
      next.chunk->Add(query, *question);
    } else {
      next.errors.emplace_back(query.index(), question.status());
    }
  }
  return next;
}

void BulkReactor::TakeUpQueries() {
  if (reading_ || closing_.has_value() || Over()) return;
  while (next_query_ < request_->queries_size() && in_flight_ < kMaxQueriesInFlight) {
    Next next = NextQueries();
    if (next.chunk->size() > 0) {
      // The queue only takes it here: no answer comes, and takes the lock, on this thread.
      const absl::Status asked = checks_.Ask(*next.chunk);
      // When a chunk of ours is over, this one gets its next try.
      if (!asked.ok() && running_ > 0) return;
      if (asked.ok()) {
        ++running_;
        static_cast<void>(next.chunk.release());
      } else {
        for (size_t i = 0; i < next.chunk->size(); ++i) {
          AddError(next.chunk->query(i).index(), asked);
        }
      }
    }
    for (const auto& [index, status] : next.errors) AddError(index, status);
    in_flight_ += next.count;
    next_query_ += next.count;
  }
}

bool BulkReactor::TakeAnswers(Chunk& chunk, std::span<prelink::ValidationAnswer> answers) {
  bool last;
  {
    base::MutexLock lock(mutex_);
    const bool over = Over();
    for (prelink::ValidationAnswer& answer : answers) {
      if (over) break;
      const v1::IndexedQuery& query = chunk.query(answer.index);
      const absl::Status closed =
          checks_.Close(answer.decision, call_->info().caller.role, query.query().purpose());
      if (!closed.ok()) {
        AddError(query.index(), closed);
        continue;
      }
      v1::IndexedAnswer& ready = *ready_.add_answers();
      ready.set_index(query.index());
      wire::SetVerdict(answer.decision->verdict, *ready.mutable_verdict());
    }
    chunk.unanswered -= answers.size();
    last = chunk.unanswered == 0;
    if (last) --running_;
  }
  Advance();
  return last;
}

void BulkReactor::Advance() {
  bool read = false;
  bool write = false;
  std::optional<absl::Status> outcome;
  bool cancelled = false;
  std::shared_ptr<BulkReactor> self;  // The read may be the last thing that happens to it.
  {
    base::MutexLock lock(mutex_);
    if (finishing_) return;
    TakeUpQueries();
    if (Over()) {
      // Nothing may be started after Finish, and a server that drains waits for Finish: no chunk
      // may outlive it.
      if (reading_ || writing_ || running_ > 0) return;
      finishing_ = true;
      cancelled = cancelled_;
      if (!cancelled) outcome = failure_;
    } else {
      if (!writing_ && ready_.answers_size() > 0) {
        writing_response_.Clear();
        writing_response_.Swap(&ready_);
        write = writing_ = true;
      }
      // A read may be under way: it ends with the stream. One that is not yet begun must not
      // follow.
      const bool closed =
          closing_.has_value() && !writing_ && in_flight_ == 0 && beginning_reads_ == 0;
      const bool all_taken = !reading_ && next_query_ == request_->queries_size();
      if (closed) {
        finishing_ = true;
        outcome = closing_;
      } else if (closing_.has_value()) {
        // What was taken up is answered first.
      } else if (all_taken && !half_closed_) {
        // Chunks share the message before.
        if (request_.use_count() > 1)
          request_ = std::make_shared<v1::ValidateCertificatesRequest>();
        read = reading_ = true;
        ++beginning_reads_;
        self = self_;
      } else if (all_taken && in_flight_ == 0) {
        finishing_ = true;
        outcome = absl::OkStatus();
      }
    }
  }
  if (cancelled) {
    Finish(call_->Cancelled());
  } else if (outcome.has_value()) {
    Finish(call_->End(*outcome));
  } else {
    if (write) StartWrite(&writing_response_);
    if (read) BeginRead();
  }
}

void BulkReactor::BeginRead() {
  StartRead(request_.get());
  bool closing;
  {
    base::MutexLock lock(mutex_);
    --beginning_reads_;
    closing = closing_.has_value();
  }
  // It has waited for this.
  if (closing) Advance();
}

}  // namespace musubi::services::validation
