// What replicas tell each other, through the Redis that they share, of how new their CRLs are. A
// replica whose lists stay behind does not know whose cards were revoked meanwhile, and cannot see
// it by itself: to it, its lists look fresh. Decides nothing: what a replica that lags does not do
// is said in lib/prelink/proofs.h.
#ifndef MUSUBI_LIB_REPLICA_CRL_EPOCHS_H_
#define MUSUBI_LIB_REPLICA_CRL_EPOCHS_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/redis/client.h"

namespace musubi::replica {

// The newest list that a replica has of one scope.
struct CrlEpoch {
  std::string scope;  // The same octets at each replica, and none else's.
  absl::Time this_update;
};

// CrlEpochs is thread-safe; calls block until Redis has answered or `timeout` is over, and must not
// be made on the client's thread. Redis may forget what it was told: then the next report of each
// replica tells it again.
class CrlEpochs {
 public:
  struct Options {
    // In front of the key. 1 to 64 octets.
    std::string prefix = "musubi:";
    absl::Duration timeout = absl::Seconds(2);
    // Added to Redis's clock: how far a test has moved its own. Empty in the shipped binary.
    std::function<absl::Duration()> time_offset = nullptr;
  };

  // INVALID_ARGUMENT names the option that breaks its rule. Redis need not be there yet. `client`
  // must outlive this.
  static absl::StatusOr<std::unique_ptr<CrlEpochs>> Create(redis::Client& client, Options options);

  // Report tells what this replica has, and returns for how long another has had a newer list of
  // one of these scopes; zero if none has. The time is Redis's, from when the newer one was first
  // reported: how far apart the lists were issued says nothing of who is late. UNAVAILABLE,
  // OVERLOADED, INTERNAL.
  absl::StatusOr<absl::Duration> Report(std::span<const CrlEpoch> lists);

 private:
  CrlEpochs(redis::Client& client, Options options)
      : client_(client), options_(std::move(options)) {}

  redis::Client& client_;
  const Options options_;
};

}  // namespace musubi::replica

#endif  // MUSUBI_LIB_REPLICA_CRL_EPOCHS_H_
