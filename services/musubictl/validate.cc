#include "services/musubictl/validate.h"

#include <atomic>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/prelink/evidence.h"
#include "services/musubictl/commands.h"
#include "services/musubictl/line_answers.h"
#include "services/musubictl/validate_question.h"

namespace musubi::services::musubictl {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

// Questions that one thread takes at a time: cards among them share lanes.
constexpr size_t kQuestionsAtOnce = jpki::kCardsAtOnce;

struct Answer {
  OrderedJson json;
  // Unless json has an error.
  pki::Verdict verdict;
  std::string_view profile;
  std::string anchor_id;  // Empty unless path and proof hold.
  int exit_code = kExitError;
};

class Desk {
 public:
  static absl::StatusOr<std::unique_ptr<Desk>> Create(const ValidateArgs& args) {
    auto desk = std::make_unique<Desk>();
    MUSUBI_ASSIGN_OR_RETURN(desk->reader_, QuestionReader::Create(args.defaults, args.now));
    desk->max_question_ = args.max_question;
    MUSUBI_ASSIGN_OR_RETURN(desk->verifier_, crypto::SignatureVerifier::Create({}));
    return desk;
  }

  // The answers to some lines; of one that is no line of a batch the number is 0.
  std::vector<Answer> AnswerAll(const std::vector<Line>& lines) {
    std::vector<Answer> answers(lines.size());
    std::vector<std::optional<Question>> questions(lines.size());
    for (size_t i = 0; i < lines.size(); ++i) {
      Question& question = questions[i].emplace();
      const absl::Status status = Read(lines[i], question);
      OrderedJson& json = answers[i].json;
      if (!question.id.empty()) json["id"] = OrderedJson::parse(question.id);
      if (status.ok()) {
        answers[i].profile = question.judge->cards == nullptr ? kRfc5280Profile : kCardProfile;
        continue;
      }
      if (lines[i].number != 0) json["line"] = lines[i].number;
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
  absl::Status Read(const Line& line, Question& question) {
    if (!line.too_long) return reader_->Read(line.text, question);
    return absl::InvalidArgumentError(absl::StrCat("a question must not be longer than ",
                                                   max_question_,
                                                   " octets; give large CRLs by their paths"));
  }

  void JudgePath(const Question& question, Answer& answer) {
    pki::ValidationResult result = question.judge->validator->Validate(question.request);
    answer.anchor_id = std::move(result.anchor_id);
    Write(std::move(result.verdict), answer);
    if (answer.verdict.valid()) {
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
        if (verdict.valid()) {
          answer.anchor_id = findings[n].issuer->anchor.id;
          AddRevocation(*questions[members[n]], findings[n], verdict);
        }
        Write(std::move(verdict), answer);
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

  static void Write(pki::Verdict made, Answer& answer) {
    answer.verdict = std::move(made);
    pki::Verdict& verdict = answer.verdict;
    if (verdict.possession == pki::PossessionOutcome::kUnspecified) {
      verdict.possession = pki::PossessionOutcome::kNotAsked;
    }
    OrderedJson& json = answer.json;
    auto time = [](absl::Time at) {
      return std::string(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", at, absl::UTCTimeZone()));
    };
    json["status"] = Name(verdict.status);
    if (!verdict.valid()) json["reason"] = Name(verdict.reason);
    if (verdict.cert_index) json["cert_index"] = *verdict.cert_index;
    json["checked_at"] = time(verdict.checked_at);
    json["possession"] = Name(verdict.possession);
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

  size_t max_question_ = 0;
  std::unique_ptr<QuestionReader> reader_;
  std::unique_ptr<crypto::SignatureVerifier> verifier_;
};

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
  const Answer answer = (*desk)->AnswerAll({Line{.number = 0, .text = "{}"}})[0];
  if (answer.json.contains("error")) {
    err << "musubictl validate: " << answer.json["error"].get<std::string>() << "\n";
    return kExitError;
  }
  if (args.evidence_key != nullptr) {
    const std::string record =
        prelink::SignVerdict(*args.evidence_key, answer.verdict, answer.profile, answer.anchor_id)
            .Serialize();
    const absl::Status status = base::WriteFileAtomically(args.evidence_out, record + "\n", 0644);
    if (!status.ok()) {
      err << "musubictl validate: evidence_out: " << status.message() << "\n";
      return kExitError;
    }
  }
  out << answer.json.dump(2) << "\n";
  return answer.exit_code;
}

int ValidateLines(const ValidateArgs& args, std::istream& in, std::ostream& out,
                  std::ostream& err) {
  const auto desk = Desk::Create(args);
  if (!desk.ok()) {
    err << "musubictl validate: " << desk.status().message() << "\n";
    return kExitError;
  }
  std::atomic<int> exit_code = kExitOk;
  const absl::Status status = AnswerLines(
      in, out,
      {.threads = args.threads, .max_line = args.max_question, .lines_at_once = kQuestionsAtOnce},
      [&](const std::vector<Line>& lines) {
        std::string text;
        for (const Answer& answer : (*desk)->AnswerAll(lines)) {
          text += answer.json.dump() + "\n";
          int worst = exit_code;
          while (worst < answer.exit_code &&
                 !exit_code.compare_exchange_weak(worst, answer.exit_code)) {
          }
        }
        return text;
      });
  if (status.ok()) return exit_code;
  err << "musubictl validate: " << status.message() << "\n";
  return kExitError;
}

}  // namespace musubi::services::musubictl
