// What benchmarks find out: figures of interleaved repetitions, their medians, targets beside them,
// and the machine; printed as a table and written as build/bench/NAME.json. Measures nothing.
//
// {"machine": {"cpu", "cores", "kernel", "compiler", "openssl", "commit", "date", "other_cores",
//              "stolen_cores"},
//  "results": [{"name", "unit", "median", "min", "max", "repetitions"}],
//  "absent":  [{"name", "why"}],
//  "targets": [{"text", "figure", "bound", "met"}],
//  "notes":   ["..."]}
//
// Names of results are stable: what compares two runs, and docs/performance.md, find them by name.
// In "targets" figure, bound and met are null if one of the figures is absent.
#ifndef MUSUBI_BENCH_REPORT_H_
#define MUSUBI_BENCH_REPORT_H_

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace musubi::bench {

// MachineLoad is what all programs together used of the machine's cores, and what this process and
// its ended children used of that.
struct MachineLoad {
  absl::Duration at;  // SteadyTime.
  absl::Duration machine;
  absl::Duration stolen;  // By the hypervisor, for other guests.
  absl::Duration own;

  // Zeros where /proc/stat cannot be read.
  static MachineLoad Now();
};

// Target compares the medians of one run: `row` to be at most (or at least) factor * `of` + plus,
// or `plus` alone if `of` is empty. It is reported as met or missed, never asserted.
struct Target {
  enum class Bound { kAtMost, kAtLeast };

  std::string row;
  Bound bound = Bound::kAtMost;
  double factor = 1;
  std::string of;
  double plus = 0;
};

// Report gathers the figures of one run. Not thread-safe. The flags --out, --commit and
// --repetitions belong to it (report.cc): parse them before.
class Report {
 public:
  // The load of the machine is counted from here on, so wait for one's own build first.
  explicit Report(std::string name);

  // Add takes the figure of one repetition. A result's place in the table is that of its first
  // figure; its unit never changes. Figures are finite.
  void Add(std::string_view name, std::string_view unit, double figure);
  // Absent puts a line where figures would be: a tool is missing, a part is not there yet.
  void Absent(std::string_view name, std::string_view why);
  void AddTarget(Target target) { targets_.push_back(std::move(target)); }
  // Note is a sentence for readers of the table: what was compared, on how much data.
  void Note(std::string_view sentence) { notes_.emplace_back(sentence); }

  // The median so far: nothing has one that was never added.
  absl::StatusOr<double> Median(std::string_view name) const;

  // Finish prints the table and writes --out, if given. Returns the exit code of main: 1, having
  // said why, if it could not write.
  int Finish();

 private:
  struct Row {
    std::string name;
    std::string unit;
    std::vector<double> figures;
    std::string absent;
  };

  Row& RowOf(std::string_view name);
  std::string ToJson(const MachineLoad& end) const;
  std::string ToTable() const;

  const std::string name_;
  const MachineLoad start_;
  std::vector<Row> rows_;
  std::map<std::string, size_t, std::less<>> index_;  // Into rows_.
  std::vector<Target> targets_;
  std::vector<std::string> notes_;
};

// Task measures one row once.
struct Task {
  std::string name;
  std::string unit;
  std::function<absl::StatusOr<double>()> measure;
};

// RunInterleaved runs every task once a repetition, in an order that moves on by one each time, so
// that no row always follows the same one or the machine's same mood. The first error ends it and
// names the task.
absl::Status RunInterleaved(std::span<const Task> tasks, int repetitions, Report& report);

// --repetitions, at least 1; `usual` if the flag was not given.
int Repetitions(int usual);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_REPORT_H_
