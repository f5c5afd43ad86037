// Whether certificates of a path are revoked, by CRLs that somebody gives: RFC 5280 section 6.3,
// with indirect CRLs, deltas and CRLs for some reasons. Fetches nothing, remembers nothing, knows
// no clock. A country's lists are lib/revocation's: this walks over each list that it is given.
#ifndef MUSUBI_LIB_PKI_PATH_REVOCATION_H_
#define MUSUBI_LIB_PKI_PATH_REVOCATION_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/mutex.h"
#include "lib/pki/certificate.h"
#include "lib/pki/crl.h"
#include "lib/pki/path_validator.h"
#include "lib/pki/verdict.h"

namespace musubi::pki {

// Bounds of one check; what lies beyond one is not used, so that the finding can only become
// kNoUsableAnswer.
inline constexpr int kMaxCrlSignatureChecks = 64;
// Signers of CRLs whose own revocation is asked, one behind the other.
inline constexpr int kMaxCrlSignerDepth = 3;

// Lists that CrlSignatures remembers, and signers of each: a country has 1,890 lists, of one key.
inline constexpr size_t kMaxRememberedCrls = 4096;
inline constexpr size_t kMaxRememberedSigners = 16;

// CrlSignatures remembers which key has signed which list, for callers that ask about many
// certificates with the same lists: a list's signature costs as much as the list is long. Knows a
// list by what Crl::identity says: copies of one are one, the same octets parsed twice are two.
// Keeps no list alive, and forgets those that are gone, or everything, when there are too many.
// Thread-safe; two threads may check the same at the same time.
class CrlSignatures {
 public:
  // CheckCrlSignature, once for each list and signer.
  CrlOutcome Check(const Crl& crl, const Certificate& signer);

  // Lists that are remembered.
  size_t size() const;

 private:
  struct Known {
    base::Bytes signer;  // DER.
    CrlOutcome outcome;
  };
  using Lists = std::map<Crl::Identity, std::vector<Known>, std::owner_less<>>;

  mutable base::Mutex mutex_;
  Lists lists_ ABSL_GUARDED_BY(mutex_);
};

struct GivenRevocationData {
  std::span<const Crl> crls;  // Parsed with CrlForms::kAll.
  // Where signers of CRLs are looked for, beside the path. Trusted for nothing.
  std::span<const Certificate> certificates;
  CrlSignatures* signatures = nullptr;  // Null: nothing is remembered.
};

struct PathRevocationOptions {
  bool use_deltas = true;  // RFC 5280 section 6.3.1 (b).
  // False: the target alone is asked about, not the CAs between it and the anchor.
  bool whole_path = true;
  // How far a CA's clock may be ahead of ours.
  absl::Duration skew = absl::ZeroDuration();
  // Age beyond which a CRL is not in force, whatever its nextUpdate; nothing: its nextUpdate alone
  // decides, and one without never is in force.
  std::optional<absl::Duration> max_age;
};

// CheckPathRevocation returns a finding about each certificate of the path but the anchor, the
// target's first: kGood, kRevoked or kNoUsableAnswer. A CRL counts if its
// signer is a certificate of the path above the one that is asked about, or has itself a path to
// the same anchor by `signer_paths`, may sign CRLs, and is not revoked. `signer_paths` therefore
// must not demand what only targets have. `now` decides whether a CRL is in force; for a
// `validation_time` before it a CRL must not be older than that, and a revocation after it is
// reported with its time (REVOKED_LATER is the caller's to say). A certificate that has expired is
// GOOD only by a list that keeps such entries.
std::vector<RevocationFinding> CheckPathRevocation(const ValidatedPath& path,
                                                   const GivenRevocationData& data,
                                                   const PathValidator& signer_paths,
                                                   absl::Time validation_time, absl::Time now,
                                                   const PathRevocationOptions& options = {});

}  // namespace musubi::pki

#endif  // MUSUBI_LIB_PKI_PATH_REVOCATION_H_
