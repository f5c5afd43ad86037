#include "tests/chaos/person.h"

#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "musubi/v1/link.grpc.pb.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/stage/stage.h"

namespace musubi::chaos {
namespace {

using base::ErrorReason;
using sandbox::Stage;

constexpr char kIssuer[] = "https://idp.university.example";
// A session whose steps are refused so often is given up.
constexpr int kMaxRecoveries = 6;

// A request of its own about the same session.
template <typename Request>
Request Again(const std::string& session_id) {
  base::SystemRandom random;
  Request request;
  request.set_session_id(session_id);
  request.set_request_id(sandbox::NewRequestId(random));
  return request;
}

bool Is(const absl::Status& status, ErrorReason reason) {
  return base::ReasonOf(status) == std::optional(reason);
}

}  // namespace

Person::Person(const Dependencies& dependencies, Plan plan)
    : dependencies_(dependencies), plan_(std::move(plan)) {}

std::string Person::Describe() const {
  return absl::StrCat(v1::Act_Name(plan_.act), " ", v1::Flow_Name(plan_.flow), " step ",
                      static_cast<int>(next_), ", last refused: ", last_refusal_);
}

v1::SignIn Person::SignedIn() const {
  v1::SignIn sign_in;
  sign_in.set_issuer(kIssuer);
  sign_in.set_subject(plan_.account);
  sign_in.set_acr(Stage::kAcr);
  sign_in.mutable_auth_time()->set_seconds(absl::ToUnixSeconds(dependencies_.clock.Now()));
  return sign_in;
}

void Person::Spend(const std::string& kind, const std::string& value,
                   std::function<absl::Status(const Caller&)> again) {
  dependencies_.ledger.Accepted({.kind = kind, .value = value, .again = std::move(again)});
}

absl::Status Person::Try() {
  const absl::Status done = Do();
  if (done.ok()) return done;
  was_refused_ = true;
  last_refusal_ = done.ToString();
  Recover(done);
  return done;
}

absl::Status Person::Do() {
  switch (next_) {
    case Step::kOpen:
      return Open();
    case Step::kStart: {
      const std::string code = opened_.start().start_code();
      MUSUBI_RETURN_IF_ERROR(browser_->ClaimStart(opened_.session_id(), code));
      Spend("start code", code, [id = opened_.session_id(), code](const Caller& caller) {
        base::SystemRandom random;
        return sandbox::Browser(*caller.front, random).ClaimStart(id, code);
      });
      next_ = Step::kShow;
      return absl::OkStatus();
    }
    case Step::kShow:
      return Show();
    case Step::kClaim:
      return Claim();
    case Step::kConfirm: {
      MUSUBI_RETURN_IF_ERROR(browser_->ConfirmCode(code_).status());
      Spend("pairing code", absl::StrCat(browser_->session_id(), code_),
            [id = browser_->session_id(), credential = browser_->credential(),
             code = code_](const Caller& caller) {
              auto request = Again<v1::ConfirmCodeRequest>(id);
              request.set_pairing_code(code);
              return caller.front
                  ->Call<v1::PairingService>(&v1::PairingService::Stub::ConfirmCode, request,
                                             credential)
                  .status();
            });
      next_ = Step::kAsk;
      return absl::OkStatus();
    }
    case Step::kAsk: {
      MUSUBI_ASSIGN_OR_RETURN(const v1::GetChallengeResponse challenge, phone_->GetChallenge());
      const auto read =
          phone_->ReadCard(challenge.challenge(), {.authentication = "1234", .card_info = "5678"});
      if (!read.ok()) {
        dependencies_.ledger.Violation("the app refuses the challenge: " +
                                       read.status().ToString());
        return base::Error(ErrorReason::kChallengeInvalid, "by the app");
      }
      proof_ = *read;
      next_ = Step::kProve;
      return absl::OkStatus();
    }
    case Step::kProve:
      return Prove();
    case Step::kConsent: {
      MUSUBI_ASSIGN_OR_RETURN(const v1::GrantConsentResponse granted,
                              phone_->GrantConsent(*consent_));
      return_code_ = granted.ticket().return_code();
      next_ = Step::kReturn;
      return absl::OkStatus();
    }
    case Step::kReturn:
      return Return();
    case Step::kUse:
      return Use();
    case Step::kDone:
      break;
  }
  return absl::OkStatus();
}

absl::Status Person::Open() {
  browser_.emplace(*dependencies_.caller.front, dependencies_.random);
  phone_.emplace(*dependencies_.caller.front, dependencies_.random, dependencies_.card,
                 Stage::kOrigin);
  v1::CreateSessionRequest request;
  request.set_act(plan_.act);
  request.set_flow_policy(one_device() ? v1::FLOW_POLICY_ONE_DEVICE_ONLY
                                       : v1::FLOW_POLICY_CROSS_DEVICE_ONLY);
  request.set_locale("ja");
  request.mutable_client_context()->set_browser("chaos");
  request.set_relying_party_id(Stage::kRelyingParty);
  if (plan_.act == v1::ACT_VERIFY) {
    request.set_return_uri(Stage::kReturnUri);
    relying_party_.emplace(*dependencies_.caller.relying_party, dependencies_.random);
    MUSUBI_ASSIGN_OR_RETURN(opened_, relying_party_->CreateSession(request));
    next_ = Step::kStart;
    return absl::OkStatus();
  }
  request.mutable_account()->set_issuer(kIssuer);
  request.mutable_account()->set_subject(plan_.account);
  request.mutable_account()->set_masked_hint("ch***");
  MUSUBI_RETURN_IF_ERROR(browser_->CreateSession(request));
  next_ = Step::kShow;
  return absl::OkStatus();
}

absl::Status Person::Show() {
  if (one_device()) {
    MUSUBI_ASSIGN_OR_RETURN(handoff_, browser_->CreateHandoff());
  } else {
    MUSUBI_ASSIGN_OR_RETURN(const v1::QrFrame frame, browser_->GetQrFrame());
    frame_ = frame.payload();
  }
  next_ = Step::kClaim;
  return absl::OkStatus();
}

absl::Status Person::Claim() {
  if (!one_device()) {
    // A frame is no one-time value: who comes first is the phone's claim, which is the session's.
    MUSUBI_ASSIGN_OR_RETURN(code_, phone_->ClaimQr(frame_));
    next_ = Step::kConfirm;
    return absl::OkStatus();
  }
  MUSUBI_RETURN_IF_ERROR(phone_->ClaimHandoff(browser_->session_id(), handoff_));
  Spend(
      "hand-off", handoff_,
      [card = &dependencies_.card, id = browser_->session_id(),
       token = handoff_](const Caller& caller) {
        base::SystemRandom random;
        return sandbox::Phone(*caller.front, random, *card, Stage::kOrigin).ClaimHandoff(id, token);
      });
  next_ = Step::kAsk;
  return absl::OkStatus();
}

absl::Status Person::Prove() {
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofResponse answer, phone_->SubmitProof(proof_));
  if (answer.verdict().status() != v1::VERDICT_STATUS_VALID) {
    // Revocation is judged from CRLs on disk here: no fault of this program touches them.
    dependencies_.ledger.Violation("a good card is " +
                                   v1::VerdictReason_Name(answer.verdict().reason()));
    return base::Error(ErrorReason::kChallengeInvalid, "the verdict is not VALID");
  }
  consent_ = answer.consent();
  Spend("nonce", proof_.nonce(),
        [proof = proof_, credential = phone_->credential()](const Caller& caller) mutable {
          base::SystemRandom random;
          proof.set_request_id(sandbox::NewRequestId(random));
          return caller.front
              ->Call<v1::ValidationService>(&v1::ValidationService::Stub::SubmitProof, proof,
                                            credential)
              .status();
        });
  next_ = Step::kConsent;
  return absl::OkStatus();
}

