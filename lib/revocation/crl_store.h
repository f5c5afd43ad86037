// The CRLs in force, per scope, and the look-up of a certificate in them. Reads files that somebody
// else put into a directory; fetches nothing.
#ifndef MUSUBI_LIB_REVOCATION_CRL_STORE_H_
#define MUSUBI_LIB_REVOCATION_CRL_STORE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/pki/certificate.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/crl.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/observer.h"

namespace musubi::revocation {

// Issuers by the id that configuration gives them, as in {"auth-03", certificate}.
using Issuers = std::map<std::string, pki::Certificate, std::less<>>;

// The list of expected scopes, inside Options::directory.
inline constexpr char kScopesFile[] = "scopes.json";

// Entries that may vanish from one scope's list over the life of the process and still be
// remembered. A partition's own size is a few thousand; above it a new list is refused, so that
// the scope goes stale rather than forgetful.
inline constexpr size_t kMaxVanishedPerScope = size_t{1} << 20;

// What is asked about one certificate, in views that live as long as the call. `issuer_key` is the
// SHA-256 of the SubjectPublicKeyInfo whose key verified the signature of `target`.
struct CrlQuery {
  const base::Hash256& issuer_key;
  const pki::CertificateView& target;
  absl::Time validation_time;
};

// CrlStore answers from memory. A scope is (key that signs the CRL, issuing distribution point or
// "full"). Look-ups see either the whole old list of a scope or the whole new one. In the JPKI
// profile nothing un-revokes (even certificateHold is final), so an entry that vanishes from a
// later list stays revoked; the memory of that, and of the highest cRLNumber seen, lasts as long
// as the process. Thread-safe; look-ups never wait for a load.
class CrlStore {
 public:
  struct Dependencies {
    const base::Clock& clock;
    Observer& observer;
  };
  struct Options {
    std::string directory;
    Issuers issuers;
    // How far the CA's clock may be ahead of ours.
    absl::Duration skew = absl::Minutes(5);
    size_t max_vanished_per_scope = kMaxVanishedPerScope;
  };

  // Create reads the manifest and loads what is there. A manifest that is absent or wrong is an
  // error that names the rule and the fix; a missing or bad CRL is not: it is reported to the
  // observer, and its scope has no usable answer.
  //
  // scopes.json: {"version":1,"scopes":[{"anchor":ID, "distribution_point": standard base64 of the
  // DER of the directoryName's Name | "full", "file": NAME}]}
  static absl::StatusOr<std::unique_ptr<CrlStore>> Create(Dependencies dependencies,
                                                          Options options);

  // Reload reads the manifest and every file again and puts what passes in force, one scope at a
  // time. On an error of the manifest everything stays as it was. It reads disks and checks
  // signatures: not for a timer's own thread. Concurrent calls wait for each other.
  absl::Status Reload();

  // Lookup says what the CRLs know about `target`, whose signature `issuer`'s key has verified:
  // kRevoked if listed (a stale list's entries hold too), kGood if a fresh list that covers it
  // lacks it, kNoUsableAnswer otherwise. `validation_time`: see RevocationChecker.
  pki::RevocationFinding Lookup(const pki::Certificate& target, const pki::Certificate& issuer,
                                absl::Time validation_time) const;
  // The same for callers that have the key's hash at hand.
  pki::RevocationFinding Lookup(const CrlQuery& query) const;
  // Prefetch begins to bring what Lookup of the same query will read into the caches. It answers
  // nothing and may be left out.
  void Prefetch(const CrlQuery& query) const;

 private:
  struct Scope;
  // Scope key: SHA-256 of the signing key's SubjectPublicKeyInfo, and the DER of the distribution
  // point's Name (empty: "full").
  using ScopeKey = std::pair<base::Hash256, base::Bytes>;
  struct ScopeSource;
  struct Loaded;

  CrlStore(Dependencies dependencies, Options options);

  absl::StatusOr<std::vector<ScopeSource>> ReadManifest() const;
  Loaded LoadScope(const ScopeSource& source, const std::shared_ptr<const Scope>& current) const;
  std::vector<std::shared_ptr<const Scope>> ScopesOf(const CrlQuery& query) const;

  const Dependencies dependencies_;
  const Options options_;
  base::Mutex reload_mutex_;  // Held for a whole Reload.
  mutable base::Mutex mutex_;
  std::map<ScopeKey, std::shared_ptr<const Scope>> scopes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_STORE_H_
