// One request from admission to its end: what a handler may know about it, and the record that the
// log gets. Made by Calls only.
#ifndef MUSUBI_LIB_RPC_CALL_H_
#define MUSUBI_LIB_RPC_CALL_H_

#include <grpcpp/support/status.h>

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/secret.h"
#include "lib/rpc/caller.h"

namespace musubi::rpc {

// CallInfo is what was established before the handler runs.
struct CallInfo {
  std::string method;  // "/musubi.v1.SessionService/CreateSession"
  Caller caller;
  // The bearer credential; set exactly if the method's rule demands one. Of whom it is, and whether
  // it is the right one, is for the use case to find out.
  std::optional<base::Secret256> credential;
  // Of this call, for logs: the client's x-request-id or one of ours. Not the request_id of a body.
  std::string request_id;
  absl::Time deadline;  // On the machine's clock.
};

// RequestRecord is a request that is over. It holds no secret and no personal data.
struct RequestRecord {
  std::string_view method;
  std::string_view role;              // Empty if the caller was not authenticated.
  std::string_view relying_party_id;  // Empty unless the role is relying-party.
  std::string_view request_id;
  const absl::Status& status;  // With its reason, and a detail that only our log may have.
  absl::Duration duration;
};

// RequestObserver is told about every request that went through Calls, once, when it is over.
// Implementations are thread-safe and do not block.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  virtual void OnRequest(const RequestRecord& record) = 0;
};

// Call is thread-safe.
class Call {
 public:
  Call(CallInfo info, bool authenticated, absl::Status admitted, absl::Time started_at,
       const base::Clock& clock, RequestObserver& observer)
      : info_(std::move(info)),
        authenticated_(authenticated),
        admitted_(std::move(admitted)),
        started_at_(started_at),
        clock_(clock),
        observer_(observer) {}

  // OK, or why the call is refused: then no handler may run.
  const absl::Status& admitted() const { return admitted_; }
  const CallInfo& info() const { return info_; }

  // End maps the outcome for gRPC and tells the observer, the first time.
  grpc::Status End(const absl::Status& outcome);
  // Cancelled is End for a call that its client gave up, or whose deadline has passed.
  grpc::Status Cancelled();

 private:
  void Observe(const absl::Status& outcome);

  const CallInfo info_;
  const bool authenticated_;
  const absl::Status admitted_;
  const absl::Time started_at_;
  const base::Clock& clock_;
  RequestObserver& observer_;
  std::atomic<bool> ended_{false};
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_CALL_H_
