// Compiled for AVX-512 by itself, and always optimised: see CMakeLists.txt. Includes nothing with
// inline functions that the rest of the program could end up calling.
#include "lib/crypto/rsa_lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

namespace musubi::crypto::rsa_lanes {
namespace {

using V = __m512i;

constexpr uint64_t kMask = (uint64_t{1} << 52) - 1;

// Eight numbers below 2^2080: limb[i] holds limb i of each, below 2^52.
struct Lanes {
  V limb[kLimbs];
};

inline V Zero() { return _mm512_setzero_si512(); }
inline V Mask() { return _mm512_set1_epi64(kMask); }
inline V Add(V a, V b) { return _mm512_add_epi64(a, b); }
inline V Subtract(V a, V b) { return _mm512_sub_epi64(a, b); }
// The low 52 bits of a product of 52-bit limbs, and the high ones, added to `sum`.
inline V Low(V sum, V a, V b) { return _mm512_madd52lo_epu64(sum, a, b); }
inline V High(V sum, V a, V b) { return _mm512_madd52hi_epu64(sum, a, b); }

// Brings columns below 2^63 to limbs below 2^52. What is beyond the last limb is lost.
inline void Normalize(Lanes& out, const V* columns) {
  V carry = Zero();
  for (int j = 0; j < kLimbs; ++j) {
    const V t = Add(columns[j], carry);
    out.limb[j] = _mm512_and_si512(t, Mask());
    carry = _mm512_srli_epi64(t, 52);
  }
}

// difference = a - b mod 2^2080; a bit is set where a < b.
inline uint8_t Difference(Lanes& difference, const Lanes& a, const Lanes& b) {
  V borrow = Zero();  // 0 or -1.
  for (int j = 0; j < kLimbs; ++j) {
    const V t = Add(Subtract(a.limb[j], b.limb[j]), borrow);
    difference.limb[j] = _mm512_and_si512(t, Mask());
    borrow = _mm512_srai_epi64(t, 52);
  }
  return _mm512_test_epi64_mask(borrow, borrow);
}

// Montgomery products "almost": below 2^2080, congruent to a * b / R, not fully reduced.
// A product is (a * b + m * n) / R with m < R, so it is below n + a * b / R. Inputs below 2n give
// less than n + 4n^2/2^2080, which is below n + 2^2018 and so below 2n again: every product here
// may be an input of the next. Only where the result's residue is below 2^2018 can it be n or more.
inline void CheckBound([[maybe_unused]] const Lanes& product, [[maybe_unused]] const Lanes& n) {
#if defined(MUSUBI_CHECK_LANE_BOUNDS)
  Lanes excess;
  const uint8_t reduced = Difference(excess, product, n);
  // Bit 2018 is bit 42 of limb 38.
  const V high = _mm512_or_si512(excess.limb[39], _mm512_srli_epi64(excess.limb[38], 42));
  if ((reduced | _mm512_testn_epi64_mask(high, high)) != 0xff) OnBoundBroken();
#endif
}

// r = a * b / R mod n, almost. A row for each limb of b; a column takes at most 4 products of 52
// bits from each of 40 rows and a carry, so it stays below 2^60.
[[gnu::noinline]] void Multiply(Lanes& r, const Lanes& a, const Lanes& b, const Lanes& n,
                                V n0_inverse) {
  V sum[kLimbs + 1];
  for (V& column : sum) column = Zero();
  for (int i = 0; i < kLimbs; ++i) {
    const V bi = b.limb[i];
    V lowest = Low(sum[0], a.limb[0], bi);
    const V m = Low(Zero(), lowest, n0_inverse);
    lowest = Low(lowest, n.limb[0], m);  // Now a multiple of 2^52.
    V next = Add(sum[1], _mm512_srli_epi64(lowest, 52));
#pragma GCC unroll 8
    for (int j = 1; j < kLimbs; ++j) {
      V x = Low(next, a.limb[j], bi);
      x = High(x, a.limb[j - 1], bi);
      x = Low(x, n.limb[j], m);
      sum[j - 1] = High(x, n.limb[j - 1], m);
      next = sum[j + 1];
    }
    sum[kLimbs - 1] = High(High(Zero(), a.limb[kLimbs - 1], bi), n.limb[kLimbs - 1], m);
    sum[kLimbs] = Zero();
  }
  Normalize(r, sum);
}

// Adds every product of two different limbs of `a`, once, to columns[0 .. 79]. Rows i and i + 1
// together, so that each column is loaded and stored for four products.
inline void AddTriangle(V* columns, const Lanes& a) {
  for (int i = 0; i < kLimbs; i += 2) {
    const V u = a.limb[i];
    const V w = a.limb[i + 1];
    V* c = columns + 2 * i;  // Product i * (i + j) belongs to column 2i + j.
    const int count = kLimbs - i;
    c[1] = Low(c[1], u, w);
    c[2] = High(c[2], u, w);
    if (count == 2) break;
    V before = w;  // a[i + j - 1]
    V at = a.limb[i + 2];
    c[2] = Low(c[2], u, at);
    V before2 = before;  // a[i + j - 2]
    before = at;
    at = a.limb[i + 3];
    c[3] = Low(High(Low(c[3], u, at), u, before), w, before);
    before2 = before;
    before = at;
#pragma GCC unroll 4
    for (int j = 4; j < count; ++j) {
      at = a.limb[i + j];
      V x = Low(c[j], u, at);
      x = High(x, u, before);
      x = Low(x, w, before);
      c[j] = High(x, w, before2);
      before2 = before;
      before = at;
    }
    c[count] = High(Low(High(c[count], u, before), w, before), w, before2);
    c[count + 1] = High(c[count + 1], w, before);
  }
}

// r = a^2 / R mod n, almost: a quarter fewer products than Multiply. A column holds at most 80
// products, doubled, of the square and 80 of the reduction, below 2^60.
[[gnu::noinline]] void Square(Lanes& r, const Lanes& a, const Lanes& n, V n0_inverse) {
  V sum[2 * kLimbs];
  for (V& column : sum) column = Zero();
  AddTriangle(sum, a);
  for (int i = 0; i < kLimbs; ++i) {
    sum[2 * i] = Low(Add(sum[2 * i], sum[2 * i]), a.limb[i], a.limb[i]);
    sum[2 * i + 1] = High(Add(sum[2 * i + 1], sum[2 * i + 1]), a.limb[i], a.limb[i]);
  }
  // Adds multiples of n that clear the lower columns, two at a time.
  for (int i = 0; i < kLimbs; i += 2) {
    V* c = sum + i;
    V before2 = n.limb[0];
    V before = n.limb[1];
    const V m0 = Low(Zero(), c[0], n0_inverse);
    V x = Add(c[1], _mm512_srli_epi64(Low(c[0], before2, m0), 52));
    x = High(Low(x, before, m0), before2, m0);
    const V m1 = Low(Zero(), x, n0_inverse);
    c[2] = Add(c[2], _mm512_srli_epi64(Low(x, before2, m1), 52));
#pragma GCC unroll 4
    for (int j = 2; j < kLimbs; ++j) {
      const V at = n.limb[j];
      x = Low(c[j], at, m0);
      x = High(x, before, m0);
      x = Low(x, before, m1);
      c[j] = High(x, before2, m1);
      before2 = before;
      before = at;
    }
    c[kLimbs] = High(Low(High(c[kLimbs], before, m0), before, m1), before2, m1);
    c[kLimbs + 1] = High(c[kLimbs + 1], before, m1);
  }
  Normalize(r, sum + kLimbs);
}

// Rows of 8 words become columns: out[i] holds word i of each row.
inline void Transpose(V* out, const V* row) {
  const V a0 = _mm512_unpacklo_epi64(row[0], row[1]);
  const V a1 = _mm512_unpackhi_epi64(row[0], row[1]);
  const V b0 = _mm512_unpacklo_epi64(row[2], row[3]);
  const V b1 = _mm512_unpackhi_epi64(row[2], row[3]);
  const V c0 = _mm512_unpacklo_epi64(row[4], row[5]);
  const V c1 = _mm512_unpackhi_epi64(row[4], row[5]);
  const V d0 = _mm512_unpacklo_epi64(row[6], row[7]);
  const V d1 = _mm512_unpackhi_epi64(row[6], row[7]);
  auto blocks = [out](int first, V a, V b, V c, V d) {
    const V ab = _mm512_shuffle_i64x2(a, b, 0x88);
    const V cd = _mm512_shuffle_i64x2(c, d, 0x88);
    out[first] = _mm512_shuffle_i64x2(ab, cd, 0x88);
    out[first + 4] = _mm512_shuffle_i64x2(ab, cd, 0xdd);
    const V ab_odd = _mm512_shuffle_i64x2(a, b, 0xdd);
    const V cd_odd = _mm512_shuffle_i64x2(c, d, 0xdd);
    out[first + 2] = _mm512_shuffle_i64x2(ab_odd, cd_odd, 0x88);
    out[first + 6] = _mm512_shuffle_i64x2(ab_odd, cd_odd, 0xdd);
  };
  blocks(0, a0, b0, c0, d0);
  blocks(1, a1, b1, c1, d1);
}

// Reads eight big-endian numbers of 256 octets. Eight limbs are 52 octets: of each 64 that end
// where those end, a permutation takes the 8 that hold each limb, the lowest first; every second
// limb starts in the middle of an octet.
template <typename Octets>
inline void ReadNumbers(Lanes& out, Octets octets) {
  alignas(64) uint8_t index[64];
  for (int limb = 0; limb < 8; ++limb) {
    for (int octet = 0; octet < 8; ++octet) {
      const int from_end = 13 * (limb / 2) + 6 * (limb % 2) + octet;
      index[8 * limb + octet] = static_cast<uint8_t>(63 - from_end);
    }
  }
  const V permutation = _mm512_load_si512(index);
  const V shift = _mm512_set_epi64(4, 0, 4, 0, 4, 0, 4, 0);
  for (int chunk = 0; chunk < kLimbs / 8; ++chunk) {
    // The last chunk starts 16 octets before the number: those are not read, and are zero.
    const __mmask64 present = chunk == 4 ? ~uint64_t{0} << 16 : ~uint64_t{0};
    V row[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      const V raw = _mm512_maskz_loadu_epi8(present, octets(lane) + (192 - 52 * chunk));
      const V placed = _mm512_permutexvar_epi8(permutation, raw);
      row[lane] = _mm512_and_si512(_mm512_srlv_epi64(placed, shift), Mask());
    }
    Transpose(out.limb + 8 * chunk, row);
  }
}

inline uint64_t WordOf(const V& v, int lane) {
  uint64_t word;
  __builtin_memcpy(&word, reinterpret_cast<const char*>(&v) + 8 * lane, 8);
  return word;
}

void WriteNumber(uint8_t* octets, const Lanes& v, int lane) {
  uint8_t* at = octets + kModulusSize;  // From the end, as limbs go.
  uint64_t bits = 0;
  int count = 0;
  for (int i = 0; i < kLimbs; ++i) {
    const uint64_t limb = WordOf(v.limb[i], lane);
    // At most 4 bits wait when a limb of 52 comes.
    bits |= limb << count;
    count += 52;
    for (; count >= 8 && at != octets; count -= 8, bits >>= 8) *--at = static_cast<uint8_t>(bits);
  }
}

// -1/n mod 2^52, by Newton's iteration: 3n XOR 2 is right in 5 bits, each step doubles them.
inline V NegatedInverse(V n0) {
  V x = _mm512_xor_si512(Add(Add(n0, n0), n0), _mm512_set1_epi64(2));
  const V two = _mm512_set1_epi64(2);
  for (int i = 0; i < 4; ++i) {
    x = _mm512_mullo_epi64(x, Subtract(two, _mm512_mullo_epi64(n0, x)));
  }
  return _mm512_and_si512(Subtract(Zero(), x), Mask());
}

// The number's bits from 1996 on: the top 52 of a modulus.
inline __m512d Top(const Lanes& v) {
  return _mm512_cvtepu64_pd(
      Add(_mm512_slli_epi64(v.limb[39], 32), _mm512_srli_epi64(v.limb[38], 20)));
}

constexpr int kShift = 46;
constexpr int kShifts = 12;
constexpr int kSquarings = 2;
// 2^2048 shifted so far and squared in Montgomery form is R^2: an exponent of 2080 + d becomes
// 2080 + 2d.
static_assert(((2048 + kShift * kShifts - 2080) << kSquarings) == 2080);

// r_squared = R^2 mod n, below 2n. Only n >= 2^2047 is used of the modulus.
void MakeConstants(Lanes& r_squared, const Lanes& n, V n0_inverse) {
  // 2^2048 - n = 2^2048 mod n.
  Lanes v;
  V borrow = Zero();
  for (int j = 0; j < kLimbs; ++j) {
    const V power = j == 39 ? _mm512_set1_epi64(1 << 20) : Zero();
    const V t = Add(Subtract(power, n.limb[j]), borrow);
    v.limb[j] = _mm512_and_si512(t, Mask());
    borrow = _mm512_srai_epi64(t, 52);
  }
  // v = v * 2^46 - q * n, with q = floor or a little less of v * 2^46 / n from the top 52 bits.
  // With v < 2.3 n, q falls short of the quotient by less than 1.3: by less than 1 in rounding
  // down, 0.2 through 1 - 2^-50 (which outweighs all rounding of doubles), 0.11 through the bits
  // below the top. So v stays at least 0 and below 2.3 n.
  const __m512d scaled_inverse =
      _mm512_div_pd(_mm512_set1_pd(static_cast<double>(uint64_t{1} << kShift) * (1 - 0x1p-50)),
                    _mm512_add_pd(Top(n), _mm512_set1_pd(1)));
  const V power = _mm512_set1_epi64(uint64_t{1} << kShift);
  for (int i = 0; i < kShifts; ++i) {
    const V q = _mm512_cvttpd_epu64(_mm512_mul_pd(Top(v), scaled_inverse));
    V carry = Zero();  // Signed.
    V v_before = Zero();
    V n_before = Zero();
    for (int j = 0; j < kLimbs; ++j) {
      const V up = High(Low(carry, v.limb[j], power), v_before, power);
      const V down = High(Low(Zero(), n.limb[j], q), n_before, q);
      const V t = Subtract(up, down);
      v_before = v.limb[j];
      n_before = n.limb[j];
      v.limb[j] = _mm512_and_si512(t, Mask());
      carry = _mm512_srai_epi64(t, 52);
    }
  }
  // (2.3 n)^2 / R is below 2^2019: the first square is below 2n like the others.
  Square(r_squared, v, n, n0_inverse);
  for (int i = 1; i < kSquarings; ++i) {
    Square(r_squared, r_squared, n, n0_inverse);
    CheckBound(r_squared, n);
  }
}

// out = s^65537 mod n, canonical.
void PublicOperation(Lanes& out, const Lanes& s, const Lanes& r_squared, const Lanes& n,
                     V n0_inverse) {
  Lanes x;
  Multiply(x, s, r_squared, n, n0_inverse);
  CheckBound(x, n);
  for (int i = 0; i < 16; ++i) {
    Square(x, x, n, n0_inverse);
    CheckBound(x, n);
  }
  Multiply(x, x, s, n, n0_inverse);  // (s^65536 * R) * s / R
  CheckBound(x, n);
  const __mmask8 below = Difference(out, x, n);
  for (int j = 0; j < kLimbs; ++j) {
    out.limb[j] = _mm512_mask_mov_epi64(out.limb[j], below, x.limb[j]);
  }
}

}  // namespace

uint8_t Run(const Job* jobs) {
  Lanes n, s, r_squared;
  ReadNumbers(n, [jobs](int lane) { return jobs[lane].modulus; });
  ReadNumbers(s, [jobs](int lane) { return jobs[lane].signature; });
  const V n0_inverse = NegatedInverse(n.limb[0]);
  __mmask8 fresh = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if (jobs[lane].constants == nullptr) fresh |= static_cast<__mmask8>(1 << lane);
  }
  if (fresh != 0) MakeConstants(r_squared, n, n0_inverse);
  if (fresh != 0xff) {
    for (int chunk = 0; chunk < kLimbs; chunk += 8) {
      V row[kLanes];
      V column[8];
      for (int lane = 0; lane < kLanes; ++lane) {
        const KeyConstants* constants = jobs[lane].constants;
        row[lane] =
            constants == nullptr ? Zero() : _mm512_loadu_si512(constants->r_squared + chunk);
      }
      Transpose(column, row);
      for (int i = 0; i < 8; ++i) {
        r_squared.limb[chunk + i] = _mm512_mask_mov_epi64(
            column[i], fresh, fresh == 0 ? Zero() : r_squared.limb[chunk + i]);
      }
    }
  }
  Lanes result, expected;
  PublicOperation(result, s, r_squared, n, n0_inverse);
  ReadNumbers(expected, [jobs](int lane) { return jobs[lane].expected; });
  V different = Zero();
  for (int j = 0; j < kLimbs; ++j) {
    different = _mm512_or_si512(different, _mm512_xor_si512(result.limb[j], expected.limb[j]));
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    if (jobs[lane].output != nullptr) WriteNumber(jobs[lane].output, result, lane);
  }
  return _mm512_testn_epi64_mask(different, different);
}

void PrepareKey(const uint8_t* modulus, KeyConstants& constants) {
  Lanes n, r_squared;
  ReadNumbers(n, [modulus](int) { return modulus; });
  MakeConstants(r_squared, n, NegatedInverse(n.limb[0]));
  for (int i = 0; i < kLimbs; ++i) constants.r_squared[i] = WordOf(r_squared.limb[i], 0);
}

}  // namespace musubi::crypto::rsa_lanes

#else

namespace musubi::crypto::rsa_lanes {

// Never called: Supported is false.
uint8_t Run(const Job*) { OnBoundBroken(); }
void PrepareKey(const uint8_t*, KeyConstants&) { OnBoundBroken(); }

}  // namespace musubi::crypto::rsa_lanes

#endif
