#include "sandbox/private_key.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <optional>

#include "lib/base/check.h"
#include "sandbox/der_writer.h"

namespace musubi::sandbox {
namespace {

std::optional<KeyType> TypeOf(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return KeyType::kEd25519;
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) == 2048) return KeyType::kRsa2048;
      return std::nullopt;
    case EVP_PKEY_EC:
      if (EVP_PKEY_get_bits(key) == 256) return KeyType::kEcP256;
      if (EVP_PKEY_get_bits(key) == 384) return KeyType::kEcP384;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

base::Bytes TakeBuffer(unsigned char* buffer, int size) {
  MUSUBI_CHECK(size > 0, "OpenSSL could not encode a key");
  base::Bytes out(buffer, buffer + size);
  OPENSSL_clear_free(buffer, static_cast<size_t>(size));
  return out;
}

}  // namespace

PrivateKey PrivateKey::Generate(KeyType type) {
  EVP_PKEY* key = nullptr;
  switch (type) {
    case KeyType::kRsa2048:
      key = EVP_RSA_gen(2048);
      break;
    case KeyType::kEcP256:
      key = EVP_EC_gen("P-256");
      break;
    case KeyType::kEcP384:
      key = EVP_EC_gen("P-384");
      break;
    case KeyType::kEd25519:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
  }
  MUSUBI_CHECK(key != nullptr, "OpenSSL could not make a key");
  return PrivateKey(std::shared_ptr<EVP_PKEY>(key, EVP_PKEY_free), type);
}

absl::StatusOr<PrivateKey> PrivateKey::Adopt(EVP_PKEY* key) {
  if (key == nullptr) return absl::InvalidArgumentError("not an unencrypted PKCS #8 private key");
  std::shared_ptr<EVP_PKEY> owned(key, EVP_PKEY_free);
  const std::optional<KeyType> type = TypeOf(key);
  if (!type) {
    return absl::InvalidArgumentError(
        "private key of another type than RSA-2048, P-256, P-384 or Ed25519");
  }
  return PrivateKey(std::move(owned), *type);
}

absl::StatusOr<PrivateKey> PrivateKey::FromPkcs8(base::ByteView der) {
  const unsigned char* at = der.data();
  PKCS8_PRIV_KEY_INFO* info =
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size()));  // NOLINT(runtime/int)
  const bool whole = at == der.data() + der.size();
  EVP_PKEY* key = info != nullptr && whole ? EVP_PKCS82PKEY(info) : nullptr;
  PKCS8_PRIV_KEY_INFO_free(info);
  return Adopt(key);
}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, const_cast<char*>(""));
  BIO_free(in);
  return Adopt(key);
}

base::Secret<base::Bytes> PrivateKey::Pkcs8() const {
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key_.get());
  unsigned char* buffer = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info, &buffer);
  PKCS8_PRIV_KEY_INFO_free(info);
  return base::Secret<base::Bytes>(TakeBuffer(buffer, size));
}

base::Secret<std::string> PrivateKey::Pem() const {
  BIO* out = BIO_new(BIO_s_secmem());
  MUSUBI_CHECK(
      PEM_write_bio_PKCS8PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
      "OpenSSL could not write a key");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);  // NOLINT(runtime/int): OpenSSL's type.
  base::Secret<std::string> pem(std::string(data, static_cast<size_t>(size)));
  BIO_free(out);
  return pem;
}

PublicKey PrivateKey::Public() const {
  unsigned char* buffer = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &buffer);
  const base::Bytes bits = PublicKeyBits();
  base::Bytes identifier(SHA_DIGEST_LENGTH);
  SHA1(bits.data(), bits.size(), identifier.data());
  return {.info = TakeBuffer(buffer, size), .identifier = std::move(identifier)};
}

base::Bytes PrivateKey::PublicKeyBits() const {
  X509_PUBKEY* info = nullptr;
  MUSUBI_CHECK(X509_PUBKEY_set(&info, key_.get()) == 1, "OpenSSL could not encode a public key");
  const unsigned char* bits = nullptr;
  int size = 0;
  X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, info);
  base::Bytes out(bits, bits + size);
  X509_PUBKEY_free(info);
  return out;
}

base::Bytes PrivateKey::Sign(base::ByteView message, SignatureHash hash) const {
  const EVP_MD* digest = type_ == KeyType::kEd25519     ? nullptr
                         : hash == SignatureHash::kSha1 ? EVP_sha1()
                         : type_ == KeyType::kEcP384    ? EVP_sha384()
                                                        : EVP_sha256();
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  size_t size = 0;
  MUSUBI_CHECK(
      EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
          EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1,
      "OpenSSL could not begin a signature");
  base::Bytes signature(size);
  MUSUBI_CHECK(
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1,
      "OpenSSL could not sign");
  signature.resize(size);
  return signature;
}

base::Bytes PrivateKey::SignatureAlgorithm(SignatureHash hash) const {
  const bool sha1 = hash == SignatureHash::kSha1;
  switch (type_) {
    case KeyType::kRsa2048:
      return DerSequence(
          {DerOid(sha1 ? "1.2.840.113549.1.1.5" : "1.2.840.113549.1.1.11"), DerNull()});
    case KeyType::kEcP256:
      return DerSequence({DerOid(sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.2")});
    case KeyType::kEcP384:
      return DerSequence({DerOid(sha1 ? "1.2.840.10045.4.1" : "1.2.840.10045.4.3.3")});
    case KeyType::kEd25519:
      break;
  }
  return DerSequence({DerOid("1.3.101.112")});
}

}  // namespace musubi::sandbox
