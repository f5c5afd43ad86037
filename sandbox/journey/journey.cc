#include "sandbox/journey/journey.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status.h"

namespace musubi::sandbox {
namespace {

class Runner {
 public:
  Runner(const JourneyDependencies& dependencies, const JourneyOptions& options,
         const std::function<void(const Step&)>& on_step)
      : dependencies_(dependencies),
        options_(options),
        on_step_(on_step),
        browser_(dependencies.front, dependencies.random),
        phone_(dependencies.front, dependencies.random, dependencies.card, options.origin) {}

  absl::StatusOr<JourneyResult> Run() {
    MUSUBI_RETURN_IF_ERROR(options_.act == v1::ACT_VERIFY ? OpenVerify() : OpenAtFront());
    result_.session_id = browser_.session_id();
    MUSUBI_RETURN_IF_ERROR(options_.flow == v1::FLOW_ONE_DEVICE ? PairOnOneDevice() : PairByQr());
    MUSUBI_RETURN_IF_ERROR(Prove());
    MUSUBI_RETURN_IF_ERROR(ConsentAndReturn());
    MUSUBI_RETURN_IF_ERROR(Use());
    return std::move(result_);
  }

 private:
  // Runs one action and reports how long it took, also if it failed.
  template <typename Action>
  auto Timed(std::string_view party, std::string_view action, Action run) {
    const absl::Time start = dependencies_.clock.Now();
    auto outcome = run();
    on_step_({.party = party, .action = action, .took = dependencies_.clock.Now() - start});
    return outcome;
  }

  v1::AccountBinding Account() const {
    v1::AccountBinding account;
    account.set_issuer(options_.account_issuer);
    account.set_subject(options_.account_subject);
    account.set_masked_hint(absl::StrCat(options_.account_subject.substr(0, 2), "***"));
    return account;
  }

  v1::SignIn SignedIn() const {
    v1::SignIn sign_in;
    sign_in.set_issuer(options_.account_issuer);
    sign_in.set_subject(options_.account_subject);
    sign_in.set_acr(options_.acr);
    sign_in.mutable_auth_time()->set_seconds(absl::ToUnixSeconds(dependencies_.clock.Now()));
    return sign_in;
  }

  v1::CreateSessionRequest Opening() const {
    v1::CreateSessionRequest request;
    request.set_act(options_.act);
    request.set_flow_policy(options_.flow == v1::FLOW_ONE_DEVICE
                                ? v1::FLOW_POLICY_ONE_DEVICE_ONLY
                                : v1::FLOW_POLICY_CROSS_DEVICE_ONLY);
    request.set_locale(options_.locale);
    request.mutable_client_context()->set_browser("musubi-journey");
    return request;
  }

  absl::Status OpenAtFront() {
    v1::CreateSessionRequest request = Opening();
    request.set_relying_party_id(options_.relying_party_id);
    if (options_.account_first) *request.mutable_account() = Account();
    return Timed("browser", "CreateSession",
                 [&] { return browser_.CreateSession(std::move(request)); });
  }

  absl::Status OpenVerify() {
    if (dependencies_.relying_party == nullptr) {
      return absl::InvalidArgumentError("VERIFY needs a connection of the relying party");
    }
    relying_party_.emplace(*dependencies_.relying_party, dependencies_.random);
    v1::CreateSessionRequest request = Opening();
    request.set_return_uri(options_.return_uri);
    MUSUBI_ASSIGN_OR_RETURN(const v1::CreateSessionResponse opened,
                            Timed("relying party", "CreateSession", [&] {
                              return relying_party_->CreateSession(std::move(request));
                            }));
    return Timed("browser", "ClaimStart", [&] {
      return browser_.ClaimStart(opened.session_id(), opened.start().start_code());
    });
  }

  absl::Status PairByQr() {
    MUSUBI_ASSIGN_OR_RETURN(const v1::QrFrame frame,
                            Timed("browser", "GetQrFrame", [&] { return browser_.GetQrFrame(); }));
    MUSUBI_ASSIGN_OR_RETURN(const std::string code, Timed("phone", "ClaimQr", [&] {
                              return phone_.ClaimQr(frame.payload());
                            }));
    return Timed("browser", "ConfirmCode", [&] { return browser_.ConfirmCode(code); }).status();
  }

  absl::Status PairOnOneDevice() {
    MUSUBI_ASSIGN_OR_RETURN(const std::string token, Timed("browser", "CreateHandoff", [&] {
                              return browser_.CreateHandoff();
                            }));
    return Timed("phone", "ClaimHandoff",
                 [&] { return phone_.ClaimHandoff(browser_.session_id(), token); });
  }

  absl::Status Prove() {
    MUSUBI_ASSIGN_OR_RETURN(const v1::GetChallengeResponse challenge,
                            Timed("phone", "GetChallenge", [&] { return phone_.GetChallenge(); }));
    MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, Timed("card", "read", [&] {
                              return phone_.ReadCard(challenge.challenge(), options_.pins);
                            }));
    MUSUBI_ASSIGN_OR_RETURN(
        const v1::SubmitProofResponse answer,
        Timed("phone", "SubmitProof", [&] { return phone_.SubmitProof(proof); }));
    result_.verdict = answer.verdict();
    if (answer.verdict().status() != v1::VERDICT_STATUS_VALID) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the proof is not valid: ", v1::VerdictStatus_Name(answer.verdict().status()), " ",
          v1::VerdictReason_Name(answer.verdict().reason())));
    }
    consent_ = answer.consent();
    return absl::OkStatus();
  }

  absl::Status ConsentAndReturn() {
    MUSUBI_ASSIGN_OR_RETURN(
        const v1::GrantConsentResponse granted,
        Timed("phone", "GrantConsent", [&] { return phone_.GrantConsent(consent_); }));
    if (options_.flow != v1::FLOW_ONE_DEVICE) {
      MUSUBI_RETURN_IF_ERROR(Timed("browser", "WatchSession", [&] {
                               return browser_.WaitFor(v1::SESSION_STATE_READY);
                             }).status());
    }
    MUSUBI_ASSIGN_OR_RETURN(const v1::CompleteReturnResponse returned,
                            Timed("browser", "CompleteReturn", [&] {
                              return browser_.CompleteReturn(granted.ticket().return_code());
                            }));
    verify_return_ = returned.verify();
    return absl::OkStatus();
  }

  absl::Status Use() {
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
    MUSUBI_ASSIGN_OR_RETURN(
        const v1::CreateLinkResponse created,
        Timed("browser", "CreateLink", [&] { return browser_.CreateLink(SignedIn()); }));
    result_.link_id = created.link().link_id();
    return absl::OkStatus();
  }

  const JourneyDependencies& dependencies_;
  const JourneyOptions& options_;
  const std::function<void(const Step&)>& on_step_;
  Browser browser_;
  Phone phone_;
  std::optional<RelyingParty> relying_party_;
  v1::ConsentRequest consent_;
  v1::VerifyReturn verify_return_;
  JourneyResult result_;
};

}  // namespace

absl::StatusOr<JourneyResult> RunJourney(const JourneyDependencies& dependencies,
                                         const JourneyOptions& options,
                                         const std::function<void(const Step&)>& on_step) {
  return Runner(dependencies, options, on_step).Run();
}

}  // namespace musubi::sandbox
