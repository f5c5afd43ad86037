// The identity of a request across services: W3C Trace Context, level 1
// (https://www.w3.org/TR/trace-context-1/). Records no spans; the ids are for the log, and for
// whoever we call.
#ifndef MUSUBI_LIB_TELEMETRY_TRACE_H_
#define MUSUBI_LIB_TELEMETRY_TRACE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/secure_random.h"

namespace musubi::telemetry {

struct TraceContext {
  std::array<uint8_t, 16> trace_id{};
  std::array<uint8_t, 8> span_id{};  // The standard's parent-id: of whoever sends this.
  bool sampled = false;              // The sender may have recorded the trace.

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// ParseTraceparent reads "00-TRACEID-SPANID-FLAGS" strictly: version 00, lower-case hex, neither id
// all zero. Nothing for anything else: then a new trace begins.
std::optional<TraceContext> ParseTraceparent(std::string_view text);

// FormatTraceparent writes the header's value. Of the flags only "sampled" is passed on.
std::string FormatTraceparent(const TraceContext& context);

// NextSpan is the context of our own part: the trace of `parent`, or a new one that is not
// sampled, with a fresh span id.
TraceContext NextSpan(const std::optional<TraceContext>& parent, base::SecureRandom& random);

}  // namespace musubi::telemetry

#endif  // MUSUBI_LIB_TELEMETRY_TRACE_H_
