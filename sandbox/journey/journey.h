// One journey: opens, pairs, proves, consents, returns and uses, in the order that people do it;
// from end to end, or step by step for those who leave the path. Stops at the first error.
#ifndef MUSUBI_SANDBOX_JOURNEY_JOURNEY_H_
#define MUSUBI_SANDBOX_JOURNEY_JOURNEY_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "musubi/v1/common.pb.h"
#include "sandbox/journey/connection.h"
#include "sandbox/journey/parties.h"
#include "sandbox/virtual_card.h"

namespace musubi::sandbox {

// Step is one thing that one party did.
struct Step {
  std::string_view party;   // "browser", "phone", "card", "relying party"
  std::string_view action;  // As in "CreateSession".
  absl::Duration took;
};

struct JourneyOptions {
  v1::Act act = v1::ACT_LINK;  // LINK, UNLINK, VERIFY or REPLACE.
  v1::Flow flow = v1::FLOW_CROSS_DEVICE;
  std::string relying_party_id = "demo-university";
  std::string origin = "https://prelink.example";  // That the app is connected to.
  // The account of the person who signs in; unused for VERIFY.
  std::string account_issuer = "https://idp.university.example";
  std::string account_subject = "shiken-001";
  std::string acr = "urn:example:mfa";
  // The account is named in the beginning; false: card first, named by BindAccount.
  bool account_first = true;
  // The session permits both flows, and not just the one that is taken.
  bool any_flow = false;
  std::string return_uri = "https://reset.university.example/return";  // VERIFY only.
  std::string locale = "ja";
  Pins pins;
};

// JourneyResult is what the journey came to; empty members do not apply to the act.
struct JourneyResult {
  std::string session_id;
  std::string link_id;
  std::string account_subject;  // VERIFY: whose card it was.
  v1::Flow flow = v1::FLOW_UNSPECIFIED;
  v1::Verdict verdict;
};

struct JourneyDependencies {
  const base::Clock& clock;  // The machine's: sign-ins are dated with it.
  base::SecureRandom& random;
  const Connection& front;
  // May be null unless the act is VERIFY.
  const Connection* relying_party = nullptr;
  VirtualCard& card;
};

// Journey is one run of one session. Not thread-safe.
class Journey {
 public:
  // `on_step` hears of each step when it is done, also if it failed.
  Journey(
      const JourneyDependencies& dependencies, JourneyOptions options,
      std::function<void(const Step&)> on_step = [](const Step&) {});
  Journey(const Journey&) = delete;
  Journey& operator=(const Journey&) = delete;

  // Run takes every step. Errors are the server's or the card's; FAILED_PRECONDITION, with the
  // reason's name, if the server did not find the proof valid.
  absl::StatusOr<JourneyResult> Run();

  // The steps, each from where the one before it ends. Pair is ShowQr, Claim and Confirm, or on one
  // device HandOff and Claim.
  absl::Status Open();
  absl::Status Pair();
  absl::Status ShowQr();
  absl::Status HandOff();
  absl::Status Claim();
  absl::Status Confirm();
  absl::Status Prove();
  absl::Status Consent();
  absl::Status Return();
  absl::Status Use();
  // Reach takes the steps from the beginning until the session is in `state`, one of those that
  // come before USED, or USED. INVALID_ARGUMENT for one that the flow does not have.
  absl::Status Reach(v1::SessionState state);

  // Account and SignedIn are what front says of the person.
  v1::AccountBinding Account() const;
  v1::SignIn SignedIn() const;
  // Opening is the request that Open sends, but for what only one act has.
  v1::CreateSessionRequest Opening() const;

  const JourneyOptions& options() const { return options_; }
  const JourneyResult& result() const { return result_; }
  Browser& browser() { return browser_; }
  Phone& phone() { return phone_; }
  RelyingParty& relying_party() { return *relying_party_; }  // VERIFY only, after Open.
  // What the steps left: empty before theirs.
  const v1::Start& start() const { return start_; }
  const v1::QrFrame& frame() const { return frame_; }
  const std::string& handoff_token() const { return handoff_token_; }
  const std::string& pairing_code() const { return pairing_code_; }
  const v1::SubmitProofRequest& proof() const { return proof_; }
  const v1::ConsentRequest& consent() const { return consent_; }
  const v1::ReturnTicket& ticket() const { return ticket_; }
  const v1::VerifyReturn& verify_return() const { return verify_return_; }

 private:
  template <typename Action>
  auto Timed(std::string_view party, std::string_view action, Action run);
  absl::Status OpenVerify();

  const JourneyDependencies dependencies_;
  const JourneyOptions options_;
  const std::function<void(const Step&)> on_step_;
  Browser browser_;
  Phone phone_;
  std::optional<RelyingParty> relying_party_;
  v1::Start start_;
  v1::QrFrame frame_;
  std::string handoff_token_;
  std::string pairing_code_;
  v1::SubmitProofRequest proof_;
  v1::ConsentRequest consent_;
  v1::ReturnTicket ticket_;
  v1::VerifyReturn verify_return_;
  JourneyResult result_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_JOURNEY_JOURNEY_H_
