// EC_KEY and ECDSA_do_verify: deprecated, and the only way to OpenSSL's code that neither fetches
// an implementation nor encodes the key first.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/crypto/scalar_verifier.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>

#include "lib/base/c_deleter.h"
#include "lib/base/check.h"
#include "lib/crypto/der.h"
#include "lib/crypto/rsa_padding.h"

namespace musubi::crypto {

void MontgomeryDeleter::operator()(bn_mont_ctx_st* context) const { BN_MONT_CTX_free(context); }
void EcKeyDeleter::operator()(ec_key_st* key) const { EC_KEY_free(key); }

namespace {

using base::ByteView;

template <typename T, auto kFree>
using Owned = std::unique_ptr<T, base::CDeleter<kFree>>;
using Number = Owned<BIGNUM, BN_free>;

constexpr BN_ULONG kExponent = 65537;

void Must(bool ok) { MUSUBI_CHECK(ok, "OpenSSL cannot compute: out of memory"); }

void Read(ByteView octets, BIGNUM* number) {
  Must(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), number) != nullptr);
}

Number NewNumber() {
  Number number(BN_new());
  Must(number != nullptr);
  return number;
}

// What a thread works with. Nothing in it outlives a check but its memory.
struct Workspace {
  Owned<BN_CTX, BN_CTX_free> context{BN_CTX_new()};
  Owned<BN_MONT_CTX, BN_MONT_CTX_free> montgomery{BN_MONT_CTX_new()};
  Number modulus = NewNumber();
  Number exponent = NewNumber();
  Number base = NewNumber();
  Number result = NewNumber();
  std::unique_ptr<ec_key_st, EcKeyDeleter> p256;
  std::unique_ptr<ec_key_st, EcKeyDeleter> p384;
  Owned<ECDSA_SIG, ECDSA_SIG_free> signature{ECDSA_SIG_new()};
  BIGNUM* r = BN_new();  // Owned by `signature`.
  BIGNUM* s = BN_new();

  Workspace() {
    Must(context != nullptr && montgomery != nullptr && signature != nullptr && r != nullptr &&
         s != nullptr && BN_set_word(exponent.get(), kExponent) == 1 &&
         ECDSA_SIG_set0(signature.get(), r, s) == 1);
  }
};

Workspace& ThisThread() {
  thread_local Workspace workspace;
  return workspace;
}

// result = base^65537 mod modulus; `montgomery` is the modulus's own, or null.
void Open(ByteView modulus, ByteView base, BN_MONT_CTX* montgomery, std::span<uint8_t> result) {
  Workspace& work = ThisThread();
  Read(modulus, work.modulus.get());
  Read(base, work.base.get());
  if (montgomery == nullptr) {
    montgomery = work.montgomery.get();
    Must(BN_MONT_CTX_set(montgomery, work.modulus.get(), work.context.get()) == 1);
  }
  Must(BN_mod_exp_mont(work.result.get(), work.base.get(), work.exponent.get(), work.modulus.get(),
                       work.context.get(), montgomery) == 1);
  const int size = static_cast<int>(result.size());
  Must(BN_bn2binpad(work.result.get(), result.data(), size) == size);
}

bool RsaVerify(SignatureAlgorithm algorithm, const PublicKey& key, const ScalarConstants* constants,
               ByteView digest, ByteView signature) {
  const size_t size = key.modulus.size();
  // Big-endian octets of one length order as the numbers do.
  if (signature.size() != size ||
      !std::lexicographical_compare(signature.begin(), signature.end(), key.modulus.begin(),
                                    key.modulus.end())) {
    return false;
  }
  std::array<uint8_t, kMaxModulusSize> opened;
  Open(key.modulus, signature, constants != nullptr ? constants->montgomery.get() : nullptr,
       std::span(opened).first(size));
  const ByteView encoded = ByteView(opened).first(size);
  if (algorithm.scheme == SignatureScheme::kRsaPss) return IsPss(algorithm, digest, encoded);
  std::array<uint8_t, kMaxModulusSize> expected;
  EncodePkcs1(algorithm.hash, digest, std::span(expected).first(size));
  return std::equal(encoded.begin(), encoded.end(), expected.begin());
}

