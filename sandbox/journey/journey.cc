#include "sandbox/journey/journey.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"

namespace musubi::sandbox {

Journey::Journey(const JourneyDependencies& dependencies, JourneyOptions options,
                 std::function<void(const Step&)> on_step)
    : dependencies_(dependencies),
      options_(std::move(options)),
      on_step_(std::move(on_step)),
      browser_(dependencies.front, dependencies.random),
      phone_(dependencies.front, dependencies.random, dependencies.card, options_.origin) {}

// Runs one action and reports how long it took, also if it failed.
template <typename Action>
auto Journey::Timed(std::string_view party, std::string_view action, Action run) {
  const absl::Time start = dependencies_.clock.Now();
  auto outcome = run();
  on_step_({.party = party, .action = action, .took = dependencies_.clock.Now() - start});
  return outcome;
}

absl::StatusOr<JourneyResult> Journey::Run() {
  MUSUBI_RETURN_IF_ERROR(Reach(v1::SESSION_STATE_USED));
  return result_;
}

absl::Status Journey::Reach(v1::SessionState state) {
  const bool one_device = options_.flow == v1::FLOW_ONE_DEVICE;
  struct Leg {
    v1::SessionState ends_in;  // UNSPECIFIED: where the leg before it ended.
    absl::Status (Journey::*step)();
  };
  const std::initializer_list<Leg> two_devices = {
      {v1::SESSION_STATE_CREATED, &Journey::Open},
      {v1::SESSION_STATE_UNSPECIFIED, &Journey::ShowQr},
      {v1::SESSION_STATE_CLAIMED, &Journey::Claim},
      {v1::SESSION_STATE_PAIRED, &Journey::Confirm},
      {v1::SESSION_STATE_PROVEN, &Journey::Prove},
      {v1::SESSION_STATE_READY, &Journey::Consent},
      {v1::SESSION_STATE_UNSPECIFIED, &Journey::Return},
      {v1::SESSION_STATE_USED, &Journey::Use},
  };
  const std::initializer_list<Leg> one = {
      {v1::SESSION_STATE_CREATED, &Journey::Open},
      {v1::SESSION_STATE_UNSPECIFIED, &Journey::HandOff},
      {v1::SESSION_STATE_PAIRED, &Journey::Claim},
      {v1::SESSION_STATE_PROVEN, &Journey::Prove},
      {v1::SESSION_STATE_CONSENTED, &Journey::Consent},
      {v1::SESSION_STATE_READY, &Journey::Return},
      {v1::SESSION_STATE_USED, &Journey::Use},
  };
  for (const Leg& leg : one_device ? one : two_devices) {
    MUSUBI_RETURN_IF_ERROR((this->*leg.step)());
    if (leg.ends_in == state) return absl::OkStatus();
  }
  return absl::InvalidArgumentError("this flow does not come to " + v1::SessionState_Name(state));
}

v1::AccountBinding Journey::Account() const {
  v1::AccountBinding account;
  account.set_issuer(options_.account_issuer);
  account.set_subject(options_.account_subject);
  account.set_masked_hint(absl::StrCat(options_.account_subject.substr(0, 2), "***"));
  return account;
}

v1::SignIn Journey::SignedIn() const {
  v1::SignIn sign_in;
  sign_in.set_issuer(options_.account_issuer);
  sign_in.set_subject(options_.account_subject);
  sign_in.set_acr(options_.acr);
  sign_in.mutable_auth_time()->set_seconds(absl::ToUnixSeconds(dependencies_.clock.Now()));
  return sign_in;
}

v1::CreateSessionRequest Journey::Opening() const {
  v1::CreateSessionRequest request;
  request.set_act(options_.act);
  request.set_flow_policy(options_.flow == v1::FLOW_ONE_DEVICE ? v1::FLOW_POLICY_ONE_DEVICE_ONLY
                                                               : v1::FLOW_POLICY_CROSS_DEVICE_ONLY);
  if (options_.any_flow) request.set_flow_policy(v1::FLOW_POLICY_ANY);
  request.set_locale(options_.locale);
  request.mutable_client_context()->set_browser("musubi-journey");
  request.set_relying_party_id(options_.relying_party_id);
  if (options_.act == v1::ACT_VERIFY) {
    request.set_return_uri(options_.return_uri);
  } else if (options_.account_first) {
    *request.mutable_account() = Account();
  }
  return request;
}

absl::Status Journey::Open() {
  const absl::Status opened =
      options_.act == v1::ACT_VERIFY
          ? OpenVerify()
          : Timed("browser", "CreateSession", [&] { return browser_.CreateSession(Opening()); });
  result_.session_id = browser_.session_id();
  return opened;
}

absl::Status Journey::OpenVerify() {
  if (dependencies_.relying_party == nullptr) {
    return absl::InvalidArgumentError("VERIFY needs a connection of the relying party");
  }
  relying_party_.emplace(*dependencies_.relying_party, dependencies_.random);
  MUSUBI_ASSIGN_OR_RETURN(const v1::CreateSessionResponse opened,
                          Timed("relying party", "CreateSession",
                                [&] { return relying_party_->CreateSession(Opening()); }));
  start_ = opened.start();
  return Timed("browser", "ClaimStart",
               [&] { return browser_.ClaimStart(opened.session_id(), start_.start_code()); });
}

absl::Status Journey::Pair() {
  if (options_.flow == v1::FLOW_ONE_DEVICE) {
    MUSUBI_RETURN_IF_ERROR(HandOff());
    return Claim();
  }
  MUSUBI_RETURN_IF_ERROR(ShowQr());
  MUSUBI_RETURN_IF_ERROR(Claim());
  return Confirm();
}

absl::Status Journey::ShowQr() {
  MUSUBI_ASSIGN_OR_RETURN(frame_,
                          Timed("browser", "GetQrFrame", [&] { return browser_.GetQrFrame(); }));
  return absl::OkStatus();
}

absl::Status Journey::HandOff() {
  MUSUBI_ASSIGN_OR_RETURN(
      handoff_token_, Timed("browser", "CreateHandoff", [&] { return browser_.CreateHandoff(); }));
  return absl::OkStatus();
}

absl::Status Journey::Claim() {
  if (options_.flow == v1::FLOW_ONE_DEVICE) {
    return Timed("phone", "ClaimHandoff",
                 [&] { return phone_.ClaimHandoff(browser_.session_id(), handoff_token_); });
  }
  MUSUBI_ASSIGN_OR_RETURN(
      pairing_code_, Timed("phone", "ClaimQr", [&] { return phone_.ClaimQr(frame_.payload()); }));
  return absl::OkStatus();
}

absl::Status Journey::Confirm() {
  return Timed("browser", "ConfirmCode", [&] { return browser_.ConfirmCode(pairing_code_); })
      .status();
}

absl::Status Journey::Prove() {
  MUSUBI_ASSIGN_OR_RETURN(const v1::GetChallengeResponse challenge,
                          Timed("phone", "GetChallenge", [&] { return phone_.GetChallenge(); }));
  MUSUBI_ASSIGN_OR_RETURN(proof_, Timed("card", "read", [&] {
                            return phone_.ReadCard(challenge.challenge(), options_.pins);
                          }));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofResponse answer, Timed("phone", "SubmitProof", [&] {
                            return phone_.SubmitProof(proof_);
                          }));
  result_.verdict = answer.verdict();
  if (answer.verdict().status() != v1::VERDICT_STATUS_VALID) {
    return absl::FailedPreconditionError(
        absl::StrCat("the proof is not valid: ", v1::VerdictStatus_Name(answer.verdict().status()),
                     " ", v1::VerdictReason_Name(answer.verdict().reason())));
  }
  consent_ = answer.consent();
  return absl::OkStatus();
}

