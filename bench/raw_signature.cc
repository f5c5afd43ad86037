#include "bench/raw_signature.h"

#include <openssl/bn.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "bench/clocks.h"
#include "lib/base/c_deleter.h"
#include "lib/base/check.h"
#include "lib/crypto/rsa_lanes.h"

namespace musubi::bench {
namespace {

namespace lanes = crypto::rsa_lanes;
using Octets = std::array<uint8_t, lanes::kModulusSize>;

template <typename T, auto kFree>
using Owned = std::unique_ptr<T, base::CDeleter<kFree>>;
using Number = Owned<BIGNUM, BN_free>;

// As many keys as lanes, and a number below each modulus.
struct Keys {
  struct Key {
    Number modulus{BN_new()};
    Number base{BN_new()};
    Octets modulus_octets;
    Octets base_octets;
    lanes::KeyConstants constants;
  };
  std::array<Key, lanes::kLanes> keys;

  Keys() {
    for (Key& key : keys) {
      MUSUBI_CHECK(
          BN_rand(key.modulus.get(), 2048, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD) == 1 &&
              BN_rand_range(key.base.get(), key.modulus.get()) == 1 &&
              BN_bn2binpad(key.modulus.get(), key.modulus_octets.data(), lanes::kModulusSize) > 0 &&
              BN_bn2binpad(key.base.get(), key.base_octets.data(), lanes::kModulusSize) > 0,
          "cannot draw numbers");
      if (lanes::Supported()) lanes::PrepareKey(key.modulus_octets.data(), key.constants);
    }
  }
  static const Keys& Get() {
    static const Keys keys;
    return keys;
  }
};

}  // namespace

bool HasRawLanes() { return lanes::Supported(); }

double RawLanesMicroseconds(int validations) {
  MUSUBI_CHECK(lanes::Supported(), "no lanes on this processor");
  lanes::Job prepared[lanes::kLanes];
  lanes::Job fresh[lanes::kLanes];
  for (size_t i = 0; i < lanes::kLanes; ++i) {
    const Keys::Key& key = Keys::Get().keys[i];
    prepared[i] = {key.modulus_octets.data(), &key.constants, key.base_octets.data(),
                   key.base_octets.data(), nullptr};
    fresh[i] = prepared[i];
    fresh[i].constants = nullptr;
  }
  const int runs = (validations + lanes::kLanes - 1) / lanes::kLanes;
  int accepted = 0;
  const absl::Duration start = ThreadCpuTime();
  for (int i = 0; i < runs; ++i) accepted += lanes::Run(prepared) + lanes::Run(fresh);
  const absl::Duration spent = ThreadCpuTime() - start;
  MUSUBI_CHECK(accepted == 0, "a random number is no signature");
  return absl::ToDoubleMicroseconds(spent) / (runs * lanes::kLanes);
}

double RawScalarMicroseconds(int validations) {
  const Owned<BN_CTX, BN_CTX_free> context(BN_CTX_new());
  const Owned<BN_MONT_CTX, BN_MONT_CTX_free> kept(BN_MONT_CTX_new());
  const Owned<BN_MONT_CTX, BN_MONT_CTX_free> set(BN_MONT_CTX_new());
  const Number exponent(BN_new());
  const Number result(BN_new());
  const auto& keys = Keys::Get().keys;
  MUSUBI_CHECK(BN_set_word(exponent.get(), 65537) == 1 &&
                   BN_MONT_CTX_set(kept.get(), keys[0].modulus.get(), context.get()) == 1,
               "cannot prepare");
  bool ok = true;
  const absl::Duration start = ThreadCpuTime();
  for (int i = 0; i < validations; ++i) {
    const Keys::Key& issuer = keys[0];
    const Keys::Key& card = keys[static_cast<size_t>(i) % keys.size()];
    ok = BN_mod_exp_mont(result.get(), issuer.base.get(), exponent.get(), issuer.modulus.get(),
                         context.get(), kept.get()) == 1 &&
         BN_MONT_CTX_set(set.get(), card.modulus.get(), context.get()) == 1 &&
         BN_mod_exp_mont(result.get(), card.base.get(), exponent.get(), card.modulus.get(),
                         context.get(), set.get()) == 1 &&
         ok;
  }
  const absl::Duration spent = ThreadCpuTime() - start;
  MUSUBI_CHECK(ok, "OpenSSL cannot compute");
  return absl::ToDoubleMicroseconds(spent) / validations;
}

}  // namespace musubi::bench
