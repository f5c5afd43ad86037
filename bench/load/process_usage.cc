#include "bench/load/process_usage.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/status/status.h"

namespace musubi::bench::load {
absl::StatusOr<ProcessUsage> ReadProcessUsage(int pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessUsage usage;
  // proc(5): after the name, which is in parentheses and may hold anything, state is field 3, and
  // utime and stime are 14 and 15.
  std::ifstream stat(directory + "/stat");
  std::string text(std::istreambuf_iterator<char>(stat), {});
  std::istringstream fields(text.substr(text.find_last_of(')') + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0, system = 0;
  if (!(fields >> user >> system))
    return absl::UnavailableError("cannot read " + directory + "/stat");
  usage.cpu_seconds = (user + system) / ticks;
  std::ifstream statm(directory + "/statm");
  uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  usage.resident_kib = resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory + "/fd", error), end; it != end && !error;
       it.increment(error)) {
    ++usage.descriptors;
  }
  if (error) return absl::UnavailableError("cannot read " + directory + "/fd");
  return usage;
}

absl::StatusOr<MachineUsage> ReadMachineUsage() {
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  std::ifstream in("/proc/stat");
  std::string name;
  // user, nice, system, idle, iowait, irq, softirq, steal.
  double ticks_of[8] = {};
  in >> name;
  for (double& field : ticks_of) in >> field;
  if (!in) return absl::UnavailableError("cannot read /proc/stat");
  return MachineUsage{(ticks_of[0] + ticks_of[1] + ticks_of[2] + ticks_of[5] + ticks_of[6]) / ticks,
                      ticks_of[7] / ticks};
}

}  // namespace musubi::bench::load