absl::Status Person::Return() {
  const std::string before = browser_->credential();
  MUSUBI_ASSIGN_OR_RETURN(const v1::CompleteReturnResponse done,
                          browser_->CompleteReturn(one_device() ? return_code_ : std::string()));
  verify_return_ = done.verify();
  returned_ = true;
  if (one_device()) {
    // With the credential that the answer gave, and with the one before it, which an older record
    // knows.
    Spend("return code", return_code_,
          [id = browser_->session_id(), credentials = std::array{before, browser_->credential()},
           code = return_code_](const Caller& caller) {
            auto request = Again<v1::CompleteReturnRequest>(id);
            request.set_return_code(code);
            absl::Status again;
            for (const std::string& credential : credentials) {
              again = caller.front
                          ->Call<v1::PairingService>(&v1::PairingService::Stub::CompleteReturn,
                                                     request, credential)
                          .status();
              if (again.ok()) break;
            }
            return again;
          });
  }
  next_ = Step::kUse;
  return absl::OkStatus();
}

absl::Status Person::Use() {
  Ledger& ledger = dependencies_.ledger;
  const std::string& session = browser_->session_id();
  if (plan_.act == v1::ACT_VERIFY) return Resolve();
  if (plan_.act == v1::ACT_UNLINK) {
    ledger.UnlinkAsked(plan_.link_id);
    const auto deleted = browser_->DeleteLink(SignedIn());
    if (deleted.ok()) {
      if (deleted->link().link_id() != plan_.link_id) ledger.Violation("UNLINK of another link");
    } else if (!(use_unknown_ && Is(deleted.status(), ErrorReason::kLinkNotFound))) {
      use_unknown_ = use_unknown_ || IsTransient(deleted.status());
      return deleted.status();
    }
    ledger.Unlinked(plan_.link_id);
    next_ = Step::kDone;
    return absl::OkStatus();
  }
  const auto created = browser_->CreateLink(SignedIn());
  if (!created.ok()) return created.status();
  link_id_ = created->link().link_id();
  ledger.Linked(link_id_, plan_.account);
  // Using the session again gives the link that it made, or nothing: never another one.
  Spend("session", session, [session, sign_in = SignedIn(), link = link_id_](const Caller& caller) {
    auto request = Again<v1::CreateLinkRequest>(session);
    *request.mutable_sign_in() = sign_in;
    const auto again =
        caller.front->Call<v1::LinkService>(&v1::LinkService::Stub::CreateLink, request, "");
    if (again.ok() && again->link().link_id() == link) {
      return base::Error(ErrorReason::kSessionAlreadyUsed, "the same link");
    }
    return again.status();
  });
  next_ = Step::kDone;
  return absl::OkStatus();
}

