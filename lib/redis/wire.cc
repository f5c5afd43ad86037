#include "lib/redis/wire.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/cord.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/redis/client.h"

namespace musubi::redis {
namespace {

constexpr char kMayHaveRun[] = "musubi/redis-may-have-run";

// The server is well, but cannot do it now; it has not begun.
constexpr std::array<std::string_view, 9> kCannotServe = {"BUSY",       "CLUSTERDOWN", "LOADING",
                                                          "MASTERDOWN", "MISCONF",     "NOREPLICAS",
                                                          "OOM",        "READONLY",    "TRYAGAIN"};
constexpr std::array<std::string_view, 3> kNotAllowed = {"NOAUTH", "NOPERM", "WRONGPASS"};

template <size_t N>
bool IsOneOf(const std::array<std::string_view, N>& list, std::string_view code) {
  return std::find(list.begin(), list.end(), code) != list.end();
}

}  // namespace

absl::Status WithReason(const absl::Status& status, std::string_view what) {
  if (base::ReasonOf(status).has_value()) return status;
  const bool lost = absl::IsDeadlineExceeded(status) || absl::IsCancelled(status);
  return base::Error(lost ? base::ErrorReason::kUnavailable : base::ErrorReason::kInternal,
                     std::string(what) + ": " + std::string(base::ToStd(status.message())));
}

bool MayHaveRun(const absl::Status& status) { return status.GetPayload(kMayHaveRun).has_value(); }

absl::Status MarkMayHaveRun(absl::Status status) {
  status.SetPayload(kMayHaveRun, absl::Cord("1"));
  return status;
}

std::string CommandHead(size_t words) { return "*" + std::to_string(words) + "\r\n"; }

void AppendWord(std::string& command, std::string_view word) {
  command += "$" + std::to_string(word.size()) + "\r\n";
  command += word;
  command += "\r\n";
}

std::string EncodeCommand(std::span<const std::string> words) {
  std::string command = CommandHead(words.size());
  for (const std::string& word : words) AppendWord(command, word);
  return command;
}

// hiredis refuses what is nested deeper than 7, so this ends.
Reply ToReply(const redisReply& from) {
  Reply reply;
  switch (from.type) {
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::kInteger;
      reply.integer = from.integer;
      break;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      reply.kind = Reply::Kind::kString;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::kError;
      reply.text.assign(from.str, from.len);
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::kArray;
      reply.elements.reserve(from.elements);
      for (size_t i = 0; i < from.elements; ++i) {
        reply.elements.push_back(ToReply(*from.element[i]));
      }
      break;
    default:
      break;
  }
  return reply;
}

std::string InfoField(std::string_view info, std::string_view name) {
  const std::string start = std::string(name) + ":";
  for (size_t begin = 0; begin < info.size();) {
    const size_t end = std::min(info.find("\r\n", begin), info.size());
    const std::string_view line = info.substr(begin, end - begin);
    if (line.substr(0, start.size()) == start) return std::string(line.substr(start.size()));
    begin = end + 2;
  }
  return {};
}

std::string_view ErrorCode(const Reply& reply) {
  if (reply.kind != Reply::Kind::kError) return {};
  return std::string_view(reply.text).substr(0, reply.text.find(' '));
}

absl::Status ErrorStatus(const Reply& error, bool is_script) {
  const std::string_view code = ErrorCode(error);
  if (IsOneOf(kCannotServe, code)) {
    return base::Error(base::ErrorReason::kUnavailable, "Redis cannot do it now: " + error.text);
  }
  if (IsOneOf(kNotAllowed, code)) {
    return absl::FailedPreconditionError("Redis does not let this user do it: allow it with ACL " +
                                         ("SETUSER, or sign in as another: " + error.text));
  }
  absl::Status status = absl::InternalError("Redis: " + error.text);
  return is_script ? MarkMayHaveRun(std::move(status)) : status;
}

}  // namespace musubi::redis