absl::Status Journey::Consent() {
  MUSUBI_ASSIGN_OR_RETURN(
      const v1::GrantConsentResponse granted,
      Timed("phone", "GrantConsent", [&] { return phone_.GrantConsent(consent_); }));
  ticket_ = granted.ticket();
  return absl::OkStatus();
}

absl::Status Journey::Return() {
  if (options_.flow != v1::FLOW_ONE_DEVICE) {
    MUSUBI_RETURN_IF_ERROR(Timed("browser", "WatchSession", [&] {
                             return browser_.WaitFor(v1::SESSION_STATE_READY);
                           }).status());
  }
  MUSUBI_ASSIGN_OR_RETURN(const v1::CompleteReturnResponse returned,
                          Timed("browser", "CompleteReturn",
                                [&] { return browser_.CompleteReturn(ticket_.return_code()); }));
  verify_return_ = returned.verify();
  return absl::OkStatus();
}

absl::Status Journey::Use() {
  if (options_.act == v1::ACT_VERIFY) {
    MUSUBI_ASSIGN_OR_RETURN(const v1::ResolveLinkResponse resolved,
                            Timed("relying party", "ResolveLink",
                                  [&] { return relying_party_->Resolve(verify_return_); }));
    result_.link_id = resolved.link_id();
    result_.account_subject = resolved.account().subject();
    result_.flow = resolved.flow();
    return absl::OkStatus();
  }
  if (!options_.account_first) {
    MUSUBI_RETURN_IF_ERROR(
        Timed("browser", "BindAccount", [&] { return browser_.BindAccount(Account()); }));
  }
  result_.flow = options_.flow;
  if (options_.act == v1::ACT_UNLINK) {
    MUSUBI_ASSIGN_OR_RETURN(
        const v1::DeleteLinkResponse deleted,
        Timed("browser", "DeleteLink", [&] { return browser_.DeleteLink(SignedIn()); }));
    result_.link_id = deleted.link().link_id();
    return absl::OkStatus();
  }
  MUSUBI_ASSIGN_OR_RETURN(const v1::CreateLinkResponse created, Timed("browser", "CreateLink", [&] {
                            return browser_.CreateLink(SignedIn());
                          }));
  result_.link_id = created.link().link_id();
  return absl::OkStatus();
}

}  // namespace musubi::sandbox
