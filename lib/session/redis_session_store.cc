#include "lib/session/redis_session_store.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "lib/base/call_deadline.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/session/failover.h"
#include "lib/session/lifetimes.h"
#include "lib/session/record_codec.h"
#include "lib/session/session_watchers.h"

namespace musubi::session {
namespace {

using base::ErrorReason;
using redis::Reply;

// A value is: version (8 octets, big-endian), tenure (40 hex digits), the record's octets. Scripts
// compare the first two and know nothing of the third.
constexpr size_t kVersionSize = 8;
constexpr size_t kTenureSize = 40;
constexpr size_t kHeaderSize = kVersionSize + kTenureSize;
// Tasks for subscribers: at most one each is queued.
constexpr size_t kNotifyQueue = 65536;

// Asked in the very script that reads or writes, so that no reconnect falls between. The id of the
// replication history and not the run id: a server that was demoted and leads again has its old run
// id, and a new history.
#define MUSUBI_LUA_TENURE \
  "local tenure = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')\n"

// ARGV: version, record, when to collect (ms).
const redis::Script& InsertScript() {
  static const redis::Script* const script = new redis::Script(MUSUBI_LUA_TENURE R"lua(
if redis.call('SET', KEYS[1], ARGV[1] .. tenure .. ARGV[2], 'NX', 'PXAT', ARGV[3]) then return 1 end
return 0
)lua");
  return *script;
}

// Answers tenure, seconds, microseconds, value or nil.
const redis::Script& GetScript() {
  static const redis::Script* const script = new redis::Script(MUSUBI_LUA_TENURE R"lua(
local time = redis.call('TIME')
return {tenure, time[1], time[2], redis.call('GET', KEYS[1])}
)lua");
  return *script;
}

// ARGV: version expected, tenure of the read, version, record, when to collect (ms), channel,
// message. Answers 1, 0 for a lost race or another tenure, -1 where nothing is.
const redis::Script& CompareAndSetScript() {
  static const redis::Script* const script = new redis::Script(MUSUBI_LUA_TENURE R"lua(
local stored = redis.call('GETRANGE', KEYS[1], 0, 7)
if stored == '' then return -1 end
if stored ~= ARGV[1] or tenure ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[3] .. tenure .. ARGV[4], 'PXAT', ARGV[5])
redis.call('PUBLISH', ARGV[6], ARGV[7])
return 1
)lua");
  return *script;
}

std::string EncodeVersion(uint64_t version) {
  std::string octets(kVersionSize, '\0');
  for (size_t i = kVersionSize; i-- > 0; version >>= 8) octets[i] = static_cast<char>(version);
  return octets;
}

std::string IdText(const SessionId& id) { return std::string(base::AsText(id)); }

absl::Status NotFound() {
  return base::Error(ErrorReason::kSessionNotFound, "no session of this id");
}

// In messages.
constexpr std::string_view kWhat = "session store";

absl::Status Strange(std::string_view what) {
  return base::Error(ErrorReason::kInternal, std::string(kWhat) + ": " + std::string(what));
}

absl::StatusOr<absl::Time> ParseTime(const Reply& seconds, const Reply& microseconds) {
  int64_t whole = 0, part = 0;
  if (!absl::SimpleAtoi(seconds.text, &whole) || !absl::SimpleAtoi(microseconds.text, &part)) {
    return Strange("TIME is no time");
  }
  return absl::FromUnixSeconds(whole) + absl::Microseconds(part);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RedisSessionStore>> RedisSessionStore::Create(
    Dependencies dependencies, Options options) {
  if (options.prefix.empty() || options.prefix.size() > 64) {
    return absl::InvalidArgumentError("prefix: 1 to 64 octets");
  }
  if (options.timeout <= absl::ZeroDuration() || options.poll_interval <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("timeout, poll_interval: more than nothing");
  }
  MUSUBI_ASSIGN_OR_RETURN(
      std::unique_ptr<base::WorkerPool> workers,
      base::WorkerPool::Create({.threads = options.notify_threads, .queue = kNotifyQueue}));
  return std::unique_ptr<RedisSessionStore>(
      new RedisSessionStore(dependencies, std::move(options), std::move(workers)));
}

RedisSessionStore::RedisSessionStore(Dependencies dependencies, Options options,
                                     std::unique_ptr<base::WorkerPool> workers)
    : dependencies_(dependencies),
      options_(std::move(options)),
      workers_(std::move(workers)),
      watchers_(std::make_shared<SessionWatchers>(
          dependencies_.timer, *workers_, options_.poll_interval,
          [this](const SessionId& id, SessionWatchers::Answer answer) {
            dependencies_.client.CommandAsync(
                {"GETRANGE", KeyOf(id), "0", std::to_string(kVersionSize - 1)}, options_.timeout,
                [answer = std::move(answer)](const absl::StatusOr<Reply>& reply) {
                  const bool known = reply.ok() && reply->is_string();
                  answer(known ? std::optional(reply->text) : std::nullopt);
                });
          })),
      channel_(dependencies_.client.Subscribe(
          Channel(),
          [weak = std::weak_ptr(watchers_)](const std::string& message) {
            const auto watchers = weak.lock();
            SessionId id;
            if (watchers == nullptr || message.size() != id.size() + kVersionSize) return;
            std::copy_n(message.begin(), id.size(), id.begin());
            watchers->Told(id, message.substr(id.size()));
          },
          // The polls find what was missed.
          [] {})) {}

RedisSessionStore::~RedisSessionStore() { watchers_->Close(); }

absl::Duration RedisSessionStore::Offset() const {
  return options_.time_offset == nullptr ? absl::ZeroDuration() : options_.time_offset();
}

absl::Duration RedisSessionStore::Timeout() const {
  return base::CallDeadline::Left(base::CallDeadline::AtMost(options_.timeout));
}

std::string RedisSessionStore::KeyOf(const SessionId& id) const {
  return options_.prefix + "session:" + base::HexEncode(id);
}

std::string RedisSessionStore::Channel() const { return options_.prefix + "session_changed"; }

std::string RedisSessionStore::CollectAt(const SessionRecord& record) const {
  const absl::Time at = record.expires_at + kRecordGrace - Offset();
  return std::to_string(std::max<int64_t>(absl::ToUnixMillis(at), 1));
}

absl::StatusOr<Reply> RedisSessionStore::Eval(const redis::Script& script, const SessionId& id,
                                              std::vector<std::string> args) {
  auto reply =
      dependencies_.client.Eval(script, {.keys = {KeyOf(id)}, .args = std::move(args)}, Timeout());
  if (!reply.ok()) return redis::WithReason(reply.status(), kWhat);
  return reply;
}

absl::StatusOr<absl::Time> RedisSessionStore::Now() {
  const auto reply = dependencies_.client.Command({"TIME"}, Timeout());
  if (!reply.ok()) return redis::WithReason(reply.status(), kWhat);
  if (reply->elements.size() != 2) return Strange("TIME has two parts");
  MUSUBI_ASSIGN_OR_RETURN(const absl::Time time, ParseTime(reply->elements[0], reply->elements[1]));
  return time + Offset();
}

absl::StatusOr<bool> RedisSessionStore::Insert(const SessionRecord& record) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes octets, EncodeRecord(record));
  MUSUBI_ASSIGN_OR_RETURN(const Reply reply, Eval(InsertScript(), record.id,
                                                  {EncodeVersion(record.version),
                                                   base::ToString(octets), CollectAt(record)}));
  if (!reply.is_integer()) return Strange("insert answers a number");
  return reply.integer == 1;
}

