// The questions of a load test: read once from a file, and turned once into the very octets that
// are sent, so that asking one costs no serialisation.
#ifndef MUSUBI_BENCH_LOAD_QUESTIONS_H_
#define MUSUBI_BENCH_LOAD_QUESTIONS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/load/answer.h"

namespace musubi::bench::load {

// Question is one musubi.bench.v1.LoadQuestion of a file.
struct Question {
  std::string_view query;  // A serialised CertificateQuery, within the file.
  VerdictWords right;
};

// ParseQuestions reads a file of LoadQuestions, each after its length as a varint. `file` must
// outlive what is returned. INVALID_ARGUMENT, saying where, unless it is that and not empty.
absl::StatusOr<std::vector<Question>> ParseQuestions(std::string_view file);

// Bodies are gRPC messages with their prefixes, one after the other.
class Bodies {
 public:
  size_t size() const { return ends_.size(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(octets_).substr(begin, ends_[i] - begin);
  }
  void Reserve(size_t messages, size_t octets);
  void Add(std::string_view message);

 private:
  std::string octets_;
  std::vector<size_t> ends_;
};

// PrepareUnary makes a ValidateCertificateRequest of each question.
Bodies PrepareUnary(std::span<const Question> questions);
// PrepareStream makes ValidateCertificatesRequests of `per_message` questions each (the last may
// have fewer); a question's index is its position in `questions`.
Bodies PrepareStream(std::span<const Question> questions, size_t per_message);
// PrepareEcho makes EchoBareRequests as large as the unary requests of the questions, or a few
// octets more, which ask for an answer of `answer_octets`.
Bodies PrepareEcho(std::span<const Question> questions, size_t answer_octets);

}  // namespace musubi::bench::load

#endif  // MUSUBI_BENCH_LOAD_QUESTIONS_H_
