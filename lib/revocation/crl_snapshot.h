// All CRLs in force at one moment, and the answer that they give for a certificate. Immutable; no
// I/O, no clock.
#ifndef MUSUBI_LIB_REVOCATION_CRL_SNAPSHOT_H_
#define MUSUBI_LIB_REVOCATION_CRL_SNAPSHOT_H_

#include <compare>
#include <memory>
#include <optional>
#include <span>
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
  bool expected = true;  // The manifest has it. One that it no longer has is never GOOD.
  bool recall = false;   // What the list before the start listed is in a file, not in `table` yet.
  // Without its entries. Nothing: none was loaded since the start; never GOOD.
  std::optional<pki::Crl> list;
  base::Hash256 signer_key{};  // SHA-256 of the SubjectPublicKeyInfo that signed it.
  base::Hash256 identity{};    // Of the octets of the list.
  absl::Time loaded_at;
  std::shared_ptr<const CrlTable> table;     // Without a list: of the one before the start.
  std::shared_ptr<const CrlTable> vanished;  // What earlier lists had and this one has not.
};

// CrlSnapshot is thread-safe; look-ups allocate nothing.
class CrlSnapshot {
 public:
  // When lists must be in force; `skew` is granted to thisUpdate.
  struct Moment {
    absl::Time now;
    absl::Duration skew;
    bool clock_trusted = true;  // If not, no list is fresh.
  };
  // How many certificates of a look-up it was so for.
  struct Noticed {
    size_t scope_missing = 0;  // No list of the certificate's scope.
    size_t vanished = 0;       // Revoked, though the latest list no longer has it.
  };

  explicit CrlSnapshot(std::vector<std::shared_ptr<const CrlScope>> scopes);

  // Lookup answers each query in the finding of its index. An entry is behind a chain of misses
  // (scope, table, bucket, serials): all queries take each step together, so that their misses
  // overlap.
  Noticed Lookup(std::span<const CrlQuery> queries, const Moment& moment,
                 std::span<pki::RevocationFinding> findings) const;

  const std::vector<std::shared_ptr<const CrlScope>>& scopes() const { return scopes_; }

 private:
  // What a look-up needs of a scope, gathered in a few lines of memory beside all others'.
  struct alignas(64) Entry {
    base::Hash256 issuer_key;
    base::ByteView point;  // In names_.
    const CrlTable* table;
    const CrlTable* vanished;  // Or null.
    absl::Time loaded_at;
    std::optional<absl::Time> this_update;  // Nothing: there is no list.
    std::optional<absl::Time> next_update;
    std::optional<absl::Time> expired_certificates_since;
    // "Not listed" says something about such certificates (RFC 5280 section 6.3.3 (b) (2)).
    bool covers_users = false;
    bool covers_cas = false;
  };
  struct Slot {
    uint64_t hash = 0;
    const Entry* entry = nullptr;
  };
  // What speaks for a certificate, as far as it is known.
  struct Way {
    const Entry* full = nullptr;
    const Entry* own = nullptr;  // Of the distribution point.
    base::ByteView point;        // Its only one, nearly always; else empty.
    uint64_t hash = 0;
    bool several = false;
  };

  static Entry MakeEntry(const CrlScope& scope, base::ByteView point);
  // The first slot from `at` on with this hash, or a free one.
  const Slot& SlotFrom(size_t at, uint64_t hash) const;
  const Entry* Find(const base::Hash256& issuer_key, base::ByteView point, uint64_t hash) const;
  // The same name, though perhaps in other octets.
  const Entry* FindName(const base::Hash256& issuer_key, base::ByteView point, uint64_t hash) const;
  Way Begin(const CrlQuery& query) const;
  void FindWays(std::span<const CrlQuery> queries, std::span<Way> ways) const;
  void Judge(const CrlQuery& query, const Way& way, const Moment& moment,
             pki::RevocationFinding& finding, Noticed& noticed) const;
  // Calls with every scope that speaks for the certificate, the full one first, until told to stop.
  template <typename Visit>
  void ForEachScope(const CrlQuery& query, const Way& way, Visit visit) const;

  std::vector<std::shared_ptr<const CrlScope>> scopes_;
  bool has_full_ = false;
  bool has_points_ = false;
  base::Bytes names_;  // All points.
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;  // Open addressing; at most half are taken.
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_SNAPSHOT_H_
