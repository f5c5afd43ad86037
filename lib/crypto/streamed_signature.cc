#include "lib/crypto/streamed_signature.h"

#include <openssl/evp.h>

#include "lib/base/check.h"
#include "lib/crypto/message_digest.h"
#include "lib/crypto/public_key.h"
#include "lib/crypto/scalar_verifier.h"

namespace musubi::crypto {
namespace {

using base::ByteView;

const EVP_MD* EvpOf(SignatureHash hash) {
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

void StreamedHash::Deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

StreamedHash::StreamedHash(SignatureHash hash) : context_(EVP_MD_CTX_new()) {
  MUSUBI_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EvpOf(hash), nullptr) == 1,
               "out of memory");
}
StreamedHash::~StreamedHash() = default;
StreamedHash::StreamedHash(StreamedHash&&) noexcept = default;
StreamedHash& StreamedHash::operator=(StreamedHash&&) noexcept = default;

void StreamedHash::Update(ByteView piece) {
  MUSUBI_CHECK(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1,
               "a digest takes everything");
}

base::Bytes StreamedHash::Finish() {
  base::Bytes digest(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  MUSUBI_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1, "a digest ends once");
  digest.resize(size);
  return digest;
}

bool VerifyDigest(SignatureAlgorithm algorithm, ByteView spki_der, ByteView digest,
                  ByteView signature) {
  const auto key = ParsePublicKey(spki_der);
  return key.has_value() && FitsKey(algorithm, *key) &&
         digest.size() == DigestSize(algorithm.hash) &&
         ScalarVerify(algorithm, *key, nullptr, digest, signature);
}

}  // namespace musubi::crypto
