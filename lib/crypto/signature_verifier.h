// Verification of many signatures at once: RSA-2048 eight at a time in AVX-512 lanes where the
// processor has them, everything else one at a time on OpenSSL. The verdicts are those of
// VerifySignature (signature.h). Joins no threads: see signature_batcher.h. Knows no certificate.
#ifndef MUSUBI_LIB_CRYPTO_SIGNATURE_VERIFIER_H_
#define MUSUBI_LIB_CRYPTO_SIGNATURE_VERIFIER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"

namespace musubi::crypto {

namespace rsa_lanes {
struct Job;
}  // namespace rsa_lanes

// PreparedKey is a public key with what a check computes of it, made once: for issuers, which are
// configured and come in every path. About 2 KiB. Immutable and thread-safe.
class PreparedKey {
 public:
  // InvalidArgument if KeyTypeOf does not know the key, or its point is not on its curve.
  static absl::StatusOr<std::unique_ptr<PreparedKey>> Create(base::ByteView spki_der);
  ~PreparedKey();
  PreparedKey(const PreparedKey&) = delete;
  PreparedKey& operator=(const PreparedKey&) = delete;

  KeyType type() const;
  base::ByteView spki_der() const;

 private:
  friend class SignatureVerifier;
  struct Contents;
  explicit PreparedKey(std::unique_ptr<Contents> contents);
  std::unique_ptr<Contents> contents_;
};

// One signature to check. Everything it views must outlive the call.
struct SignatureCheck {
  SignatureAlgorithm algorithm;
  const PreparedKey* key = nullptr;  // If null, the key is `spki_der`.
  base::ByteView spki_der;
  base::ByteView message;
  base::ByteView digest;  // If not empty: the message's hash; `message` is not read.
  base::ByteView signature;
};

enum class SignatureOutcome : uint8_t {
  kNotChecked,  // The call failed: no statement about the signature.
  kGood,
  kBad,
};

enum class SignatureDispatch {
  kAuto,  // Lanes from kMinLaneChecks on, where the processor has them and they passed their test.
  kScalar,  // Never lanes.
  kLanes,   // Lanes for every RSA-2048 signature, even a single one.
};

// Under kAuto so many RSA-2048 signatures of one call go to lanes, fewer do not: a run of the lanes
// takes about as long for one as for eight. Measured by `scripts/bench signatures` (AMD EPYC family
// 25): a run with 2 checks 31 us against 33 us on OpenSSL if the keys are prepared, 36 us against
// 43 us if they are fresh.
inline constexpr int kMinLaneChecks = 2;

// SignatureObserver learns what an operator must know. Called on the thread that verifies.
class SignatureObserver {
 public:
  virtual ~SignatureObserver() = default;
  // Lanes computed something wrong and are off for the whole process. Alert: the processor or the
  // program is broken.
  virtual void OnLanesDisabled(std::string_view why) = 0;
};

// SignatureVerifier is thread-safe and holds no state of a call. A check on lanes or on scalar RSA
// allocates nothing (once a thread has made its first).
class SignatureVerifier {
 public:
  struct Options {
    SignatureDispatch dispatch = SignatureDispatch::kAuto;
    // One in so many signatures that lanes accept is checked again by OpenSSL. At least 1.
    uint32_t recheck_one_in = 64;
    SignatureObserver* observer = nullptr;  // Not owned; outlives this. May be null.
  };

  // Create runs good and bad vectors through every lane before it enables them (about 2 ms). If one
  // comes out wrong, lanes are disabled for the process: kAuto goes on without them, kLanes is
  // FailedPrecondition, as it is on a processor that has none.
  static absl::StatusOr<std::unique_ptr<SignatureVerifier>> Create(const Options& options);
  ~SignatureVerifier();
  SignatureVerifier(const SignatureVerifier&) = delete;
  SignatureVerifier& operator=(const SignatureVerifier&) = delete;

  // Verify answers checks[i] in outcomes[i]; the spans are of one length. Where it is OK, every
  // outcome is kGood or kBad. Internal, and every outcome kNotChecked, if OpenSSL contradicts what
  // a lane accepted: from then on lanes are disabled for the whole process. Thereafter kAuto goes
  // on without them, and kLanes is FailedPrecondition.
  absl::Status Verify(std::span<const SignatureCheck> checks,
                      std::span<SignatureOutcome> outcomes) const;

  // Whether Verify would use lanes now.
  bool uses_lanes() const;

  // How often lanes ran, and with how many checks in all: eight a run is full occupancy.
  struct LaneUse {
    uint64_t runs = 0;
    uint64_t checks = 0;
  };
  LaneUse lane_use() const {
    return {lane_runs_.load(std::memory_order_relaxed),
            lane_checks_.load(std::memory_order_relaxed)};
  }

  // A function that runs eight jobs, as rsa_lanes::Run does.
  using LaneFunction = uint8_t (*)(const rsa_lanes::Job* jobs);
  // Create with another function in place of the lanes: to show what becomes of wrong answers.
  static absl::StatusOr<std::unique_ptr<SignatureVerifier>> CreateForTest(const Options& options,
                                                                          LaneFunction lanes);

 private:
  struct Slot;
  struct SelfTestVectors;

  SignatureVerifier(const Options& options, LaneFunction lanes);

  bool PassesSelfTest() const;
  void DisableLanes(std::string_view why) const;
  // Runs up to eight slots. False if OpenSSL contradicts.
  bool RunLanes(std::span<Slot* const> slots, std::span<SignatureOutcome> outcomes) const;

  const Options options_;
  const LaneFunction lanes_;  // Null: none.
  mutable std::atomic<uint32_t> accepted_ = 0;
  mutable std::atomic<uint64_t> lane_runs_ = 0;
  mutable std::atomic<uint64_t> lane_checks_ = 0;
};

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_SIGNATURE_VERIFIER_H_
