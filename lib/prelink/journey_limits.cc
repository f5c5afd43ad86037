#include "lib/prelink/journey_limits.h"

#include <algorithm>
#include <string>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using limits::Limit;
using limits::WindowCount;
using limits::WindowStep;

// Wrong codes are nobody's: counted together though replicas have different active keys for a
// while.
constexpr limits::Key kWrongCodes{};

struct Bound {
  std::string_view flag;
  const Limit& limit;
  int64_t least;
  int64_t most;
  std::string_view why;
};

}  // namespace

std::string_view Name(JourneyLimit limit) {
  switch (limit) {
    case JourneyLimit::kAccountSessions:
      return "ACCOUNT_SESSIONS";
    case JourneyLimit::kNetworkSessions:
      return "NETWORK_SESSIONS";
    case JourneyLimit::kChallenges:
      return "CHALLENGES";
    case JourneyLimit::kWrongCodes:
      return "WRONG_CODES";
  }
  return "UNSPECIFIED";
}

absl::Status LimitRates::Validate() const {
  const Bound kBounds[] = {
      {"account_sessions_per_hour", account_sessions, 3, Limit::kMaxCount,
       "who has a card and forgets to bring it begins again"},
      {"network_sessions_per_minute", network_sessions, 10, Limit::kMaxCount,
       "many people may be behind one address"},
      {"challenges_per_session", challenges, 3, Limit::kMaxCount, "a session has three proofs"},
      {"wrong_codes_alert", wrong_codes, 10, Limit::kMaxWindowCount,
       "two people who mistype are no attack, and each time is remembered"},
  };
  for (const Bound& bound : kBounds) {
    if (bound.limit.count < bound.least || bound.limit.count > bound.most ||
        !bound.limit.Validate().ok()) {
      return absl::InvalidArgumentError("--" + std::string(bound.flag) + "=" +
                                        std::to_string(bound.limit.count) + ": must be " +
                                        std::to_string(bound.least) + " to " +
                                        std::to_string(bound.most) + ": " + std::string(bound.why));
    }
  }
  return absl::OkStatus();
}

JourneyLimits::JourneyLimits(Dependencies dependencies, LimitRates rates)
    : dependencies_(dependencies),
      rates_(rates),
      key_(crypto::DeriveKey(dependencies_.service_keyring.active().secret.RevealBytes(),
                             "rate-limits")) {}

limits::Key JourneyLimits::KeyOf(JourneyLimit limit,
                                 std::initializer_list<base::ByteView> whose) const {
  // Two hashes, since a list of parts cannot be put together from another one.
  const base::Hash256 who = crypto::HmacSha256LengthPrefixed(key_.RevealBytes(), whose);
  const base::Hash256 hash = crypto::HmacSha256LengthPrefixed(
      key_.RevealBytes(), {base::AsBytes(Name(limit)), base::ByteView(who)});
  limits::Key key;
  std::copy_n(hash.begin(), key.size(), key.begin());
  return key;
}

absl::Status JourneyLimits::Take(JourneyLimit limit, const Limit& rate,
                                 std::initializer_list<base::ByteView> whose) const {
  const auto decision = dependencies_.limiter.Take(KeyOf(limit, whose), rate);
  LimitObserver* observer = dependencies_.observer;
  if (!decision.ok()) {
    if (observer != nullptr) observer->OnUncounted(limit, decision.status());
    return absl::OkStatus();
  }
  if (decision->allowed) return absl::OkStatus();
  if (observer != nullptr) observer->OnLimited(limit);
  return base::RetryLater(ErrorReason::kRateLimited, "too many of these for now",
                          decision->retry_after, {{"limit", std::string(Name(limit))}});
}

absl::Status JourneyLimits::TakeSession(const std::optional<session::AccountBinding>& account,
                                        const std::optional<ClientNetwork>& network) const {
  // The flood first: it must not use up what an account has.
  if (network.has_value()) {
    MUSUBI_RETURN_IF_ERROR(
        Take(JourneyLimit::kNetworkSessions, rates_.network_sessions, {network->octets()}));
  }
  if (!account.has_value()) return absl::OkStatus();
  return Take(JourneyLimit::kAccountSessions, rates_.account_sessions,
              {base::AsBytes(account->issuer), base::AsBytes(account->subject)});
}

absl::Status JourneyLimits::TakeChallenge(const session::SessionId& session_id) const {
  return Take(JourneyLimit::kChallenges, rates_.challenges, {session_id});
}

absl::StatusOr<WindowCount> JourneyLimits::WrongCodes(WindowStep step) const {
  auto count = dependencies_.limiter.Window(kWrongCodes, rates_.wrong_codes, step);
  LimitObserver* observer = dependencies_.observer;
  if (!count.ok()) {
    if (observer != nullptr) observer->OnUncounted(JourneyLimit::kWrongCodes, count.status());
    return base::Error(ErrorReason::kUnavailable, "wrong codes cannot be counted now");
  }
  if (observer != nullptr) observer->OnWrongCodeAlert(count->reached);
  return count;
}

absl::Status JourneyLimits::CountCode(WindowStep step) const { return WrongCodes(step).status(); }

absl::StatusOr<WindowCount> JourneyLimits::WrongCodeAlert() const {
  return WrongCodes(WindowStep::kLook);
}

absl::Status JourneyLimits::CheckNoAlert(ErrorReason reason, std::string_view detail) const {
  MUSUBI_ASSIGN_OR_RETURN(const WindowCount count, WrongCodeAlert());
  if (!count.reached) return absl::OkStatus();
  if (dependencies_.observer != nullptr) {
    dependencies_.observer->OnLimited(JourneyLimit::kWrongCodes);
  }
  return base::RetryLater(reason, detail, count.clears_after);
}

absl::Status JourneyLimits::CheckCrossDeviceVerify() const {
  return CheckNoAlert(ErrorReason::kCrossDeviceSuspended,
                      "VERIFY across two devices is suspended: use one device");
}

absl::Status JourneyLimits::CheckCrossDeviceSignIn() const {
  return CheckNoAlert(ErrorReason::kSignInBeforePairing, "sign in again: after the pairing");
}

}  // namespace musubi::prelink
