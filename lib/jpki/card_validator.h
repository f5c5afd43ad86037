// The whole judgement of a card's certificate, and of what the card signed, up to revocation, which
// the caller asks (lib/revocation) with the path that this returns. No I/O, no clock.
#ifndef MUSUBI_LIB_JPKI_CARD_VALIDATOR_H_
#define MUSUBI_LIB_JPKI_CARD_VALIDATOR_H_

#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/crypto/signature.h"
#include "lib/jpki/hierarchy.h"
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

// CardValidator is immutable; thread-safe.
class CardValidator {
 public:
  struct Options {
    // Cards make PKCS #1 v1.5 signatures; some can do PSS, which nothing of ours asks for.
    bool accept_pss_proofs = false;
    // Which validation times callers may ask for; they enforce it (profile().time_rule).
    pki::TimeRule time_rule = pki::TimeRule::kNowOnly;
  };

  // Create joins anchors and policies. INVALID_ARGUMENT if they are of different environments, or
  // if no anchor of this environment has the role user authentication.
  static absl::StatusOr<CardValidator> Create(const pki::TrustStore& trust_store,
                                              Hierarchy hierarchy, Options options);
  static absl::StatusOr<CardValidator> Create(const pki::TrustStore& trust_store,
                                              Hierarchy hierarchy) {
    return Create(trust_store, std::move(hierarchy), Options());
  }

  // Check judges in the published order: size, parse, profile (gate.h), issuer unknown, issuer
  // signature, validity, constraints, possession. TEST_HIERARCHY also stands for a certificate
  // whose issuer's name only anchors of another environment have.
  CardCheck Check(base::ByteView certificate_der, const std::optional<Proof>& proof,
                  absl::Time validation_time) const;

  const pki::ValidationProfile& profile() const { return path_validator_.profile(); }

 private:
  CardValidator(pki::TrustStore trust_store, Hierarchy hierarchy, Options options,
                pki::PathValidator path_validator)
      : trust_store_(std::move(trust_store)),
        hierarchy_(std::move(hierarchy)),
        options_(options),
        path_validator_(std::move(path_validator)) {}

  bool IsOfOtherEnvironment(const pki::Certificate& certificate) const;
  std::optional<pki::VerdictReason> CheckProof(const pki::Certificate& certificate,
                                               const Proof& proof) const;

  pki::TrustStore trust_store_;
  Hierarchy hierarchy_;
  Options options_;
  pki::PathValidator path_validator_;
};

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_CARD_VALIDATOR_H_
