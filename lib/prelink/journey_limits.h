// How often what of a journey may be done, and what is done while many wrong codes come in. How it
// is counted is lib/limits; the tries of one session are the state machine's.
#ifndef MUSUBI_LIB_PRELINK_JOURNEY_LIMITS_H_
#define MUSUBI_LIB_PRELINK_JOURNEY_LIMITS_H_

#include <initializer_list>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"
#include "lib/crypto/keyring.h"
#include "lib/limits/rate_limiter.h"
#include "lib/prelink/client_network.h"
#include "lib/session/types.h"

namespace musubi::prelink {

// What is counted.
enum class JourneyLimit {
  kAccountSessions = 0,
  kNetworkSessions = 1,
  kChallenges = 2,
  kWrongCodes = 3,
};
std::string_view Name(JourneyLimit limit);  // As in "ACCOUNT_SESSIONS".

// The limits, with a flag of musubid for the count of each. No count is "none": what is not to be
// limited gets a high one.
struct LimitRates {
  // Sessions opened for one account, whoever asks. A person needs one, and some more when things
  // go wrong; each can put a question on a stranger's phone.
  limits::Limit account_sessions{10, absl::Hours(1)};
  // Sessions opened from one network. Against a flood only: a campus behind one address may enrol a
  // lecture hall.
  limits::Limit network_sessions{600, absl::Minutes(1)};
  // Challenges of one session, and so of its device: ten for each proof that it has.
  limits::Limit challenges{30, absl::Minutes(5)};
  // Wrong codes of all sessions. A session has five, and a code a million values: so many in so
  // little time is somebody who goes through sessions. One guess in 5,000 of such an attack hits.
  limits::Limit wrong_codes{200, absl::Minutes(10)};

  // OK if every count is at least its lower bound and the limiter can count it. The error names the
  // value, the bound and the flag.
  absl::Status Validate() const;
};

// LimitObserver is told what was limited. Implementations are thread-safe and do not block.
class LimitObserver {
 public:
  virtual ~LimitObserver() = default;
  // A call was refused.
  virtual void OnLimited(JourneyLimit limit) = 0;
  // The limiter has not answered. The call was refused if it was about codes, and went on
  // otherwise.
  virtual void OnUncounted(JourneyLimit limit, const absl::Status& status) = 0;
  // Each time that it is known: whether there were too many wrong codes of late.
  virtual void OnWrongCodeAlert(bool raised) = 0;
};

// JourneyLimits is thread-safe. Its calls block as the limiter does.
class JourneyLimits {
 public:
  struct Dependencies {
    limits::RateLimiter& limiter;
    // What is counted is known to the limiter by a hash under its active key. A new active key
    // counts from the beginning.
    const crypto::Keyring& service_keyring;
    LimitObserver* observer = nullptr;  // Null: nobody counts.
  };

  JourneyLimits(Dependencies dependencies, LimitRates rates);

  // Each is RATE_LIMITED, with the time to wait, if there were too many; and OK if the limiter does
  // not answer: a session spends nothing, and the state machine bounds what it may do.
  absl::Status TakeSession(const std::optional<session::AccountBinding>& account,
                           const std::optional<ClientNetwork>& network) const;
  absl::Status TakeChallenge(const session::SessionId& session_id) const;

  // CountCode is for a guess that is about to be judged: kAdd for a wrong one, kLook for a right
  // one. UNAVAILABLE if the limiter does not answer, for both alike.
  absl::Status CountCode(limits::WindowStep step) const;

  // The alert stands while the last ten minutes had 200 wrong codes, counted exactly: from the
  // 200th on, until ten minutes after the first of the last 200. UNAVAILABLE if nobody knows.
  absl::StatusOr<limits::WindowCount> WrongCodeAlert() const;
  // CROSS_DEVICE_SUSPENDED or SIGN_IN_BEFORE_PAIRING while it stands, with the time to wait.
  // UNAVAILABLE as above.
  absl::Status CheckCrossDeviceVerify() const;
  absl::Status CheckCrossDeviceSignIn() const;

 private:
  limits::Key KeyOf(JourneyLimit limit, std::initializer_list<base::ByteView> whose) const;
  absl::Status Take(JourneyLimit limit, const limits::Limit& rate,
                    std::initializer_list<base::ByteView> whose) const;
  absl::StatusOr<limits::WindowCount> WrongCodes(limits::WindowStep step) const;
  absl::Status CheckNoAlert(base::ErrorReason reason, std::string_view detail) const;

  const Dependencies dependencies_;
  const LimitRates rates_;
  const base::Secret256 key_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_JOURNEY_LIMITS_H_
