// The card profile: is this certificate, by its own words, the user-authentication certificate of a
// card? Believes nothing of it: signature, validity and revocation come after.
#ifndef MUSUBI_LIB_JPKI_GATE_H_
#define MUSUBI_LIB_JPKI_GATE_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/jpki/hierarchy.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/path_validator.h"
#include "lib/pki/verdict.h"

namespace musubi::jpki {

struct GateFinding {
  std::optional<pki::VerdictReason> reason;  // Why not; nothing if it passes.
  // Of one that passes: every extension is one that cards have and that asks nothing of a path but
  // what the gate has looked at. All else is for the slow path.
  bool plain = false;
};

// CardGate is what every certificate must pass first, on the fast and on the slow path alike.
// Immutable; thread-safe.
class CardGate {
 public:
  // Create encodes the hierarchy's OIDs once. INVALID_ARGUMENT names one that no certificate can
  // hold.
  static absl::StatusOr<CardGate> Create(const Hierarchy& hierarchy);

  // Check tells whether the certificate has the card's layout, or the first reason why not. First
  // what it is, since that is what its holder can act on, then how it is made:
  //
  //   VERSION_NOT_SUPPORTED          not v3
  //   CA_CERTIFICATE                 basicConstraints with cA TRUE
  //   DIGITAL_SIGNATURE_CERTIFICATE, PHONE_CERTIFICATE, TEST_HIERARCHY
  //                                  any policy of that kind
  //   UNKNOWN_POLICY                 no policy, or any that the hierarchy does not name
  //   ALGORITHM_NOT_ALLOWED          signed otherwise than by RSA with SHA-256 (PKCS #1 v1.5) or
  //                                  ECDSA on P-384 with SHA-384
  //   KEY_NOT_ALLOWED                not RSA-2048 with e = 65537, and not a point of P-384
  //   UNKNOWN_CRITICAL_EXTENSION     critical, and neither keyUsage nor certificatePolicies with
  //                                  qualifiers of RFC 5280 alone
  //   WRONG_KEY_USAGE                keyUsage absent, not critical, or not exactly digitalSignature
  //   WRONG_EXTENDED_KEY_USAGE       extendedKeyUsage absent or without clientAuth
  //   PROFILE_MISMATCH               policies not critical; a serial that is not positive or longer
  //                                  than 20 octets; times against RFC 5280 section 4.1.2.5
  //
  // Allocates nothing, unless the key is EC.
  GateFinding Check(const pki::CertificateView& certificate) const;

 private:
  struct Policy {
    base::Bytes oid;  // Content octets.
    CertificateKind kind;
  };

  explicit CardGate(std::vector<Policy> policies) : policies_(std::move(policies)) {}

  std::optional<pki::VerdictReason> CheckKind(const pki::CertificateView& certificate) const;

  std::vector<Policy> policies_;
};

// CardProfile is what the path of a card's certificate must fit: straight under an anchor of the
// role user authentication, with every part of its authorityKeyIdentifier in agreement.
pki::ValidationProfile CardProfile(const Hierarchy& hierarchy);

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_GATE_H_
