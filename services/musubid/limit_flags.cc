#include "services/musubid/limit_flags.h"

#include "absl/flags/flag.h"
#include "lib/base/status.h"

namespace {
int Default(const musubi::limits::Limit& limit) { return static_cast<int>(limit.count); }
}  // namespace

ABSL_FLAG(
    int, account_sessions_per_hour, Default(musubi::prelink::LimitRates().account_sessions),
    "Sessions that may be opened for one account, at once and in each hour from then on; 3 or "
    "more");
ABSL_FLAG(int, network_sessions_per_minute, Default(musubi::prelink::LimitRates().network_sessions),
          "Sessions that may be opened from one /24 or /48, if front names it; 10 or more");
ABSL_FLAG(int, challenges_per_session, Default(musubi::prelink::LimitRates().challenges),
          "Challenges that a session's device may ask for in 5 minutes; 3 or more");
ABSL_FLAG(int, wrong_codes_alert, Default(musubi::prelink::LimitRates().wrong_codes),
          "Wrong 6-digit codes of all sessions within 10 minutes that raise the alert; 10 to 1000");

namespace musubi::services::musubid {

absl::StatusOr<prelink::LimitRates> ReadLimits() {
  prelink::LimitRates rates;
  rates.account_sessions.count = absl::GetFlag(FLAGS_account_sessions_per_hour);
  rates.network_sessions.count = absl::GetFlag(FLAGS_network_sessions_per_minute);
  rates.challenges.count = absl::GetFlag(FLAGS_challenges_per_session);
  rates.wrong_codes.count = absl::GetFlag(FLAGS_wrong_codes_alert);
  MUSUBI_RETURN_IF_ERROR(rates.Validate());
  return rates;
}

}  // namespace musubi::services::musubid
