#include "tests/soak/lane_cases.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "lib/base/c_deleter.h"
#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/crypto/rsa_lanes.h"

namespace musubi::soak {
namespace {

namespace lanes = crypto::rsa_lanes;
using lanes::kLanes;
using Octets = std::array<uint8_t, lanes::kModulusSize>;
using Random = std::mt19937_64;

template <typename T, auto kFree>
using Owned = std::unique_ptr<T, base::CDeleter<kFree>>;
struct Number : Owned<BIGNUM, BN_free> {
  Number() : Owned<BIGNUM, BN_free>(BN_new()) {}
  operator BIGNUM*() const { return get(); }  // NOLINT(google-explicit-constructor)
};

constexpr int kLimbBits = 52;
// Numbers that one modulus serves: the first two by exponentiation.
constexpr int kNumbersOfModulus = 64;

void Must(bool ok) { MUSUBI_CHECK(ok, "OpenSSL cannot compute"); }

void Write(const BIGNUM* number, Octets& octets) {
  Must(BN_bn2binpad(number, octets.data(), lanes::kModulusSize) == lanes::kModulusSize);
}

// A number of 2048 bits: of limbs that are random, zero, or all ones if `patterns`.
void Draw(Random& random, bool patterns, BIGNUM* number) {
  Octets octets;
  for (size_t i = 0; i < octets.size(); i += 8) {
    const uint64_t word = random();
    std::memcpy(octets.data() + i, &word, 8);
  }
  Must(BN_bin2bn(octets.data(), lanes::kModulusSize, number) != nullptr);
  if (!patterns) return;
  for (int limb = 0; limb * kLimbBits < 2048; ++limb) {
    const uint64_t kind = random() % 4;
    if (kind >= 2) continue;
    for (int bit = limb * kLimbBits; bit < (limb + 1) * kLimbBits && bit < 2048; ++bit) {
      kind == 0 ? BN_clear_bit(number, bit) : BN_set_bit(number, bit);
    }
  }
}

void DrawModulus(Random& random, BIGNUM* modulus) {
  const uint64_t kind = random() % 6;
  Draw(random, kind == 0, modulus);
  if (kind == 1 || kind == 2) {
    // As near to an end as some random number of bits.
    BN_mask_bits(modulus, 1 + static_cast<int>(random() % 128));
    Number end;
    BN_set_bit(end, kind == 1 ? 2047 : 2048);
    BN_set_bit(modulus, 0);
    kind == 1 ? BN_add(modulus, end, modulus) : BN_sub(modulus, end, modulus);
  }
  BN_set_bit(modulus, 2047);
  BN_set_bit(modulus, 0);
}

// What one lane computes with.
struct Lane {
  Number modulus;
  Number base;
  Number result;
  Octets modulus_octets;
  Octets base_octets;
  Octets result_octets;
  Octets expected;
  Octets output;
  lanes::KeyConstants constants;
  Owned<BN_MONT_CTX, BN_MONT_CTX_free> montgomery{BN_MONT_CTX_new()};
  Number factor;         // In Montgomery form.
  Number factor_result;  // Its power, in Montgomery form.
};

class Runner {
 public:
  explicit Runner(uint64_t seed) : random_(seed), seed_(seed) {
    Must(BN_set_word(exponent_, 65537) == 1);
  }

  Random& random() { return random_; }
  Lane& lane(int i) { return lanes_[static_cast<size_t>(i)]; }
  const LaneCases& cases() const { return cases_; }

  void SetModulus(Lane& lane) {
    Write(lane.modulus, lane.modulus_octets);
    Must(BN_MONT_CTX_set(lane.montgomery.get(), lane.modulus, context_.get()) == 1);
    lanes::PrepareKey(lane.modulus_octets.data(), lane.constants);
  }
  void Exponentiate(const Lane& lane, const BIGNUM* base, BIGNUM* result) {
    Must(BN_mod_exp_mont(result, base, exponent_, lane.modulus, context_.get(),
                         lane.montgomery.get()) == 1);
  }
  // From here on base and result are multiplied by a random number and its power.
  void StartProducts(Lane& lane) {
    Draw(random_, false, lane.factor);
    Must(BN_nnmod(lane.base, lane.factor, lane.modulus, context_.get()) == 1);
    Exponentiate(lane, lane.base, lane.result);
    Must(BN_to_montgomery(lane.factor, lane.base, lane.montgomery.get(), context_.get()) == 1 &&
         BN_to_montgomery(lane.factor_result, lane.result, lane.montgomery.get(), context_.get()) ==
             1);
  }
  void NextProduct(Lane& lane) {
    Must(BN_mod_mul_montgomery(lane.base, lane.base, lane.factor, lane.montgomery.get(),
                               context_.get()) == 1 &&
         BN_mod_mul_montgomery(lane.result, lane.result, lane.factor_result, lane.montgomery.get(),
                               context_.get()) == 1);
  }

