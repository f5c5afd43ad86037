// What goes to Redis and what comes back, as octets and as Status. Internal to lib/redis.
#ifndef MUSUBI_LIB_REDIS_WIRE_H_
#define MUSUBI_LIB_REDIS_WIRE_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/redis/reply.h"

struct redisReply;

namespace musubi::redis {

// A command of RESP2 is its number of words, and then each word.
std::string CommandHead(size_t words);
void AppendWord(std::string& command, std::string_view word);
std::string EncodeCommand(std::span<const std::string> words);

Reply ToReply(const redisReply& reply);

// The value of "name:value" in an answer to INFO; empty if it is not there.
std::string InfoField(std::string_view info, std::string_view name);

// The first word of an error reply, as in "NOSCRIPT"; empty for any other reply.
std::string_view ErrorCode(const Reply& reply);

// ErrorStatus is the Status of an error reply to a command or, which may have been half done, to a
// script: see the failures of Client.
absl::Status ErrorStatus(const Reply& error, bool is_script);

// MarkMayHaveRun makes MayHaveRun true of `status`.
absl::Status MarkMayHaveRun(absl::Status status);

}  // namespace musubi::redis

#endif  // MUSUBI_LIB_REDIS_WIRE_H_
