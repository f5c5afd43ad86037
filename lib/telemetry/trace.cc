#include "lib/telemetry/trace.h"

#include <algorithm>
#include <span>

#include "lib/base/encoding.h"

namespace musubi::telemetry {
namespace {

// "00-" + 32 + "-" + 16 + "-" + 2
constexpr size_t kLength = 55;
constexpr uint8_t kSampled = 1;

// `hex` must be twice as long as `octets`.
bool ReadHex(std::string_view hex, std::span<uint8_t> octets) {
  const auto decoded = base::HexDecode(hex);
  if (!decoded.ok()) return false;
  std::ranges::copy(*decoded, octets.begin());
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
  if (parent.has_value()) {
    TraceContext context = *parent;
    random.Fill(context.span_id);
    return context;
  }
  TraceContext context;
  // At once: a call of the kernel for each call of ours.
  const auto ids = random.Bytes<sizeof(context.trace_id) + sizeof(context.span_id)>();
  std::copy_n(ids.begin(), context.trace_id.size(), context.trace_id.begin());
  std::copy_n(ids.begin() + context.trace_id.size(), context.span_id.size(),
              context.span_id.begin());
  return context;
}

}  // namespace musubi::telemetry
