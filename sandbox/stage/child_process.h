// A process that a test or a stage starts: what it writes is read as it comes, and it is stopped by
// pid at the latest when the object goes.
#ifndef MUSUBI_SANDBOX_STAGE_CHILD_PROCESS_H_
#define MUSUBI_SANDBOX_STAGE_CHILD_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"

namespace musubi::sandbox {

// ChildProcess is for one thread. Dies if the process cannot be started.
class ChildProcess {
 public:
  // `inherited` are descriptors that stay open in the child under the same number.
  ChildProcess(const std::vector<std::string>& command,
               const std::map<std::string, std::string>& environment,
               const std::vector<int>& inherited);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // WaitForText blocks until the output holds `text`: true, or false if the process ended before.
  bool WaitForText(const std::string& text);
  void Signal(int number);
  // Of the process, also when it has ended.
  pid_t pid() const { return pid_; }
  // Wait returns the exit code, or minus the number of the signal that ended it.
  int Wait();
  // Everything that came on standard output and error so far; all of it after Wait.
  std::string output();

 private:
  void Read(int descriptor);

  pid_t pid_ = -1;
  bool waited_ = false;
  int code_ = 0;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::string output_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread reader_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_STAGE_CHILD_PROCESS_H_
