#include "bench/report.h"

#include <openssl/crypto.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "bench/clocks.h"
#include "lib/base/check.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/status.h"

ABSL_FLAG(std::string, out, "", "file for the figures as JSON; empty: only the table is printed");
ABSL_FLAG(std::string, commit, "unknown", "what was built, for the record");
ABSL_FLAG(int, repetitions, 0, "how often each row is measured; 0: the benchmark's own choice");

namespace musubi::bench {
namespace {

using Json = nlohmann::ordered_json;

double MedianOf(std::vector<double> figures) {
  std::sort(figures.begin(), figures.end());
  const size_t middle = figures.size() / 2;
  return figures.size() % 2 == 1 ? figures[middle] : (figures[middle - 1] + figures[middle]) / 2;
}

std::string FirstLineWith(const std::string& file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with(key) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

int Cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

// Four significant digits, and no exponent.
std::string Figure(double value) {
  const double size = std::abs(value);
  const int digits = size >= 1000 || value == 0 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return absl::StrFormat("%.*f", digits, value);
}

std::string TextOf(const Target& target) {
  std::string bound = target.of;
  if (!bound.empty() && target.factor != 1) {
    bound = target.factor < 1
                ? absl::StrCat("1/", std::round(1e4 / target.factor) / 1e4, " of ", bound)
                : absl::StrCat(target.factor, " x ", bound);
  }
  if (bound.empty() || target.plus != 0) {
    absl::StrAppend(&bound, bound.empty() ? "" : " + ", target.plus);
  }
  return absl::StrCat(target.row,
                      target.bound == Target::Bound::kAtMost ? " at most " : " at least ", bound);
}

struct Judged {
  double figure = 0;
  double bound = 0;
  bool met = false;
};

// Nothing if a figure is absent.
std::optional<Judged> Judge(const Target& target, const Report& report) {
  Judged judged{.bound = target.plus};
  const auto figure = report.Median(target.row);
  if (!figure.ok()) return std::nullopt;
  judged.figure = *figure;
  if (!target.of.empty()) {
    const auto of = report.Median(target.of);
    if (!of.ok()) return std::nullopt;
    judged.bound += target.factor * *of;
  }
  judged.met = target.bound == Target::Bound::kAtMost ? judged.figure <= judged.bound
                                                      : judged.figure >= judged.bound;
  return judged;
}

// The first column to the left, the others to the right.
std::string Align(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const int width = static_cast<int>(widths[i]);
      absl::StrAppendFormat(&out, "%s%*s", i == 0 ? "" : "  ", i == 0 ? -width : width, row[i]);
    }
    out += "\n";
  }
  return out;
}

}  // namespace

MachineLoad MachineLoad::Now() {
  MachineLoad load;
  load.at = SteadyTime();
  // proc(5): user, nice, system, idle, iowait, irq, softirq, steal, in ticks.
  std::ifstream in("/proc/stat");
  std::string cpu;
  int64_t ticks[8] = {};
  in >> cpu;
  for (int64_t& field : ticks) in >> field;
  const absl::Duration tick = absl::Seconds(1) / sysconf(_SC_CLK_TCK);
  load.machine = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * tick;
  load.stolen = ticks[7] * tick;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    load.own +=
        absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
  }
  return load;
}

Report::Report(std::string name) : name_(std::move(name)), start_(MachineLoad::Now()) {}

Report::Row& Report::RowOf(std::string_view name) {
  const auto [it, inserted] = index_.try_emplace(std::string(name), rows_.size());
  if (inserted) rows_.push_back({.name = std::string(name)});
  return rows_[it->second];
}

void Report::Add(std::string_view name, std::string_view unit, double figure) {
  MUSUBI_CHECK(std::isfinite(figure), "a figure of " + std::string(name) + " is no number");
  Row& row = RowOf(name);
  MUSUBI_CHECK(row.figures.empty() || row.unit == unit,
               "the unit of " + std::string(name) + " changed");
  row.unit = unit;
  row.figures.push_back(figure);
}

void Report::Absent(std::string_view name, std::string_view why) {
  Row& row = RowOf(name);
  MUSUBI_CHECK(row.figures.empty(), std::string(name) + " is absent and has figures");
  row.absent = why;
}

absl::StatusOr<double> Report::Median(std::string_view name) const {
  const auto it = index_.find(name);
  if (it == index_.end() || rows_[it->second].figures.empty()) {
    return absl::NotFoundError("no figure of " + std::string(name));
  }
  return MedianOf(rows_[it->second].figures);
}

