// The flags of the Redis that keeps sessions, checked for everything that needs no file.
#ifndef MUSUBI_SERVICES_MUSUBID_REDIS_FLAGS_H_
#define MUSUBI_SERVICES_MUSUBID_REDIS_FLAGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/redis/client.h"

namespace musubi::services::musubid {

struct RedisConfig {
  redis::Client::Options client;
  std::string prefix;  // In front of every key, and of the channel.
};

// ReadSessionStore reads --session_store and --redis_...; nothing: sessions are in memory.
// INVALID_ARGUMENT names the flag, the rule and the fix.
absl::StatusOr<std::optional<RedisConfig>> ReadSessionStore();

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_REDIS_FLAGS_H_