absl::StatusOr<SessionStore::Stored> RedisSessionStore::Get(const SessionId& id) {
  MUSUBI_ASSIGN_OR_RETURN(Reply reply, Eval(GetScript(), id, {}));
  // Lua's nil at the end of an array shortens it; GET's false does not.
  if (reply.elements.size() != 4 || reply.elements[0].text.size() != kTenureSize) {
    return Strange("get answers four values");
  }
  MUSUBI_ASSIGN_OR_RETURN(const absl::Time time, ParseTime(reply.elements[1], reply.elements[2]));
  if (reply.elements[3].is_nil()) return NotFound();
  const std::string_view value = reply.elements[3].text;
  if (value.size() < kHeaderSize) return Strange("a value is too short");
  absl::StatusOr<SessionRecord> record = DecodeRecord(base::AsBytes(value.substr(kHeaderSize)));
  if (!record.ok()) return redis::WithReason(record.status(), kWhat);
  if (record->id != id || EncodeVersion(record->version) != value.substr(0, kVersionSize)) {
    return Strange("a value is another record's");
  }
  Stored stored{.record = *std::move(record),
                .now = time + Offset(),
                .tenure = std::move(reply.elements[0].text)};
  if (stored.now >= stored.record.expires_at + kRecordGrace) return NotFound();
  stored.failed_over = value.substr(kVersionSize, kTenureSize) != stored.tenure;
  if (stored.failed_over) VoidOneTimeValues(stored.record);
  return stored;
}

absl::StatusOr<bool> RedisSessionStore::CompareAndSet(const SessionRecord& next,
                                                      const std::string& tenure) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes octets, EncodeRecord(next));
  const std::string version = EncodeVersion(next.version);
  MUSUBI_ASSIGN_OR_RETURN(const Reply reply, Eval(CompareAndSetScript(), next.id,
                                                  {EncodeVersion(next.version - 1), tenure, version,
                                                   base::ToString(octets), CollectAt(next),
                                                   Channel(), IdText(next.id) + version}));
  if (!reply.is_integer()) return Strange("compare-and-set answers a number");
  if (reply.integer < 0) return NotFound();
  return reply.integer == 1;
}

std::unique_ptr<Subscription> RedisSessionStore::Subscribe(const SessionId& id,
                                                           std::function<void()> changed) {
  return watchers_->Add(id, std::move(changed));
}

}  // namespace musubi::session
