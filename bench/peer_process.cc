#include "bench/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status.h"

namespace musubi::bench {

absl::StatusOr<std::unique_ptr<PeerProcess>> PeerProcess::Start(
    const std::vector<std::string>& argv) {
  int to[2], from[2];
  // Close-on-exec: no peer holds the pipes of another open.
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
    return absl::InternalError("no pipes left");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]);
  close(from[1]);
  if (error != 0) {
    close(to[1]);
    close(from[0]);
    return absl::InternalError(absl::StrCat(argv[0], ": ", std::strerror(error)));
  }
  std::unique_ptr<PeerProcess> peer(
      new PeerProcess(argv[0], pid, fdopen(to[1], "w"), fdopen(from[0], "r")));
  MUSUBI_ASSIGN_OR_RETURN(const std::string line, peer->ReadLine());
  if (line != "ready") return absl::InternalError(absl::StrCat(argv[0], " says: ", line));
  return peer;
}

PeerProcess::~PeerProcess() {
  std::fclose(to_);
  std::fclose(from_);
  waitpid(pid_, nullptr, 0);
}

absl::StatusOr<std::string> PeerProcess::ReadLine() {
  std::string line;
  for (int c = std::fgetc(from_); c != '\n'; c = std::fgetc(from_)) {
    if (c == EOF) return absl::InternalError(absl::StrCat(name_, " ended: see what it said"));
    line.push_back(static_cast<char>(c));
  }
  return line;
}

absl::StatusOr<double> PeerProcess::Measure(std::string_view row) {
  const std::string question = std::string(row) + "\n";
  std::fputs(question.c_str(), to_);
  std::fflush(to_);
  MUSUBI_ASSIGN_OR_RETURN(const std::string line, ReadLine());
  double figure = 0;
  if (!absl::SimpleAtod(line, &figure)) {
    return absl::InternalError(absl::StrCat(name_, " says: ", line));
  }
  return figure;
}

}  // namespace musubi::bench
