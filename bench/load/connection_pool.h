// The connections of a load test: N of them, spread round robin over the targets, each made anew
// when it breaks or its server says GOAWAY; and the wait for what happens on any of them. Knows no
// calls.
#ifndef MUSUBI_BENCH_LOAD_CONNECTION_POOL_H_
#define MUSUBI_BENCH_LOAD_CONNECTION_POOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/load/http2_connection.h"
#include "bench/load/schedule.h"
#include "bench/load/socket.h"
#include "lib/base/secure_random.h"
#include "lib/base/steady_time.h"

namespace musubi::bench::load {

// ConnectionPool is of one thread.
class ConnectionPool final : private Http2Connection::Listener {
 public:
  struct Options {
    std::vector<Address> targets;  // At least one.
    size_t connections = 1;
    const TlsClient* tls = nullptr;  // Outlives the pool; null for plaintext.
  };
  struct Counts {
    uint64_t connected = 0;
    uint64_t goaways = 0;
    uint64_t lost = 0;    // Broke, or was closed, without GOAWAY.
    uint64_t failed = 0;  // Could not be made.
  };

  // Starts all connections. `random` outlives the pool. UNAVAILABLE if the machine has no
  // descriptors left.
  static absl::StatusOr<std::unique_ptr<ConnectionPool>> Create(Options options,
                                                                base::SecureRandom& random);
  ~ConnectionPool() override;

  // WaitForAll returns when all connections are ready: UNAVAILABLE, naming a target, if one is not
  // after `timeout`.
  absl::Status WaitForAll(absl::Duration timeout);

  size_t size() const { return endpoints_.size(); }
  // The connection on which place `i` may open a stream now, or null.
  Http2Connection* Usable(size_t i) const {
    Http2Connection* const current = endpoints_[i].current.get();
    return current != nullptr && current->CanOpen() ? current : nullptr;
  }
  const Address& target(size_t i) const { return *endpoints_[i].address; }

  // Turn waits for events until `until` at the latest, and handles them.
  void Turn(base::SteadyTime until);
  // Flush writes what has to be written.
  void Flush();

  const Counts& counts() const { return counts_; }

 private:
  struct Endpoint {
    const Address* address = nullptr;
    std::unique_ptr<Http2Connection> current;  // Null while none is being made.
    bool ready = false;
    int failures = 0;  // In a row.
    base::SteadyTime connect_at;
  };

  ConnectionPool(Options options, int epoll, base::SecureRandom& random);

  void OnDirty(Http2Connection& connection) override;
  void OnReady(Http2Connection& connection) override;
  void OnDraining(Http2Connection& connection) override;
  void OnClosed(Http2Connection& connection) override;

  Endpoint* EndpointOf(const Http2Connection& connection);
  absl::Status Connect(Endpoint& endpoint);
  void Reconnect(base::SteadyTime now);

  const Options options_;
  const int epoll_;
  Backoff backoff_;
  std::vector<Endpoint> endpoints_;
  // Told to go away: they finish what they have.
  std::vector<std::unique_ptr<Http2Connection>> draining_;
  std::vector<Http2Connection*> dirty_;
  bool reap_ = false;
  Counts counts_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_CONNECTION_POOL_H_
