// Builds CRLs (RFC 5280 section 5) of JPKI-SIM: one partition for each municipality, and one over
// everything. Reads no files: see world.h.
#ifndef MUSUBI_SANDBOX_CRL_PUBLISHER_H_
#define MUSUBI_SANDBOX_CRL_PUBLISHER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "sandbox/certificate_profile.h"

namespace musubi::sandbox {

// CRLReason (RFC 5280 section 5.3.1), but for removeFromCRL: only delta CRLs have it.
enum class RevocationReason : uint8_t {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};
inline constexpr RevocationReason kRevocationReasons[] = {
    RevocationReason::kUnspecified,     RevocationReason::kKeyCompromise,
    RevocationReason::kCaCompromise,    RevocationReason::kAffiliationChanged,
    RevocationReason::kSuperseded,      RevocationReason::kCessationOfOperation,
    RevocationReason::kCertificateHold, RevocationReason::kPrivilegeWithdrawn,
    RevocationReason::kAaCompromise};

// "keyCompromise" and so on, as in the RFC.
std::string_view Name(RevocationReason reason);
absl::StatusOr<RevocationReason> ParseRevocationReason(std::string_view name);

struct RevokedCertificate {
  uint64_t serial = 0;
  absl::Time revoked_at;
  RevocationReason reason = RevocationReason::kUnspecified;
};

// CrlMisbehaviour is what can be wrong with the CRLs that World::PublishCrls writes.
enum class CrlMisbehaviour {
  kNone,
  kOld,                 // nextUpdate was a day ago.
  kOlderNumber,         // That of an hour ago again: lower number, fewer revocations.
  kBadSignature,        // One bit of the signature is flipped.
  kWrongGenerationKey,  // Signed by another generation of the same CA.
  kForeignScope,        // The IDP names another municipality; in the full list, any.
  kMissingPartition,    // scopes.json names partitions that are not there, and no full list.
  kUnknownCriticalEntryExtension,  // In one entry, made up if nothing is revoked.
  kCut,                            // The last third is missing.
};
inline constexpr CrlMisbehaviour kCrlMisbehaviours[] = {
    CrlMisbehaviour::kNone,
    CrlMisbehaviour::kOld,
    CrlMisbehaviour::kOlderNumber,
    CrlMisbehaviour::kBadSignature,
    CrlMisbehaviour::kWrongGenerationKey,
    CrlMisbehaviour::kForeignScope,
    CrlMisbehaviour::kMissingPartition,
    CrlMisbehaviour::kUnknownCriticalEntryExtension,
    CrlMisbehaviour::kCut};

// "none", "old", "older-number" and so on, as on the command line.
std::string_view Name(CrlMisbehaviour misbehaviour);
absl::StatusOr<CrlMisbehaviour> ParseCrlMisbehaviour(std::string_view name);

// JPKI renews its CRLs daily; a second day leaves room for a failed run.
inline constexpr absl::Duration kCrlLifetime = absl::Hours(48);

struct CrlFields {
  uint64_t number = 0;  // cRLNumber
  absl::Time this_update;
  // The name in the critical IDP; nothing makes the full CRL, which has no IDP.
  std::optional<base::Bytes> distribution_point_name;
  std::span<const RevokedCertificate> revoked;
  // Gives the first entry a critical extension under 2.999.
  bool unknown_critical_entry_extension = false;
};

// MakeCrl returns a whole CRL. The reason of an entry is left out if unspecified (RFC 5280 section
// 5.3.1), as is revokedCertificates if there is none (section 5.1.2.6).
base::Bytes MakeCrl(const Issuer& issuer, const CrlFields& fields);

// MakeMisbehavingCrl returns MakeCrl's CRL with what is wrong with it; the honest one for kNone,
// and for kMissingPartition, which is a matter of files. `other_generation` is of the same CA;
// `number` is at least 2.
base::Bytes MakeMisbehavingCrl(const Issuer& issuer, const Issuer& other_generation,
                               const CrlFields& fields, CrlMisbehaviour misbehaviour);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_CRL_PUBLISHER_H_