absl::Status Person::Resolve() {
  const auto resolved = relying_party_->Resolve(verify_return_);
  if (!resolved.ok()) return resolved.status();
  if (resolved->link_id() != plan_.link_id || resolved->account().subject() != plan_.account) {
    dependencies_.ledger.Violation("VERIFY found another link");
  }
  Spend("result code", verify_return_.result_code(),
        [id = opened_.session_id(), code = verify_return_.result_code()](const Caller& caller) {
          auto request = Again<v1::ResolveLinkRequest>(id);
          request.set_result_code(code);
          return caller.relying_party
              ->Call<v1::LinkService>(&v1::LinkService::Stub::ResolveLink, request, "")
              .status();
        });
  next_ = Step::kDone;
  return absl::OkStatus();
}

void Person::BeginAnew() {
  dependencies_.ledger.Restarted();
  recoveries_ = 0;
  consent_.reset();
  returned_ = false;
  next_ = Step::kOpen;
}

void Person::Recover(const absl::Status& refusal) {
  dependencies_.ledger.Refused(refusal);
  if (next_ == Step::kOpen) return;
  // A rival has a link of this account: the session may be used when that link has ended.
  if (plan_.has_rival && Is(refusal, ErrorReason::kAccountAlreadyLinked)) return;
  if (++recoveries_ > kMaxRecoveries || browser_->session_id().empty()) return BeginAnew();
  const auto view = browser_->GetSession();
  if (!view.ok()) {
    dependencies_.ledger.Refused(view.status());
    // Not known where it stands: the same step again.
    if (!IsTransient(view.status()) && !Is(view.status(), ErrorReason::kStoreFailedOver)) {
      BeginAnew();
    }
    return;
  }
  next_ = After(view->state());
  if (next_ == Step::kOpen) BeginAnew();
}

// Where the session goes on; kOpen if it does not.
Step Person::After(v1::SessionState state) {
  const bool has_phone = !phone_->credential().empty();
  switch (state) {
    case v1::SESSION_STATE_CREATED:
      return Step::kShow;
    case v1::SESSION_STATE_CLAIMED: {
      // Without a credential the phone claims again: with its claim key it gets the same answer.
      if (!has_phone) return Step::kClaim;
      const auto code = phone_->RefreshCode();
      if (!code.ok()) {
        dependencies_.ledger.Refused(code.status());
        return Step::kConfirm;
      }
      code_ = *code;
      return Step::kConfirm;
    }
    case v1::SESSION_STATE_PAIRED:
      return has_phone ? Step::kAsk : Step::kClaim;
    case v1::SESSION_STATE_PROVEN:
      return consent_ ? Step::kConsent : Step::kProve;
    case v1::SESSION_STATE_CONSENTED: {
      const auto ticket = phone_->RefreshReturnCode();
      if (ticket.ok()) {
        return_code_ = ticket->return_code();
      } else {
        dependencies_.ledger.Refused(ticket.status());
      }
      return Step::kReturn;
    }
    case v1::SESSION_STATE_READY:
      if (returned_) return Step::kUse;
      return one_device() ? Step::kOpen : Step::kReturn;
    case v1::SESSION_STATE_USED:
      return plan_.act == v1::ACT_LINK && next_ == Step::kUse ? Step::kUse : Step::kOpen;
    default:
      return Step::kOpen;
  }
}

}  // namespace musubi::chaos
