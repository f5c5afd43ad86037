// Verification of a signature over a message that is too long to be held: its hash is taken piece
// by piece, and the verdict is that of VerifySignature (signature.h). No parsing, no signing.
#ifndef MUSUBI_LIB_CRYPTO_STREAMED_SIGNATURE_H_
#define MUSUBI_LIB_CRYPTO_STREAMED_SIGNATURE_H_

#include <memory>

#include "lib/base/bytes.h"
#include "lib/crypto/signature.h"

struct evp_md_ctx_st;

namespace musubi::crypto {

// StreamedHash hashes the concatenation of what Update is given. Not thread-safe.
class StreamedHash {
 public:
  explicit StreamedHash(SignatureHash hash);
  ~StreamedHash();
  StreamedHash(StreamedHash&&) noexcept;
  StreamedHash& operator=(StreamedHash&&) noexcept;

  void Update(base::ByteView piece);
  // Finish ends the message and returns 32, 48 or 64 octets. Once.
  base::Bytes Finish();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Deleter> context_;
};

// VerifyDigest is VerifySignature over the message whose hash, in `algorithm.hash`, is `digest`.
// False also if the digest has another length. Thread-safe.
bool VerifyDigest(SignatureAlgorithm algorithm, base::ByteView spki_der, base::ByteView digest,
                  base::ByteView signature);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_STREAMED_SIGNATURE_H_