std::unique_ptr<ec_key_st, EcKeyDeleter> NewEcKey(KeyType type) {
  std::unique_ptr<ec_key_st, EcKeyDeleter> key(
      EC_KEY_new_by_curve_name(type == KeyType::kEcP256 ? NID_X9_62_prime256v1 : NID_secp384r1));
  Must(key != nullptr);
  return key;
}

// False if the point is not on the curve. Uncompressed, it cannot be the one at infinity; and the
// cofactor is 1, so every other point has the right order.
bool SetPoint(EC_KEY* key, ByteView point, BN_CTX* context) {
  std::array<uint8_t, 97> encoded;
  encoded[0] = POINT_CONVERSION_UNCOMPRESSED;
  std::copy(point.begin(), point.end(), encoded.begin() + 1);
  if (EC_KEY_oct2key(key, encoded.data(), 1 + point.size(), context) == 1) return true;
  ERR_clear_error();
  return false;
}

// The thread's key of this curve with this point; null if the point is not on the curve.
EC_KEY* WithPoint(const PublicKey& key, Workspace& work) {
  auto& kept = key.type == KeyType::kEcP256 ? work.p256 : work.p384;
  if (kept == nullptr) kept = NewEcKey(key.type);
  return SetPoint(kept.get(), key.point, work.context.get()) ? kept.get() : nullptr;
}

bool EcdsaVerify(const PublicKey& key, const ScalarConstants* constants, ByteView digest,
                 ByteView signature) {
  auto content = der::TakeAll(signature, der::kSequence);
  if (!content.has_value()) return false;
  const auto r = der::TakePositive(*content);
  if (!r.has_value()) return false;
  const auto s = der::TakePositive(*content);
  if (!s.has_value() || !content->empty()) return false;
  Workspace& work = ThisThread();
  EC_KEY* ec_key = constants != nullptr ? constants->ec_key.get() : nullptr;
  if (ec_key == nullptr) ec_key = WithPoint(key, work);
  if (ec_key == nullptr) return false;
  const BIGNUM* order = EC_GROUP_get0_order(EC_KEY_get0_group(ec_key));
  const size_t order_size = static_cast<size_t>(BN_num_bytes(order));
  if (r->size() > order_size || s->size() > order_size) return false;
  Read(*r, work.r);
  Read(*s, work.s);
  if (BN_cmp(work.r, order) >= 0 || BN_cmp(work.s, order) >= 0) return false;
  // Cuts the digest to the order's length itself (FIPS 186-4 section 6.4).
  const bool good = ECDSA_do_verify(digest.data(), static_cast<int>(digest.size()),
                                    work.signature.get(), ec_key) == 1;
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace

void OpenRsa(ByteView modulus, ByteView base, std::span<uint8_t> result) {
  Open(modulus, base, nullptr, result);
}

ScalarConstants MakeScalarConstants(const PublicKey& key) {
  Workspace& work = ThisThread();
  ScalarConstants constants;
  if (!key.modulus.empty()) {
    constants.montgomery.reset(BN_MONT_CTX_new());
    Read(key.modulus, work.modulus.get());
    Must(constants.montgomery != nullptr &&
         BN_MONT_CTX_set(constants.montgomery.get(), work.modulus.get(), work.context.get()) == 1);
  } else {
    constants.ec_key = NewEcKey(key.type);
    if (!SetPoint(constants.ec_key.get(), key.point, work.context.get())) {
      constants.ec_key.reset();
    }
  }
  return constants;
}

bool IsOnCurve(const PublicKey& key) { return WithPoint(key, ThisThread()) != nullptr; }

bool ScalarVerify(SignatureAlgorithm algorithm, const PublicKey& key,
                  const ScalarConstants* constants, ByteView digest, ByteView signature) {
  return key.modulus.empty() ? EcdsaVerify(key, constants, digest, signature)
                             : RsaVerify(algorithm, key, constants, digest, signature);
}

}  // namespace musubi::crypto
