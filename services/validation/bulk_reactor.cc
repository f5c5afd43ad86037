#include "services/validation/bulk_reactor.h"

#include <cstdint>
#include <string>
#include <utility>

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

}  // namespace

BulkReactor* BulkReactor::Start(std::shared_ptr<rpc::Call> call, base::WorkerPool& workers,
                                Answer answer) {
  std::shared_ptr<BulkReactor> reactor(
      new BulkReactor(std::move(call), workers, std::move(answer)));
  reactor->self_ = reactor;
  if (!reactor->call_->admitted().ok()) {
    base::MutexLock lock(reactor->mutex_);
    reactor->failure_ = reactor->call_->admitted();
  }
  reactor->Advance();
  return reactor.get();
}

void BulkReactor::OnReadDone(bool ok) {
  {
    base::MutexLock lock(mutex_);
    reading_ = false;
    next_query_ = 0;
    if (!ok) {
      half_closed_ = true;
      request_.Clear();
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
  if (request_.ByteSizeLong() > rpc::kMaxBulkRequest) {
    return base::Error(ErrorReason::kRequestTooLarge, "a message is larger than the method takes",
                       {{"max_octets", std::to_string(rpc::kMaxBulkRequest)}});
  }
  if (request_.queries_size() > kMaxQueriesPerMessage) {
    return base::FieldError(ErrorReason::kFieldInvalid, "queries",
                            "at most " + std::to_string(kMaxQueriesPerMessage) + " a message");
  }
  return absl::OkStatus();
}

void BulkReactor::TakeUpQueries() {
  if (reading_ || Over()) return;
  while (next_query_ < request_.queries_size() && in_flight_ < kMaxQueriesInFlight) {
    v1::IndexedQuery& query = *request_.mutable_queries(next_query_);
    const uint64_t index = query.index();
    auto taken = std::make_shared<v1::IndexedQuery>();
    taken->Swap(&query);
    // The pool only queues here: no task runs, and takes the lock, on this thread.
    const bool queued = workers_.Submit([self = self_, taken] { self->Run(*taken); });
    if (queued) {
      ++running_;
    } else if (running_ > 0) {
      // The queue is full. When one of ours is over, this one gets its next try.
      taken->Swap(&query);
      return;
    } else {
      v1::IndexedAnswer& answer = *ready_.add_answers();
      answer.set_index(index);
      *answer.mutable_error() = ToQueryError(
          base::Error(ErrorReason::kOverloaded, "all workers are busy and the queue is full"));
    }
    ++in_flight_;
    ++next_query_;
  }
}

void BulkReactor::Run(const v1::IndexedQuery& query) {
  bool over;
  {
    base::MutexLock lock(mutex_);
    over = Over();
  }
  v1::IndexedAnswer answer;
  if (!over) {
    const rpc::CallWork call_work(*call_);
    answer.set_index(query.index());
    absl::StatusOr<v1::Verdict> verdict = answer_(query.query(), call_->info());
    if (verdict.ok()) {
      *answer.mutable_verdict() = *std::move(verdict);
    } else {
      *answer.mutable_error() = ToQueryError(verdict.status());
    }
  }
  {
    base::MutexLock lock(mutex_);
    --running_;
    if (!over) *ready_.add_answers() = std::move(answer);
  }
  Advance();
}

void BulkReactor::Advance() {
  bool read = false;
  bool write = false;
  std::optional<absl::Status> outcome;
  bool cancelled = false;
  {
    base::MutexLock lock(mutex_);
    if (finishing_) return;
    TakeUpQueries();
    if (Over()) {
      // Nothing may be started after Finish, and a server that drains waits for Finish: no query
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
      const bool all_taken = !reading_ && next_query_ == request_.queries_size();
      if (all_taken && !half_closed_) {
        read = reading_ = true;
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
    if (read) StartRead(&request_);
  }
}

}  // namespace musubi::services::validation
