// All CRLs in force at one moment, and the answer that they give for a certificate. Immutable; no
// I/O, no clock.
#ifndef MUSUBI_LIB_REVOCATION_CRL_SNAPSHOT_H_
#define MUSUBI_LIB_REVOCATION_CRL_SNAPSHOT_H_

#include <compare>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/crl.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/crl_table.h"

namespace musubi::revocation {

// What is asked about one certificate, in views that live as long as the call. `issuer_key` is the
// SHA-256 of the SubjectPublicKeyInfo whose key verified the signature of `target`.
struct CrlQuery {
  const base::Hash256& issuer_key;
  const pki::CertificateView& target;
  absl::Time validation_time;
};

// SHA-256 of the SubjectPublicKeyInfo that signs the certificates, and the DER of the distribution
// point's Name (empty: "full").
struct CrlScopeKey {
  base::Hash256 issuer_key{};
  base::Bytes point;

  friend auto operator<=>(const CrlScopeKey&, const CrlScopeKey&) = default;
};

// What is known of one scope. Immutable once it is in a snapshot; snapshots share it.
struct CrlScope {
  CrlScopeKey key;
  bool expected = true;        // The manifest has it. One that it no longer has is never GOOD.
  pki::Crl list;               // Without its entries.
  base::Hash256 signer_key{};  // SHA-256 of the SubjectPublicKeyInfo that signed it.
  base::Hash256 identity{};    // Of the octets of the list.
  absl::Time loaded_at;
  std::shared_ptr<const CrlTable> table;
  std::shared_ptr<const CrlTable> vanished;  // What earlier lists had and this one has not.
};

// CrlSnapshot is thread-safe; look-ups allocate nothing.
class CrlSnapshot {
 public:
  struct Answer {
    pki::RevocationFinding finding;
    bool scope_missing = false;  // No list of the certificate's scope.
    bool vanished = false;       // Revoked, though the latest list no longer has it.
  };
  // Of now, against which lists are fresh. `skew` is granted to thisUpdate.
  struct Moment {
    absl::Time now;
    absl::Duration skew;
    bool clock_trusted = true;  // If not, no list is fresh.
  };

  explicit CrlSnapshot(std::vector<std::shared_ptr<const CrlScope>> scopes);

  Answer Lookup(const CrlQuery& query, const Moment& moment) const;
  void Prefetch(const CrlQuery& query) const;

  const std::vector<std::shared_ptr<const CrlScope>>& scopes() const { return scopes_; }

 private:
  struct Slot {
    uint64_t hash = 0;
    const CrlScope* scope = nullptr;
  };

  const CrlScope* Find(const base::Hash256& issuer_key, base::ByteView point) const;
  const CrlScope* FindSameName(const base::Hash256& issuer_key, base::ByteView point) const;
  // Calls with every scope that speaks for the certificate, the full one first, until told to stop.
  template <typename Visit>
  void ForEachScope(const CrlQuery& query, Visit visit) const;

  std::vector<std::shared_ptr<const CrlScope>> scopes_;
  bool has_full_ = false;
  bool has_points_ = false;
  std::vector<Slot> slots_;  // Open addressing; at most half are taken.
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_SNAPSHOT_H_
