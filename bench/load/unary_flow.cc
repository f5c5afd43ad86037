#include "bench/load/unary_flow.h"

#include <algorithm>
#include <utility>

namespace musubi::bench::load {

class UnaryFlow::Call final : public Http2Stream {
 public:
  explicit Call(UnaryFlow& flow) : flow_(flow) {}

  void OnHeader(std::string_view name, std::string_view value) override {
    status.OnHeader(name, value);
  }
  void OnData(std::string_view octets) override {
    const bool whole = reader.Take(octets, [this](std::string_view message) {
      // Exactly one message is due.
      answer = answers++ == 0 ? flow_.Read(message) : std::nullopt;
    });
    if (!whole) answer.reset();
  }
  void OnClose(uint32_t error_code) override { flow_.OnEnd(*this, error_code); }

  Job job;
  size_t place = 0;
  uint64_t serial = 0;
  bool cut = false;
  std::string timeout;
  CallStatus status;
  MessageReader reader;
  int answers = 0;
  std::optional<VerdictWords> answer;

 private:
  UnaryFlow& flow_;
};

UnaryFlow::UnaryFlow(Options options, const Window& window, const Bodies& requests,
                     ConnectionPool& pool, base::SecureRandom& random)
    : Flow(options.flow, window, 1),
      options_(std::move(options)),
      requests_(requests),
      pool_(pool),
      fields_(options_.flow),
      usual_timeout_(TimeoutField(options_.flow.deadline)),
      under_way_(pool.size()),
      asked_(options_.flow.first_question),
      retries_(random) {}

UnaryFlow::~UnaryFlow() = default;

std::optional<size_t> UnaryFlow::FindPlace() {
  for (size_t i = 0; i < under_way_.size(); ++i) {
    if (++cursor_ >= under_way_.size()) cursor_ = 0;
    if (under_way_[cursor_] < options_.outstanding && pool_.Usable(cursor_) != nullptr) {
      return cursor_;
    }
  }
  return std::nullopt;
}

std::optional<UnaryFlow::Job> UnaryFlow::NextJob(base::SteadyTime now) {
  while (std::optional<Job> again = retries_.Take(now)) {
    if (now - again->intended < options_.flow.deadline) {
      tally_.Retried();
      return again;
    }
    tally_.Failed(again->intended, now, kDeadlineExceeded, kDeadline);
  }
  const std::optional<base::SteadyTime> intended = schedule_.Take(now);
  if (!intended.has_value()) return std::nullopt;
  tally_.Offered(*intended);
  return Job{*intended, static_cast<size_t>(asked_++ % requests_.size())};
}

void UnaryFlow::Start(Job job, size_t place, base::SteadyTime now) {
  if (idle_.empty()) {
    calls_.push_back(std::make_unique<Call>(*this));
    idle_.push_back(calls_.back().get());
  }
  Call& call = *idle_.back();
  ++job.attempts;
  call.job = job;
  call.place = place;
  call.serial = ++serial_;
  call.cut = false;
  call.status.Clear();
  call.reader.Clear();
  call.answers = 0;
  call.answer.reset();
  const base::SteadyTime deadline = job.intended + options_.flow.deadline;
  const bool usual = now - job.intended < std::chrono::milliseconds(1);
  if (!usual) call.timeout = TimeoutField(deadline - now);
  if (!pool_.Usable(place)->Open(
          call, fields_.For(pool_.target(place), usual ? usual_timeout_ : call.timeout, usual),
          requests_[job.question], true)) {
    return Fail(job, now, kUnavailable, kRefusedStream);
  }
  idle_.pop_back();
  ++under_way_[place];
  cuts_.push_back({deadline, &call, call.serial});
}

void UnaryFlow::CutOverdue(base::SteadyTime now) {
  while (!cuts_.empty()) {
    const Cut& cut = cuts_.front();
    const bool under_way = cut.call->serial == cut.serial && cut.call->is_open();
    if (under_way && cut.at > now) return;
    if (under_way) {
      cut.call->cut = true;
      tally_.Failed(cut.call->job.intended, now, kDeadlineExceeded, kDeadline);
      cut.call->connection()->Cancel(*cut.call);
    }
    cuts_.pop_front();
  }
}

void UnaryFlow::Pump(base::SteadyTime now) {
  pumped_ = now;
  freed_ = false;
  CutOverdue(now);
  full_ = false;
  while (const std::optional<size_t> place = FindPlace()) {
    const std::optional<Job> job = NextJob(now);
    if (!job.has_value()) return;
    Start(*job, *place, now);
  }
  full_ = true;
  schedule_.Queue(now);
}

base::SteadyTime UnaryFlow::NextWake() const {
  if (freed_) return base::SteadyTime::min();
  base::SteadyTime wake = NextDue(full_, pumped_);
  if (!full_) wake = std::min(wake, retries_.Next());
  if (!cuts_.empty()) wake = std::min(wake, cuts_.front().at);
  return wake;
}

std::optional<VerdictWords> UnaryFlow::Read(std::string_view message) const {
  if (!options_.right.empty()) return ReadAnswer(message);
  return message.size() >= options_.echo_octets ? std::make_optional<VerdictWords>() : std::nullopt;
}

void UnaryFlow::Fail(const Job& job, base::SteadyTime now, int code, std::string_view reason) {
  if (code == kUnavailable && job.attempts <= options_.flow.retries) {
    retries_.Add(now, job.attempts, job);
  } else {
    tally_.Failed(job.intended, now, code, reason);
  }
}

void UnaryFlow::OnEnd(Call& call, uint32_t error_code) {
  const base::SteadyTime now = base::SteadyNow();
  --under_way_[call.place];
  idle_.push_back(&call);
  freed_ = true;
  if (call.cut) return;
  const Job& job = call.job;
  const CallStatus::End end = call.status.Finish(error_code);
  if (end.code != kOk) return Fail(job, now, end.code, end.reason);
  if (now - job.intended >= options_.flow.deadline) {
    return tally_.Failed(job.intended, now, kDeadlineExceeded, kDeadline);
  }
  if (!call.answer.has_value()) return tally_.Failed(job.intended, now, kInternal, kNoAnswer);
  if (options_.right.empty() || *call.answer == options_.right[job.question]) {
    return tally_.Right(job.intended, now);
  }
  tally_.Wrong(job.intended, now, job.question, options_.right[job.question], *call.answer);
}

}  // namespace musubi::bench::load
