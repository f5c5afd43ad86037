#include "services/musubid/stores.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/limits/memory_rate_limiter.h"
#include "lib/limits/redis_rate_limiter.h"
#include "lib/link/postgres_link_store.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/person/postgres_person_store.h"
#include "lib/person/sqlite_person_store.h"
#include "lib/redis/client.h"
#include "lib/session/memory_session_store.h"
#include "lib/session/redis_session_store.h"
#include "services/musubid/observed_stores.h"
#include "services/musubid/redis_reporter.h"

namespace musubi::services::musubid {
namespace {

// A start waits at most so long for Redis, so that it serves once it listens; then it goes on
// without.
constexpr absl::Duration kStartWait = absl::Seconds(2);

absl::StatusOr<std::unique_ptr<musubi::link::LinkStore>> OpenLinks(
    const Stores::Dependencies& dependencies, const Config& config) {
  const Material& material = dependencies.material;
  if (!config.link_postgres.empty()) {
    return ForFlag("link_postgres", musubi::link::CreatePostgresLinkStore(
                                        {.clock = &dependencies.clock,
                                         .random = &dependencies.random,
                                         .audit_keyring = material.audit_keyring,
                                         .account_keyring = material.account_keyring},
                                        {.conninfo = config.link_postgres,
                                         .connections = config.postgres_connections}));
  }
  return ForFlag("link_db",
                 musubi::link::CreateSqliteLinkStore({.clock = &dependencies.clock,
                                                      .random = &dependencies.random,
                                                      .audit_keyring = material.audit_keyring,
                                                      .account_keyring = material.account_keyring},
                                                     {.path = config.link_db}));
}

absl::StatusOr<std::unique_ptr<person::PersonStore>> OpenPersons(
    const Stores::Dependencies& dependencies, const Config& config) {
  const Material& material = dependencies.material;
  if (!config.person_postgres.empty()) {
    return ForFlag("person_postgres", person::CreatePostgresPersonStore(
                                          {.clock = &dependencies.clock,
                                           .random = &dependencies.random,
                                           .index_keyring = material.person_index_keyring,
                                           .data_keyring = material.person_data_keyring},
                                          {.conninfo = config.person_postgres,
                                           .connections = config.postgres_connections}));
  }
  return ForFlag("person_db",
                 person::CreateSqlitePersonStore({.clock = &dependencies.clock,
                                                  .random = &dependencies.random,
                                                  .index_keyring = material.person_index_keyring,
                                                  .data_keyring = material.person_data_keyring},
                                                 {.path = config.person_db}));
}

// The client would refuse such a file too, but knows no flags.
absl::Status CheckRedisFiles(const redis::Client::Options& redis) {
  struct File {
    std::string_view flag;
    const std::string& path;
    bool secret;
  };
  for (const File& file : std::initializer_list<File>{
           {"redis_user_file", redis.user_file, false},
           {"redis_password_file", redis.password_file, true},
           {"redis_sentinel_user_file", redis.sentinel_user_file, false},
           {"redis_sentinel_password_file", redis.sentinel_password_file, true},
       }) {
    if (file.path.empty()) continue;
    const auto text = file.secret ? base::ReadSecretFile(file.path) : base::ReadFile(file.path);
    if (!text.ok()) return FlagError(file.flag, text.status());
  }
  return absl::OkStatus();
}

}  // namespace

// In the order in which things are made; they go in reverse.
struct Stores::Parts {
  explicit Parts(Dependencies dependencies_in)
      : dependencies(std::move(dependencies_in)),
        redis_reporter(dependencies.machine_clock, dependencies.log, dependencies.metrics) {}

  absl::Status OpenSessions(const Config& config);

