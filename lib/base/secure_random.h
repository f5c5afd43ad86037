// Unpredictable bytes. Not a source of sample data: tests script theirs (tests/fakes).
#ifndef MUSUBI_LIB_BASE_SECURE_RANDOM_H_
#define MUSUBI_LIB_BASE_SECURE_RANDOM_H_

#include <array>
#include <cstdint>
#include <span>

namespace musubi::base {

// SecureRandom fills buffers with bytes that nobody can guess. Implementations are thread-safe.
// There is no failure to report: without randomness the process dies.
class SecureRandom {
 public:
  virtual ~SecureRandom() = default;
  virtual void Fill(std::span<uint8_t> out) = 0;

  // Bytes returns N fresh bytes.
  template <size_t N>
  std::array<uint8_t, N> Bytes() {
    std::array<uint8_t, N> out;
    Fill(out);
    return out;
  }

  // Uniform returns a value in [0, bound) without bias; `bound` must be positive.
  uint32_t Uniform(uint32_t bound);
};

// SystemRandom draws from the kernel (getrandom).
class SystemRandom final : public SecureRandom {
 public:
  void Fill(std::span<uint8_t> out) override;
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_SECURE_RANDOM_H_
