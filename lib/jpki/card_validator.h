// The whole judgement of a card's certificate, and of what the card signed, up to revocation, which
// the caller asks (lib/revocation) with the path that this returns. No I/O, no clock.
#ifndef MUSUBI_LIB_JPKI_CARD_VALIDATOR_H_
#define MUSUBI_LIB_JPKI_CARD_VALIDATOR_H_

#include <optional>
#include <span>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/crypto/signature.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/jpki/gate.h"
#include "lib/jpki/hierarchy.h"
#include "lib/jpki/prepared_issuers.h"
#include "lib/jpki/slow_path_pool.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/path_validator.h"
#include "lib/pki/trust_store.h"
#include "lib/pki/verdict.h"

namespace musubi::jpki {

// What the card signed: views that the caller keeps alive. The message is the one that the caller
// encoded itself, never octets from the wire.
struct Proof {
  base::ByteView message;
  base::ByteView signature;
  crypto::SignatureAlgorithm algorithm;
};

// `path` is set if and only if the verdict is VALID. The verdict's possession is PROVEN, FAILED, or
// NOT_ASKED without a proof or if an earlier check failed; its revocation is NOT_ASKED.
struct CardCheck {
  pki::Verdict verdict;
  std::optional<pki::ValidatedPath> path;
};

// One of a batch of questions, and what was found: the verdict of CardCheck, and instead of a path
// the views that revocation is asked with.
struct CardQuestion {
  base::ByteView certificate_der;  // Kept alive by the caller, as the proof is.
  std::optional<Proof> proof;
};
struct CardFinding {
  pki::Verdict verdict;
  pki::CertificateView certificate;  // Into the question's octets; whole if they could be parsed.
  // Whose key verified the signature: set if and only if the verdict is VALID. Lives as long as the
  // CardValidator.
  const PreparedIssuer* issuer = nullptr;
};

// ProvenCard is what a card that passed every check tells us. All of it is personal data.
struct ProvenCard {
  base::Hash256 issuer_key_hash{};  // SHA-256 of the issuer's SubjectPublicKeyInfo.
  base::Bytes serial;               // Content octets of the INTEGER, as encoded.
  absl::Time not_after;
  base::Bytes certificate_der;
  std::optional<base::Secret<std::string>> name;  // From a name statement that was good.
};

// ProvenCardOf describes the target of a path, without a name.
ProvenCard ProvenCardOf(const pki::ValidatedPath& path);

// Cards that CheckBatch judges together: their signatures fill the lanes several times over, and
// what they need meanwhile fits the stack and the nearest caches.
inline constexpr size_t kCardsAtOnce = 32;

// How the signatures of a batch are checked, as by crypto::SignatureVerifier::Verify: OK and every
// outcome kGood or kBad, or an error.
using VerifySignatures = absl::FunctionRef<absl::Status(
    std::span<const crypto::SignatureCheck> checks, std::span<crypto::SignatureOutcome> outcomes)>;
// VerifyOneByOne needs no verifier: it calls crypto::VerifySignature for each, and never fails.
absl::Status VerifyOneByOne(std::span<const crypto::SignatureCheck> checks,
                            std::span<crypto::SignatureOutcome> outcomes);

// CardValidator has two ways to one verdict. The fast path judges a card straight under a plain
// prepared issuer on views, allocates nothing for RSA cards, and checks the signatures of a whole
// batch at once. All else goes the slow path (pki::PathValidator): an issuer that is not plain, an
// extension that cards do not have, more than one issuer that may have signed and the likeliest did
// not. Immutable; thread-safe.
class CardValidator {
 public:
  enum class Paths { kAuto, kSlowOnly };
  struct Options {
    // Cards make PKCS #1 v1.5 signatures; some can do PSS, which nothing of ours asks for.
    bool accept_pss_proofs = false;
    // Which validation times callers may ask for; they enforce it (profile().time_rule).
    pki::TimeRule time_rule = pki::TimeRule::kNowOnly;
    Paths paths = Paths::kAuto;
    // Of a server, whose other callers the slow path must not hold up; outlives the validator.
    // Null: no bound.
    SlowPathPool* slow_paths = nullptr;
  };
  // Create joins anchors and policies. INVALID_ARGUMENT if they are of different environments, if
  // no anchor of this environment has the role user authentication, or for what CardGate refuses.
  static absl::StatusOr<CardValidator> Create(const pki::TrustStore& trust_store,
                                              Hierarchy hierarchy, Options options);
  static absl::StatusOr<CardValidator> Create(const pki::TrustStore& trust_store,
                                              Hierarchy hierarchy) {
    return Create(trust_store, std::move(hierarchy), Options());
  }

  // CheckBatch judges in the published order: size, parse, profile (gate.h), issuer unknown, issuer
  // signature, validity, constraints, possession. TEST_HIERARCHY also stands for a certificate
  // whose issuer's name only anchors of another environment have. Signatures of issuers and RSA
  // proofs of up to kCardsAtOnce cards go to `verify` together, EC proofs, which cost much, only
  // when everything else about their cards holds. `findings` has the size of `questions`. Fails
  // as `verify` or SlowPathPool::Take does: then no finding decides anything.
  absl::Status CheckBatch(std::span<const CardQuestion> questions, absl::Time validation_time,
                          std::span<CardFinding> findings, VerifySignatures verify) const;

  // Check is the same for one card, verified one by one; it copies what the path is made of, and
  // takes no place in a pool: not for servers.
  CardCheck Check(base::ByteView certificate_der, const std::optional<Proof>& proof,
                  absl::Time validation_time) const;

  const pki::ValidationProfile& profile() const { return path_validator_.profile(); }

 private:
  class Batch;

  absl::Status CheckBatch(std::span<const CardQuestion> questions, absl::Time validation_time,
                          std::span<CardFinding> findings, VerifySignatures verify,
                          SlowPathPool* slow_paths) const;

  CardValidator(Options options, CardGate gate, PreparedIssuers issuers,
                pki::PathValidator path_validator)
      : options_(options),
        gate_(std::move(gate)),
        issuers_(std::move(issuers)),
        path_validator_(std::move(path_validator)) {}

  // Whether the proof's algorithm fits the key and is taken.
  bool TakesAlgorithm(const Proof& proof, const pki::CertificateView& certificate) const;

  Options options_;
  CardGate gate_;
  PreparedIssuers issuers_;
  pki::PathValidator path_validator_;
};

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_CARD_VALIDATOR_H_
