#include "lib/base/secure_random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "lib/base/check.h"

namespace musubi::base {

uint32_t SecureRandom::Uniform(uint32_t bound) {
  MUSUBI_CHECK(bound > 0, "Uniform needs a positive bound");
  // Values below 2^32 mod bound would make the first residues likelier: draw again.
  const uint32_t reject_below = -bound % bound;
  while (true) {
    uint32_t value;
    const auto bytes = Bytes<sizeof(value)>();
    std::memcpy(&value, bytes.data(), sizeof(value));
    if (value >= reject_below) return value % bound;
  }
}

void SystemRandom::Fill(std::span<uint8_t> out) {
  while (!out.empty()) {
    const ssize_t n = getrandom(out.data(), out.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    MUSUBI_CHECK(n > 0, "getrandom failed");
    out = out.subspan(static_cast<size_t>(n));
  }
}

}  // namespace musubi::base
