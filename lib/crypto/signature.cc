#include "lib/crypto/signature.h"

#include "lib/crypto/message_digest.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/scalar_verifier.h"

namespace musubi::crypto {

bool VerifySignature(SignatureAlgorithm algorithm, base::ByteView spki_der, base::ByteView message,
                     base::ByteView signature) {
  const auto key = ParsePublicKey(spki_der);
  if (!key.has_value() || !FitsKey(algorithm, *key)) return false;
  return ScalarVerify(algorithm, *key, nullptr, DigestOf(algorithm.hash, {message}).view(),
                      signature);
}

bool HasValidPoint(base::ByteView spki_der) {
  const auto key = ParsePublicKey(spki_der);
  return key.has_value() && (key->point.empty() || IsOnCurve(*key));
}

}  // namespace musubi::crypto
