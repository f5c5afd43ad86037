#include "lib/crypto/signature.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "lib/base/check.h"

namespace musubi::crypto {
namespace {

using base::ByteView;

// A SubjectPublicKeyInfo of one type: fixed octets, key octets, fixed octets.
struct KeyForm {
  KeyType type;
  std::string_view prefix;
  size_t key_size;
  std::string_view suffix;
};

#define MUSUBI_RSA_OID "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00"
#define MUSUBI_EC_OID "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"

// A string_view of a literal that holds zeros.
template <size_t N>
constexpr std::string_view Octets(const char (&literal)[N]) {
  return {literal, N - 1};
}

constexpr std::string_view kRsaExponent = Octets("\x02\x03\x01\x00\x01");
constexpr KeyForm kKeyForms[] = {
    {KeyType::kRsa2048,
     Octets("\x30\x82\x01\x22" MUSUBI_RSA_OID
            "\x03\x82\x01\x0f\x00\x30\x82\x01\x0a\x02\x82\x01\x01\x00"),
     256, kRsaExponent},
    {KeyType::kRsa3072,
     Octets("\x30\x82\x01\xa2" MUSUBI_RSA_OID
            "\x03\x82\x01\x8f\x00\x30\x82\x01\x8a\x02\x82\x01\x81\x00"),
     384, kRsaExponent},
    {KeyType::kRsa4096,
     Octets("\x30\x82\x02\x22" MUSUBI_RSA_OID
            "\x03\x82\x02\x0f\x00\x30\x82\x02\x0a\x02\x82\x02\x01\x00"),
     512, kRsaExponent},
    {KeyType::kEcP256,
     Octets("\x30\x59\x30\x13" MUSUBI_EC_OID
            "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"),
     64,
     {}},
    {KeyType::kEcP384,
     Octets("\x30\x76\x30\x10" MUSUBI_EC_OID "\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00\x04"),
     96,
     {}},
};

bool IsRsa(KeyType type) {
  return type == KeyType::kRsa2048 || type == KeyType::kRsa3072 || type == KeyType::kRsa4096;
}

const KeyForm* FindKeyForm(ByteView spki_der) {
  for (const KeyForm& form : kKeyForms) {
    if (spki_der.size() != form.prefix.size() + form.key_size + form.suffix.size()) continue;
    const std::string_view text = base::AsText(spki_der);
    if (text.substr(0, form.prefix.size()) != form.prefix) continue;
    if (text.substr(form.prefix.size() + form.key_size) != form.suffix) continue;
    if (IsRsa(form.type)) {
      // Exactly so many bits, and odd: anything else is not a modulus of this size.
      const ByteView modulus = spki_der.subspan(form.prefix.size(), form.key_size);
      if ((modulus.front() & 0x80) == 0 || (modulus.back() & 1) == 0) continue;
    }
    return &form;
  }
  return nullptr;
}

struct Deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
};
template <typename T>
using Owned = std::unique_ptr<T, Deleter>;

// OpenSSL refuses most other encodings of an ECDSA signature; comparing with its own encoding
// refuses the rest.
bool IsMinimalEcdsaDer(ByteView signature) {
  const uint8_t* at = signature.data();
  Owned<ECDSA_SIG> parsed(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size())));
  if (parsed == nullptr) return false;
  uint8_t* encoded = nullptr;
  const int size = i2d_ECDSA_SIG(parsed.get(), &encoded);
  if (size <= 0) return false;
  const bool equal = std::equal(signature.begin(), signature.end(), encoded, encoded + size);
  OPENSSL_free(encoded);
  return equal;
}

}  // namespace

std::optional<KeyType> KeyTypeOf(ByteView spki_der) {
  const KeyForm* form = FindKeyForm(spki_der);
  if (form == nullptr) return std::nullopt;
  return form->type;
}

std::optional<SignatureAlgorithm> SignatureAlgorithmOf(ByteView algorithm_identifier_der) {
  static constexpr std::string_view kPkcs1Sha256 =
      Octets("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00");
  // RFC 4055 section 3.1: hashAlgorithm, maskGenAlgorithm, saltLength 32, trailer by default.
  static constexpr std::string_view kPssSha256 = Octets(
      "\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34"
      "\xa0\x0f\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
      "\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
      "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"
      "\xa2\x03\x02\x01\x20");
  static constexpr std::string_view kEcdsaSha256 =
      Octets("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02");
  static constexpr std::string_view kEcdsaSha384 =
      Octets("\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03");
  const std::string_view text = base::AsText(algorithm_identifier_der);
  if (text == kPkcs1Sha256) return SignatureAlgorithm::kRsaPkcs1Sha256;
  if (text == kPssSha256) return SignatureAlgorithm::kRsaPssSha256;
  if (text == kEcdsaSha256) return SignatureAlgorithm::kEcdsaP256Sha256;
  if (text == kEcdsaSha384) return SignatureAlgorithm::kEcdsaP384Sha384;
  return std::nullopt;
}

bool Fits(SignatureAlgorithm algorithm, KeyType key) {
  switch (algorithm) {
    case SignatureAlgorithm::kRsaPkcs1Sha256:
    case SignatureAlgorithm::kRsaPssSha256:
      return IsRsa(key);
    case SignatureAlgorithm::kEcdsaP256Sha256:
      return key == KeyType::kEcP256;
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return key == KeyType::kEcP384;
  }
  return false;
}

bool VerifySignature(SignatureAlgorithm algorithm, ByteView spki_der, ByteView message,
                     ByteView signature) {
  const KeyForm* form = FindKeyForm(spki_der);
  if (form == nullptr || !Fits(algorithm, form->type)) return false;
  if (IsRsa(form->type) ? signature.size() != form->key_size : !IsMinimalEcdsaDer(signature)) {
    return false;
  }
  const uint8_t* at = spki_der.data();
  // For EC keys this tests that the point is on the curve and not at infinity.
  Owned<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki_der.size())));
  if (key == nullptr || at != spki_der.data() + spki_der.size()) return false;
  Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  MUSUBI_CHECK(context != nullptr, "out of memory");
  const EVP_MD* digest =
      algorithm == SignatureAlgorithm::kEcdsaP384Sha384 ? EVP_sha384() : EVP_sha256();
  EVP_PKEY_CTX* options = nullptr;  // Owned by `context`.
  if (EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, key.get()) != 1) return false;
  if (algorithm == SignatureAlgorithm::kRsaPssSha256) {
    if (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(options, EVP_sha256()) != 1) {
      return false;
    }
  }
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

std::string_view Name(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kRsaPkcs1Sha256:
      return "RSA_PKCS1_SHA256";
    case SignatureAlgorithm::kRsaPssSha256:
      return "RSA_PSS_SHA256";
    case SignatureAlgorithm::kEcdsaP256Sha256:
      return "ECDSA_P256_SHA256";
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return "ECDSA_P384_SHA384";
  }
  return "UNKNOWN";
}

std::string_view Name(KeyType type) {
  switch (type) {
    case KeyType::kRsa2048:
      return "RSA_2048";
    case KeyType::kRsa3072:
      return "RSA_3072";
    case KeyType::kRsa4096:
      return "RSA_4096";
    case KeyType::kEcP256:
      return "EC_P256";
    case KeyType::kEcP384:
      return "EC_P384";
  }
  return "UNKNOWN";
}

}  // namespace musubi::crypto
