// The stream of ValidateCertificates: many questions in, an answer to each as it is ready. Bounds
// what one stream costs and keeps order with gRPC; what an answer is, the service says.
#ifndef MUSUBI_SERVICES_VALIDATION_BULK_REACTOR_H_
#define MUSUBI_SERVICES_VALIDATION_BULK_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/base/worker_pool.h"
#include "lib/rpc/call.h"
#include "musubi/v1/validation.pb.h"

namespace musubi::services::validation {

// Queries of one stream that were taken up and whose answer is not written yet. Enough to keep
// every worker busy while OCSP responders think; what a reader who does not read can cost.
inline constexpr int kMaxQueriesInFlight = 64;
// Queries of one message, as the contract says.
inline constexpr int kMaxQueriesPerMessage = 256;
// Octets of QueryError.detail, as the contract says.
inline constexpr size_t kMaxQueryErrorDetail = 256;

// BulkReactor lives until gRPC is done with it and the last task is over. It reads the next message
// only when every query of the last one was taken up: a slow stream is held back by HTTP/2 flow
// control. That indexes are unique is the caller's affair: remembering them all would have no
// bound.
class BulkReactor final : public grpc::ServerBidiReactor<v1::ValidateCertificatesRequest,
                                                         v1::ValidateCertificatesResponse> {
 public:
  // Runs on `workers`, several at once. An error becomes the query's QueryError.
  using Answer =
      std::function<absl::StatusOr<v1::Verdict>(const v1::CertificateQuery&, const rpc::CallInfo&)>;

  // Start makes the reactor for a call from Calls::Begin; one that was not admitted only ends.
  // `workers` must outlive the server.
  static BulkReactor* Start(std::shared_ptr<rpc::Call> call, base::WorkerPool& workers,
                            Answer answer);

 private:
  BulkReactor(std::shared_ptr<rpc::Call> call, base::WorkerPool& workers, Answer answer)
      : call_(std::move(call)), workers_(workers), answer_(std::move(answer)) {}

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Starts everything that may be started now.
  void Advance();
  // Hands queries to the workers while there is room.
  void TakeUpQueries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(const v1::IndexedQuery& query);
  absl::Status CheckMessage() const;
  bool Over() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return cancelled_ || failure_.has_value();
  }

  const std::shared_ptr<rpc::Call> call_;
  base::WorkerPool& workers_;
  const Answer answer_;
  std::shared_ptr<BulkReactor> self_;

  // gRPC's while a read is under way (reading_), else read under the lock.
  v1::ValidateCertificatesRequest request_;
  // Touched by the one write that is under way.
  v1::ValidateCertificatesResponse writing_response_;

  base::Mutex mutex_;
  // Answers that wait for the write before them.
  v1::ValidateCertificatesResponse ready_ ABSL_GUARDED_BY(mutex_);
  int next_query_ ABSL_GUARDED_BY(mutex_) = 0;  // Of request_.
  int running_ ABSL_GUARDED_BY(mutex_) = 0;     // Queries that the workers have.
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;   // Those, and answers not written yet.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> failure_ ABSL_GUARDED_BY(mutex_);  // Of the whole stream.
};

}  // namespace musubi::services::validation

#endif  // MUSUBI_SERVICES_VALIDATION_BULK_REACTOR_H_
