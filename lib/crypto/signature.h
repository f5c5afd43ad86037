// Verification of signatures by public keys of certificates: a closed list of algorithms and key
// types. No parsing beyond exact forms, no signing, no trust. For Ed25519 see ed25519.h.
#ifndef MUSUBI_LIB_CRYPTO_SIGNATURE_H_
#define MUSUBI_LIB_CRYPTO_SIGNATURE_H_

#include <optional>
#include <string_view>

#include "lib/base/bytes.h"

namespace musubi::crypto {

// Keys that anything of ours verifies with. RSA keys have e = 65537, EC keys a named curve and an
// uncompressed point (RFC 3279 section 2.3.1, RFC 5480 section 2).
enum class KeyType { kRsa2048, kRsa3072, kRsa4096, kEcP256, kEcP384 };

enum class SignatureAlgorithm {
  kRsaPkcs1Sha256,   // RFC 8017 section 8.2: RSASSA-PKCS1-v1_5 with SHA-256.
  kRsaPssSha256,     // RFC 8017 section 8.1: SHA-256, MGF1 with SHA-256, salt of 32 octets.
  kEcdsaP256Sha256,  // FIPS 186-4 on P-256; the signature is DER (RFC 3279 section 2.2.3).
  kEcdsaP384Sha384,  // The same on P-384.
};

// KeyTypeOf recognises a SubjectPublicKeyInfo by its exact octets; nothing if it is of another
// type, size or exponent, or encoded otherwise. It does not test that an EC point is on its curve:
// VerifySignature does.
std::optional<KeyType> KeyTypeOf(base::ByteView spki_der);

// SignatureAlgorithmOf recognises an AlgorithmIdentifier by its exact octets; nothing otherwise.
// ecdsa-with-SHA256 and -SHA384 name no curve: they map to the curve of the same strength, and a
// key of another curve does not fit.
std::optional<SignatureAlgorithm> SignatureAlgorithmOf(base::ByteView algorithm_identifier_der);

// Fits tells whether a key of this type may make signatures of this algorithm.
bool Fits(SignatureAlgorithm algorithm, KeyType key);

// VerifySignature is true only if `signature` over `message` was made, in this algorithm, with the
// private half of the key in `spki_der`. Everything else is false: a key that KeyTypeOf does not
// know or that does not fit the algorithm, an RSA signature that is not as long as the modulus, an
// ECDSA signature that is not minimal DER, a point off its curve. Thread-safe.
bool VerifySignature(SignatureAlgorithm algorithm, base::ByteView spki_der, base::ByteView message,
                     base::ByteView signature);

// Names as in configuration: "RSA_PKCS1_SHA256", "RSA_2048".
std::string_view Name(SignatureAlgorithm algorithm);
std::string_view Name(KeyType type);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_SIGNATURE_H_
