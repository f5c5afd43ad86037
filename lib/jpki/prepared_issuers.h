// The configured issuers of card certificates, with everything that a card straight below one needs
// worked out once. Made from configuration alone: nothing that a client sends enters, shadows or
// evicts one. Proves no signature and judges no card: see card_validator.h.
#ifndef MUSUBI_LIB_JPKI_PREPARED_ISSUERS_H_
#define MUSUBI_LIB_JPKI_PREPARED_ISSUERS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/trust_store.h"
#include "lib/pki/verdict.h"

namespace musubi::jpki {

// PreparedIssuer is one anchor. `plain` ones ask nothing of an end entity below them but a good
// signature in time: a CA with keyCertSign (its path length, of 0 or more, always leaves room for
// an end entity), every policy, no subtrees, no extended key usage, no extension beyond those of a
// CA. What is below any other goes the slow path.
struct PreparedIssuer {
  pki::TrustAnchor anchor;
  base::Hash256 key_hash;  // SHA-256 of the SubjectPublicKeyInfo.
  std::shared_ptr<const crypto::PreparedKey> key;
  bool plain = false;
  // Validity of its certificate within not_before_use..distrust_after, inclusive.
  absl::Time valid_from;
  absl::Time valid_through;

  const pki::CertificateView& certificate() const { return anchor.certificate.view(); }
  // Whether configuration lets its key sign certificates in this algorithm.
  bool Allows(crypto::SignatureAlgorithm algorithm) const;
  // The first reason why it is not in force at `time`, in the order of the slow path; call only
  // outside of valid_from..valid_through.
  pki::VerdictReason WhyNotAt(absl::Time time) const;
};

// PreparedIssuers is immutable; thread-safe. Pointers into it live as long as it.
class PreparedIssuers {
 public:
  // Create prepares every anchor of the store; those of its environment and of `role` issue cards.
  // INVALID_ARGUMENT names an anchor whose key verifies nothing: its point is not on its curve.
  static absl::StatusOr<PreparedIssuers> Create(const pki::TrustStore& trust_store,
                                                pki::AnchorRole role);

  // Which issuers may have signed: of the certificate's issuer name, and contradicted by no part of
  // its authorityKeyIdentifier. Only a signature decides among them.
  struct Candidates {
    // The first of those that the authorityKeyIdentifier fits, else the first; null if none.
    const PreparedIssuer* first = nullptr;
    size_t count = 0;
    // The name belongs to anchors of other environments only.
    bool other_environment = false;
  };
  // Find compares names by their octets, and only if nobody has the same ones as RFC 5280 section
  // 7.1 does. Allocates nothing.
  Candidates Find(const pki::CertificateView& certificate) const;

  // The issuer of this anchor id; null if there is none.
  const PreparedIssuer* FindById(std::string_view anchor_id) const;

 private:
  struct Named {
    PreparedIssuer issuer;
    bool own_environment;
    bool issues_cards;
    // The first issuer whose name is the same under section 7.1: two names of one index are one.
    size_t name;
  };

  std::optional<size_t> FindName(base::ByteView name_der) const;

  std::vector<Named> issuers_;
};

}  // namespace musubi::jpki

#endif  // MUSUBI_LIB_JPKI_PREPARED_ISSUERS_H_
