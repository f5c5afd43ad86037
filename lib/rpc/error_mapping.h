// The only place where an absl::Status becomes a gRPC status, and back. Verdicts are not errors and
// never come here.
#ifndef MUSUBI_LIB_RPC_ERROR_MAPPING_H_
#define MUSUBI_LIB_RPC_ERROR_MAPPING_H_

#include <grpcpp/support/status.h>

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace musubi::rpc {

// google.rpc.ErrorInfo.domain of every error of ours.
inline constexpr std::string_view kErrorDomain = "musubi";

// What a client of an overloaded server is told to wait: long against a request's work, short
// against a person's patience.
inline constexpr absl::Duration kRetryDelay = absl::Seconds(1);

// Longest message that goes out: trailers share 8 KiB with the details.
inline constexpr size_t kMaxErrorMessage = 1024;

// ToGrpc gives `status` its canonical code, message, and details (grpc-status-details-bin): a
// google.rpc.Status with ErrorInfo{reason, "musubi", metadata and request_id} and RetryInfo, for
// OVERLOADED and for what base::RetryLater made. A status without a reason is a fault of ours:
// INTERNAL, with a text that gives nothing away but the request id. UNAVAILABLE says the reason's
// sentence alone.
grpc::Status ToGrpc(const absl::Status& status, std::string_view request_id);

// FromGrpc is for clients: the Status that base::Error made on the server, its metadata included.
// A status without our ErrorInfo keeps code and message.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_ERROR_MAPPING_H_
