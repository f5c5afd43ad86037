#include "tests/fakes/test_key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <map>
#include <optional>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/mutex.h"
#include "tests/fakes/der_writer.h"

namespace musubi::fakes {
namespace {

using crypto::SignatureAlgorithm;

EVP_PKEY* Generate(KeyKind kind) {
  switch (kind) {
    case KeyKind::kRsa1024:
      return EVP_RSA_gen(1024);
    case KeyKind::kRsa2048:
      return EVP_RSA_gen(2048);
    case KeyKind::kRsa3072:
      return EVP_RSA_gen(3072);
    case KeyKind::kRsa4096:
      return EVP_RSA_gen(4096);
    case KeyKind::kEcP256:
      return EVP_EC_gen("P-256");
    case KeyKind::kEcP384:
      return EVP_EC_gen("P-384");
    case KeyKind::kEcP521:
      return EVP_EC_gen("P-521");
    case KeyKind::kRsa2048Exponent3:
      break;
  }
  EVP_PKEY* key = nullptr;
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr);
  BIGNUM* three = BN_new();
  BN_set_word(three, 3);
  MUSUBI_CHECK(EVP_PKEY_keygen_init(context) == 1 &&
                   EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1 &&
                   EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, three) == 1 &&
                   EVP_PKEY_generate(context, &key) == 1,
               "cannot make a key with exponent 3");
  BN_free(three);
  EVP_PKEY_CTX_free(context);
  return key;
}

// `pss_salt` is the salt's length; nothing for PKCS #1 v1.5 and for ECDSA.
base::Bytes SignWith(EVP_PKEY* key, const EVP_MD* digest, std::optional<int> pss_salt,
                     base::ByteView message) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* options = nullptr;
  size_t size = 0;
  MUSUBI_CHECK(EVP_DigestSignInit(context, &options, digest, nullptr, key) == 1, "cannot sign");
  if (pss_salt.has_value()) {
    MUSUBI_CHECK(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                     EVP_PKEY_CTX_set_rsa_pss_saltlen(options, *pss_salt) == 1,
                 "cannot set PSS");
  }
  MUSUBI_CHECK(EVP_DigestSign(context, nullptr, &size, message.data(), message.size()) == 1,
               "cannot size a signature");
  base::Bytes signature(size);
  MUSUBI_CHECK(
      EVP_DigestSign(context, signature.data(), &size, message.data(), message.size()) == 1,
      "cannot sign");
  signature.resize(size);
  EVP_MD_CTX_free(context);
  return signature;
}

}  // namespace

struct TestKey::Pair {
  EVP_PKEY* key;
  ~Pair() { EVP_PKEY_free(key); }
};

const TestKey& TestKey::Get(KeyKind kind, int number) {
  static base::Mutex mutex;
  static std::map<std::pair<KeyKind, int>, std::unique_ptr<TestKey>> keys;
  base::MutexLock lock(mutex);
  auto& key = keys[{kind, number}];
  if (key == nullptr) key.reset(new TestKey(kind));
  return *key;
}

TestKey::TestKey(KeyKind kind) : kind_(kind), pair_(new Pair{Generate(kind)}) {
  MUSUBI_CHECK(pair_->key != nullptr, "cannot make a key");
  uint8_t* encoded = nullptr;
  const int size = i2d_PUBKEY(pair_->key, &encoded);
  MUSUBI_CHECK(size > 0, "cannot encode a public key");
  spki_.assign(encoded, encoded + size);
  OPENSSL_free(encoded);
}

TestKey::~TestKey() = default;

base::Bytes TestKey::KeyIdentifier() const {
  const uint8_t* at = spki_.data();
  X509_PUBKEY* key = d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(spki_.size()));
  const uint8_t* bits = nullptr;
  int size = 0;
  X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, key);
  base::Bytes identifier(SHA_DIGEST_LENGTH);
  SHA1(bits, static_cast<size_t>(size), identifier.data());
  X509_PUBKEY_free(key);
  return identifier;
}

base::Bytes TestKey::CertificateAlgorithmDer() const {
  switch (kind_) {
    case KeyKind::kEcP256:
      return der::Sequence({der::Oid("1.2.840.10045.4.3.2")});
    case KeyKind::kEcP384:
    case KeyKind::kEcP521:
      return der::Sequence({der::Oid("1.2.840.10045.4.3.3")});
    default:
      return der::Sequence({der::Oid("1.2.840.113549.1.1.11"), der::Null()});
  }
}

base::Bytes TestKey::SignCertificate(base::ByteView tbs) const {
  const bool sha384 = kind_ == KeyKind::kEcP384 || kind_ == KeyKind::kEcP521;
  return SignWith(pair_->key, sha384 ? EVP_sha384() : EVP_sha256(), std::nullopt, tbs);
}

base::Bytes TestKey::Sign(SignatureAlgorithm algorithm, base::ByteView message) const {
  const EVP_MD* digest = algorithm.hash == crypto::SignatureHash::kSha256   ? EVP_sha256()
                         : algorithm.hash == crypto::SignatureHash::kSha384 ? EVP_sha384()
                                                                            : EVP_sha512();
  std::optional<int> pss_salt;
  if (algorithm.scheme == crypto::SignatureScheme::kRsaPss) pss_salt = algorithm.salt_size;
  return SignWith(pair_->key, digest, pss_salt, message);
}

}  // namespace musubi::fakes
