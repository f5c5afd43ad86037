// Answers, read lightly: of a verdict its status and reason, of an error its reason. Everything
// else in them is passed over. Judges nothing.
#ifndef MUSUBI_BENCH_LOAD_ANSWER_H_
#define MUSUBI_BENCH_LOAD_ANSWER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace musubi::bench::load {

// VerdictWords are numbers of musubi.v1.VerdictStatus and VerdictReason.
struct VerdictWords {
  uint64_t status = 0;
  uint64_t reason = 0;

  bool operator==(const VerdictWords&) const = default;
};

// ReadAnswer reads a ValidateCertificateResponse. Nothing if it holds no verdict, or is none.
std::optional<VerdictWords> ReadAnswer(std::string_view response);

// StreamAnswer is an IndexedAnswer: a verdict, or the number of an ErrorReason.
struct StreamAnswer {
  uint64_t index = 0;
  std::optional<VerdictWords> verdict;
  uint64_t error_reason = 0;
};

// ReadStreamAnswers calls `take` for each answer of a ValidateCertificatesResponse. False, maybe
// after some calls, if it is none.
bool ReadStreamAnswers(std::string_view response,
                       const std::function<void(const StreamAnswer&)>& take);

// ReadErrorReason takes the value of the trailer grpc-status-details-bin: base64, padded or not, of
// a google.rpc.Status. Returns ErrorInfo.reason, or empty if there is none.
std::string ReadErrorReason(std::string_view details);

// MessageReader cuts a gRPC body into messages (5 octets of prefix and the message). A message that
// came whole is not copied.
class MessageReader {
 public:
  // Take calls `message` for each message that is complete with `octets`. False if a message is
  // compressed or larger than kMaxMessage: the rest of the body is not to be read then.
  bool Take(std::string_view octets, const std::function<void(std::string_view)>& message);
  void Clear() { partial_.clear(); }

  // gRPC's own default.
  static constexpr size_t kMaxMessage = size_t{4} << 20;

 private:
  std::string partial_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_ANSWER_H_
