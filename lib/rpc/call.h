// One request from admission to its end: what a handler may know about it, and the record that the
// log gets. Made by Calls only.
#ifndef MUSUBI_LIB_RPC_CALL_H_
#define MUSUBI_LIB_RPC_CALL_H_

#include <grpcpp/support/status.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/call_deadline.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/secret.h"
#include "lib/rpc/caller.h"
#include "lib/rpc/method_table.h"
#include "lib/telemetry/trace.h"
#include "lib/telemetry/work.h"

namespace google::protobuf {
class Message;
}

namespace musubi::rpc {

// CallInfo is what was established before the handler runs.
struct CallInfo {
  std::string_view method;  // "/musubi.v1.SessionService/CreateSession"; lives on.
  Caller caller;
  // The common name of the client's certificate, to tell clients of one role apart where they share
  // something; empty in plaintext. No authorisation depends on it.
  std::string client_name;
  // The bearer credential; set exactly if the method's rule demands one. Of whom it is, and whether
  // it is the right one, is for the use case to find out.
  std::optional<base::Secret256> credential;
  // Of this call, for logs: the client's x-request-id or one of ours. Not the request_id of a body.
  std::string request_id;
  absl::Time deadline;  // On the machine's clock.
};

// A request message above this is not handed to the observer: honest ones are a few KiB, and
// writing a larger one into a log costs more than it tells.
inline constexpr size_t kMaxObservedRequest = size_t{16} << 10;

// RequestRecord is a request that is over. It holds no secret and no personal data, but for
// `request`.
struct RequestRecord {
  std::string_view method;
  const MethodRule* rule;             // Of the method; null if the table has none.
  std::optional<Role> caller_role;    // Nothing if the caller was not authenticated.
  std::string_view role;              // Empty if the caller was not authenticated.
  std::string_view relying_party_id;  // Empty unless the role is relying-party.
  std::string_view request_id;
  const absl::Status& status;  // With its reason, and a detail that only our log may have.
  absl::Duration duration;
  // What the workers did for it; of a stream of many questions, the sum over all of them.
  telemetry::StageTimes stages;
  telemetry::TraceContext trace;  // Of our part.
  // The span that the caller named; nothing if the trace is ours.
  std::optional<telemetry::TraceContext> parent;
  // As received, secrets and all: for rpc::Redact (redact.h) alone. Null for a stream of many
  // questions and above kMaxObservedRequest.
  const google::protobuf::Message* request;
};

// RequestObserver is told about every request that went through Calls, once, when it is over.
// Implementations are thread-safe and do not block.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  // Before anything is done; `rule` as in the record that follows.
  virtual void OnStart(const MethodRule* /*rule*/) {}
  virtual void OnRequest(const RequestRecord& record) = 0;
};

// Call is thread-safe.
class Call {
 public:
  // What is known of a call when it begins.
  struct Beginning {
    CallInfo info;
    const MethodRule* rule = nullptr;
    bool authenticated = false;
    absl::Status admitted;
    absl::Time started_at;
    telemetry::TraceContext trace;
    std::optional<telemetry::TraceContext> parent;
    std::shared_ptr<const google::protobuf::Message> request;  // Readable until End.
  };

  Call(Beginning beginning, const base::Clock& clock, RequestObserver& observer)
      : beginning_(std::move(beginning)), clock_(clock), observer_(observer) {
    observer_.OnStart(beginning_.rule);
  }

  // OK, or why the call is refused: then no handler may run.
  const absl::Status& admitted() const { return beginning_.admitted; }
  const CallInfo& info() const { return beginning_.info; }

  // End maps the outcome for gRPC and tells the observer, the first time.
  grpc::Status End(const absl::Status& outcome);
  // Cancelled is End for a call that its client gave up, or whose deadline has passed.
  grpc::Status Cancelled();

 private:
  friend class CallWork;
  void Observe(const absl::Status& outcome);

  const Beginning beginning_;
  const base::Clock& clock_;
  RequestObserver& observer_;
  std::atomic<bool> ended_{false};
  base::Mutex mutex_;
  telemetry::StageTimes stages_ ABSL_GUARDED_BY(mutex_){};
};

// CallWork makes a worker's thread work for `call`, until its deadline, for as long as it lives,
// and then adds what that took to the call: before its End, or it is not seen.
class CallWork {
 public:
  explicit CallWork(Call& call)
      : call_(call),
        work_(call.clock_, call.beginning_.trace),
        deadline_(call.info().deadline - call.clock_.Now()) {}
  ~CallWork() {
    base::MutexLock lock(call_.mutex_);
    for (size_t i = 0; i < telemetry::kNumStages; ++i) call_.stages_[i] += work_.times()[i];
  }
  CallWork(const CallWork&) = delete;
  CallWork& operator=(const CallWork&) = delete;

  // The call waited for this worker since it arrived.
  void WasQueued() {
    const absl::Duration waited = call_.clock_.Now() - call_.beginning_.started_at;
    base::MutexLock lock(call_.mutex_);
    call_.stages_[static_cast<size_t>(telemetry::Stage::kQueued)] =
        std::max(absl::ZeroDuration(), waited);
  }

 private:
  Call& call_;
  const telemetry::Work work_;
  const base::CallDeadline deadline_;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_CALL_H_
