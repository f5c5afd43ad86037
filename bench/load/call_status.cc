#include "bench/load/call_status.h"

#include <nghttp2/nghttp2.h>

#include <charconv>

#include "bench/load/answer.h"
#include "bench/load/http2_connection.h"
#include "bench/load/tally.h"

namespace musubi::bench::load {

void CallStatus::Clear() {
  code_.reset();
  details_.clear();
}

void CallStatus::OnHeader(std::string_view name, std::string_view value) {
  if (name == "grpc-status") {
    int code = kUnknown;
    std::from_chars(value.data(), value.data() + value.size(), code);
    code_ = code;
  } else if (name == "grpc-status-details-bin") {
    details_ = value;
  }
}

CallStatus::End CallStatus::Finish(uint32_t error_code) const {
  if (code_.has_value()) return {*code_, details_.empty() ? "" : ReadErrorReason(details_)};
  switch (error_code) {
    case NGHTTP2_NO_ERROR:
      return {kUnknown, std::string(kNoStatus)};
    case NGHTTP2_REFUSED_STREAM:
      return {kUnavailable, std::string(kRefusedStream)};
    case kStreamConnectionLost:
      return {kUnavailable, std::string(kConnectionLost)};
    default:
      return {kInternal, std::string(kReset)};
  }
}

}  // namespace musubi::bench::load
