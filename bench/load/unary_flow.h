// Unary calls, each with one prepared request: validations, whose verdicts are compared with the
// right ones, or echoes.
#ifndef MUSUBI_BENCH_LOAD_UNARY_FLOW_H_
#define MUSUBI_BENCH_LOAD_UNARY_FLOW_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/call_status.h"
#include "bench/load/flow.h"

namespace musubi::bench::load {

class UnaryFlow final : public Flow {
 public:
  struct Options {
    FlowOptions flow;
    size_t outstanding = 1;           // Calls under way for each of the pool's connections.
    std::vector<VerdictWords> right;  // Of each request; nothing if they are echoes.
    size_t echo_octets = 0;           // Which an echo is right to have at least.
  };

  UnaryFlow(Options options, const Window& window, const Bodies& requests, ConnectionPool& pool,
            base::SecureRandom& random);
  ~UnaryFlow() override;

  void Pump(base::SteadyTime now) override;
  base::SteadyTime NextWake() const override;

 private:
  struct Job {
    base::SteadyTime intended;
    size_t question = 0;
    int attempts = 0;
  };
  class Call;
  // A call to be cut at its deadline, unless it has ended: then its serial number is another.
  struct Cut {
    base::SteadyTime at;
    Call* call;
    uint64_t serial;
  };

  std::optional<size_t> FindPlace();
  std::optional<Job> NextJob(base::SteadyTime now);
  void Start(Job job, size_t place, base::SteadyTime now);
  void CutOverdue(base::SteadyTime now);
  std::optional<VerdictWords> Read(std::string_view message) const;
  void Fail(const Job& job, base::SteadyTime now, int code, std::string_view reason);
  void OnEnd(Call& call, uint32_t error_code);

  const Options options_;
  const Bodies& requests_;
  ConnectionPool& pool_;
  CallFields fields_;
  const std::string usual_timeout_;
  std::vector<size_t> under_way_;  // Of each connection.
  size_t cursor_ = 0;
  uint64_t asked_ = 0;
  uint64_t serial_ = 0;
  base::SteadyTime pumped_;  // The last time.
  bool full_ = false;        // No place was free at the end of the last Pump,
  bool freed_ = false;       // and one has become so since.
  RetryQueue<Job> retries_;
  std::deque<Cut> cuts_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call*> idle_;
};

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_UNARY_FLOW_H_
