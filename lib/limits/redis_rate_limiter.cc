#include "lib/limits/redis_rate_limiter.h"

#include <utility>

#include "lib/base/check.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::limits {
namespace {

using base::ErrorReason;
using redis::Reply;

// All times are in microseconds, as numbers: a double holds those of the next 250 years exactly.
// Written with %.0f, since Lua's own way drops digits. ARGV[1] is the offset of the clock.
#define MUSUBI_LUA_NOW                \
  "local time = redis.call('TIME')\n" \
  "local now = time[1] * 1000000 + time[2] + ARGV[1]\n"

// ARGV: offset, interval, all = count * interval. Answers {1, 0} or {0, time to wait}. What is kept
// is GCRA's theoretical arrival time, until that is past.
const redis::Script& TakeScript() {
  static const redis::Script* const script = new redis::Script(MUSUBI_LUA_NOW R"lua(
local interval, all = tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = tonumber(redis.call('GET', KEYS[1]) or now)
local arrival = math.min(math.max(kept, now), now + all)
local wait = math.max(arrival + interval - all - now, 0)
if wait == 0 then arrival = arrival + interval end
-- Beyond all is only what a later clock or a wider limit wrote.
if wait == 0 or kept > arrival then
  redis.call('SET', KEYS[1], string.format('%.0f', arrival),
             'PX', math.ceil((arrival - now) / 1000))
end
return {wait == 0 and 1 or 0, wait}
)lua");
  return *script;
}

// ARGV: offset, count, period, 1 to add one. Answers {0, 0} or {1, time until it is below the count
// again}. What is kept are the latest times, 16 digits each, until the last is out of the window.
const redis::Script& WindowScript() {
  static const redis::Script* const script = new redis::Script(MUSUBI_LUA_NOW R"lua(
local size, period = ARGV[2] * 16, tonumber(ARGV[3])
local times = redis.call('GET', KEYS[1]) or ''
local left = redis.call('PTTL', KEYS[1])
if ARGV[4] == '1' then
  times = string.sub(times .. string.format('%016.0f', now), -size)
  left = math.ceil(period / 1000)
end
redis.call('SET', KEYS[1], times, 'PX', math.max(left, 1))
if #times < size then return {0, 0} end
local clears_after = tonumber(string.sub(times, -size, -size + 15)) + period - now
if clears_after <= 0 then return {0, 0} end
return {1, clears_after}
)lua");
  return *script;
}

std::string Micros(absl::Duration duration) {
  return std::to_string(absl::ToInt64Microseconds(duration));
}

}  // namespace

absl::StatusOr<std::unique_ptr<RedisRateLimiter>> RedisRateLimiter::Create(redis::Client& client,
                                                                           Options options) {
  if (options.prefix.empty() || options.prefix.size() > 64) {
    return absl::InvalidArgumentError("prefix: 1 to 64 octets");
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("timeout: more than nothing");
  }
  return std::unique_ptr<RedisRateLimiter>(new RedisRateLimiter(client, std::move(options)));
}

std::string RedisRateLimiter::NameOf(const Key& key) const {
  return options_.prefix + "limit:" + base::HexEncode(key);
}

absl::StatusOr<RedisRateLimiter::Answer> RedisRateLimiter::Eval(const redis::Script& script,
                                                                const Key& key,
                                                                std::vector<std::string> args) {
  const absl::Duration offset =
      options_.time_offset == nullptr ? absl::ZeroDuration() : options_.time_offset();
  args.insert(args.begin(), Micros(offset));
  const auto reply =
      client_.Eval(script, {.keys = {NameOf(key)}, .args = std::move(args)}, options_.timeout);
  if (!reply.ok()) return redis::WithReason(reply.status(), "rate limiter");
  if (reply->elements.size() != 2 || !reply->elements[0].is_integer() ||
      !reply->elements[1].is_integer()) {
    return base::Error(ErrorReason::kInternal, "rate limiter: a script answers two numbers");
  }
  return Answer{.yes = reply->elements[0].integer == 1,
                .time = absl::Microseconds(reply->elements[1].integer)};
}

absl::StatusOr<Decision> RedisRateLimiter::Take(const Key& key, const Limit& limit) {
  MUSUBI_CHECK(limit.Validate().ok(), "a limit has a count and a period");
  const absl::Duration interval = limit.Interval();
  MUSUBI_ASSIGN_OR_RETURN(
      const Answer answer,
      Eval(TakeScript(), key, {Micros(interval), Micros(limit.count * interval)}));
  return Decision{.allowed = answer.yes, .retry_after = answer.time};
}

absl::StatusOr<WindowCount> RedisRateLimiter::Window(const Key& key, const Limit& limit,
                                                     WindowStep step) {
  MUSUBI_CHECK(limit.Validate().ok() && limit.count <= Limit::kMaxWindowCount,
               "a window has a count and a period");
  MUSUBI_ASSIGN_OR_RETURN(const Answer answer,
                          Eval(WindowScript(), key,
                               {std::to_string(limit.count), Micros(limit.period),
                                step == WindowStep::kAdd ? "1" : "0"}));
  return WindowCount{.reached = answer.yes, .clears_after = answer.time};
}

}  // namespace musubi::limits
