// The revocations that responders have told, kept over a restart: once an OCSP answer said
// "revoked", no silence of a responder and no older list may make the certificate good again. One
// small file that grows by a line for each. Asks nobody: see revocation_checker.h.
#ifndef MUSUBI_LIB_REVOCATION_REVOKED_OVERLAY_H_
#define MUSUBI_LIB_REVOCATION_REVOKED_OVERLAY_H_

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/mutex.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/serial_key.h"

namespace musubi::revocation {

// How long past its end a certificate is still remembered: so that a clock which is wrong for a
// while erases nothing.
inline constexpr absl::Duration kKeptAfterExpiry = absl::Hours(30 * 24);

// Revocations that are remembered. A real country's verifier sees a few thousand between two CRLs.
inline constexpr size_t kMaxOverlayEntries = 100'000;

// RevokedOverlay is thread-safe. While it is empty, Find takes no lock; it never allocates.
class RevokedOverlay {
 public:
  struct Options {
    std::string file;  // Empty: nothing outlives the process.
    size_t max_entries = kMaxOverlayEntries;
  };

  // Create reads the file, which need not be there, and leaves out certificates that expired more
  // than kKeptAfterExpiry before `now`. A last line without its end was being written when the
  // process died, and was never answered with: it is dropped. DATA_LOSS, naming file, line and fix,
  // for any other damage.
  static absl::StatusOr<std::unique_ptr<RevokedOverlay>> Create(Options options, absl::Time now);
  ~RevokedOverlay();

  // What was told about the certificate of this serial (content octets) by the issuer whose key has
  // this SHA-256; nothing if it was never told to be revoked.
  std::optional<pki::RevocationFinding> Find(const base::Hash256& issuer_key,
                                             base::ByteView serial) const;

  // Add remembers a finding with outcome kRevoked; when it returns OK it is on the disk. A
  // certificate that is known already stays as it is. RESOURCE_EXHAUSTED if there is no room left;
  // other errors if the file cannot be written, though the finding is then remembered for as long
  // as the process lives, and every later Add tries to write it again.
  absl::Status Add(const base::Hash256& issuer_key, base::ByteView serial, absl::Time not_after,
                   const pki::RevocationFinding& finding, absl::Time now);

 private:
  struct Entry {
    pki::RevocationFinding finding;
    absl::Time not_after;
  };

  explicit RevokedOverlay(Options options) : options_(std::move(options)) {}

  absl::Status Load(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Writes all entries anew, and opens the file to go on.
  absl::Status Rewrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static std::string Line(const SerialKey& key, const Entry& entry);

  const Options options_;
  std::atomic<bool> empty_ = true;
  mutable base::Mutex mutex_;
  std::map<SerialKey, Entry, SerialKeyLess> entries_ ABSL_GUARDED_BY(mutex_);
  int fd_ ABSL_GUARDED_BY(mutex_) = -1;
  // Whether the file lacks an entry, or has a piece of one: it is then written anew.
  bool incomplete_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_REVOKED_OVERLAY_H_
