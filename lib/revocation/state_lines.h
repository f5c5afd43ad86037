// The words of the lines that crl_state.cc and revoked_overlay.cc write into their files: hashes in
// hexadecimal digits, times in seconds since 1970. Knows neither file. For .cc files of
// lib/revocation.
#ifndef MUSUBI_LIB_REVOCATION_STATE_LINES_H_
#define MUSUBI_LIB_REVOCATION_STATE_LINES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/bytes.h"

namespace musubi::revocation {

// Words are what single spaces separate: at least one, each may be empty. Views into `line`.
std::vector<std::string_view> Words(std::string_view line);

// ParseInteger takes a decimal number and nothing else.
std::optional<int64_t> ParseInteger(std::string_view word);

// ParseHash returns false, and leaves `out`, if the word is no hash.
bool ParseHash(std::string_view word, base::Hash256& out);

// Seconds writes "-" for no time.
std::string Seconds(const std::optional<absl::Time>& time);
// ParseTime takes what Seconds writes. False: it is something else, and `out` is nothing.
bool ParseTime(std::string_view word, std::optional<absl::Time>& out);

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_STATE_LINES_H_
