#include "services/musubictl/validate.h"

#include <algorithm>
#include <atomic>
#include <istream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/crypto/signature_verifier.h"
#include "services/musubictl/commands.h"
#include "services/musubictl/validate_question.h"

namespace musubi::services::musubictl {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;
using Lines = std::vector<std::pair<size_t, std::string>>;

// Questions that one thread takes at a time: cards among them share lanes.
constexpr size_t kQuestionsAtOnce = jpki::kCardsAtOnce;
// Questions that are read ahead: what bounds the memory of a batch.
constexpr size_t kQuestionsAhead = 32 * kQuestionsAtOnce;
// Longest line: a card's certificate with CRL and OCSP response in base64 is far below it.
constexpr size_t kMaxLine = size_t{64} << 20;

struct Answer {
  OrderedJson json;
  int exit_code = kExitError;
};

class Desk {
 public:
  static absl::StatusOr<std::unique_ptr<Desk>> Create(const ValidateArgs& args) {
    auto desk = std::make_unique<Desk>();
    MUSUBI_ASSIGN_OR_RETURN(desk->reader_, QuestionReader::Create(args.defaults, args.now));
    MUSUBI_ASSIGN_OR_RETURN(desk->verifier_, crypto::SignatureVerifier::Create({}));
    return desk;
  }

  // The answers to some lines, each with its number or 0.
  std::vector<Answer> AnswerAll(const Lines& lines) {
    std::vector<Answer> answers(lines.size());
    std::vector<std::optional<Question>> questions(lines.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      Question& question = questions[i].emplace();
      const absl::Status status = reader_->Read(lines[i].second, question);
      OrderedJson& json = answers[i].json;
      if (!question.id.empty()) json["id"] = OrderedJson::parse(question.id);
      if (status.ok()) continue;
      if (lines[i].first != 0) json["line"] = lines[i].first;
      json["error"] = std::string(status.message());
      questions[i].reset();
    }
    JudgeCards(questions, answers);
    for (size_t i = 0; i < lines.size(); ++i) {
      if (questions[i] && questions[i]->judge->cards == nullptr) {
        JudgePath(*questions[i], answers[i]);
      }
    }
    return answers;
  }

 private:
  void JudgePath(const Question& question, Answer& answer) {
    const pki::ValidationResult result = question.judge->validator->Validate(question.request);
    Write(result.verdict, answer);
    if (result.verdict.valid()) {
      answer.json["user_constrained_policies"] = result.user_constrained_policies;
    }
  }

  // Cards that are judged alike and at one time share the lanes.
  void JudgeCards(std::vector<std::optional<Question>>& questions, std::vector<Answer>& answers) {
    std::map<std::pair<const Judge*, absl::Time>, std::vector<size_t>> groups;
    for (size_t i = 0; i < questions.size(); ++i) {
      if (!questions[i] || questions[i]->judge->cards == nullptr) continue;
      groups[{questions[i]->judge.get(), questions[i]->request.validation_time}].push_back(i);
    }
    for (const auto& [key, members] : groups) {
      std::vector<jpki::CardQuestion> cards;
      for (const size_t i : members) {
        jpki::CardQuestion card{.certificate_der = questions[i]->certificate, .proof = {}};
        if (const auto& proof = questions[i]->request.proof) {
          card.proof = jpki::Proof{proof->message, proof->signature, proof->algorithm};
        }
        cards.push_back(card);
      }
      std::vector<jpki::CardFinding> findings(cards.size());
      const absl::Status status = key.first->cards->CheckBatch(
          cards, key.second, findings,
          [&](auto checks, auto outcomes) { return verifier_->Verify(checks, outcomes); });
      for (size_t n = 0; n < members.size(); ++n) {
        Answer& answer = answers[members[n]];
        if (!status.ok()) {
          answer.json["error"] = std::string(status.message());
          continue;
        }
        pki::Verdict& verdict = findings[n].verdict;
        if (verdict.valid()) AddRevocation(*questions[members[n]], findings[n], verdict);
        Write(verdict, answer);
      }
    }
  }

  static void AddRevocation(const Question& question, const jpki::CardFinding& finding,
                            pki::Verdict& verdict) {
    const pki::ValidatedPath path{
        {*pki::Certificate::Parse(question.certificate), finding.issuer->anchor.certificate},
        finding.issuer->anchor.id};
    question.judge->validator->AddRevocation(path, question.request, verdict);
  }

