// How a gRPC call ended, out of its trailers (https://github.com/grpc/grpc/blob/master/doc/
// PROTOCOL-HTTP2.md) or, without them, out of how its HTTP/2 stream did.
#ifndef MUSUBI_BENCH_LOAD_CALL_STATUS_H_
#define MUSUBI_BENCH_LOAD_CALL_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace musubi::bench::load {

// The codes that this program gives itself.
inline constexpr int kOk = 0;
inline constexpr int kUnknown = 2;
inline constexpr int kDeadlineExceeded = 4;
inline constexpr int kInternal = 13;
inline constexpr int kUnavailable = 14;

// CallStatus is of one attempt at a call.
class CallStatus {
 public:
  struct End {
    int code = kOk;
    std::string reason;  // ErrorInfo's, or one of tally.h; empty if there is none.
  };

  void Clear();
  void OnHeader(std::string_view name, std::string_view value);
  // `error_code` as in Http2Stream::OnClose.
  End Finish(uint32_t error_code) const;

 private:
  std::optional<int> code_;
  std::string details_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_CALL_STATUS_H_
