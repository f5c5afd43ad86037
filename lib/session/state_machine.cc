#include "lib/session/state_machine.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

namespace musubi::session {
namespace {

using base::ErrorReason;

// Which bearer credential an event must carry.
enum class Bearer { kNone, kBrowser, kDevice, kBrowserOrDevice };

// A row of the table: who may send the event, in which states it is taken up at all.
struct Rule {
  std::string_view name;
  Bearer bearer;
  std::array<bool, kNumStates> states;
};

constexpr std::array<bool, kNumStates> In(std::initializer_list<State> states) {
  std::array<bool, kNumStates> set{};
  for (const State state : states) set[static_cast<size_t>(state)] = true;
  return set;
}

// In the order of Payload's alternatives.
constexpr std::array<Rule, std::variant_size_v<Payload>> kRules = {{
    {"ClaimStart", Bearer::kNone, In({State::kCreated})},
    {"RefreshQr", Bearer::kBrowser, In({State::kCreated, State::kClaimed, State::kPaired})},
    {"CreateHandoff", Bearer::kBrowser, In({State::kCreated})},
    {"ClaimQr", Bearer::kNone, In({State::kCreated, State::kClaimed})},
    {"ClaimHandoff", Bearer::kNone, In({State::kCreated})},
    {"RefreshCode", Bearer::kDevice, In({State::kClaimed})},
    {"ConfirmCode", Bearer::kBrowser, In({State::kClaimed})},
    {"NewChallenge", Bearer::kDevice, In({State::kPaired})},
    {"TakeChallenge", Bearer::kDevice, In({State::kPaired})},
    {"ResumeProof", Bearer::kDevice, In({State::kPaired})},
    {"ProofDecided", Bearer::kDevice, In({State::kPaired})},
    {"GrantConsent", Bearer::kDevice, In({State::kProven})},
    {"RefreshReturnCode", Bearer::kDevice, In({State::kConsented})},
    {"CompleteReturn", Bearer::kBrowser, In({State::kConsented, State::kReady})},
    {"BindAccount", Bearer::kBrowser, In({State::kReady})},
    {"Use", Bearer::kNone, In({State::kReady})},
    {"Cancel", Bearer::kBrowserOrDevice,
     In({State::kCreated, State::kClaimed, State::kPaired, State::kProven, State::kConsented,
         State::kReady})},
    {"Settle", Bearer::kNone,
     In({State::kCreated, State::kClaimed, State::kPaired, State::kProven, State::kConsented,
         State::kReady, State::kUsed, State::kCancelled, State::kExpired, State::kFailed})},
}};

bool Matches(const std::optional<base::Hash256>& stored, const base::Hash256& given) {
  return stored.has_value() && base::ConstantTimeEqual(*stored, given);
}

bool Redeems(const std::optional<OneTime>& stored, const base::Hash256& given, absl::Time now) {
  return stored.has_value() && now < stored->expires_at &&
         base::ConstantTimeEqual(stored->hash, given);
}

// Forgets what only a live session needs. Answers stay: a repeated call still gets its own.
void End(SessionRecord& record, State state, absl::Time at) {
  record.state = state;
  record.ended_at = at;
  record.start_code.reset();
  record.handoff.reset();
  record.pairing_code.reset();
  record.challenge.reset();
  record.proof_attempt.reset();
  record.kept_proof.reset();
  record.sealed_card.clear();
  record.granted_attributes.clear();
  record.return_code.reset();
  record.result_code.reset();
}

void Fail(SessionRecord& record, FailReason reason, absl::Time at) {
  End(record, State::kFailed, at);
  record.ended_by = Party::kServer;
  record.fail_reason = reason;
}

void BecomeReady(SessionRecord& record, absl::Time now, const Lifetimes& lifetimes) {
  record.state = State::kReady;
  record.ready_expires_at = now + lifetimes.ready;
}

// The steps of Step: one overload an event, each for a state that its rule names.
class Machine {
 public:
  Machine(SessionRecord& record, const Event& event, absl::Time now, const Lifetimes& lifetimes)
      : record_(record), event_(event), now_(now), lifetimes_(lifetimes) {}

  absl::Status operator()(const ClaimStart& event) {
    if (!Redeems(record_.start_code, event.start_code, now_)) {
      return base::Error(ErrorReason::kStartCodeInvalid, "start code unknown, expired or used");
    }
    record_.start_code.reset();
    record_.browser_credential = event.browser_credential;
    return absl::OkStatus();
  }

