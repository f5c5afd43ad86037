#include "bench/load/questions.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "bench/load/wire.h"

namespace musubi::bench::load {
namespace {

std::optional<Question> ParseQuestion(std::string_view message) {
  Question question;
  WireReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 1) question.query = reader.octets();
    if (reader.field() == 2) question.right.status = reader.number();
    if (reader.field() == 3) question.right.reason = reader.number();
  }
  if (!reader.ok() || question.query.empty() || question.right.status == 0) return std::nullopt;
  return question;
}

size_t Octets(std::span<const Question> questions) {
  size_t octets = 0;
  for (const Question& question : questions) octets += question.query.size() + 32;
  return octets;
}

}  // namespace

absl::StatusOr<std::vector<Question>> ParseQuestions(std::string_view file) {
  std::vector<Question> questions;
  size_t at = 0;
  while (at < file.size()) {
    size_t size = 0;
    bool whole = false;
    size_t body = at;
    for (unsigned shift = 0; shift < 35 && body < file.size() && !whole; shift += 7) {
      const auto octet = static_cast<uint8_t>(file[body++]);
      size |= size_t{octet & 0x7Fu} << shift;
      whole = (octet & 0x80) == 0;
    }
    const std::optional<Question> question =
        whole && size <= file.size() - body ? ParseQuestion(file.substr(body, size)) : std::nullopt;
    if (!question.has_value()) {
      return absl::InvalidArgumentError(
          "question " + std::to_string(questions.size()) + " at octet " + std::to_string(at) +
          ": not a LoadQuestion with query and status after its length; make the file again");
    }
    questions.push_back(*question);
    at = body + size;
  }
  if (questions.empty()) return absl::InvalidArgumentError("there is no question in it");
  return questions;
}

void Bodies::Reserve(size_t messages, size_t octets) {
  ends_.reserve(messages);
  octets_.reserve(octets);
}

void Bodies::Add(std::string_view message) {
  octets_ += '\0';  // Not compressed.
  for (const int shift : {24, 16, 8, 0}) octets_ += static_cast<char>(message.size() >> shift);
  octets_ += message;
  ends_.push_back(octets_.size());
}

Bodies PrepareUnary(std::span<const Question> questions) {
  Bodies bodies;
  bodies.Reserve(questions.size(), Octets(questions));
  std::string message;
  for (const Question& question : questions) {
    message.clear();
    AppendOctets(1, question.query, message);
    bodies.Add(message);
  }
  return bodies;
}

Bodies PrepareStream(std::span<const Question> questions, size_t per_message) {
  Bodies bodies;
  bodies.Reserve(questions.size() / per_message + 1, Octets(questions));
  std::string message, indexed;
  for (size_t begin = 0; begin < questions.size(); begin += per_message) {
    message.clear();
    for (size_t i = begin; i < std::min(questions.size(), begin + per_message); ++i) {
      indexed.clear();
      AppendNumber(1, i, indexed);
      AppendOctets(2, questions[i].query, indexed);
      AppendOctets(1, indexed, message);
    }
    bodies.Add(message);
  }
  return bodies;
}

Bodies PrepareEcho(std::span<const Question> questions, size_t answer_octets) {
  Bodies bodies;
  bodies.Reserve(questions.size(), Octets(questions));
  std::string message;
  for (const Question& question : questions) {
    message.clear();
    AppendOctets(1, question.query, message);
    AppendNumber(2, answer_octets, message);
    bodies.Add(message);
  }
  return bodies;
}

}  // namespace musubi::bench::load
