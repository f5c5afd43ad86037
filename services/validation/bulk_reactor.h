// The stream of ValidateCertificates: many questions in, an answer to each as it is ready. Bounds
// what one stream costs and keeps order with gRPC; what an answer is, the queue says.
#ifndef MUSUBI_SERVICES_VALIDATION_BULK_REACTOR_H_
#define MUSUBI_SERVICES_VALIDATION_BULK_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "lib/base/mutex.h"
#include "lib/prelink/validation_queue.h"
#include "lib/rpc/call.h"
#include "lib/rpc/calls.h"
#include "lib/rpc/watch_writer.h"
#include "musubi/v1/validation.pb.h"
#include "services/validation/certificate_checks.h"

namespace musubi::services::validation {

// Queries of one message, and answers of one, as the contract says.
inline constexpr int kMaxQueriesPerMessage = 256;
// Queries of one stream that were taken up and whose answer is not written yet: while some are
// judged, the next are read. What a reader who does not read can cost, and no more than one message
// of answers holds.
inline constexpr int kMaxQueriesInFlight = 256;
// Queries that are judged together; of those with expensive keys fewer, since others wait
// meanwhile.
inline constexpr int kMaxChunk = 32;
inline constexpr int kMaxExpensiveChunk = 8;
static_assert(kMaxChunk <= static_cast<int>(prelink::ValidationJob::kMaxQueries));
// Octets of QueryError.detail, as the contract says.
inline constexpr size_t kMaxQueryErrorDetail = 256;

// BulkReactor lives until gRPC is done with it and the last chunk is answered. It reads the next
// message only when every query of the last one was taken up: a slow stream is held back by HTTP/2
// flow control. That indexes are unique is the caller's affair: remembering them all would have no
// bound.
class BulkReactor final : public grpc::ServerBidiReactor<v1::ValidateCertificatesRequest,
                                                         v1::ValidateCertificatesResponse>,
                          public rpc::Watch {
 public:
  // Start makes the reactor for a call from Calls::Begin; one that was not admitted only ends.
  // `calls` and `checks` must outlive the server.
  static BulkReactor* Start(std::shared_ptr<rpc::Call> call, rpc::Calls& calls,
                            CertificateChecks& checks);

  // Takes up no more queries, answers those that were taken up, and ends with `outcome`: its client
  // asks again elsewhere for what has no answer.
  void Close(absl::Status outcome) override;

 private:
  class Chunk;
  struct Next {
    std::unique_ptr<Chunk> chunk;
    std::vector<std::pair<uint64_t, absl::Status>> errors = {};
    int count = 0;  // Of the message's queries.
  };

  BulkReactor(std::shared_ptr<rpc::Call> call, CertificateChecks& checks);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Starts everything that may be started now.
  void Advance();
  void BeginRead();
  // Hands queries to the queue while there is room.
  void TakeUpQueries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Next NextQueries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddError(uint64_t index, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Some of a chunk's answers. Returns whether the chunk has no others.
  bool TakeAnswers(Chunk& chunk, std::span<prelink::ValidationAnswer> answers);
  absl::Status CheckMessage() const;
  bool Over() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return cancelled_.load(std::memory_order_relaxed) || failure_.has_value();
  }

  const std::shared_ptr<rpc::Call> call_;
  CertificateChecks& checks_;
  prelink::ClientLoad* client_ = nullptr;  // Null if the call was not admitted.
  base::SteadyTime deadline_;
  std::shared_ptr<BulkReactor> self_;

  // The message that is read, or whose queries are taken up; chunks share it until they are
  // answered. gRPC's while a read is under way (reading_), else read under the lock.
  std::shared_ptr<v1::ValidateCertificatesRequest> request_;
  // Touched by the one write that is under way.
  v1::ValidateCertificatesResponse writing_response_;
  // Set under the lock; chunks ask without it.
  std::atomic<bool> cancelled_ = false;

  base::Mutex mutex_;
  // Answers that wait for the write before them.
  v1::ValidateCertificatesResponse ready_ ABSL_GUARDED_BY(mutex_);
  int next_query_ ABSL_GUARDED_BY(mutex_) = 0;  // Of request_.
  int running_ ABSL_GUARDED_BY(mutex_) = 0;     // Chunks that the queue has.
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;   // Queries taken up whose answers are not written.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  // From the decision to read until gRPC has been told.
  int beginning_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> failure_ ABSL_GUARDED_BY(mutex_);  // Of the whole stream.
  std::optional<absl::Status> closing_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::services::validation

#endif  // MUSUBI_SERVICES_VALIDATION_BULK_REACTOR_H_