  absl::Status operator()(const RefreshQr&) {
    if (record_.flow == Flow::kOneDevice) return FlowRefused("a hand-off was made");
    if (record_.flow_policy == FlowPolicy::kOneDeviceOnly) return FlowRefused("one device only");
    if (record_.qr_refreshes >= lifetimes_.qr_refreshes) {
      return base::Error(ErrorReason::kQrRefreshesExhausted, "no refresh left in this session");
    }
    ++record_.qr_refreshes;
    ++record_.generation;
    record_.qr_page_expires_at = now_ + lifetimes_.qr_page;
    record_.state = State::kCreated;
    record_.flow = Flow::kUnspecified;
    record_.device_credential.reset();
    record_.claimed_by.reset();
    record_.pairing_code.reset();
    record_.paired_at.reset();
    record_.challenge.reset();
    record_.proof_attempt.reset();
    record_.kept_proof.reset();
    record_.second_phone_refused = false;
    return absl::OkStatus();
  }

  absl::Status operator()(const CreateHandoff& event) {
    if (record_.flow_policy == FlowPolicy::kCrossDeviceOnly) {
      return FlowRefused("PC and phone only");
    }
    record_.flow = Flow::kOneDevice;
    record_.handoff = OneTime{event.handoff, now_ + lifetimes_.handoff};
    return absl::OkStatus();
  }

  absl::Status operator()(const ClaimQr& event) {
    if (record_.flow == Flow::kOneDevice) return FlowRefused("a hand-off was made");
    if (record_.flow_policy == FlowPolicy::kOneDeviceOnly) return FlowRefused("one device only");
    if (event.generation != record_.generation) {
      return base::Error(ErrorReason::kQrFrameSuperseded, "the QR was refreshed since");
    }
    if (record_.state == State::kClaimed) {
      record_.second_phone_refused = true;
      return base::Error(ErrorReason::kAlreadyClaimed, "another phone came first");
    }
    if (now_ >= record_.qr_page_expires_at) {
      return base::Error(ErrorReason::kQrPageExpired, "refresh the QR on the PC");
    }
    const absl::Duration age = now_ - (record_.created_at + event.frame_number * kQrFramePeriod);
    if (age > lifetimes_.qr_frame_max_age || age < -lifetimes_.qr_frame_max_ahead) {
      return base::Error(ErrorReason::kQrFrameStale, "scan the frame now on the screen");
    }
    record_.state = State::kClaimed;
    record_.flow = Flow::kCrossDevice;
    record_.claimed_by = event.frame;
    record_.device_credential = event.device_credential;
    record_.pairing_code = OneTime{event.pairing_code, now_ + lifetimes_.pairing_code};
    return absl::OkStatus();
  }

  absl::Status operator()(const ClaimHandoff& event) {
    if (!Redeems(record_.handoff, event.handoff, now_)) {
      return base::Error(ErrorReason::kHandoffInvalid, "hand-off unknown, voided or expired");
    }
    record_.state = State::kPaired;
    record_.paired_at = now_;
    record_.claimed_by = event.handoff;
    record_.handoff.reset();
    record_.device_credential = event.device_credential;
    return absl::OkStatus();
  }

  absl::Status operator()(const RefreshCode& event) {
    record_.pairing_code = OneTime{event.pairing_code, now_ + lifetimes_.pairing_code};
    return absl::OkStatus();
  }

  absl::Status operator()(const ConfirmCode& event) {
    if (!record_.pairing_code.has_value() || now_ >= record_.pairing_code->expires_at) {
      return base::Error(ErrorReason::kPairingCodeExpired, "ask for a new code on the phone");
    }
    if (!base::ConstantTimeEqual(record_.pairing_code->hash, event.pairing_code)) {
      const int tries_left = lifetimes_.pairing_code_tries - ++record_.wrong_codes;
      if (tries_left <= 0) Fail(record_, FailReason::kTooManyCodes, now_);
      return base::Error(ErrorReason::kPairingCodeWrong, "not the code on the phone",
                         {{"tries_left", std::to_string(std::max(tries_left, 0))}});
    }
    record_.state = State::kPaired;
    record_.paired_at = now_;
    record_.pairing_code.reset();
    return absl::OkStatus();
  }

  absl::Status operator()(const NewChallenge& event) {
    record_.kept_proof.reset();
    record_.proof_attempt.reset();
    if (record_.proofs >= lifetimes_.proofs) {
      Fail(record_, FailReason::kTooManyProofs, now_);
      return base::Error(ErrorReason::kWrongState, "no proof left in this session",
                         {{"state", std::string(Name(record_.state))}});
    }
    record_.challenge = OneTime{event.nonce, now_ + lifetimes_.challenge};
    return absl::OkStatus();
  }

