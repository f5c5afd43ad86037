// Verification of signatures by public keys of certificates: a closed list of algorithms and key
// types, one signature at a time. No parsing beyond exact forms, no signing, no trust. For many
// signatures see signature_verifier.h, for Ed25519 ed25519.h.
#ifndef MUSUBI_LIB_CRYPTO_SIGNATURE_H_
#define MUSUBI_LIB_CRYPTO_SIGNATURE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "lib/base/bytes.h"

namespace musubi::crypto {

// Keys that anything of ours verifies with. RSA keys have e = 65537, EC keys a named curve and an
// uncompressed point (RFC 3279 section 2.3.1, RFC 5480 section 2). kRsaPss keys are those of
// id-RSASSA-PSS (RFC 4055 section 1.2), which verify nothing but PSS.
enum class KeyType {
  kRsa2048,
  kRsa3072,
  kRsa4096,
  kEcP256,
  kEcP384,
  kRsaPss2048,
  kRsaPss3072,
  kRsaPss4096
};

enum class SignatureScheme : uint8_t {
  kRsaPkcs1,   // RFC 8017 section 8.2: RSASSA-PKCS1-v1_5.
  kRsaPss,     // RFC 8017 section 8.1, MGF1 with the same hash.
  kEcdsaP256,  // FIPS 186-4 section 6.4; the signature is DER (RFC 3279 section 2.2.3).
  kEcdsaP384,
};
enum class SignatureHash : uint8_t { kSha256, kSha384, kSha512 };

// SignatureAlgorithm is a value, compared as a whole. Use the constants; another PSS salt comes
// out of SignatureAlgorithmOf alone.
struct SignatureAlgorithm {
  SignatureScheme scheme = SignatureScheme::kRsaPkcs1;
  SignatureHash hash = SignatureHash::kSha256;
  uint16_t salt_size = 0;  // Octets; PSS only.

  friend bool operator==(const SignatureAlgorithm&, const SignatureAlgorithm&) = default;

  static const SignatureAlgorithm kRsaPkcs1Sha256;
  static const SignatureAlgorithm kRsaPkcs1Sha384;
  static const SignatureAlgorithm kRsaPkcs1Sha512;
  // PSS with a salt as long as the hash.
  static const SignatureAlgorithm kRsaPssSha256;
  static const SignatureAlgorithm kRsaPssSha384;
  static const SignatureAlgorithm kRsaPssSha512;
  // A hash longer than the curve's order is cut to it, from the left (FIPS 186-4 section 6.4).
  static const SignatureAlgorithm kEcdsaP256Sha256;
  static const SignatureAlgorithm kEcdsaP256Sha384;
  static const SignatureAlgorithm kEcdsaP256Sha512;
  static const SignatureAlgorithm kEcdsaP384Sha256;
  static const SignatureAlgorithm kEcdsaP384Sha384;
  static const SignatureAlgorithm kEcdsaP384Sha512;
};

inline constexpr SignatureAlgorithm SignatureAlgorithm::kRsaPkcs1Sha256{SignatureScheme::kRsaPkcs1,
                                                                        SignatureHash::kSha256};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kRsaPkcs1Sha384{SignatureScheme::kRsaPkcs1,
                                                                        SignatureHash::kSha384};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kRsaPkcs1Sha512{SignatureScheme::kRsaPkcs1,
                                                                        SignatureHash::kSha512};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kRsaPssSha256{SignatureScheme::kRsaPss,
                                                                      SignatureHash::kSha256, 32};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kRsaPssSha384{SignatureScheme::kRsaPss,
                                                                      SignatureHash::kSha384, 48};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kRsaPssSha512{SignatureScheme::kRsaPss,
                                                                      SignatureHash::kSha512, 64};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kEcdsaP256Sha256{
    SignatureScheme::kEcdsaP256, SignatureHash::kSha256};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kEcdsaP256Sha384{
    SignatureScheme::kEcdsaP256, SignatureHash::kSha384};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kEcdsaP256Sha512{
    SignatureScheme::kEcdsaP256, SignatureHash::kSha512};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kEcdsaP384Sha256{
    SignatureScheme::kEcdsaP384, SignatureHash::kSha256};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kEcdsaP384Sha384{
    SignatureScheme::kEcdsaP384, SignatureHash::kSha384};
inline constexpr SignatureAlgorithm SignatureAlgorithm::kEcdsaP384Sha512{
    SignatureScheme::kEcdsaP384, SignatureHash::kSha512};

// Every algorithm that has a name: all that we verify but PSS with salts of other lengths.
inline constexpr std::array<SignatureAlgorithm, 12> kNamedSignatureAlgorithms = {
    SignatureAlgorithm::kRsaPkcs1Sha256,  SignatureAlgorithm::kRsaPkcs1Sha384,
    SignatureAlgorithm::kRsaPkcs1Sha512,  SignatureAlgorithm::kRsaPssSha256,
    SignatureAlgorithm::kRsaPssSha384,    SignatureAlgorithm::kRsaPssSha512,
    SignatureAlgorithm::kEcdsaP256Sha256, SignatureAlgorithm::kEcdsaP256Sha384,
    SignatureAlgorithm::kEcdsaP256Sha512, SignatureAlgorithm::kEcdsaP384Sha256,
    SignatureAlgorithm::kEcdsaP384Sha384, SignatureAlgorithm::kEcdsaP384Sha512};

// KeyTypeOf reads a SubjectPublicKeyInfo strictly; nothing if it is of another type, size or
// exponent, or encoded otherwise. It does not test that an EC point is on its curve: HasValidPoint
// and VerifySignature do.
std::optional<KeyType> KeyTypeOf(base::ByteView spki_der);

// HasValidPoint is false if this is an EC key whose point is not on its curve (SEC 1 section
// 3.2.2.1), and for every key that KeyTypeOf does not know; RSA keys have no point. Thread-safe.
bool HasValidPoint(base::ByteView spki_der);

// SignatureAlgorithmOf reads an AlgorithmIdentifier strictly; nothing if it is none of ours. PSS
// parameters (RFC 4055 section 3.1) name a SHA-2 hash and MGF1 with the same one.
// An ECDSA identifier names no curve: this gives P-256 for SHA-256 and P-384 for the others, and
// ForKey gives the curve of a key.
std::optional<SignatureAlgorithm> SignatureAlgorithmOf(base::ByteView algorithm_identifier_der);

// ForKey is `algorithm`, an ECDSA one on the curve of `key` if that is an EC key. For algorithms
// that an AlgorithmIdentifier gave; where a caller names the curve, the key has to fit it.
SignatureAlgorithm ForKey(SignatureAlgorithm algorithm, KeyType key);

// Fits tells whether a key of this type may make signatures of this algorithm.
bool Fits(SignatureAlgorithm algorithm, KeyType key);

// VerifySignature is true only if `signature` over `message` was made, in this algorithm, with the
// private half of the key in `spki_der`. Everything else is false: a key that KeyTypeOf does not
// know or that does not fit the algorithm (RFC 4055 section 3.3 included), an RSA signature that is
// not as long as the modulus, an ECDSA signature that is not minimal DER, a point off its curve.
// Thread-safe.
bool VerifySignature(SignatureAlgorithm algorithm, base::ByteView spki_der, base::ByteView message,
                     base::ByteView signature);

// Names as in configuration: "RSA_PKCS1_SHA256", "RSA_2048". PSS with another salt than the hash's
// length is "RSA_PSS_OTHER_SALT".
std::string_view Name(SignatureAlgorithm algorithm);
std::string_view Name(KeyType type);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_SIGNATURE_H_
