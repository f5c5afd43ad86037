#include "lib/redis/script.h"

#include <openssl/evp.h>

#include <array>
#include <span>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/encoding.h"

namespace musubi::redis {

Script::Script(std::string text) : text_(std::move(text)) {
  std::array<uint8_t, 20> digest;
  unsigned size = 0;
  MUSUBI_CHECK(
      EVP_Digest(text_.data(), text_.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1 &&
          size == digest.size(),
      "OpenSSL has no SHA-1");
  sha1_ = base::HexEncode(digest);
}

}  // namespace musubi::redis
