// Card certificates that a verifier must refuse, each wrong in one thing and right in all others,
// so that only the check that it is made for can refuse it. Bytes only: World::IssueForgedCard
// makes the card around them.
#ifndef MUSUBI_SANDBOX_FORGED_CARD_H_
#define MUSUBI_SANDBOX_FORGED_CARD_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "sandbox/certificate_profile.h"

namespace musubi::sandbox {

// Forgery says in what. Unless it speaks of the signature or the issuer, the right CA key signed.
enum class Forgery {
  kExpired,                   // notAfter was a day ago.
  kNotYetValid,               // notBefore is in a day.
  kUnknownPolicy,             // A policy OID of no configured kind.
  kSelfMadeCa,                // The issuer's name is nobody's, the key a fresh one.
  kEvilTwin,                  // Name and key identifier of the real CA, signed by a fresh key.
  kBadSignature,              // One bit of the signature is flipped.
  kWrongAlgorithm,            // Signed with SHA-1, and says so in both places.
  kUnknownCriticalExtension,  // One more extension, critical, under 2.999.
  kOversized,                 // A large extension, not critical, takes it over 16 KiB.
  kTruncated,                 // The last octets are missing.
  kTrailingBytes,             // Octets follow the certificate.
  kNonDer,                    // The outermost length is indefinite, which only BER allows.
  kUnknownToRegister,         // Nothing is wrong, but its number is in no register.
};
inline constexpr Forgery kForgeries[] = {
    Forgery::kExpired,          Forgery::kNotYetValid,
    Forgery::kUnknownPolicy,    Forgery::kSelfMadeCa,
    Forgery::kEvilTwin,         Forgery::kBadSignature,
    Forgery::kWrongAlgorithm,   Forgery::kUnknownCriticalExtension,
    Forgery::kOversized,        Forgery::kTruncated,
    Forgery::kTrailingBytes,    Forgery::kNonDer,
    Forgery::kUnknownToRegister};

// "expired", "not-yet-valid" and so on, as on the command line.
std::string_view Name(Forgery forgery);
absl::StatusOr<Forgery> ParseForgery(std::string_view name);

// ForgeCardCertificate makes what MakeCardCertificate would, but for the forgery. Errors as there.
absl::StatusOr<base::Bytes> ForgeCardCertificate(const Issuer& issuer, const CardFields& fields,
                                                 Forgery forgery);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_FORGED_CARD_H_
