// The layout of every certificate of JPKI-SIM, octet for octet that of JPKI's: same fields, same
// extensions in the same order, other names and OIDs. Keeps no state and no files: see world.h.
//
// What differs from JPKI, so that nothing here can pass for the real thing: O=JPKI-SIM, Japanese
// names that begin with 模擬 ("simulated"), OIDs under 2.999 (the arc for examples), hosts under
// .example.
#ifndef MUSUBI_SANDBOX_CERTIFICATE_PROFILE_H_
#define MUSUBI_SANDBOX_CERTIFICATE_PROFILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/secure_random.h"
#include "sandbox/municipality.h"
#include "sandbox/private_key.h"

namespace musubi::sandbox {

// Role is one of the two CAs: each has one DN and one counter of serials over all its generations.
enum class Role { kUserAuthentication, kDigitalSignature };
inline constexpr Role kRoles[] = {Role::kUserAuthentication, Role::kDigitalSignature};

// "user_authentication" and "digital_signature", as in anchors.json.
std::string_view Name(Role role);
absl::StatusOr<Role> ParseRole(std::string_view name);

// CardKind decides the certificate's layout and policy. Phone and test certificates have the
// user-authentication layout, under policies that a verifier of cards must refuse by name.
enum class CardKind { kUserAuthentication, kSignature, kPhone, kTest };

// "user-auth", "signature", "phone", "test", as on the command line.
std::string_view Name(CardKind kind);
absl::StatusOr<CardKind> ParseCardKind(std::string_view name);
std::string_view PolicyOid(CardKind kind);
Role RoleOf(CardKind kind);

// Generation is one key of each CA, under the DN that all generations share.
struct Generation {
  std::string_view id;  // "01" to "04".
  KeyType key_type;
  absl::Time not_before;
  absl::Time not_after;
  // The number that the CA's own certificate took from the counter of its role: the simulated
  // country issued cards in between, as the real one does.
  uint64_t user_authentication_serial;
  uint64_t digital_signature_serial;

  uint64_t serial(Role role) const {
    return role == Role::kUserAuthentication ? user_authentication_serial
                                             : digital_signature_serial;
  }
};

// 01 to 03 are RSA-2048 (01 expired in 2025), 04 is P-384 with SHA-384: the card planned for 2028.
std::span<const Generation> Generations();
absl::StatusOr<Generation> FindGeneration(std::string_view id);

// "auth-03", "sign-01": the name of one CA key in all our files.
std::string AnchorId(Role role, const Generation& generation);

// Issuer is one CA key with what its certificates say about it.
struct Issuer {
  Role role;
  Generation generation;
  PrivateKey key;
};

// The CA's DN; the DN of the distribution point of a municipality. Whole Names.
base::Bytes CaName(Role role);
base::Bytes DistributionPointName(Role role, const Municipality& municipality);

// DirectoryNameDistributionPoint is DistributionPointName's place in a CRLDP or IDP: the field
// distributionPoint [0] with fullName [0] of one directoryName (RFC 5280 section 4.2.1.13).
base::Bytes DirectoryNameDistributionPoint(base::ByteView name);
// AuthorityKeyIdentifier of what `issuer` signs: keyid only, or keyid, issuer and serial.
base::Bytes KeyIdOnlyAuthorityKeyIdentifier(const Issuer& issuer);
base::Bytes FullAuthorityKeyIdentifier(const Issuer& issuer);

// Extension (RFC 5280 section 4.1); `value` is the DER inside the OCTET STRING.
base::Bytes DerExtension(std::string_view oid, bool critical, base::ByteView value);

// CertificateFields is everything in a TBSCertificate that is not the issuer's.
struct CertificateFields {
  uint64_t serial = 0;
  base::Bytes issuer_name;
  absl::Time not_before;
  absl::Time not_after;
  base::Bytes subject_name;
  base::Bytes public_key_info;
  base::Bytes extensions;  // The TLVs of all extensions, in their order.
};

// SignCertificate returns the whole certificate.
base::Bytes SignCertificate(const CertificateFields& fields, const PrivateKey& key,
                            SignatureHash hash = SignatureHash::kOfKeyType);

// The CA's self-signed certificate.
base::Bytes MakeCaCertificate(const Issuer& issuer);

// CardFields is what differs from one card to the next.
struct CardFields {
  CardKind kind = CardKind::kUserAuthentication;
  uint64_t serial = 0;
  absl::Time issued_at;
  int birth_month = 1;
  int birth_day = 1;
  Municipality municipality;
  std::string common_name;
  std::string holder_name;  // Family name, U+3000, given name. In signature certificates only.
  PublicKey public_key;     // Of the card.
  std::string_view policy_oid = PolicyOid(kind);
};

// FillCardCertificate lays one out. FAILED_PRECONDITION if the generation is not in use at
// issued_at, or ends before the certificate would; INVALID_ARGUMENT if the kind is of the other
// role.
absl::StatusOr<CertificateFields> FillCardCertificate(const Issuer& issuer,
                                                      const CardFields& fields);

// MakeCardCertificate issues one. Errors as there.
absl::StatusOr<base::Bytes> MakeCardCertificate(const Issuer& issuer, const CardFields& fields);

// SerialOf reads the serial number back out of a certificate that MakeCardCertificate made.
// INVALID_ARGUMENT if the octets are something else.
absl::StatusOr<uint64_t> SerialOf(base::ByteView certificate);

// MakeOcspResponderCertificate issues a delegate's certificate: id-kp-OCSPSigning and nocheck
// (RFC 6960 section 4.2.2.2), valid as long as the CA's generation.
base::Bytes MakeOcspResponderCertificate(const Issuer& issuer, uint64_t serial,
                                         const PublicKey& public_key);

// CardExpiry is the end (23:59:59 in Japan) of the 5th birthday after the day of issue. A birthday
// on 29 February falls on the 28th in other years.
absl::Time CardExpiry(absl::Time issued_at, int birth_month, int birth_day);

// MakeCommonName draws the CN of a user-authentication certificate: 14 letters and digits, the
// municipality's code, 3 digits and an A; of a signature certificate: 28 digits that begin with
// the time of issue.
std::string MakeCommonName(CardKind kind, const Municipality& municipality, absl::Time issued_at,
                           base::SecureRandom& random);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_CERTIFICATE_PROFILE_H_
