#include "services/musubid/redis_flags.h"

#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "lib/base/status.h"

namespace {
constexpr char kDefaultPrefix[] = "musubi:";
constexpr int kDefaultConnections = 2;
}  // namespace

ABSL_FLAG(std::string, session_store, "memory",
          "Where live sessions are kept: memory (one process serves all services) or redis");
ABSL_FLAG(std::string, redis_server, "",
          "The Redis of --session_store=redis, HOST:PORT or unix:/PATH; in plain TCP: put stunnel "
          "before one on another machine (deploy/redis-tls)");
ABSL_FLAG(
    std::vector<std::string>, redis_sentinels, {},
    "Instead of --redis_server: the Sentinels that know which Redis is the master, HOST:PORT");
ABSL_FLAG(std::string, redis_master_name, "", "What the Sentinels call the master");
ABSL_FLAG(std::string, redis_user_file, "",
          "File with the name of Redis's ACL user; without it that is default");
ABSL_FLAG(std::string, redis_password_file, "",
          "File with that user's password, mode 0600; without it nobody signs in");
ABSL_FLAG(std::string, redis_sentinel_user_file, "", "The same for the Sentinels: the user");
ABSL_FLAG(std::string, redis_sentinel_password_file, "",
          "The same for the Sentinels: the password; without it nobody signs in there");
ABSL_FLAG(std::string, redis_prefix, kDefaultPrefix,
          "What the keys and the channel of this Musubi begin with, the same for all its replicas");
ABSL_FLAG(int, redis_connections, kDefaultConnections,
          "Connections that calls share; more help only where one core of Redis is idle");

namespace musubi::services::musubid {
namespace {

absl::Status Refused(std::string_view text) {
  return absl::InvalidArgumentError(std::string(text));
}

// Of a flag that only counts beside another one.
absl::Status Needs(std::string_view flag, bool given, std::string_view other) {
  if (!given) return absl::OkStatus();
  return Refused("--" + std::string(flag) + " is of no use without --" + std::string(other) +
                 ": give both or neither");
}

absl::Status CheckUnused(const redis::Client::Options& client, const std::string& prefix) {
  struct Flag {
    std::string_view name;
    bool given;
  };
  for (const Flag& flag : std::initializer_list<Flag>{
           {"redis_server", !client.server.empty()},
           {"redis_sentinels", !client.sentinels.empty()},
           {"redis_master_name", !client.master_name.empty()},
           {"redis_user_file", !client.user_file.empty()},
           {"redis_password_file", !client.password_file.empty()},
           {"redis_sentinel_user_file", !client.sentinel_user_file.empty()},
           {"redis_sentinel_password_file", !client.sentinel_password_file.empty()},
           {"redis_prefix", prefix != kDefaultPrefix},
           {"redis_connections", client.connections != kDefaultConnections},
       }) {
    MUSUBI_RETURN_IF_ERROR(Needs(flag.name, flag.given, "session_store=redis"));
  }
  return absl::OkStatus();
}

absl::Status CheckServers(const redis::Client::Options& client) {
  if (client.server.empty() && client.sentinels.empty()) {
    return Refused(
        "--redis_server is missing: name the server of --session_store=redis, or its Sentinels "
        "(--redis_sentinels)");
  }
  if (!client.server.empty() && !client.sentinels.empty()) {
    return Refused(
        "--redis_server and --redis_sentinels exclude each other: the Sentinels say where the "
        "master is");
  }
  if (!client.sentinels.empty()) {
    return client.master_name.empty()
               ? Refused(
                     "--redis_master_name is missing: name the master as in \"sentinel "
                     "monitor\" of --redis_sentinels")
               : absl::OkStatus();
  }
  MUSUBI_RETURN_IF_ERROR(
      Needs("redis_master_name", !client.master_name.empty(), "redis_sentinels"));
  MUSUBI_RETURN_IF_ERROR(
      Needs("redis_sentinel_user_file", !client.sentinel_user_file.empty(), "redis_sentinels"));
  return Needs("redis_sentinel_password_file", !client.sentinel_password_file.empty(),
               "redis_sentinels");
}

}  // namespace

absl::StatusOr<std::optional<RedisConfig>> ReadSessionStore() {
  const std::string store = absl::GetFlag(FLAGS_session_store);
  if (store != "memory" && store != "redis") {
    return Refused("--session_store=" + store + ": must be memory or redis");
  }
  RedisConfig config{
      .client = {.server = absl::GetFlag(FLAGS_redis_server),
                 .sentinels = absl::GetFlag(FLAGS_redis_sentinels),
                 .master_name = absl::GetFlag(FLAGS_redis_master_name),
                 .user_file = absl::GetFlag(FLAGS_redis_user_file),
                 .password_file = absl::GetFlag(FLAGS_redis_password_file),
                 .sentinel_user_file = absl::GetFlag(FLAGS_redis_sentinel_user_file),
                 .sentinel_password_file = absl::GetFlag(FLAGS_redis_sentinel_password_file),
                 .connections = absl::GetFlag(FLAGS_redis_connections)},
      .prefix = absl::GetFlag(FLAGS_redis_prefix)};
  if (store == "memory") {
    MUSUBI_RETURN_IF_ERROR(CheckUnused(config.client, config.prefix));
    return std::nullopt;
  }
  MUSUBI_RETURN_IF_ERROR(CheckServers(config.client));
  MUSUBI_RETURN_IF_ERROR(Needs(
      "redis_user_file", !config.client.user_file.empty() && config.client.password_file.empty(),
      "redis_password_file"));
  MUSUBI_RETURN_IF_ERROR(Needs(
      "redis_sentinel_user_file",
      !config.client.sentinel_user_file.empty() && config.client.sentinel_password_file.empty(),
      "redis_sentinel_password_file"));
  return config;
}

}  // namespace musubi::services::musubid
