#include "lib/revocation/state_lines.h"

#include <algorithm>
#include <charconv>

#include "lib/base/encoding.h"

namespace musubi::revocation {

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at <= line.size();) {
    const size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::optional<int64_t> ParseInteger(std::string_view word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

bool ParseHash(std::string_view word, base::Hash256& out) {
  const auto octets = base::HexDecode(word);
  if (!octets.ok() || octets->size() != out.size()) return false;
  std::ranges::copy(*octets, out.begin());
  return true;
}

std::string Seconds(const std::optional<absl::Time>& time) {
  return time ? std::to_string(absl::ToUnixSeconds(*time)) : "-";
}

bool ParseTime(std::string_view word, std::optional<absl::Time>& out) {
  out.reset();
  if (word == "-") return true;
  const auto seconds = ParseInteger(word);
  if (seconds) out = absl::FromUnixSeconds(*seconds);
  return seconds.has_value();
}

}  // namespace musubi::revocation
