#include "lib/crypto/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/status.h"
#include "lib/crypto/keyring.h"

namespace musubi::crypto {
namespace {

struct Deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter>;
using Context = std::unique_ptr<EVP_MD_CTX, Deleter>;

Key PrivateKeyOf(const base::Secret256& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.RevealBytes().data(),
                                       seed.size()));
  MUSUBI_CHECK(key != nullptr, "OpenSSL has no Ed25519");
  return key;
}

}  // namespace

Ed25519PrivateKey::Ed25519PrivateKey(std::string id, base::Secret256 seed)
    : id_(std::move(id)), seed_(std::move(seed)) {
  size_t size = public_key_.size();
  MUSUBI_CHECK(
      EVP_PKEY_get_raw_public_key(PrivateKeyOf(seed_).get(), public_key_.data(), &size) == 1 &&
          size == public_key_.size(),
      "an Ed25519 key without a public half");
}

Ed25519PrivateKey Ed25519PrivateKey::Generate(std::string id, base::SecureRandom& random) {
  return Ed25519PrivateKey(std::move(id), base::Secret256(random.Bytes<32>()));
}

absl::StatusOr<Ed25519PrivateKey> Ed25519PrivateKey::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const Keyring keyring, Keyring::Load(path));
  return Ed25519PrivateKey(keyring.active().id, keyring.active().secret);
}

Ed25519Signature Ed25519PrivateKey::Sign(base::ByteView message) const {
  const Key key = PrivateKeyOf(seed_);
  const Context context(EVP_MD_CTX_new());
  Ed25519Signature signature;
  size_t size = signature.size();
  MUSUBI_CHECK(context != nullptr &&
                   EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                   EVP_DigestSign(context.get(), signature.data(), &size, message.data(),
                                  message.size()) == 1,
               "Ed25519 signing failed");
  return signature;
}

base::Secret<std::string> Ed25519PrivateKey::Serialize() const {
  return base::Secret<std::string>(id_ + " " + base::Base64UrlEncode(seed_.RevealBytes()) + "\n");
}

bool VerifyEd25519(const Ed25519PublicKey& key, base::ByteView message, base::ByteView signature) {
  const Key public_key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(EVP_MD_CTX_new());
  const bool good =
      public_key != nullptr && context != nullptr && signature.size() == 64 &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_key.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace musubi::crypto