std::string Report::ToJson(const MachineLoad& end) const {
  utsname system{};
  uname(&system);
  const absl::Duration watched = std::max(end.at - start_.at, absl::Milliseconds(1));
  const auto cores = [&](absl::Duration used) {
    return std::round(std::max(0.0, absl::FDivDuration(used, watched)) * 100) / 100;
  };
  const absl::Duration own = end.own - start_.own;
  Json json;
  json["machine"] = {{"cpu", FirstLineWith("/proc/cpuinfo", "model name")},
                     {"cores", Cores()},
                     {"kernel", absl::StrCat(system.sysname, " ", system.release)},
                     {"compiler", "g++ " __VERSION__},
                     {"openssl", OpenSSL_version(OPENSSL_VERSION_STRING)},
                     {"commit", absl::GetFlag(FLAGS_commit)},
                     {"date", absl::FormatTime("%Y-%m-%d %H:%M UTC", base::RealClock().Now(),
                                               absl::UTCTimeZone())},
                     {"other_cores", cores(end.machine - start_.machine - own)},
                     {"stolen_cores", cores(end.stolen - start_.stolen)}};
  json["results"] = json["absent"] = json["targets"] = Json::array();
  for (const Row& row : rows_) {
    if (row.figures.empty()) {
      json["absent"].push_back({{"name", row.name}, {"why", row.absent}});
      continue;
    }
    const auto [least, greatest] = std::minmax_element(row.figures.begin(), row.figures.end());
    json["results"].push_back({{"name", row.name},
                               {"unit", row.unit},
                               {"median", MedianOf(row.figures)},
                               {"min", *least},
                               {"max", *greatest},
                               {"repetitions", row.figures.size()}});
  }
  for (const Target& target : targets_) {
    Json entry = {
        {"text", TextOf(target)}, {"figure", nullptr}, {"bound", nullptr}, {"met", nullptr}};
    if (const auto judged = Judge(target, *this)) {
      entry["figure"] = judged->figure;
      entry["bound"] = judged->bound;
      entry["met"] = judged->met;
    }
    json["targets"].push_back(std::move(entry));
  }
  json["notes"] = notes_;
  return json.dump(2) + "\n";
}

std::string Report::ToTable() const {
  std::vector<std::vector<std::string>> table = {
      {"name", "unit", "median", "min", "max", "repetitions"}};
  std::string absent;
  for (const Row& row : rows_) {
    if (row.figures.empty()) {
      absl::StrAppend(&absent, row.name, ": absent: ", row.absent, "\n");
      continue;
    }
    const auto [least, greatest] = std::minmax_element(row.figures.begin(), row.figures.end());
    table.push_back({row.name, row.unit, Figure(MedianOf(row.figures)), Figure(*least),
                     Figure(*greatest), absl::StrCat(row.figures.size())});
  }
  std::string out = absl::StrCat(Align(table), absent.empty() ? "" : "\n", absent);
  std::vector<std::vector<std::string>> judged_targets = {{"target", "figure", "bound", ""}};
  for (const Target& target : targets_) {
    const auto judged = Judge(target, *this);
    judged_targets.push_back({TextOf(target), judged ? Figure(judged->figure) : "-",
                              judged ? Figure(judged->bound) : "-",
                              !judged       ? "not measured"
                              : judged->met ? "met"
                                            : "missed"});
  }
  if (!targets_.empty()) absl::StrAppend(&out, "\n", Align(judged_targets));
  if (!notes_.empty()) absl::StrAppend(&out, "\n", absl::StrJoin(notes_, "\n"), "\n");
  return out;
}

int Report::Finish() {
  const std::string json = ToJson(MachineLoad::Now());
  std::cout << ToTable();
  const Json machine = Json::parse(json)["machine"];
  std::cout << "\n";
  for (const auto& [key, value] : machine.items()) {
    std::cout << key << ": " << (value.is_string() ? value.get<std::string>() : value.dump())
              << "\n";
  }
  const std::string path = absl::GetFlag(FLAGS_out);
  if (path.empty()) return 0;
  const absl::Status written = base::WriteFileAtomically(path, json, 0644);
  if (!written.ok()) {
    std::cerr << name_ << ": --out: " << written.ToString() << "\n";
    return 1;
  }
  std::cout << "\nAll figures: " << path << "\n";
  return 0;
}

absl::Status RunInterleaved(std::span<const Task> tasks, int repetitions, Report& report) {
  std::vector<std::vector<double>> figures(tasks.size());
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (size_t i = 0; i < tasks.size(); ++i) {
      const size_t at = (static_cast<size_t>(repetition) + i) % tasks.size();
      const absl::StatusOr<double> figure = tasks[at].measure();
      if (!figure.ok()) {
        return absl::Status(figure.status().code(),
                            absl::StrCat(tasks[at].name, ": ", figure.status().message()));
      }
      figures[at].push_back(*figure);
    }
  }
  for (size_t i = 0; i < tasks.size(); ++i) {
    for (const double figure : figures[i]) report.Add(tasks[i].name, tasks[i].unit, figure);
  }
  return absl::OkStatus();
}

int Repetitions(int usual) {
  const int given = absl::GetFlag(FLAGS_repetitions);
  return given > 0 ? given : usual;
}

}  // namespace musubi::bench