  absl::Status operator()(const TakeChallenge& event) {
    if (!Redeems(record_.challenge, event.nonce, now_)) {
      return base::Error(ErrorReason::kChallengeInvalid, "ask for a new challenge");
    }
    record_.challenge.reset();
    ++record_.proofs;
    return BeginAttempt();
  }

  absl::Status operator()(const ResumeProof& event) {
    if (!record_.kept_proof.has_value() || now_ >= record_.kept_proof->expires_at ||
        !base::ConstantTimeEqual(record_.kept_proof->proof_hash, event.proof_hash)) {
      return base::Error(ErrorReason::kChallengeInvalid, "no such proof is waiting");
    }
    return BeginAttempt();
  }

  absl::Status operator()(const ProofDecided& event) {
    if (!Matches(record_.proof_attempt, event.attempt)) {
      return base::Error(ErrorReason::kChallengeInvalid, "a newer challenge took its place");
    }
    record_.proof_attempt.reset();
    record_.last_verdict = event.verdict;
    switch (event.outcome) {
      case ProofOutcome::kValid:
        record_.state = State::kProven;
        record_.kept_proof.reset();
        record_.sealed_card = event.sealed_card;
        break;
      case ProofOutcome::kRevocationPending:
        // The time runs from the first time that this proof was kept.
        if (!record_.kept_proof.has_value()) {
          record_.kept_proof =
              KeptProof{event.proof_hash, event.sealed_card, now_ + lifetimes_.kept_proof};
        }
        break;
      case ProofOutcome::kRejected:
        record_.kept_proof.reset();
        if (record_.proofs >= lifetimes_.proofs) Fail(record_, FailReason::kTooManyProofs, now_);
        break;
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const GrantConsent& event) {
    record_.granted_attributes = event.attributes;
    record_.consent_text_version = event.consent_text_version;
    record_.consented_at = now_;
    if (record_.flow == Flow::kOneDevice) {
      record_.state = State::kConsented;
      record_.return_code = OneTime{event.return_code, now_ + lifetimes_.return_code};
    } else {
      BecomeReady(record_, now_, lifetimes_);
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const RefreshReturnCode& event) {
    record_.return_code = OneTime{event.return_code, now_ + lifetimes_.return_code};
    return absl::OkStatus();
  }

  absl::Status operator()(const CompleteReturn& event) {
    if (record_.state == State::kConsented) {
      if (!event.return_code.has_value() ||
          !Redeems(record_.return_code, *event.return_code, now_)) {
        return base::Error(ErrorReason::kReturnCodeInvalid, "ask for a new one in the app");
      }
      record_.return_code.reset();
      BecomeReady(record_, now_, lifetimes_);
    } else if (record_.flow == Flow::kOneDevice) {
      return WrongState("the browser is back already");
    }
    if (event.result_code.has_value()) {
      record_.result_code = OneTime{*event.result_code, now_ + lifetimes_.result_code};
    }
    ReplaceBrowserCredential(event.browser_credential);
    return absl::OkStatus();
  }

  absl::Status operator()(const BindAccount& event) {
    if (record_.account.has_value() && !record_.account->SameAccount(event.account)) {
      return base::Error(ErrorReason::kAccountAlreadyBound, "the session is for another account");
    }
    if (!record_.account.has_value()) record_.account = event.account;
    ReplaceBrowserCredential(event.browser_credential);
    return absl::OkStatus();
  }

  absl::Status operator()(const Use&) {
    End(record_, State::kUsed, now_);
    return absl::OkStatus();
  }

  absl::Status operator()(const Cancel& event) {
    const bool by_device =
        event_.credential.has_value() && Matches(record_.device_credential, *event_.credential);
    End(record_, State::kCancelled, now_);
    record_.ended_by = by_device ? Party::kDevice : Party::kBrowser;
    record_.cancel_reason = event.reason;
    return absl::OkStatus();
  }

  absl::Status operator()(const Settle&) { return absl::OkStatus(); }

  absl::Status WrongState(std::string_view detail) const {
    if (record_.state == State::kExpired) {
      return base::Error(ErrorReason::kSessionExpired, "the session's time is over");
    }
    return base::Error(ErrorReason::kWrongState, detail,
                       {{"state", std::string(Name(record_.state))}});
  }

 private:
  static absl::Status FlowRefused(std::string_view why) {
    return base::Error(ErrorReason::kFlowNotAllowed, why);
  }

  absl::Status BeginAttempt() {
    if (!event_.once.has_value()) {
      return base::Error(ErrorReason::kFieldInvalid, "a proof needs a request id",
                         {{"field", "request_id"}});
    }
    record_.proof_attempt = event_.once->request_id_hash;
    return absl::OkStatus();
  }

  void ReplaceBrowserCredential(const base::Hash256& fresh) {
    record_.old_browser_credential = record_.browser_credential;
    record_.old_browser_request.reset();
    if (event_.once.has_value()) record_.old_browser_request = event_.once->request_id_hash;
    record_.browser_credential = fresh;
  }

  SessionRecord& record_;
  const Event& event_;
  absl::Time now_;
  const Lifetimes& lifetimes_;
};

// The replaced browser credential is good for one thing: repeating the request that replaced it.
bool RepeatsReplacement(const SessionRecord& record, const Event& event) {
  return event.once.has_value() && Matches(record.old_browser_credential, *event.credential) &&
         Matches(record.old_browser_request, event.once->request_id_hash);
}

absl::Status CheckBearer(const SessionRecord& record, const Event& event, Bearer bearer) {
  if (bearer == Bearer::kNone) return absl::OkStatus();
  if (!event.credential.has_value()) {
    return base::Error(ErrorReason::kCredentialMissing, "send authorization: Bearer");
  }
  const bool browser =
      Matches(record.browser_credential, *event.credential) || RepeatsReplacement(record, event);
  const bool device = Matches(record.device_credential, *event.credential);
  if ((browser && bearer != Bearer::kDevice) || (device && bearer != Bearer::kBrowser)) {
    return absl::OkStatus();
  }
  return base::Error(ErrorReason::kCredentialInvalid, "not the credential for this call");
}

const StoredAnswer* FindAnswer(const SessionRecord& record, const Once& once) {
  for (const StoredAnswer& answer : record.answers) {
    if (base::ConstantTimeEqual(answer.request_id_hash, once.request_id_hash)) return &answer;
  }
  return nullptr;
}

// A refusal is remembered where the call had an effect or a repetition would have one.
bool IsRemembered(const absl::Status& status) {
  return status.ok() || base::ReasonOf(status) == ErrorReason::kPairingCodeWrong;
}

void Remember(SessionRecord& record, const Once& once, const absl::Status& status) {
  StoredAnswer answer{.request_id_hash = once.request_id_hash,
                      .body_hash = once.body_hash,
                      .error = base::ReasonOf(status),
                      .metadata = base::MetadataOf(status),
                      .sealed = once.sealed_answer};
  if (record.answers.size() >= kMaxStoredAnswers) record.answers.erase(record.answers.begin());
  record.answers.push_back(std::move(answer));
}

// A proof's answer is known only when it has been judged: ProofDecided stores it, not the event
// that began the attempt.
bool BeginsProof(const Payload& payload) {
  return std::holds_alternative<TakeChallenge>(payload) ||
         std::holds_alternative<ResumeProof>(payload);
}

}  // namespace

std::string_view Name(const Payload& payload) { return kRules[payload.index()].name; }

StepResult Step(const SessionRecord& record, const Event& event, absl::Time now,
                const Lifetimes& lifetimes) {
  StepResult result{.next = record, .status = absl::OkStatus()};
  SessionRecord& next = result.next;
  const Rule& rule = kRules[event.payload.index()];
  if (!IsTerminal(next.state) && now >= next.Deadline()) {
    End(next, State::kExpired, next.Deadline());
    next.ended_by = Party::kServer;
    result.changed = true;
  }
  result.status = CheckBearer(next, event, rule.bearer);
  if (!result.status.ok()) return result;
  if (event.once.has_value()) {
    if (const StoredAnswer* answer = FindAnswer(next, *event.once); answer != nullptr) {
      if (answer->body_hash != event.once->body_hash) {
        result.status = base::Error(ErrorReason::kRequestIdReused, "another body came with it");
        return result;
      }
      result.repeated = true;
      result.sealed_answer = answer->sealed;
      if (answer->error.has_value()) {
        result.status = base::Error(*answer->error, "as answered before", answer->metadata);
      }
      return result;
    }
  }
  Machine machine(next, event, now, lifetimes);
  // Only a repetition passes with the replaced credential, and this is none.
  if (rule.bearer != Bearer::kNone && !Matches(next.browser_credential, *event.credential) &&
      !Matches(next.device_credential, *event.credential)) {
    result.status = base::Error(ErrorReason::kCredentialInvalid, "this credential was replaced");
    return result;
  }
  if (!rule.states[static_cast<size_t>(next.state)]) {
    result.status = machine.WrongState("not possible in this state");
    return result;
  }
  result.status = std::visit(machine, event.payload);
  if (event.once.has_value() && IsRemembered(result.status) && !BeginsProof(event.payload)) {
    Remember(next, *event.once, result.status);
  }
  if (result.status.ok() && event.once.has_value()) {
    result.sealed_answer = event.once->sealed_answer;
  }
  result.changed = next != record;
  return result;
}

}  // namespace musubi::session
