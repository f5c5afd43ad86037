#include "bench/load/stream_flow.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "lib/base/error.h"

namespace musubi::bench::load {
namespace {

// A QueryError's reason as ErrorInfo names it, and the code that a call would end with.
CallStatus::End QueryFailure(uint64_t reason) {
  switch (reason) {
#define MUSUBI_ERROR_REASON(name, number, code, sentence)               \
  case number:                                                          \
    return {static_cast<int>(base::CodeOf(base::ErrorReason::k##name)), \
            std::string(base::Name(base::ErrorReason::k##name))};
#include "lib/base/error_reasons.inc"
#undef MUSUBI_ERROR_REASON
    default:
      return {kUnknown, "reason " + std::to_string(reason)};
  }
}

}  // namespace

class StreamFlow::Stream final : public Http2Stream {
 public:
  Stream(StreamFlow& flow, size_t connection_place) : place(connection_place), flow_(flow) {}

  void OnHeader(std::string_view name, std::string_view value) override {
    status.OnHeader(name, value);
  }
  void OnData(std::string_view octets) override {
    if (broken) return;
    const base::SteadyTime now = base::SteadyNow();
    broken = !reader.Take(octets, [&](std::string_view message) {
      const bool read = ReadStreamAnswers(
          message, [&](const StreamAnswer& answer) { flow_.OnAnswer(*this, answer, now); });
      if (!read) flow_.tally_.Unexpected();
    });
  }
  void OnClose(uint32_t error_code) override { flow_.OnEnd(*this, error_code); }

  // Whether no index of the message was, or will be, on the stream a second time.
  bool Accepts(const Message& message, uint64_t bodies) const {
    return std::max(last, message.sequence) - std::min(first, message.sequence) < bodies;
  }
  // No message more: ends when all are answered.
  void Finish() {
    ended = true;
    connection()->End(*this);
  }

  const size_t place;  // In the pool.
  base::SteadyTime opened;
  bool ended = false;
  bool cut = false;
  bool broken = false;           // What came is no gRPC.
  uint64_t first = 0, last = 0;  // Sequence numbers.
  std::vector<Message> under_way;
  CallStatus status;
  MessageReader reader;

 private:
  StreamFlow& flow_;
};

StreamFlow::StreamFlow(Options options, const Window& window, const Bodies& messages,
                       ConnectionPool& pool, base::SecureRandom& random)
    : Flow(options.flow, window, options.per_message),
      options_(std::move(options)),
      messages_(messages),
      pool_(pool),
      fields_(options_.flow),
      timeout_(TimeoutField(options_.stream_deadline)),
      sequence_(options_.flow.first_question / options_.per_message),
      retries_(random) {
  // One stream of every connection, then the second of each.
  for (size_t i = 0; i < options_.streams * pool.size(); ++i) {
    streams_.push_back(std::make_unique<Stream>(*this, i % pool.size()));
  }
}

StreamFlow::~StreamFlow() = default;

void StreamFlow::Upkeep(Stream& stream, base::SteadyTime now) {
  if (!stream.is_open()) return;
  const base::SteadyDuration age = now - stream.opened;
  if (!stream.ended && (stream.connection()->draining() || age > options_.stream_deadline / 2)) {
    stream.Finish();
  }
  if (age > options_.stream_deadline && !stream.cut) {
    stream.cut = true;
    stream.connection()->Cancel(stream);
  }
}

StreamFlow::Stream* StreamFlow::FindPlace() {
  for (size_t i = 0; i < streams_.size(); ++i) {
    if (++cursor_ >= streams_.size()) cursor_ = 0;
    Stream& stream = *streams_[cursor_];
    if (stream.is_open()) {
      if (!stream.ended && stream.under_way.size() < options_.messages) return &stream;
    } else if (pool_.Usable(stream.place) != nullptr) {
      return &stream;
    }
  }
  return nullptr;
}

std::optional<StreamFlow::Message> StreamFlow::NextMessage(base::SteadyTime now) {
  if (held_.has_value()) return std::exchange(held_, std::nullopt);
  if (std::optional<Message> again = retries_.Take(now)) {
    tally_.Retried(again->unanswered);
    return again;
  }
  const std::optional<base::SteadyTime> intended = schedule_.Take(now);
  if (!intended.has_value()) return std::nullopt;
  Message message{*intended, sequence_++};
  const size_t first = message.sequence % messages_.size() * options_.per_message;
  message.unanswered = std::min(options_.per_message, options_.right.size() - first);
  tally_.Offered(*intended, message.unanswered);
  return message;
}

bool StreamFlow::Open(Stream& stream, base::SteadyTime now, const Message& first) {
  stream.opened = now;
  stream.ended = stream.cut = stream.broken = false;
  stream.first = stream.last = first.sequence;
  stream.status.Clear();
  stream.reader.Clear();
  return pool_.Usable(stream.place)
      ->Open(stream, fields_.For(pool_.target(stream.place), timeout_, true), "", false);
}

void StreamFlow::Pump(base::SteadyTime now) {
  pumped_ = now;
  freed_ = full_ = false;
  for (const std::unique_ptr<Stream>& stream : streams_) Upkeep(*stream, now);
  while (Stream* const stream = FindPlace()) {
    std::optional<Message> message = NextMessage(now);
    if (!message.has_value()) return;
    if (stream->is_open() && !stream->Accepts(*message, messages_.size())) {
      stream->Finish();
      held_ = std::move(message);
      continue;
    }
    if (!stream->is_open() && !Open(*stream, now, *message)) {
      held_ = std::move(message);
      continue;
    }
    stream->first = std::min(stream->first, message->sequence);
    stream->last = std::max(stream->last, message->sequence);
    ++message->attempts;
    stream->connection()->Send(*stream, messages_[message->sequence % messages_.size()]);
    stream->under_way.push_back(*std::move(message));
  }
  full_ = true;
  schedule_.Queue(now);
}

base::SteadyTime StreamFlow::NextWake() const {
  if (freed_) return base::SteadyTime::min();
  const base::SteadyTime due = NextDue(full_, pumped_);
  return full_ ? due : std::min(due, retries_.Next());
}

void StreamFlow::OnAnswer(Stream& stream, const StreamAnswer& answer, base::SteadyTime now) {
  const uint64_t body = answer.index / options_.per_message;
  const size_t bit = answer.index % options_.per_message;
  const auto message =
      std::find_if(stream.under_way.begin(), stream.under_way.end(),
                   [&](const Message& of) { return of.sequence % messages_.size() == body; });
  if (message == stream.under_way.end() || answer.index >= options_.right.size()) {
    return tally_.Unexpected();
  }
  if (message->answered[bit]) {
    // On another stream, before this attempt.
    if (message->attempts == 1) tally_.Unexpected();
    return;
  }
  const VerdictWords& right = options_.right[answer.index];
  if (answer.verdict == right) {
    tally_.Right(message->intended, now);
  } else if (answer.verdict.has_value()) {
    tally_.Wrong(message->intended, now, answer.index, right, *answer.verdict);
  } else {
    const CallStatus::End failure = QueryFailure(answer.error_reason);
    tally_.Failed(message->intended, now, failure.code, failure.reason);
  }
  message->answered.set(bit);
  if (--message->unanswered > 0) return;
  stream.under_way.erase(message);
  freed_ = true;
}

void StreamFlow::OnEnd(Stream& stream, uint32_t error_code) {
  const base::SteadyTime now = base::SteadyNow();
  freed_ = true;
  CallStatus::End end = stream.status.Finish(error_code);
  if (stream.cut) end = {kDeadlineExceeded, std::string(kDeadline)};
  if (end.code == kOk) end = {kInternal, std::string(kNoAnswer)};
  for (Message& message : std::exchange(stream.under_way, {})) {
    if (end.code == kUnavailable && message.attempts <= options_.flow.retries) {
      retries_.Add(now, message.attempts, std::move(message));
    } else {
      tally_.Failed(message.intended, now, end.code, end.reason, message.unanswered);
    }
  }
}

}  // namespace musubi::bench::load
