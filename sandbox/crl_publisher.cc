#include "sandbox/crl_publisher.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "sandbox/der_writer.h"

namespace musubi::sandbox {
namespace {

constexpr std::array<std::string_view, 7> kReasonNames = {
    "unspecified", "keyCompromise",        "cACompromise",   "affiliationChanged",
    "superseded",  "cessationOfOperation", "certificateHold"};

base::Bytes Entry(const RevokedCertificate& revoked) {
  base::Bytes extensions;
  if (revoked.reason != RevocationReason::kUnspecified) {
    extensions = DerSequence(
        {DerExtension("2.5.29.21", false, DerEnumerated(static_cast<uint8_t>(revoked.reason)))});
  }
  return DerSequence({DerInteger(revoked.serial), DerTime(revoked.revoked_at), extensions});
}

}  // namespace

std::string_view Name(RevocationReason reason) {
  return kReasonNames[static_cast<uint8_t>(reason)];
}

absl::StatusOr<RevocationReason> ParseRevocationReason(std::string_view name) {
  for (size_t i = 0; i < kReasonNames.size(); ++i) {
    if (kReasonNames[i] == name) return static_cast<RevocationReason>(i);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no revocation reason ", base::ToAbsl(name),
                   ": use unspecified, keyCompromise, cACompromise, affiliationChanged, "
                   "superseded, cessationOfOperation or certificateHold"));
}

base::Bytes MakeCrl(const Issuer& issuer, const CrlFields& fields) {
  base::Bytes entries;
  for (const RevokedCertificate& revoked : fields.revoked) base::Append(entries, Entry(revoked));
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

}  // namespace musubi::sandbox
