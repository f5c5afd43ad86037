// A file of LoadQuestions (question.proto), each behind its length as a varint: written and read
// whole. Makes no questions: see inputs.h.
#ifndef MUSUBI_BENCH_LOAD_QUESTION_FILE_H_
#define MUSUBI_BENCH_LOAD_QUESTION_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/load/question.pb.h"

namespace musubi::bench {

// The octets of one question in a file.
std::string Delimited(const v1::LoadQuestion& question);

// INVALID_ARGUMENT if the file is cut, or no file of questions.
absl::StatusOr<std::vector<v1::LoadQuestion>> ReadQuestions(const std::string& path);

}  // namespace musubi::bench

#endif  // MUSUBI_BENCH_LOAD_QUESTION_FILE_H_
