// Bidirectional streams of validations: each message asks several prepared questions, answers come
// in any order and are compared with the right ones by index.
#ifndef MUSUBI_BENCH_LOAD_STREAM_FLOW_H_
#define MUSUBI_BENCH_LOAD_STREAM_FLOW_H_

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/call_status.h"
#include "bench/load/flow.h"

namespace musubi::bench::load {

// A server takes 256 questions a message (musubi/v1/validation.proto).
inline constexpr size_t kMaxPerMessage = 256;

// A place is a stream that has fewer than `messages` not fully answered. A stream is ended, and
// another begun in its place, before an index would come twice on it, at half of its deadline, and
// when its server says GOAWAY; what was asked on it is answered first.
class StreamFlow final : public Flow {
 public:
  struct Options {
    FlowOptions flow;
    size_t streams = 1;      // For each of the pool's connections.
    size_t messages = 1;     // Of a stream, under way.
    size_t per_message = 1;  // Questions; as the bodies were prepared. At most kMaxPerMessage.
    base::SteadyDuration stream_deadline{};
    std::vector<VerdictWords> right;  // Of each question.
  };

  StreamFlow(Options options, const Window& window, const Bodies& messages, ConnectionPool& pool,
             base::SecureRandom& random);
  ~StreamFlow() override;

  void Pump(base::SteadyTime now) override;
  base::SteadyTime NextWake() const override;

 private:
  struct Message {
    base::SteadyTime intended;
    uint64_t sequence = 0;  // Its body is this one of all, modulo their number.
    int attempts = 0;
    size_t unanswered = 0;
    std::bitset<kMaxPerMessage> answered;
  };
  class Stream;

  void Upkeep(Stream& stream, base::SteadyTime now);
  Stream* FindPlace();
  std::optional<Message> NextMessage(base::SteadyTime now);
  bool Open(Stream& stream, base::SteadyTime now, const Message& first);
  void OnAnswer(Stream& stream, const StreamAnswer& answer, base::SteadyTime now);
  void OnEnd(Stream& stream, uint32_t error_code);

  const Options options_;
  const Bodies& messages_;
  ConnectionPool& pool_;
  CallFields fields_;
  const std::string timeout_;
  std::vector<std::unique_ptr<Stream>> streams_;
  size_t cursor_ = 0;
  uint64_t sequence_ = 0;
  base::SteadyTime pumped_;      // The last time.
  bool full_ = false;            // No place was free at the end of the last Pump,
  bool freed_ = false;           // and one has become so since.
  std::optional<Message> held_;  // Taken, and refused by the stream that had a place.
  RetryQueue<Message> retries_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_STREAM_FLOW_H_
