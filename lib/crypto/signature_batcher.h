// Joins the signature checks of many threads into batches, one kind of key at a time, so that lanes
// are filled across connections. Starts no thread and no timer: callers run the batches. Checks
// nothing itself: see signature_verifier.h.
#ifndef MUSUBI_LIB_CRYPTO_SIGNATURE_BATCHER_H_
#define MUSUBI_LIB_CRYPTO_SIGNATURE_BATCHER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/crypto/signature_verifier.h"

namespace musubi::crypto {

// What checks wait with: those of one class cost alike and can share lanes.
enum class SignatureClass { kRsa2048, kRsa3072, kRsa4096, kEcP256, kEcP384 };
inline constexpr size_t kSignatureClasses = 5;

// What one check costs: 1 is an RSA-2048 check on OpenSSL (16 us where this was measured, by
// `scripts/bench signatures`: 43 us, 73 us, 60 us and 644 us for the others). Lanes are cheaper by
// up to 4; the unit stays, so that a bound means the same on every processor.
constexpr int64_t CostOf(SignatureClass signature_class) {
  constexpr std::array<int64_t, kSignatureClasses> kCosts = {1, 3, 5, 4, 40};
  return kCosts[static_cast<size_t>(signature_class)];
}

// BatchVerifier checks a batch of one class. This is where lanes of another class are plugged in.
// Implementations are thread-safe.
class BatchVerifier {
 public:
  virtual ~BatchVerifier() = default;
  // As SignatureVerifier::Verify: OK and every outcome kGood or kBad, or an error.
  virtual absl::Status VerifyBatch(SignatureClass signature_class,
                                   std::span<const SignatureCheck> checks,
                                   std::span<SignatureOutcome> outcomes) const = 0;
};

// PlainBatchVerifier hands every class to a SignatureVerifier.
class PlainBatchVerifier final : public BatchVerifier {
 public:
  // `verifier` outlives this.
  explicit PlainBatchVerifier(const SignatureVerifier& verifier) : verifier_(verifier) {}
  absl::Status VerifyBatch(SignatureClass, std::span<const SignatureCheck> checks,
                           std::span<SignatureOutcome> outcomes) const override {
    return verifier_.Verify(checks, outcomes);
  }

 private:
  const SignatureVerifier& verifier_;
};

// A batch holds at most so many checks, and of expensive ones no more than this cost, but always
// one: four runs of lanes, 0.5 ms of OpenSSL. For so long a caller may work for others.
inline constexpr size_t kMaxBatchChecks = 32;
inline constexpr int64_t kMaxBatchCost = 320;  // 8 of P-384: one run of lanes, when it has them.
// Of one request a batch takes so many checks before others have their turn.
inline constexpr size_t kMaxTurnChecks = 8;

// SignatureBatcher is thread-safe.
//
// A caller that finds fewer than the class's `leaders` at work leads at once: it takes what waits,
// its own checks among it, runs the batch on its own thread, and hands leadership to the next that
// waits. So a lone request never waits, and under load batches grow by themselves, while leaders
// work. Classes share no queue and no leader: a flood of one cannot hold up another.
class SignatureBatcher {
 public:
  struct Options {
    // Batches of RSA, and of EC, that run at once in each class. RSA: as many as there are cores.
    // EC: fewer, since its batches are long.
    int rsa_leaders = 2;
    int ec_leaders = 1;
    // What may wait in one class, in cost units. A request that would have to wait beyond it is
    // refused. 4096 is 66 ms of one core.
    int64_t max_waiting_cost = 4096;
  };

  // InvalidArgument if an option is below 1. `verifier` and `clock` outlive the batcher.
  static absl::StatusOr<std::unique_ptr<SignatureBatcher>> Create(const BatchVerifier& verifier,
                                                                  const base::Clock& clock,
                                                                  const Options& options);
  SignatureBatcher(const SignatureBatcher&) = delete;
  SignatureBatcher& operator=(const SignatureBatcher&) = delete;

  // Verify answers checks[i] in outcomes[i], spans of one length, and returns when all are
  // answered. Blocks. It allocates nothing unless it fails. On an error every outcome is
  // kNotChecked:
  //   OVERLOADED (ResourceExhausted): too much waits; nothing was checked;
  //   DeadlineExceeded: `deadline` passed before all checks were begun; those not begun cost
  //   nothing; Internal and others: what BatchVerifier said of a batch that held one of the checks.
  absl::Status Verify(std::span<const SignatureCheck> checks, std::span<SignatureOutcome> outcomes,
                      absl::Time deadline);

  // What waits in a class now, in cost units: for metrics.
  int64_t WaitingCost(SignatureClass signature_class) const;

 private:
  struct Request;
  struct Batch;
  struct Queue {
    Request* first = nullptr;  // Waiting, in order of their turns. On their callers' stacks.
    Request* last = nullptr;
    int64_t waiting_cost = 0;
    int leaders = 0;
  };

  SignatureBatcher(const BatchVerifier& verifier, const base::Clock& clock, const Options& options)
      : verifier_(verifier), clock_(clock), options_(options) {}

  absl::Status VerifyClass(SignatureClass signature_class, Request& request);
  void Lead(SignatureClass signature_class, Queue& queue, Request& own)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fill(SignatureClass signature_class, Queue& queue, Batch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PassLeadership(Queue& queue) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Append(Queue& queue, Request& request);
  static Request& Remove(Queue& queue);

  const BatchVerifier& verifier_;
  const base::Clock& clock_;
  const Options options_;
  // Held for moments: never while a batch runs.
  mutable base::Mutex mutex_;
  std::array<Queue, kSignatureClasses> queues_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_SIGNATURE_BATCHER_H_
