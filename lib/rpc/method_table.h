// What each method demands, in one table: who may call it, with or without a credential, for how
// long and how large. A method without a row is refused.
#ifndef MUSUBI_LIB_RPC_METHOD_TABLE_H_
#define MUSUBI_LIB_RPC_METHOD_TABLE_H_

#include <span>
#include <string_view>

#include "absl/time/time.h"
#include "lib/rpc/caller.h"

namespace musubi::rpc {

// kUnary is one question and one answer; kWatch a server stream that lasts as long as a session;
// kBulk a bidirectional stream of many questions.
enum class MethodKind { kUnary, kWatch, kBulk };

// Whether a call carries the bearer credential of a browser or a phone. Which of the two, and
// whether it is the right one, is the use case's to say.
enum class Credential { kNone, kRequired };

// Longest deadlines. Unary work ends within milliseconds; an OCSP responder may take seconds.
inline constexpr absl::Duration kMaxUnaryDeadline = absl::Seconds(10);
inline constexpr absl::Duration kMaxBulkDeadline = absl::Minutes(10);
// Watches: the session's lifetime (an option) and this.
inline constexpr absl::Duration kWatchDeadlineMargin = absl::Seconds(5);

// Largest request messages. A proof is two KiB; 64 KiB leaves room and bounds what a call costs.
inline constexpr size_t kMaxUnaryRequest = size_t{64} << 10;
// A certificate and 7 intermediates of 16 KiB each, and a proof.
inline constexpr size_t kMaxValidateRequest = size_t{256} << 10;
// 256 questions about ordinary certificates of a message of ValidateCertificates.
inline constexpr size_t kMaxBulkRequest = size_t{4} << 20;

// MethodRule is one row.
struct MethodRule {
  std::string_view method;  // "/musubi.v1.SessionService/CreateSession", as on the wire.
  MethodKind kind;
  unsigned roles;  // Of Role, joined by |.
  Credential credential;
  size_t max_request = kMaxUnaryRequest;
  // The log has no line for a call that went well: another record has one for each.
  bool recorded_elsewhere = false;
};

// MethodTable is the rules of all services of musubi.v1.
std::span<const MethodRule> MethodTable();

// FindRule returns the row of `method` in `table`, or nullptr.
const MethodRule* FindRule(std::span<const MethodRule> table, std::string_view method);

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_METHOD_TABLE_H_
