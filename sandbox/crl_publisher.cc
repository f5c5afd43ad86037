#include "sandbox/crl_publisher.h"

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "sandbox/der_writer.h"
#include "sandbox/names.h"

namespace musubi::sandbox {
namespace {

// By value.
constexpr std::array<std::string_view, 11> kReasonNames = {"unspecified",
                                                           "keyCompromise",
                                                           "cACompromise",
                                                           "affiliationChanged",
                                                           "superseded",
                                                           "cessationOfOperation",
                                                           "certificateHold",
                                                           "",  // Unused in the RFC.
                                                           "",  // removeFromCRL
                                                           "privilegeWithdrawn",
                                                           "aACompromise"};

constexpr std::array<std::string_view, std::size(kCrlMisbehaviours)> kMisbehaviourNames = {
    "none",
    "old",
    "older-number",
    "bad-signature",
    "wrong-generation-key",
    "foreign-scope",
    "missing-partition",
    "unknown-critical-entry-extension",
    "cut"};

// How long ago kOlderNumber's CRL would have been published.
constexpr absl::Duration kOlderBy = absl::Hours(1);

base::Bytes Entry(const RevokedCertificate& revoked, bool unknown_critical_extension) {
  base::Bytes extensions;
  if (revoked.reason != RevocationReason::kUnspecified) {
    extensions =
        DerExtension("2.5.29.21", false, DerEnumerated(static_cast<uint8_t>(revoked.reason)));
  }
  if (unknown_critical_extension) {
    base::Append(extensions, DerExtension("2.999.9.3", true, DerNull()));
  }
  if (!extensions.empty()) extensions = DerTlv(0x30, extensions);
  return DerSequence({DerInteger(revoked.serial), DerTime(revoked.revoked_at), extensions});
}

}  // namespace

std::string_view Name(RevocationReason reason) {
  return kReasonNames[static_cast<uint8_t>(reason)];
}

absl::StatusOr<RevocationReason> ParseRevocationReason(std::string_view name) {
  return ParseName<RevocationReason>("revocation reason", name, kRevocationReasons);
}

std::string_view Name(CrlMisbehaviour misbehaviour) {
  return kMisbehaviourNames[static_cast<size_t>(misbehaviour)];
}

absl::StatusOr<CrlMisbehaviour> ParseCrlMisbehaviour(std::string_view name) {
  return ParseName<CrlMisbehaviour>("misbehaviour of CRLs", name, kCrlMisbehaviours);
}

base::Bytes MakeCrl(const Issuer& issuer, const CrlFields& fields) {
  base::Bytes entries;
  for (const RevokedCertificate& revoked : fields.revoked) {
    const bool marked = fields.unknown_critical_entry_extension && entries.empty();
    base::Append(entries, Entry(revoked, marked));
  }
  if (!entries.empty()) entries = DerTlv(0x30, entries);

  base::Bytes extensions =
      DerExtension("2.5.29.35", false, KeyIdOnlyAuthorityKeyIdentifier(issuer));
  base::Append(extensions, DerExtension("2.5.29.20", false, DerInteger(fields.number)));
  if (fields.distribution_point_name) {
    base::Append(extensions, DerExtension("2.5.29.28", true,
                                          DerSequence({DirectoryNameDistributionPoint(
                                              *fields.distribution_point_name)})));
  }

  const base::Bytes algorithm = issuer.key.SignatureAlgorithm();
  const base::Bytes tbs =
      DerSequence({DerInteger(1), algorithm, CaName(issuer.role), DerTime(fields.this_update),
                   DerTime(fields.this_update + kCrlLifetime), entries,
                   DerExplicit(0, {DerTlv(0x30, extensions)})});
  return DerSequence({tbs, algorithm, DerBitString(issuer.key.Sign(tbs))});
}

base::Bytes MakeMisbehavingCrl(const Issuer& issuer, const Issuer& other_generation,
                               const CrlFields& honest, CrlMisbehaviour misbehaviour) {
  CrlFields fields = honest;
  std::vector<RevokedCertificate> revoked(honest.revoked.begin(), honest.revoked.end());
  switch (misbehaviour) {
    case CrlMisbehaviour::kOld:
      fields.this_update -= kCrlLifetime + absl::Hours(24);
      break;
    case CrlMisbehaviour::kOlderNumber:
      MUSUBI_CHECK(fields.number >= 2, "no CRL was published before");
      // The number before was the last one published.
      fields.number -= 2;
      fields.this_update -= kOlderBy;
      std::erase_if(revoked, [&](const RevokedCertificate& certificate) {
        return certificate.revoked_at > fields.this_update;
      });
      break;
    case CrlMisbehaviour::kForeignScope:
      for (const Municipality& municipality : Municipalities()) {
        fields.distribution_point_name = DistributionPointName(issuer.role, municipality);
        if (fields.distribution_point_name != honest.distribution_point_name) break;
      }
      break;
    case CrlMisbehaviour::kUnknownCriticalEntryExtension:
      if (revoked.empty()) {
        // The CA's own number: no card has it.
        revoked.push_back(
            {.serial = issuer.generation.serial(issuer.role), .revoked_at = fields.this_update});
      }
      fields.unknown_critical_entry_extension = true;
      break;
    default:
      break;
  }
  fields.revoked = revoked;
  const bool other = misbehaviour == CrlMisbehaviour::kWrongGenerationKey;
  base::Bytes crl = MakeCrl(other ? other_generation : issuer, fields);
  if (misbehaviour == CrlMisbehaviour::kBadSignature) crl.back() ^= 1;
  if (misbehaviour == CrlMisbehaviour::kCut) crl.resize(crl.size() - crl.size() / 3);
  return crl;
}

}  // namespace musubi::sandbox
