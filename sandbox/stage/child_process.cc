#include "sandbox/stage/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/check.h"

extern char** environ;

namespace musubi::sandbox {

ChildProcess::ChildProcess(const std::vector<std::string>& command,
                           const std::map<std::string, std::string>& environment,
                           const std::vector<int>& inherited) {
  int pipes[2];
  MUSUBI_CHECK(pipe2(pipes, O_CLOEXEC) == 0, "cannot make a pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
  // A descriptor that is duplicated onto itself loses its close-on-exec flag.
  for (const int descriptor : inherited) {
    posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor);
  }
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) variables.emplace_back(*entry);
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> entries;
  for (std::string& variable : variables) entries.push_back(variable.data());
  entries.push_back(nullptr);
  const int failure =
      posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), entries.data());
  posix_spawn_file_actions_destroy(&actions);
  close(pipes[1]);
  MUSUBI_CHECK(failure == 0, "cannot start " + command[0]);
  reader_ = std::thread([this, descriptor = pipes[0]] { Read(descriptor); });
}

ChildProcess::~ChildProcess() {
  if (!waited_) {
    Signal(SIGKILL);
    Wait();
  }
}

void ChildProcess::Read(int descriptor) {
  char buffer[4096];
  while (true) {
    const ssize_t n = read(descriptor, buffer, sizeof(buffer));
    base::MutexLock lock(mutex_);
    if (n > 0) {
      output_.append(buffer, static_cast<size_t>(n));
    } else {
      ended_ = true;
    }
    changed_.NotifyAll();
    if (ended_) break;
  }
  close(descriptor);
}

bool ChildProcess::WaitForText(const std::string& text) {
  base::MutexLock lock(mutex_);
  while (output_.find(text) == std::string::npos) {
    if (ended_) return false;
    changed_.Wait(mutex_);
  }
  return true;
}

void ChildProcess::Signal(int number) { kill(pid_, number); }

int ChildProcess::Wait() {
  if (waited_) return code_;
  int status = 0;
  waitpid(pid_, &status, 0);
  waited_ = true;
  reader_.join();
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return code_;
}

std::string ChildProcess::output() {
  base::MutexLock lock(mutex_);
  return output_;
}

}  // namespace musubi::sandbox
