#include "lib/crypto/aead.h"

#include <openssl/evp.h>

#include <memory>

#include "lib/base/check.h"
#include "lib/base/status.h"

namespace musubi::crypto {
namespace {

constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter>;

absl::Status NotOurs() {
  return absl::DataLossError("sealed value: wrong key, wrong associated data, or changed");
}

}  // namespace

base::Bytes SealWithKey(const base::Secret256& key, base::ByteView plaintext,
                        base::ByteView associated_data, base::SecureRandom& random) {
  const auto nonce = random.Bytes<kNonceSize>();
  base::Bytes sealed(kNonceSize + plaintext.size() + kTagSize);
  std::copy(nonce.begin(), nonce.end(), sealed.begin());
  Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool done =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.RevealBytes().data(),
                         nonce.data()) == 1 &&
      (associated_data.empty() ||
       EVP_EncryptUpdate(context.get(), nullptr, &length, associated_data.data(),
                         static_cast<int>(associated_data.size())) == 1) &&
      (plaintext.empty() ||
       EVP_EncryptUpdate(context.get(), sealed.data() + kNonceSize, &length, plaintext.data(),
                         static_cast<int>(plaintext.size())) == 1) &&
      EVP_EncryptFinal_ex(context.get(), sealed.data() + kNonceSize + plaintext.size(), &length) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagSize,
                          sealed.data() + kNonceSize + plaintext.size()) == 1;
  MUSUBI_CHECK(done, "AES-256-GCM encryption failed");
  return sealed;
}

absl::StatusOr<base::Secret<base::Bytes>> OpenWithKey(const base::Secret256& key,
                                                      base::ByteView sealed,
                                                      base::ByteView associated_data) {
  if (sealed.size() < kNonceSize + kTagSize) return NotOurs();
  const base::ByteView nonce = sealed.first(kNonceSize);
  const base::ByteView ciphertext =
      sealed.subspan(kNonceSize, sealed.size() - kNonceSize - kTagSize);
  base::Bytes tag = base::ToBytes(sealed.last(kTagSize));
  base::Bytes plaintext(ciphertext.size());
  Context context(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool good =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.RevealBytes().data(),
                         nonce.data()) == 1 &&
      (associated_data.empty() ||
       EVP_DecryptUpdate(context.get(), nullptr, &length, associated_data.data(),
                         static_cast<int>(associated_data.size())) == 1) &&
      (ciphertext.empty() ||
       EVP_DecryptUpdate(context.get(), plaintext.data(), &length, ciphertext.data(),
                         static_cast<int>(ciphertext.size())) == 1) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagSize, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), plaintext.data() + plaintext.size(), &length) == 1;
  base::Secret<base::Bytes> result(std::move(plaintext));
  if (!good) return NotOurs();
  return result;
}

base::Bytes SealedPrefix(std::string_view key_id) {
  base::Bytes prefix = {static_cast<uint8_t>(key_id.size())};
  base::Append(prefix, base::AsBytes(key_id));
  return prefix;
}

std::string SealedKeyId(base::ByteView sealed) {
  if (sealed.empty() || sealed.size() < size_t{1} + sealed[0]) return "";
  const std::string_view id = base::AsText(sealed.subspan(1, sealed[0]));
  // What is no id is not repeated: it may be a value that was stored unsealed.
  return Keyring::IsId(id) ? std::string(id) : "";
}

base::Bytes Seal(const Keyring& keyring, base::ByteView plaintext, base::ByteView associated_data,
                 base::SecureRandom& random) {
  const Keyring::Key& key = keyring.active();
  base::Bytes sealed = SealedPrefix(key.id);
  base::Append(sealed, SealWithKey(key.secret, plaintext, associated_data, random));
  return sealed;
}

absl::StatusOr<base::Secret<base::Bytes>> Open(const Keyring& keyring, base::ByteView sealed,
                                               base::ByteView associated_data) {
  const std::string id = SealedKeyId(sealed);
  if (id.empty()) return NotOurs();
  const Keyring::Key* key = keyring.Find(id);
  if (key == nullptr) {
    return absl::DataLossError("sealed value: the keyring has no key \"" + id + "\"");
  }
  return OpenWithKey(key->secret, sealed.subspan(1 + sealed[0]), associated_data);
}

}  // namespace musubi::crypto