  static void Write(const pki::Verdict& verdict, Answer& answer) {
    OrderedJson& json = answer.json;
    auto time = [](absl::Time at) {
      return std::string(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", at, absl::UTCTimeZone()));
    };
    json["status"] = Name(verdict.status);
    if (!verdict.valid()) json["reason"] = Name(verdict.reason);
    if (verdict.cert_index) json["cert_index"] = *verdict.cert_index;
    json["checked_at"] = time(verdict.checked_at);
    json["possession"] = Name(verdict.possession == pki::PossessionOutcome::kUnspecified
                                  ? pki::PossessionOutcome::kNotAsked
                                  : verdict.possession);
    const pki::RevocationFinding& finding = verdict.revocation;
    OrderedJson revocation;
    revocation["outcome"] = Name(finding.outcome);
    if (finding.method != pki::RevocationMethod::kUnspecified) {
      revocation["method"] = Name(finding.method);
    }
    if (finding.this_update) revocation["this_update"] = time(*finding.this_update);
    if (finding.next_update) revocation["next_update"] = time(*finding.next_update);
    if (finding.revoked_at) revocation["revoked_at"] = time(*finding.revoked_at);
    if (finding.reason != pki::CrlReason::kNotGiven) revocation["reason"] = Name(finding.reason);
    json["revocation"] = std::move(revocation);
    if (!verdict.diagnostic.empty()) json["diagnostic"] = verdict.diagnostic;
    answer.exit_code = verdict.valid()                                  ? kExitOk
                       : verdict.status == pki::VerdictStatus::kInvalid ? kExitBroken
                                                                        : kExitError;
  }

  std::unique_ptr<QuestionReader> reader_;
  std::unique_ptr<crypto::SignatureVerifier> verifier_;
};

// Reads up to `most` questions; empty lines are none.
Lines ReadLines(std::istream& in, size_t most, size_t& number) {
  Lines lines;
  std::string line;
  while (lines.size() < most && std::getline(in, line)) {
    ++number;
    if (line.size() > kMaxLine) line = "line too long";
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.emplace_back(number, line);
  }
  return lines;
}

}  // namespace

std::string AsQuestion(const ValidateFlags& flags) {
  Json question = Json::object();
  auto add = [&question](const char* name, const auto& value) {
    if (!value.empty()) question[name] = value;
  };
  add("anchors", flags.anchors);
  add("intermediates", flags.intermediates);
  add("certificate", flags.certificate);
  add("crls", flags.crls);
  add("ocsp_response", flags.ocsp_response);
  add("time", flags.time);
  add("initial_policies", flags.initial_policies);
  add("purpose", flags.purpose);
  add("profile", flags.profile);
  add("hierarchy", flags.hierarchy);
  add("revocation", flags.revocation);
  add("max_crl_age", flags.max_crl_age);
  add("proof_message", flags.proof_message);
  add("proof_signature", flags.proof_signature);
  add("proof_algorithm", flags.proof_algorithm);
  if (flags.explicit_policy) question["explicit_policy"] = true;
  if (flags.inhibit_mapping) question["inhibit_mapping"] = true;
  if (flags.inhibit_any_policy) question["inhibit_any_policy"] = true;
  return question.dump();
}

int Validate(const ValidateArgs& args, std::ostream& out, std::ostream& err) {
  const auto desk = Desk::Create(args);
  if (!desk.ok()) {
    err << "musubictl validate: " << desk.status().message() << "\n";
    return kExitError;
  }
  const Answer answer = (*desk)->AnswerAll({{0, "{}"}})[0];
  if (answer.json.contains("error")) {
    err << "musubictl validate: " << answer.json["error"].get<std::string>() << "\n";
  } else {
    out << answer.json.dump(2) << "\n";
  }
  return answer.exit_code;
}

int ValidateLines(const ValidateArgs& args, std::istream& in, std::ostream& out,
                  std::ostream& err) {
  const auto desk = Desk::Create(args);
  if (!desk.ok()) {
    err << "musubictl validate: " << desk.status().message() << "\n";
    return kExitError;
  }
  int exit_code = kExitOk;
  size_t number = 0;
  while (true) {
    const Lines lines = ReadLines(in, kQuestionsAhead, number);
    if (lines.empty()) return exit_code;
    std::vector<std::vector<Answer>> answers((lines.size() + kQuestionsAtOnce - 1) /
                                             kQuestionsAtOnce);
    std::atomic<size_t> next = 0;
    auto work = [&] {
      for (size_t part = next++; part < answers.size(); part = next++) {
        const auto first = lines.begin() + static_cast<std::ptrdiff_t>(part * kQuestionsAtOnce);
        const auto left = static_cast<size_t>(lines.end() - first);
        answers[part] = (*desk)->AnswerAll(
            Lines(first, first + static_cast<std::ptrdiff_t>(std::min(kQuestionsAtOnce, left))));
      }
    };
    std::vector<std::jthread> helpers;
    for (int i = 1; i < args.threads; ++i) helpers.emplace_back(work);
    work();
    helpers.clear();
    for (const auto& part : answers) {
      for (const Answer& answer : part) {
        out << answer.json.dump() << "\n";
        exit_code = std::max(exit_code, answer.exit_code);
      }
    }
    out.flush();
  }
}

}  // namespace musubi::services::musubictl
