// Rate limits of any number of replicas, in Redis: one script a step, and Redis's own clock.
#ifndef MUSUBI_LIB_LIMITS_REDIS_RATE_LIMITER_H_
#define MUSUBI_LIB_LIMITS_REDIS_RATE_LIMITER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/limits/rate_limiter.h"
#include "lib/redis/client.h"

namespace musubi::limits {

// RedisRateLimiter blocks until Redis has answered or `timeout` is over; it must not be called on
// the client's thread. A key goes from Redis when it counts no more. What a failover loses, a
// restart without a snapshot or an older snapshot is not counted: the person behind it may do a
// little more, and no answer is wrong but that.
class RedisRateLimiter final : public RateLimiter {
 public:
  struct Options {
    // In front of every key. 1 to 64 octets.
    std::string prefix = "musubi:";
    absl::Duration timeout = absl::Seconds(2);  // Of one call.
    // Added to Redis's clock: how far a test has moved its own. Empty in the shipped binary.
    std::function<absl::Duration()> time_offset = nullptr;
  };

  // INVALID_ARGUMENT names the option that breaks its rule. Redis need not be there yet. `client`
  // must outlive the limiter.
  static absl::StatusOr<std::unique_ptr<RedisRateLimiter>> Create(redis::Client& client,
                                                                  Options options);

  absl::StatusOr<Decision> Take(const Key& key, const Limit& limit) override;
  absl::StatusOr<WindowCount> Window(const Key& key, const Limit& limit, WindowStep step) override;

  // The name of a key in Redis: for operators and tests.
  std::string NameOf(const Key& key) const;

 private:
  RedisRateLimiter(redis::Client& client, Options options)
      : client_(client), options_(std::move(options)) {}

  // A script's two numbers: yes or no, and microseconds. `args` follow the clock's offset.
  struct Answer {
    bool yes = false;
    absl::Duration time;
  };
  absl::StatusOr<Answer> Eval(const redis::Script& script, const Key& key,
                              std::vector<std::string> args);

  redis::Client& client_;
  const Options options_;
};

}  // namespace musubi::limits

#endif  // MUSUBI_LIB_LIMITS_REDIS_RATE_LIMITER_H_
