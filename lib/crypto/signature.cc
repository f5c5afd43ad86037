#include "lib/crypto/signature.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "lib/base/c_deleter.h"
#include "lib/base/check.h"
#include "lib/crypto/public_key.h"

namespace musubi::crypto {
namespace {

using base::ByteView;

template <auto kFree, typename T>
using Owned = std::unique_ptr<T, base::CDeleter<kFree>>;

// OpenSSL refuses most other encodings of an ECDSA signature; comparing with its own encoding
// refuses the rest.
bool IsMinimalEcdsaDer(ByteView signature) {
  const uint8_t* at = signature.data();
  Owned<ECDSA_SIG_free, ECDSA_SIG> parsed(
      d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
  if (parsed == nullptr) return false;
  uint8_t* encoded = nullptr;
  const int size = i2d_ECDSA_SIG(parsed.get(), &encoded);
  if (size <= 0) return false;
  const bool equal = std::equal(signature.begin(), signature.end(), encoded, encoded + size);
  OPENSSL_free(encoded);
  return equal;
}

const EVP_MD* DigestOf(SignatureHash hash) {
  switch (hash) {
    case SignatureHash::kSha256:
      return EVP_sha256();
    case SignatureHash::kSha384:
      return EVP_sha384();
    case SignatureHash::kSha512:
      return EVP_sha512();
  }
  return nullptr;
}

}  // namespace

bool VerifySignature(SignatureAlgorithm algorithm, ByteView spki_der, ByteView message,
                     ByteView signature) {
  const auto parsed = ParsePublicKey(spki_der);
  if (!parsed.has_value() || !FitsKey(algorithm, *parsed)) return false;
  if (!parsed->modulus.empty() ? signature.size() != parsed->modulus.size()
                               : !IsMinimalEcdsaDer(signature)) {
    return false;
  }
  const uint8_t* at = spki_der.data();
  // For EC keys this tests that the point is on the curve and not at infinity.
  Owned<EVP_PKEY_free, EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki_der.size())));
  if (key == nullptr || at != spki_der.data() + spki_der.size()) return false;
  Owned<EVP_MD_CTX_free, EVP_MD_CTX> context(EVP_MD_CTX_new());
  MUSUBI_CHECK(context != nullptr, "out of memory");
  const EVP_MD* digest = DigestOf(algorithm.hash);
  EVP_PKEY_CTX* options = nullptr;  // Owned by `context`.
  if (EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key.get()) != 1) return false;
  if (algorithm.scheme == SignatureScheme::kRsaPss) {
    if (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(options, digest) != 1 ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, algorithm.salt_size) != 1) {
      return false;
    }
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace musubi::crypto