  // Runs every lane's base; the lanes of `wrong` expect another result. `prepared`: which lanes
  // bring their constants.
  void Run(uint8_t wrong, uint8_t prepared) {
    lanes::Job jobs[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      Lane& one = lane(i);
      Write(one.base, one.base_octets);
      Write(one.result, one.result_octets);
      one.expected = one.result_octets;
      if ((wrong >> i & 1) != 0) MakeWrong(one);
      jobs[i] = {one.modulus_octets.data(), (prepared >> i & 1) != 0 ? &one.constants : nullptr,
                 one.base_octets.data(), one.expected.data(), one.output.data()};
    }
    const uint8_t equal = lanes::Run(jobs);
    for (int i = 0; i < kLanes; ++i) {
      ++cases_.cases;
      const bool as_expected = (equal >> i & 1) == (~wrong >> i & 1);
      if (as_expected && lane(i).output == lane(i).result_octets) continue;
      ++cases_.wrong;
      if (cases_.first_wrong.size() == 5) continue;
      cases_.first_wrong.push_back(absl::StrCat(
          "seed ", seed_, ", case ", cases_.cases, ", lane ", i, ", prepared ", prepared >> i & 1,
          as_expected ? ", result of base " : ", verdict on base ",
          base::HexEncode(lane(i).base_octets), " mod ", base::HexEncode(lane(i).modulus_octets)));
    }
  }

  BN_CTX* context() { return context_.get(); }

 private:
  // Another expected result: the right one and the modulus, where that has 2048 bits, or a flipped
  // bit.
  void MakeWrong(Lane& lane) {
    if (random_() % 4 == 0) {
      Must(BN_add(sum_, lane.result, lane.modulus) == 1);
      if (BN_num_bits(sum_) <= 2048) {
        Write(sum_, lane.expected);
        return;
      }
    }
    lane.expected[random_() % lane.expected.size()] ^= static_cast<uint8_t>(1 << random_() % 8);
  }

  Random random_;
  const uint64_t seed_;
  Owned<BN_CTX, BN_CTX_free> context_{BN_CTX_new()};
  Number exponent_;
  Number sum_;
  std::array<Lane, kLanes> lanes_;
  LaneCases cases_;
};

void SetEnds(Random& random, const Lane& lane, BIGNUM* base, BN_CTX* context) {
  switch (random() % 5) {
    case 0:
      BN_zero(base);
      break;
    case 1:
      BN_one(base);
      break;
    case 2:
      BN_sub(base, lane.modulus, BN_value_one());
      break;
    default:
      Draw(random, true, base);
      Must(BN_nnmod(base, base, lane.modulus, context) == 1);
  }
}

// A key pair whose private half finds roots.
struct Pair {
  Owned<EVP_PKEY, EVP_PKEY_free> key{EVP_RSA_gen(2048)};
  Number modulus;
  Number private_exponent;

  Pair() {
    BIGNUM* n = modulus.get();
    BIGNUM* d = private_exponent.get();
    Must(EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
         EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_D, &d) == 1);
  }
};

// The residue number `i` of a modulus; false past the last.
bool Residue(int i, Random& random, const BIGNUM* modulus, BIGNUM* residue) {
  constexpr int kPlaces = 2 * lanes::kLimbs;  // Each limb's lowest bit and a random one in it.
  constexpr int kKinds = 3;
  if (i >= kPlaces * kKinds) return false;
  const int place = i / kKinds;
  int bit = place / 2 * kLimbBits;
  if (place % 2 == 1) bit += static_cast<int>(random() % kLimbBits);
  if (place == 1) bit = 2018;  // The bound of what is not reduced.
  if (bit > 2046) bit = 2046;
  BN_zero(residue);
  BN_set_bit(residue, bit);
  if (i % kKinds == 1) BN_sub_word(residue, 1);
  if (i % kKinds == 2) BN_sub(residue, modulus, residue);
  return true;
}

}  // namespace

LaneCases RandomLaneCases(uint64_t seed, uint64_t cases) {
  Runner runner(seed);
  while (runner.cases().cases < cases) {
    for (int i = 0; i < kLanes; ++i) {
      Lane& lane = runner.lane(i);
      DrawModulus(runner.random(), lane.modulus);
      runner.SetModulus(lane);
      SetEnds(runner.random(), lane, lane.base, runner.context());
      runner.Exponentiate(lane, lane.base, lane.result);
    }
    runner.Run(static_cast<uint8_t>(runner.random()()), static_cast<uint8_t>(runner.random()()));
    for (int i = 0; i < kLanes; ++i) runner.StartProducts(runner.lane(i));
    for (int number = 1; number < kNumbersOfModulus; ++number) {
      runner.Run(static_cast<uint8_t>(runner.random()()), static_cast<uint8_t>(runner.random()()));
      for (int i = 0; i < kLanes; ++i) runner.NextProduct(runner.lane(i));
    }
  }
  return runner.cases();
}

LaneCases CraftedLaneCases(uint64_t seed) {
  Runner runner(seed);
  const Pair pairs[2];
  for (int i = 0; i < kLanes; ++i) {
    BN_copy(runner.lane(i).modulus, pairs[i % 2].modulus);
    runner.SetModulus(runner.lane(i));
  }
  for (int residue = 0;; ++residue) {
    for (int i = 0; i < 2; ++i) {
      Lane& lane = runner.lane(i);
      if (!Residue(residue, runner.random(), lane.modulus, lane.result)) return runner.cases();
      Must(BN_mod_exp_mont(lane.base, lane.result, pairs[i].private_exponent, lane.modulus,
                           runner.context(), lane.montgomery.get()) == 1);
    }
    // Every lane has each of the two once.
    for (int i = 2; i < kLanes; ++i) {
      BN_copy(runner.lane(i).base, runner.lane(i % 2).base);
      BN_copy(runner.lane(i).result, runner.lane(i % 2).result);
    }
    runner.Run(static_cast<uint8_t>(residue), static_cast<uint8_t>(runner.random()()));
    runner.Run(static_cast<uint8_t>(~residue), static_cast<uint8_t>(runner.random()()));
  }
}

}  // namespace musubi::soak
