// A value that must not be printed, compared in variable time, or left in memory.
#ifndef MUSUBI_LIB_BASE_SECRET_H_
#define MUSUBI_LIB_BASE_SECRET_H_

#include <array>
#include <cstring>
#include <utility>

#include "lib/base/bytes.h"

namespace musubi::base {

// Wipe overwrites memory in a way that the compiler keeps. An empty vector has no address.
inline void Wipe(void* data, size_t size) {
  if (size > 0) explicit_bzero(data, size);
}

// Secret holds octets: T is Bytes, std::string or a std::array of uint8_t. Copyable and movable;
// every copy is wiped when it goes. There is no operator<<. Reading is by name, so that each place
// that does it can be found.
template <typename T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      WipeValue();
      value_ = other.value_;
    }
    return *this;
  }
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.WipeValue(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      WipeValue();
      value_ = std::move(other.value_);
      other.WipeValue();
    }
    return *this;
  }
  ~Secret() { WipeValue(); }

  const T& Reveal() const { return value_; }
  ByteView RevealBytes() const {
    return {reinterpret_cast<const uint8_t*>(value_.data()), value_.size()};
  }
  size_t size() const { return value_.size(); }
  bool empty() const { return value_.empty(); }

  // Constant time for values of equal length.
  friend bool operator==(const Secret& a, const Secret& b) {
    return ConstantTimeEqual(a.RevealBytes(), b.RevealBytes());
  }

 private:
  void WipeValue() {
    Wipe(value_.data(), value_.size());
    if constexpr (requires(T & v) { v.clear(); }) value_.clear();
  }

  T value_{};
};

// A 256-bit key or bearer credential.
using Secret256 = Secret<std::array<uint8_t, 32>>;

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_SECRET_H_
