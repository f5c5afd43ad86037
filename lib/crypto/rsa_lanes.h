// Eight RSA-2048 public operations side by side, s^65537 mod n, in AVX-512 IFMA. Internal to
// lib/crypto: checks no padding and knows no certificate. Only public data flows through it, so
// nothing runs in constant time; everything has to be exactly right.
//
// rsa_lanes_kernel.cc is compiled for AVX-512 by itself. So that no inline function compiled that
// way is shared with the rest of the program, this header has plain types and no code.
#ifndef MUSUBI_LIB_CRYPTO_RSA_LANES_H_
#define MUSUBI_LIB_CRYPTO_RSA_LANES_H_

#include <cstdint>

namespace musubi::crypto::rsa_lanes {

inline constexpr int kLanes = 8;
inline constexpr int kModulusSize = 256;  // Octets; a modulus has exactly 2048 bits.
// 40 limbs of 52 bits: 2080 bits. R = 2^2080 leaves 32 bits above a modulus.
inline constexpr int kLimbs = 40;

// R^2 mod n, what a key needs besides its modulus: made once for a key that comes often.
struct KeyConstants {
  uint64_t r_squared[kLimbs];  // Below 2n.
};

// What one lane works on. Numbers are big-endian, kModulusSize octets each.
struct Job {
  const uint8_t* modulus;         // Odd, top bit set.
  const KeyConstants* constants;  // Of this modulus, or null: then the lanes make them.
  const uint8_t* signature;       // Below the modulus.
  const uint8_t* expected;
  uint8_t* output;  // Null, or where the result goes, below the modulus.
};

// Supported tells whether this processor, and the system's saved state (XCR0), have what Run needs:
// AVX-512 F, DQ, BW, IFMA and VBMI.
bool Supported();

// Run computes all lanes and returns bit l if lane l's result is exactly `expected`. Lanes do not
// influence each other. Only where Supported. Thread-safe.
uint8_t Run(const Job* jobs);

// PrepareKey makes the constants of one modulus. Only where Supported.
void PrepareKey(const uint8_t* modulus, KeyConstants& constants);

// Dies: a product left the bound that its proof gives (debug builds look).
[[noreturn]] void OnBoundBroken();

// Whether nobody has called Disable. Process-wide, thread-safe.
bool Enabled();
void Disable();
void EnableAgainForTest();

}  // namespace musubi::crypto::rsa_lanes

#endif  // MUSUBI_LIB_CRYPTO_RSA_LANES_H_
