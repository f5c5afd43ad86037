// The CRLs in force, per scope, and the look-up of a certificate in them. Reads files that somebody
// else put into a directory; fetches nothing.
#ifndef MUSUBI_LIB_REVOCATION_CRL_STORE_H_
#define MUSUBI_LIB_REVOCATION_CRL_STORE_H_

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/pki/certificate.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/crl_kept_tables.h"
#include "lib/revocation/crl_loader.h"
#include "lib/revocation/crl_manifest.h"
#include "lib/revocation/crl_snapshot.h"
#include "lib/revocation/crl_state.h"
#include "lib/revocation/epoch_pointer.h"
#include "lib/revocation/observer.h"

namespace musubi::revocation {

// Entries that may vanish from one scope's list and still be remembered. A partition's own size is
// a few thousand; above it a new list is refused, so that the scope goes stale rather than
// forgetful.
inline constexpr size_t kMaxVanishedPerScope = size_t{1} << 20;

// How far the clock may step back from the latest time seen, as when a time server corrects it.
// Beyond it nobody knows which time is right, and no list is fresh.
inline constexpr absl::Duration kMaxClockStepBack = absl::Minutes(10);

struct CrlInForce {
  base::Hash256 scope{};  // The same for one scope in every process.
  absl::Time this_update;
};

// CrlStore answers from memory. A scope is (key that signs the certificates, distribution point or
// "full"). Look-ups see either all of one load or all of the next. In the JPKI profile nothing
// un-revokes (even certificateHold is final), so an entry that vanishes from a later list stays
// revoked. What vanished, what the last list of each scope listed, and the highest cRLNumber and
// thisUpdate outlive the process in Options::state_file and a folder beside it: all that was
// revoked is so from the start on, be there a list or not, and a list that came in between is held
// against the last. Where that one's file is lost, no other list is taken (kLastListLost).
// Thread-safe; a look-up takes no lock, allocates nothing and never waits for a load.
class CrlStore {
 public:
  struct Dependencies {
    const base::Clock& clock;
    Observer& observer;
  };
  struct Options {
    std::string directory;
    Issuers issuers;
    // Kept by this store alone, with the folder of the same name and ".lists", and written at each
    // load that changes something. Empty: what they would hold is forgotten with the process.
    std::string state_file = {};
    // How far the CA's clock may be ahead of ours.
    absl::Duration skew = absl::Minutes(5);
    size_t max_vanished_per_scope = kMaxVanishedPerScope;
    // Reload runs at the lowest priority, on a saturated machine with 1 or 2 % of a core: for
    // servers, whose requests come first.
    bool idle_priority = false;
  };

  // Create reads the state and the manifest and loads what is there. A state that is damaged, or a
  // manifest that is absent or wrong, is an error that names the file, the rule and the fix; a
  // missing or bad CRL is not: it is reported to the observer, and its scope has no usable answer.
  static absl::StatusOr<std::unique_ptr<CrlStore>> Create(Dependencies dependencies,
                                                          Options options);

  // Reload reads the manifest and every file again and puts what passes in force, all at once. On
  // an error of the manifest everything stays as it was; if what is to outlive the process cannot
  // be written, what passes is in force all the same, and the next Reload tries again. It reads
  // disks and checks signatures, on a thread of its own: not for a timer's thread. Concurrent calls
  // wait for each other.
  absl::Status Reload();

  // Lookup says what the CRLs know about `target`, whose signature `issuer`'s key has verified:
  // kRevoked if listed (a stale list's entries hold too) or vanished, kGood if a fresh list that
  // covers it lacks it, kNoUsableAnswer otherwise. `validation_time`: see RevocationChecker.
  pki::RevocationFinding Lookup(const pki::Certificate& target, const pki::Certificate& issuer,
                                absl::Time validation_time) const;
  // The same of many at once, for callers that have the keys' hashes at hand; lists must be in
  // force at `now`. The finding of a query has its index. This is how look-ups are quick: see
  // CrlSnapshot.
  void Lookup(std::span<const CrlQuery> queries, absl::Time now,
              std::span<pki::RevocationFinding> findings) const;

  // How many loads were put in force.
  uint64_t snapshot_epoch() const { return snapshot_.epoch(); }

  // The lists in force: for replicas, which compare them. Scopes without a list are not among them:
  // they answer nothing.
  std::vector<CrlInForce> InForce() const;

 private:
  using Scopes = std::map<CrlScopeKey, std::shared_ptr<const CrlScope>>;
  struct Loaded;

  // What vanished before the start: all that is known of a scope until a list of it is loaded, or
  // the last one recalled.
  static Scopes Remembered(const CrlMarks& marks, absl::Time now);
  static std::unique_ptr<const CrlSnapshot> SnapshotOf(const Scopes& scopes);

  CrlStore(Dependencies dependencies, Options options, CrlMarks marks);

  absl::Status Load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  // Changes `scope`, null if nothing is known of it, if there is anything new to put in force.
  Loaded LoadScope(const CrlSource& source, std::shared_ptr<const CrlScope>& scope)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  // Reads the file and says whether its list may follow what is known.
  Loaded CheckList(const CrlSource& source, const CrlScope* current) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  // Reads what the scope's last list listed, if it is CrlScope::recall.
  absl::Status Recall(std::shared_ptr<const CrlScope>& scope) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  ScopeEvent EventOf(const CrlSource& source, const Loaded& loaded, const CrlScope* scope) const;
  // Of a list that is now the scope's last.
  void Mark(const CrlScope& scope) ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  // Writes what has to outlive the process and changed.
  absl::Status Save() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);
  bool ClockIsTrusted(absl::Time now) const;

  const Dependencies dependencies_;
  const Options options_;
  const CrlKeptTables kept_tables_;
  base::Mutex reload_mutex_;  // Held for a whole Reload.
  Scopes scopes_ ABSL_GUARDED_BY(reload_mutex_);
  CrlMarks marks_ ABSL_GUARDED_BY(reload_mutex_);
  bool saved_ ABSL_GUARDED_BY(reload_mutex_) = true;  // marks_ is what the state file has.
  EpochPointer<CrlSnapshot> snapshot_;
  mutable std::atomic<int64_t> latest_time_ = 0;  // Unix seconds.
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_STORE_H_
