#include "lib/telemetry/trace.h"

#include <algorithm>
#include <span>

#include "lib/base/encoding.h"

namespace musubi::telemetry {
namespace {

// "00-" + 32 + "-" + 16 + "-" + 2
constexpr size_t kLength = 55;
constexpr uint8_t kSampled = 1;

int Nibble(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// `hex` must be twice as long as `octets`.
bool ReadHex(std::string_view hex, std::span<uint8_t> octets) {
  for (size_t i = 0; i < octets.size(); ++i) {
    const int high = Nibble(hex[2 * i]);
    const int low = Nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    octets[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

bool AllZero(std::span<const uint8_t> octets) {
  return std::all_of(octets.begin(), octets.end(), [](uint8_t octet) { return octet == 0; });
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view text) {
  if (text.size() != kLength || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  TraceContext context;
  uint8_t flags = 0;
  if (!ReadHex(text.substr(3, 32), context.trace_id) ||
      !ReadHex(text.substr(36, 16), context.span_id) ||
      !ReadHex(text.substr(53, 2), std::span(&flags, 1))) {
    return std::nullopt;
  }
  if (AllZero(context.trace_id) || AllZero(context.span_id)) return std::nullopt;
  context.sampled = (flags & kSampled) != 0;
  return context;
}

std::string FormatTraceparent(const TraceContext& context) {
  return "00-" + base::HexEncode(context.trace_id) + "-" + base::HexEncode(context.span_id) +
         (context.sampled ? "-01" : "-00");
}

TraceContext NextSpan(const std::optional<TraceContext>& parent, base::SecureRandom& random) {
  TraceContext context = parent.value_or(TraceContext{});
  if (!parent.has_value()) random.Fill(context.trace_id);
  random.Fill(context.span_id);
  return context;
}

}  // namespace musubi::telemetry
