#include "services/musubictl/line_answers.h"

#include <array>
#include <istream>
#include <ostream>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "lib/base/mutex.h"

namespace musubi::services::musubictl {
namespace {

// Reads one line, and of one that is too long no more than a part at a time. False at the end.
bool ReadLine(std::istream& in, size_t most, Line& line) {
  std::array<char, size_t{16} << 10> part;
  line = {.number = line.number + 1, .text = {}, .too_long = false};
  for (bool any = false;; any = true) {
    in.getline(part.data(), part.size());
    auto count = static_cast<size_t>(in.gcount());
    const bool whole = in.good();  // With the line's end, which is counted.
    const bool last = in.eof();    // Without.
    if (!whole && !last) {         // The part is full, or reading failed.
      if (in.bad() || count == 0) return false;
      in.clear();
    }
    if (last && count == 0 && !any) return false;
    if (whole) --count;
    if (line.text.size() + count > most) line.too_long = true;
    if (line.too_long) {
      std::string().swap(line.text);
    } else {
      line.text.append(part.data(), count);
    }
    if (whole || last) return true;
  }
}

class Lots {
 public:
  using Answer = absl::FunctionRef<std::string(const std::vector<Line>&)>;

  Lots(std::istream& in, std::ostream& out, const LineAnswersOptions& options, Answer answer)
      : options_(options), answer_(answer), in_(in), out_(out) {}

  // What each thread does until the lines end.
  void Work() {
    while (true) {
      size_t turn = 0;
      const std::vector<Line> lot = Read(turn);
      if (lot.empty()) return;
      const std::string answer = answer_(lot);
      base::MutexLock lock(out_mutex_);
      while (written_ != turn) written_one_.Wait(out_mutex_);
      out_ << answer << std::flush;
      ++written_;
      written_one_.NotifyAll();
    }
  }

 private:
  std::vector<Line> Read(size_t& turn) {
    std::vector<Line> lot;
    size_t octets = 0;
    base::MutexLock lock(in_mutex_);
    while (lot.size() < options_.lines_at_once && octets < options_.octets_at_once && !ended_) {
      Line line{.number = line_, .text = {}, .too_long = false};
      ended_ = !ReadLine(in_, options_.max_line, line);
      if (ended_) break;
      line_ = line.number;
      octets += line.text.size();
      if (line.too_long || line.text.find_first_not_of(" \t\r") != std::string::npos) {
        lot.push_back(std::move(line));
      }
    }
    if (!lot.empty()) turn = read_++;
    return lot;
  }

  const LineAnswersOptions& options_;
  const Answer answer_;
  base::Mutex in_mutex_;
  std::istream& in_ ABSL_GUARDED_BY(in_mutex_);
  bool ended_ ABSL_GUARDED_BY(in_mutex_) = false;
  size_t line_ ABSL_GUARDED_BY(in_mutex_) = 0;
  size_t read_ ABSL_GUARDED_BY(in_mutex_) = 0;
  base::Mutex out_mutex_;
  base::CondVar written_one_;
  std::ostream& out_ ABSL_GUARDED_BY(out_mutex_);
  size_t written_ ABSL_GUARDED_BY(out_mutex_) = 0;
};

}  // namespace

absl::Status AnswerLines(std::istream& in, std::ostream& out, const LineAnswersOptions& options,
                         absl::FunctionRef<std::string(const std::vector<Line>&)> answer) {
  Lots lots(in, out, options, answer);
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < options.threads; ++i) helpers.emplace_back([&lots] { lots.Work(); });
    lots.Work();
  }
  if (in.bad()) return absl::InternalError("the questions could not be read to their end");
  if (!out) return absl::InternalError("the answers could not be written");
  return absl::OkStatus();
}

}  // namespace musubi::services::musubictl
