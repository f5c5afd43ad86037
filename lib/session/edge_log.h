// For tests of the state machine: which edges they saw, so that `scripts/test coverage` can hold
// them against state_table.tsv. Without MUSUBI_STATE_EDGES in the environment nothing is written.
#ifndef MUSUBI_LIB_SESSION_EDGE_LOG_H_
#define MUSUBI_LIB_SESSION_EDGE_LOG_H_

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

#include "lib/base/error.h"
#include "lib/session/state_machine.h"

namespace musubi::session {

// Outcome is what a cell of the table says of a step: the next state, or the reason.
inline std::string Outcome(const StepResult& step) {
  if (step.status.ok()) return std::string(Name(step.next.state));
  const auto reason = base::ReasonOf(step.status);
  return reason.has_value() ? std::string(base::Name(*reason)) : "no reason";
}

// EdgeLog collects edges and appends each once, when it goes, to the file that MUSUBI_STATE_EDGES
// names. Not thread-safe.
class EdgeLog {
 public:
  // `source` says where the records come from.
  explicit EdgeLog(std::string source) : source_(std::move(source)) {}
  ~EdgeLog() {
    const char* path = std::getenv("MUSUBI_STATE_EDGES");
    if (path == nullptr) return;
    std::ofstream file(path, std::ios::app);
    for (const std::string& edge : edges_) file << edge << "\n";
  }
  EdgeLog(const EdgeLog&) = delete;
  EdgeLog& operator=(const EdgeLog&) = delete;

  void Note(const SessionRecord& before, const Event& event, const StepResult& step) {
    edges_.insert(source_ + "\t" + std::string(Name(event.payload)) + "\t" +
                  std::string(Name(before.flow)) + "\t" + std::string(Name(before.state)) + "\t" +
                  Outcome(step));
  }

 private:
  const std::string source_;
  std::set<std::string> edges_;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_EDGE_LOG_H_
