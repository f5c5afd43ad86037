// One journey from end to end: opens, pairs, proves, consents, returns and uses, in the order that
// people do it. Stops at the first error.
#ifndef MUSUBI_SANDBOX_JOURNEY_JOURNEY_H_
#define MUSUBI_SANDBOX_JOURNEY_JOURNEY_H_

#include <functional>
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

// RunJourney tells `on_step` about each step when it is done. Errors are the server's or the
// card's; FAILED_PRECONDITION, with the reason's name, if the server did not find the proof valid.
absl::StatusOr<JourneyResult> RunJourney(const JourneyDependencies& dependencies,
                                         const JourneyOptions& options,
                                         const std::function<void(const Step&)>& on_step);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_JOURNEY_JOURNEY_H_
