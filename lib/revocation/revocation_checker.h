// Is this certificate revoked? Joins the CRLs in force and the OCSP responders under a named mode.
// Fails closed: what is not known to be good is never GOOD. Judges no chain and no possession.
#ifndef MUSUBI_LIB_REVOCATION_REVOCATION_CHECKER_H_
#define MUSUBI_LIB_REVOCATION_REVOCATION_CHECKER_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/pki/certificate.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/crl_store.h"
#include "lib/revocation/observer.h"
#include "lib/revocation/ocsp_client.h"
#include "lib/revocation/revoked_overlay.h"

namespace musubi::revocation {

// Which sources are asked, in which order. The second is asked only if the first has no usable
// answer. Numbers are those of musubi.v1: never renumber.
enum class RevocationMode {
  kUnspecified = 0,  // Refused: somebody must choose.
  kOcspThenCrl = 1,
  kCrlThenOcsp = 2,
  kCrlOnly = 3,
  kOcspOnly = 4,
  // kOcspThenCrl; if neither has a usable answer, the caller may accept a certificate whose
  // possession is proven and which a CRL that is not too old does not list (finding.out_of_date).
  // The finding stays kNoUsableAnswer.
  kDegradedWithProof = 5,
  kNone = 6,  // Nothing is asked.
};

std::string_view Name(RevocationMode mode);

// RevocationChecker answers for one certificate. Rules on top of the two sources:
// - What is known locally to be revoked (a loaded CRL lists it, or once did; OCSP once said so) is
//   kRevoked in every mode but kNone, and nothing is asked. In the JPKI profile nothing un-revokes.
//   What OCSP said is remembered as RevokedOverlay does.
// - kUnknownToResponder is an answer: a CRL that does not list the certificate does not make it
//   good.
// - validation_time may lie before now: then only data with thisUpdate not before it counts, and
//   a certificate that has expired since is GOOD by absence only on a CRL that keeps expired
//   entries. Beyond the skew in the future nothing is usable.
// Thread-safe. Check blocks as long as OcspClient::Ask; nothing else waits for a responder, but
// what finds a certificate revoked by OCSP for the first time writes it to the disk
// (RevokedOverlay::Add). Whichever answers, the observer hears of one finding.
class RevocationChecker {
 public:
  struct Dependencies {
    const base::Clock& clock;
    const CrlStore* crl_store;  // Null: CRLs have no usable answer.
    OcspClient* ocsp_client;    // Null: OCSP has no usable answer.
    Observer& observer;
  };
  struct Options {
    size_t max_overlay_entries = kMaxOverlayEntries;
    // Where revocations that OCSP reported outlive the process; empty: they do not.
    std::string overlay_file;
  };

  // Fails as RevokedOverlay::Create does.
  static absl::StatusOr<std::unique_ptr<RevocationChecker>> Create(Dependencies dependencies,
                                                                   Options options);
  static absl::StatusOr<std::unique_ptr<RevocationChecker>> Create(Dependencies dependencies) {
    return Create(dependencies, Options{});
  }

  // `issuer` must be the trusted certificate whose key verified `target`'s signature. `deadline` is
  // a time of the clock.
  pki::RevocationFinding Check(const pki::Certificate& target, const pki::Certificate& issuer,
                               absl::Time validation_time, RevocationMode mode,
                               absl::Time deadline);
  // The same for callers that have views and the key's hash at hand, in two steps, of which the
  // first takes many at once: nothing is allocated unless a responder is asked. AskCrls answers as
  // CrlStore::Lookup does; `crl` is its answer to this query.
  void AskCrls(std::span<const CrlQuery> queries, absl::Time now,
               std::span<pki::RevocationFinding> findings) const;
  pki::RevocationFinding Check(const CrlQuery& query, const pki::RevocationFinding& crl,
                               const pki::Certificate& issuer, RevocationMode mode,
                               absl::Time deadline);
  // CheckLocally is what Check would find without asking or waiting: by the mode, a CRL, what is
  // remembered, an OCSP answer that is kept, or that nobody may be asked. Nothing, of which the
  // observer does not hear: a responder has to be asked, as Check does. `now` is the clock's.
  std::optional<pki::RevocationFinding> CheckLocally(const CrlQuery& query,
                                                     const pki::RevocationFinding& crl,
                                                     RevocationMode mode, absl::Time now);
  // CheckAsync is Check for callers that must not block; it copies what the views show. `done` is
  // called once, as OcspClient::AskAsync does, and must not block either. The checker may end
  // before; `observer` and `clock` must outlive the OCSP client, whose end ends all checks.
  using Done = std::function<void(const pki::RevocationFinding&)>;
  void CheckAsync(const CrlQuery& query, const pki::RevocationFinding& crl,
                  const pki::Certificate& issuer, RevocationMode mode, absl::Time deadline,
                  Done done);

 private:
  // What may outlive the checker.
  struct Desk;

  RevocationChecker(Dependencies dependencies, std::unique_ptr<RevokedOverlay> overlay);

  const Dependencies dependencies_;
  const std::shared_ptr<Desk> desk_;
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_REVOCATION_CHECKER_H_
