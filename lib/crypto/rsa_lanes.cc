#include "lib/crypto/rsa_lanes.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <atomic>

#include "lib/base/check.h"

namespace musubi::crypto::rsa_lanes {
namespace {

std::atomic<bool> g_enabled{true};

#if defined(__x86_64__)
bool Detect() {
  // Intel SDM vol. 1 section 15.2: OSXSAVE, then XCR0 for SSE, AVX, opmask, and both halves of ZMM.
  constexpr unsigned kXcr0 = 0xe6;
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return false;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  if ((low & kXcr0) != kXcr0) return false;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  constexpr unsigned kEbx = bit_AVX512F | bit_AVX512DQ | bit_AVX512IFMA | bit_AVX512BW;
  return (b & kEbx) == kEbx && (c & bit_AVX512VBMI) != 0;
}
#else
bool Detect() { return false; }
#endif

}  // namespace

bool Supported() {
  static const bool supported = Detect();
  return supported;
}

void OnBoundBroken() { MUSUBI_CHECK(false, "a Montgomery product exceeds its bound"); }

bool Enabled() { return g_enabled.load(std::memory_order_acquire); }
void Disable() { g_enabled.store(false, std::memory_order_release); }
void EnableAgainForTest() { g_enabled.store(true, std::memory_order_release); }

}  // namespace musubi::crypto::rsa_lanes
