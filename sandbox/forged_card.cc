#include "sandbox/forged_card.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "sandbox/der_writer.h"
#include "sandbox/names.h"

namespace musubi::sandbox {
namespace {

constexpr std::array<std::string_view, std::size(kForgeries)> kNames = {
    "expired",
    "not-yet-valid",
    "unknown-policy",
    "self-made-ca",
    "evil-twin",
    "bad-signature",
    "wrong-algorithm",
    "unknown-critical-extension",
    "oversized",
    "truncated",
    "trailing-bytes",
    "non-der",
    "unknown-to-register"};

// OIDs under 2.999 that hierarchy.json and the profile do not use.
constexpr std::string_view kUnknownPolicyOid = "2.999.9.30";
constexpr std::string_view kUnknownExtensionOid = "2.999.9.1";
constexpr std::string_view kLargeExtensionOid = "2.999.9.2";

// No verifier of ours takes a certificate above it, and JPKI's are below 2 KiB.
constexpr size_t kLargestCertificate = 16 * 1024;
// Cuts into the signature, which ends the certificate.
constexpr size_t kCutOctets = 16;

// The whole Name of a CA that nobody configures.
base::Bytes NobodysName() {
  return DerSequence({DerSet({DerSequence({DerOid("2.5.4.10"), DerUtf8String("Self-made CA")})})});
}

// The same content with a length that BER allows and DER does not (X.690 section 10.1).
base::Bytes WithIndefiniteLength(base::ByteView der) {
  // Certificates of a card are 256 to 65,535 octets: 30 82 and two octets of length.
  base::Bytes ber = {der[0], 0x80};
  base::Append(ber, der.subspan(4));
  base::Append(ber, base::Bytes{0, 0});
  return ber;
}

}  // namespace

std::string_view Name(Forgery forgery) { return kNames[static_cast<size_t>(forgery)]; }

absl::StatusOr<Forgery> ParseForgery(std::string_view name) {
  return ParseName<Forgery>("forgery", name, kForgeries);
}

absl::StatusOr<base::Bytes> ForgeCardCertificate(const Issuer& issuer, const CardFields& card,
                                                 Forgery forgery) {
  CardFields wanted = card;
  if (forgery == Forgery::kUnknownPolicy) wanted.policy_oid = kUnknownPolicyOid;
  Issuer signer = issuer;
  if (forgery == Forgery::kSelfMadeCa) signer.key = PrivateKey::Generate(issuer.key.type());
  MUSUBI_ASSIGN_OR_RETURN(CertificateFields fields, FillCardCertificate(signer, wanted));

  constexpr absl::Duration kDay = absl::Hours(24);
  SignatureHash hash = SignatureHash::kOfKeyType;
  switch (forgery) {
    case Forgery::kExpired:
      fields.not_before = card.issued_at - 2 * kDay;
      fields.not_after = card.issued_at - kDay;
      break;
    case Forgery::kNotYetValid:
      fields.not_before = card.issued_at + kDay;
      break;
    case Forgery::kSelfMadeCa:
      fields.issuer_name = NobodysName();
      break;
    case Forgery::kEvilTwin:
      // After the key identifiers were written: those stay the real CA's.
      signer.key = PrivateKey::Generate(issuer.key.type());
      break;
    case Forgery::kWrongAlgorithm:
      hash = SignatureHash::kSha1;
      break;
    case Forgery::kUnknownCriticalExtension:
      base::Append(fields.extensions, DerExtension(kUnknownExtensionOid, true, DerNull()));
      break;
    case Forgery::kOversized:
      base::Append(fields.extensions,
                   DerExtension(kLargeExtensionOid, false,
                                DerOctetString(base::Bytes(kLargestCertificate))));
      break;
    default:
      break;
  }
  base::Bytes certificate = SignCertificate(fields, signer.key, hash);
  if (forgery == Forgery::kBadSignature) certificate.back() ^= 1;
  if (forgery == Forgery::kTruncated) certificate.resize(certificate.size() - kCutOctets);
  if (forgery == Forgery::kTrailingBytes) base::Append(certificate, DerNull());
  if (forgery == Forgery::kNonDer) certificate = WithIndefiniteLength(certificate);
  return certificate;
}

}  // namespace musubi::sandbox
