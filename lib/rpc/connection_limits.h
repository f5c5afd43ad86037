// How long a server keeps a connection, and what one and all of them together may cost it. What one
// call may cost is in method_table.h.
#ifndef MUSUBI_LIB_RPC_CONNECTION_LIMITS_H_
#define MUSUBI_LIB_RPC_CONNECTION_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "lib/rpc/method_table.h"

namespace musubi::rpc {

// A server hears of a peer that has gone without a word (a machine that lost its power) within
// these two together. Longer than clients ping by themselves, so that most are never asked.
inline constexpr absl::Duration kKeepaliveInterval = absl::Minutes(1);
inline constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(20);

// Below these a server would spend itself on handshakes, cut calls that end by themselves, refuse a
// client that keeps to RFC 9113 section 6.5.2, or refuse the largest messages.
inline constexpr absl::Duration kMinConnectionAge = absl::Seconds(10);
inline constexpr absl::Duration kMinConnectionAgeGrace = kMaxUnaryDeadline;
inline constexpr int kMinConcurrentStreams = 100;
inline constexpr size_t kMinMemoryQuota = 4 * kMaxBulkRequest;

struct ConnectionLimits {
  // After this, give or take a tenth by chance, the client is told to open another connection,
  // without loss: it then looks up names again and meets replicas that are new. Half an hour
  // spreads load soon after a replica came, and makes handshakes a cost of nobody.
  absl::Duration max_age = absl::Minutes(30);
  // What calls under way have from then on, before they are cut with UNAVAILABLE: the longest bulk
  // stream ends by itself, a watch that takes longer is resumed by its client.
  absl::Duration max_age_grace = kMaxBulkDeadline;
  // Server pings on connections that are still, with calls or without.
  absl::Duration keepalive_interval = kKeepaliveInterval;
  absl::Duration keepalive_timeout = kKeepaliveTimeout;
  // Calls of one connection at a time; gRPC's clients let the next one wait. A replica of the web
  // tier holds up to 4,000 streams and makes its calls beside them.
  int max_concurrent_streams = 8192;
  // Octets that all connections and calls together may take of gRPC: half of what the smallest pod
  // gets. Beyond it gRPC closes connections without calls, then ends calls with RESOURCE_EXHAUSTED.
  // Messages that were read and are being answered are not among them.
  size_t memory_quota = size_t{256} << 20;
};

}  // namespace musubi::rpc

#endif  // MUSUBI_LIB_RPC_CONNECTION_LIMITS_H_
