#include "lib/replica/crl_epochs.h"

#include <vector>

#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::replica {
namespace {

using base::ErrorReason;

// KEYS[1] is a hash: scope -> "thisUpdate:reported", both whole numbers, seconds and microseconds;
// a double holds them exactly. ARGV: the clock's offset in microseconds, then scope and thisUpdate
// by turns. Answers the microseconds for which a newer one has been known, of the scope for which
// that is longest; 0 if there is none. The key goes a week after the last report.
const redis::Script& ReportScript() {
  static const redis::Script* const script = new redis::Script(R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + ARGV[1]
local behind = 0
for i = 2, #ARGV, 2 do
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  local update, reported = string.match(stored or '', '^(-?%d+):(-?%d+)$')
  local own = tonumber(ARGV[i + 1])
  if not update or own > tonumber(update) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ':' .. string.format('%.0f', now))
  elseif own < tonumber(update) then
    behind = math.max(behind, now - tonumber(reported), 1)
  end
end
redis.call('EXPIRE', KEYS[1], 604800)
return behind
)lua");
  return *script;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CrlEpochs>> CrlEpochs::Create(redis::Client& client,
                                                             Options options) {
  if (options.prefix.empty() || options.prefix.size() > 64) {
    return absl::InvalidArgumentError("prefix: 1 to 64 octets");
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("timeout: more than nothing");
  }
  return std::unique_ptr<CrlEpochs>(new CrlEpochs(client, std::move(options)));
}

absl::StatusOr<absl::Duration> CrlEpochs::Report(std::span<const CrlEpoch> lists) {
  const absl::Duration offset =
      options_.time_offset == nullptr ? absl::ZeroDuration() : options_.time_offset();
  std::vector<std::string> args = {std::to_string(absl::ToInt64Microseconds(offset))};
  args.reserve(1 + 2 * lists.size());
  for (const CrlEpoch& list : lists) {
    args.push_back(list.scope);
    args.push_back(std::to_string(absl::ToUnixSeconds(list.this_update)));
  }
  const auto reply = client_.Eval(
      ReportScript(), {.keys = {options_.prefix + "crl-epochs"}, .args = std::move(args)},
      options_.timeout);
  if (!reply.ok()) return redis::WithReason(reply.status(), "CRL epochs");
  if (!reply->is_integer()) {
    return base::Error(ErrorReason::kInternal, "CRL epochs: a script answers a number");
  }
  return absl::Microseconds(reply->integer);
}

}  // namespace musubi::replica
