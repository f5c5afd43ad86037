// SHA256_Init and its like: deprecated, and the only way to OpenSSL's code that neither fetches nor
// allocates.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/crypto/message_digest.h"

#include <openssl/sha.h>

namespace musubi::crypto {

using base::ByteView;

MessageDigest DigestOf(SignatureHash hash, std::initializer_list<ByteView> parts) {
  MessageDigest digest;
  digest.size = DigestSize(hash);
  if (hash == SignatureHash::kSha256) {
    SHA256_CTX context;
    SHA256_Init(&context);
    for (const ByteView part : parts) SHA256_Update(&context, part.data(), part.size());
    SHA256_Final(digest.octets.data(), &context);
    return digest;
  }
  // SHA-384 is SHA-512 with other initial values, cut: one context and one set of functions.
  SHA512_CTX context;
  hash == SignatureHash::kSha384 ? SHA384_Init(&context) : SHA512_Init(&context);
  for (const ByteView part : parts) SHA512_Update(&context, part.data(), part.size());
  SHA512_Final(digest.octets.data(), &context);
  return digest;
}

}  // namespace musubi::crypto
