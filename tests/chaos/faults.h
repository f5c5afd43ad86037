// The faults: each breaks something of a running cluster for some seconds and mends it.
#ifndef MUSUBI_TESTS_CHAOS_FAULTS_H_
#define MUSUBI_TESTS_CHAOS_FAULTS_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/chaos/cluster.h"
#include "tests/chaos/ledger.h"

namespace musubi::chaos {

struct Fault {
  std::string name;
  // Returns when what was broken is mended, or mends itself.
  std::function<void()> run;
  // All values that were accepted are presented again after it, and not just the newest: it brings
  // back an older state.
  bool goes_back = false;
};

// All refer to what they are given, which outlives them. The last cards of `outside` are theirs.
std::vector<Fault> SentinelFaults(Cluster& cluster);
std::vector<Fault> SingleRedisFaults(Outside& outside, Cluster& cluster, Ledger& ledger);
// Cards at the end of Outside::cards() that no traffic may use.
inline constexpr int kReservedCards = 10;

// SmallDisk is a folder that can be full for one process. As root a file system of its own
// (ENOSPC); otherwise files that may not grow (EFBIG).
class SmallDisk {
 public:
  SmallDisk();
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  std::string File(const std::string& name) const { return directory_.File(name); }
  void Fill(pid_t pid);
  void Free(pid_t pid);
  std::string kind() const { return is_mounted_ ? "ENOSPC" : "EFBIG"; }

 private:
  fakes::TempDir directory_;
  bool is_mounted_ = false;
};

std::vector<Fault> SqliteFaults(Replica& replica, SmallDisk& disk, uint32_t seed,
                                std::function<void()> check);

}  // namespace musubi::chaos

#endif  // MUSUBI_TESTS_CHAOS_FAULTS_H_
