#include "bench/load/tally.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"

namespace musubi::bench::load {
namespace {

constexpr std::chrono::milliseconds kSlice(100);
constexpr size_t kWrongSamples = 10;  // Enough to find the certificate by.

double Microseconds(absl::Duration duration) { return absl::ToDoubleMicroseconds(duration); }

}  // namespace

std::string CodeName(int code) {
  const std::string name = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
  return name.empty() ? std::to_string(code) : name;
}

void Tally::Offered(base::SteadyTime intended, uint64_t questions) {
  if (window_.Holds(intended)) offered_ += questions;
}

void Tally::End(base::SteadyTime intended, base::SteadyTime now, uint64_t& outcome,
                uint64_t questions) {
  if (window_.Holds(intended)) {
    outcome += questions;
    ended_ += questions;
  }
  if (window_.Holds(now)) answers_in_window_ += questions;
}

void Tally::NotSent(base::SteadyTime intended, base::SteadyTime now, uint64_t questions) {
  if (window_.Holds(intended)) {
    offered_ += questions;
    ended_ += questions;
    not_sent_ += questions;
  }
  SliceOf(now).unsent += questions;
}

void Tally::Late(base::SteadyTime intended, base::SteadyTime now, uint64_t questions) {
  if (window_.Holds(intended)) {
    offered_ += questions;
    ended_ += questions;
    late_ += questions;
  }
  SliceOf(now).unsent += questions;
}

void Tally::Right(base::SteadyTime intended, base::SteadyTime now) {
  End(intended, now, right_, 1);
  const absl::Duration latency = absl::FromChrono(now - intended);
  if (window_.Holds(intended)) latency_.Record(latency);
  if (window_.Holds(now)) ++right_in_window_;
  ++SliceOf(now).right;
  slice_latency_.Record(latency);
}

void Tally::Wrong(base::SteadyTime intended, base::SteadyTime now, uint64_t question,
                  const VerdictWords& right, const VerdictWords& answered) {
  End(intended, now, wrong_in_window_, 1);
  ++wrong_;
  ++SliceOf(now).wrong;
  if (wrong_samples_.size() >= kWrongSamples) return;
  const auto words = [](const VerdictWords& of) {
    return "status " + std::to_string(of.status) + " reason " + std::to_string(of.reason);
  };
  wrong_samples_.push_back("question " + std::to_string(question) + ": right is " + words(right) +
                           ", answered " + words(answered));
}

void Tally::Failed(base::SteadyTime intended, base::SteadyTime now, int code,
                   std::string_view reason, uint64_t questions) {
  End(intended, now, failed_, questions);
  SliceOf(now).failed += questions;
  if (!window_.Holds(intended)) return;
  failure_latency_.Record(absl::FromChrono(now - intended), questions);
  errors_[{code, std::string(reason)}] += questions;
}

Tally::Slice& Tally::SliceOf(base::SteadyTime now) {
  const auto slice = static_cast<size_t>(std::max<int64_t>(0, (now - window_.begin) / kSlice));
  while (slices_.size() <= slice) {
    CloseSlice();
    slices_.emplace_back();
  }
  return slices_.back();
}

void Tally::CloseSlice() {
  if (slices_.empty() || slice_latency_.count() == 0) return;
  slices_.back().p50 = slice_latency_.Percentile(50);
  slices_.back().p99 = slice_latency_.Percentile(99);
  slices_.back().max = slice_latency_.Max();
  slice_latency_.Clear();
}

nlohmann::ordered_json Tally::ToJson() {
  CloseSlice();
  const double seconds = std::chrono::duration<double>(window_.until - window_.from).count();
  nlohmann::ordered_json out = {
      {"right_per_second", static_cast<double>(right_in_window_) / seconds},
      {"offered_per_second", static_cast<double>(offered_) / seconds},
      {"offered", offered_},
      {"right", right_},
      {"wrong", wrong_in_window_},
      {"failed", failed_},
      {"not_sent", not_sent_},
      {"late", late_},
      {"undecided", undecided()},
      {"retried", retried_},
      {"wrong_at_any_time", wrong_},
      {"unexpected_answers", unexpected_},
      {"wrong_samples", wrong_samples_},
  };
  for (const auto& [key, percent] : {std::pair("p50_us", 50.0), std::pair("p90_us", 90.0),
                                     std::pair("p99_us", 99.0), std::pair("p99_9_us", 99.9)}) {
    out[key] = Microseconds(latency_.Percentile(percent));
  }
  out["max_us"] = Microseconds(latency_.Max());
  out["failed_p50_us"] = Microseconds(failure_latency_.Percentile(50));
  out["failed_p99_us"] = Microseconds(failure_latency_.Percentile(99));
  out["errors"] = nlohmann::ordered_json::array();
  for (const auto& [what, count] : errors_) {
    out["errors"].push_back(
        {{"code", CodeName(what.first)}, {"reason", what.second}, {"count", count}});
  }
  out["timeline"] = nlohmann::ordered_json::array();
  const double per_slice = std::chrono::duration<double>(kSlice).count();
  for (size_t i = 0; i < slices_.size(); ++i) {
    const Slice& slice = slices_[i];
    out["timeline"].push_back({{"seconds", static_cast<double>(i) * per_slice},
                               {"right_per_second", static_cast<double>(slice.right) / per_slice},
                               {"wrong", slice.wrong},
                               {"failed", slice.failed},
                               {"unsent", slice.unsent},
                               {"p50_us", Microseconds(slice.p50)},
                               {"p99_us", Microseconds(slice.p99)},
                               {"max_us", Microseconds(slice.max)}});
  }
  return out;
}

}  // namespace musubi::bench::load
