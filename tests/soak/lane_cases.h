// Holds the RSA lanes against OpenSSL on any number of inputs: for the unit test of every CI run
// (a million) and for the soak (30 million). Every single result is compared with OpenSSL's.
#ifndef MUSUBI_TESTS_SOAK_LANE_CASES_H_
#define MUSUBI_TESTS_SOAK_LANE_CASES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace musubi::soak {

struct LaneCases {
  uint64_t cases = 0;
  uint64_t wrong = 0;
  std::vector<std::string> first_wrong;  // At most 5, with what is needed to see it again.
};

// RandomLaneCases runs at least `cases` numbers below moduli: random ones, 0, 1, n - 1, and ones
// whose limbs are all zeros or all ones; moduli likewise, and next to 2^2047 and to 2^2048.
// OpenSSL's answers come from BN_mod_exp_mont for the first numbers of each modulus, and from
// BN_mod_mul_montgomery for the products of these, since (ab)^e = a^e b^e. Some lanes of each run
// expect a wrong result, in every mixture: another bit, or the right result + n. Only where
// rsa_lanes::Supported. The same seed gives the same cases.
LaneCases RandomLaneCases(uint64_t seed, uint64_t cases);

// CraftedLaneCases runs numbers whose results are chosen (roots by private keys): residues below
// 2^2018, where a product is not reduced at the end; powers of 2 at every limb, one less, and their
// negatives. Keys are drawn anew each time.
LaneCases CraftedLaneCases(uint64_t seed);

}  // namespace musubi::soak

#endif  // MUSUBI_TESTS_SOAK_LANE_CASES_H_
