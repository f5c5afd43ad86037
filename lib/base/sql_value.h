// A value on its way into an SQL statement, whichever database has it. Reads nothing back, and
// knows no SQL.
#ifndef MUSUBI_LIB_BASE_SQL_VALUE_H_
#define MUSUBI_LIB_BASE_SQL_VALUE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "lib/base/bytes.h"

namespace musubi::base {

// SqlValue is NULL, a number, text or octets. It views what it is made from.
class SqlValue {
 public:
  using Held = std::variant<std::monostate, int64_t, std::string_view, ByteView>;

  SqlValue(std::nullopt_t) {}                                           // NOLINT(runtime/explicit)
  SqlValue(int64_t value) : held_(value) {}                             // NOLINT(runtime/explicit)
  SqlValue(int value) : held_(int64_t{value}) {}                        // NOLINT(runtime/explicit)
  SqlValue(std::string_view text) : held_(text) {}                      // NOLINT(runtime/explicit)
  SqlValue(const std::string& text) : held_(std::string_view(text)) {}  // NOLINT(runtime/explicit)
  SqlValue(const char* text) : held_(std::string_view(text)) {}         // NOLINT(runtime/explicit)
  SqlValue(ByteView octets) : held_(octets) {}                          // NOLINT(runtime/explicit)
  SqlValue(const Bytes& octets) : held_(ByteView(octets)) {}            // NOLINT(runtime/explicit)
  template <size_t N>
  SqlValue(const std::array<uint8_t, N>& octets)  // NOLINT(runtime/explicit)
      : held_(ByteView(octets)) {}
  template <typename T>
  SqlValue(const std::optional<T>& value) {  // NOLINT(runtime/explicit)
    if (value.has_value()) held_ = SqlValue(*value).held_;
  }

  const Held& held() const { return held_; }

 private:
  Held held_;
};

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_SQL_VALUE_H_