  const Dependencies dependencies;
  RedisReporter redis_reporter;
  std::unique_ptr<redis::Client> redis;
  std::unique_ptr<musubi::session::MemorySessionStore> memory_sessions;  // One of these two.
  std::unique_ptr<musubi::session::RedisSessionStore> redis_sessions;
  std::unique_ptr<limits::RateLimiter> limiter;
  std::unique_ptr<replica::CrlEpochs> crl_epochs;  // With Redis.
  std::optional<ObservedSessionStore> sessions;
  std::unique_ptr<musubi::link::LinkStore> link_store;
  std::optional<ObservedLinkStore> links;
  std::unique_ptr<person::PersonStore> person_store;
  std::optional<ObservedPersonStore> persons;
};

absl::Status Stores::Parts::OpenSessions(const Config& config) {
  dependencies.health.Use(Dependency::kSessionStore);
  if (!config.redis.has_value()) {
    memory_sessions = std::make_unique<musubi::session::MemorySessionStore>(dependencies.clock);
    limiter = std::make_unique<limits::MemoryRateLimiter>(dependencies.clock);
    sessions.emplace(*memory_sessions, dependencies.machine_clock, dependencies.metrics,
                     dependencies.health);
    return absl::OkStatus();
  }
  MUSUBI_RETURN_IF_ERROR(CheckRedisFiles(config.redis->client));
  auto client = redis::Client::Create({redis_reporter, dependencies.random}, config.redis->client);
  // Its options are the flags without "redis_", and its errors begin with one.
  if (!client.ok()) {
    return absl::Status(client.status().code(),
                        absl::StrCat("--redis_", client.status().message()));
  }
  redis = *std::move(client);
  auto store = musubi::session::RedisSessionStore::Create(
      {.client = *redis, .timer = dependencies.timer},
      {.prefix = config.redis->prefix, .time_offset = dependencies.store_time_offset});
  if (!store.ok()) {
    return absl::Status(store.status().code(), absl::StrCat("--redis_", store.status().message()));
  }
  redis_sessions = *std::move(store);
  // Its options have been checked as the store's.
  MUSUBI_ASSIGN_OR_RETURN(limiter, limits::RedisRateLimiter::Create(
                                       *redis, {.prefix = config.redis->prefix,
                                                .time_offset = dependencies.store_time_offset}));
  MUSUBI_ASSIGN_OR_RETURN(crl_epochs, replica::CrlEpochs::Create(
                                          *redis, {.prefix = config.redis->prefix,
                                                   .time_offset = dependencies.store_time_offset}));
  sessions.emplace(*redis_sessions, dependencies.machine_clock, dependencies.metrics,
                   dependencies.health);
  if (const absl::Status ready = redis->WaitUntilReady(kStartWait); !ready.ok()) {
    dependencies.health.Set(Dependency::kSessionStore, false, base::ToStd(ready.message()));
  }
  return absl::OkStatus();
}

Stores::Stores(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Stores::~Stores() = default;

absl::StatusOr<std::unique_ptr<Stores>> Stores::Open(Dependencies dependencies,
                                                     const Config& config) {
  auto parts = std::make_unique<Parts>(std::move(dependencies));
  const Dependencies& with = parts->dependencies;
  MUSUBI_ASSIGN_OR_RETURN(parts->link_store, OpenLinks(with, config));
  MUSUBI_ASSIGN_OR_RETURN(parts->person_store, OpenPersons(with, config));
  parts->links.emplace(*parts->link_store, with.machine_clock, with.metrics, with.health);
  parts->persons.emplace(*parts->person_store, with.machine_clock, with.metrics, with.health);
  with.health.Use(Dependency::kLinkStore);
  with.health.Use(Dependency::kPersonStore);
  MUSUBI_RETURN_IF_ERROR(parts->OpenSessions(config));
  return std::unique_ptr<Stores>(new Stores(std::move(parts)));
}

musubi::session::SessionStore& Stores::sessions() { return *parts_->sessions; }
musubi::link::LinkStore& Stores::links() { return *parts_->links; }
replica::CrlEpochs* Stores::crl_epochs() { return parts_->crl_epochs.get(); }
person::PersonStore& Stores::persons() { return *parts_->persons; }
limits::RateLimiter& Stores::rate_limiter() { return *parts_->limiter; }

void Stores::SetGauges() {
  if (parts_->memory_sessions == nullptr) return;
  parts_->dependencies.metrics.session_records.Set(
      static_cast<double>(parts_->memory_sessions->size()));
}

}  // namespace musubi::services::musubid
