// What ReadFlags refuses, by flag, rule and fix. The refusals of a whole process are in
// tests/integration/musubid_test.cc.
#include "services/musubid/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/reflection.h"

namespace musubi::services::musubid {
namespace {

using testing::HasSubstr;
using Flags = std::map<std::string, std::string>;

// Flags are the process's: each call begins with the defaults, and leaves them.
absl::StatusOr<Config> Read(const Flags& flags) {
  const absl::FlagSaver saver;
  for (const auto& [name, value] : flags) {
    absl::CommandLineFlag* const flag = absl::FindCommandLineFlag(name);
    std::string error;
    EXPECT_TRUE(flag != nullptr && flag->ParseFrom(value, &error)) << name << ": " << error;
  }
  return ReadFlags();
}

// One process with SQLite; no file of these is opened.
Flags Good() {
  Flags flags = {{"insecure_loopback_roles", "front"}, {"environment", "SIM"}};
  for (const char* file :
       {"anchors", "hierarchy", "name_issuers", "relying_parties", "service_keyring",
        "card_keyring", "evidence_key", "audit_keyring", "account_keyring", "person_index_keyring",
        "person_data_keyring", "crl_directory", "responders", "link_db", "person_db"}) {
    flags[file] = std::string("/files/") + file;
  }
  return flags;
}

Flags With(Flags flags, const Flags& more) {
  for (const auto& [name, value] : more) flags[name] = value;
  return flags;
}

Flags OnPostgres() {
  return With(Good(), {{"link_db", ""},
                       {"person_db", ""},
                       {"link_postgres", "host=/run/postgresql dbname=musubi user=links"},
                       {"person_postgres", "host=/run/postgresql dbname=musubi user=persons"},
                       {"revoked_overlay", "/state/revoked"},
                       {"check_log", "/state/checks"},
                       {"crl_state", "/state/crl"}});
}

const Flags kRedis = {{"session_store", "redis"}, {"redis_server", "redis.example:6379"}};
const Flags kSentinels = {{"session_store", "redis"},
                          {"redis_sentinels", "a.example:26379,b.example:26379"},
                          {"redis_master_name", "sessions"}};

TEST(ReadFlags, TakesEachWayToKeepThings) {
  for (const Flags& flags :
       {Good(), OnPostgres(), With(Good(), kRedis), With(OnPostgres(), kSentinels)}) {
    const auto config = Read(flags);
    EXPECT_TRUE(config.ok()) << config.status();
  }
  EXPECT_FALSE(Read(Good())->redis.has_value());
}

TEST(ReadFlags, GivesRedisWhatItsFlagsSay) {
  const auto config =
      Read(With(OnPostgres(), With(kSentinels, {{"redis_user_file", "/u"},
                                                {"redis_password_file", "/p"},
                                                {"redis_sentinel_user_file", "/su"},
                                                {"redis_sentinel_password_file", "/sp"},
                                                {"redis_prefix", "t:"},
                                                {"redis_connections", "5"}})));
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_TRUE(config->redis.has_value());
  const redis::Client::Options& client = config->redis->client;
  EXPECT_EQ(client.server, "");
  EXPECT_EQ(client.sentinels, (std::vector<std::string>{"a.example:26379", "b.example:26379"}));
  EXPECT_EQ(client.master_name, "sessions");
  EXPECT_EQ(client.user_file, "/u");
  EXPECT_EQ(client.password_file, "/p");
  EXPECT_EQ(client.sentinel_user_file, "/su");
  EXPECT_EQ(client.sentinel_password_file, "/sp");
  EXPECT_EQ(client.connections, 5);
  EXPECT_EQ(config->redis->prefix, "t:");
}

TEST(ReadFlags, GivesConnectionsTheirLimits) {
  const auto config = Read(With(Good(), {{"max_connection_age", "10s"},
                                         {"max_connection_age_grace", "11s"},
                                         {"max_concurrent_streams", "100"},
                                         {"memory_quota", "16777216"}}));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->connections.max_age, absl::Seconds(10));
  EXPECT_EQ(config->connections.max_age_grace, absl::Seconds(11));
  EXPECT_EQ(config->connections.max_concurrent_streams, 100);
  EXPECT_EQ(config->connections.memory_quota, size_t{16} << 20);
  EXPECT_TRUE(Read(With(Good(), {{"max_connection_age", "inf"}})).ok());
}

TEST(ReadFlags, TakesASubsetOfServicesOnlyWithSharedStores) {
  const Flags subset = {{"services", "session,link"}};
  const auto shared = Read(With(With(OnPostgres(), kRedis), subset));
  ASSERT_TRUE(shared.ok()) << shared.status();
  EXPECT_TRUE(shared->Serves(ServiceName::kLink));
  EXPECT_FALSE(shared->Serves(ServiceName::kPairing));
  const std::pair<Flags, std::string> alone[] = {
      {Good(), "--session_store=memory"},
      {OnPostgres(), "--session_store=memory"},
      {With(Good(), kRedis), "--link_db"},
      {With(With(OnPostgres(), kRedis), {{"person_postgres", ""}, {"person_db", "/p"}}),
       "--person_db"}};
  for (const auto& [flags, blamed] : alone) {
    const auto config = Read(With(flags, subset));
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string said(config.status().message());
    EXPECT_THAT(said, HasSubstr("--services names a subset, but " + blamed));
    EXPECT_THAT(said, HasSubstr("serve all of session,pairing,validation,link"));
  }
}

TEST(ReadFlags, RefusesNamingFlagRuleAndFix) {
  struct Case {
    Flags flags;
    std::vector<std::string> said;
  };
  std::vector<Case> cases = {
      {With(Good(), {{"session_store", "disk"}}), {"--session_store=disk", "memory or redis"}},
      {With(Good(), {{"session_store", "redis"}}), {"--redis_server is missing"}},
      {With(Good(), With(kRedis, {{"redis_sentinels", "a:1"}})), {"exclude each other"}},
      {With(Good(), With(kSentinels, {{"redis_master_name", ""}})),
       {"--redis_master_name is missing"}},
      {With(Good(), With(kRedis, {{"redis_master_name", "m"}})),
       {"--redis_master_name", "without --redis_sentinels"}},
      {With(Good(), With(kRedis, {{"redis_sentinel_user_file", "/u"}})),
       {"--redis_sentinel_user_file", "without --redis_sentinels"}},
      {With(Good(), With(kRedis, {{"redis_sentinel_password_file", "/p"}})),
       {"--redis_sentinel_password_file", "without --redis_sentinels"}},
      {With(Good(), With(kRedis, {{"redis_user_file", "/u"}})),
       {"--redis_user_file", "without --redis_password_file"}},
      {With(Good(), With(kSentinels, {{"redis_sentinel_user_file", "/u"}})),
       {"--redis_sentinel_user_file", "without --redis_sentinel_password_file"}},
      {With(Good(), With(kRedis, {{"max_crl_lag", "2m59s"}})),
       {"--max_crl_lag=2m59s", "at least 3m"}},
      // Connections.
      {With(Good(), {{"max_connection_age", "9.999s"}}),
       {"--max_connection_age=9.999s", "at least 10s"}},
      {With(Good(), {{"max_connection_age_grace", "9s"}}),
       {"--max_connection_age_grace=9s", "at least 10s"}},
      {With(Good(), {{"max_concurrent_streams", "99"}}),
       {"--max_concurrent_streams=99", "at least 100"}},
      {With(Good(), {{"memory_quota", "16777215"}}),
       {"--memory_quota=16777215", "at least 16777216"}},
      {With(Good(), {{"memory_quota", "-1"}}), {"--memory_quota=-1", "at least 16777216"}},
      // PostgreSQL.
      {With(Good(), {{"link_postgres", "host=/run/postgresql"}}),
       {"--link_db and --link_postgres exclude each other"}},
      {With(Good(), {{"person_postgres", "host=/run/postgresql"}}),
       {"--person_db and --person_postgres exclude each other"}},
      {With(Good(), {{"link_db", ""}}), {"--link_db is missing"}},
      {With(OnPostgres(), {{"link_postgres", "host=a password=geheim"}}),
       {"--link_postgres", "passfile"}},
      {With(OnPostgres(), {{"person_postgres", "nonsense"}}), {"--person_postgres"}},
      {With(OnPostgres(), {{"postgres_connections", "0"}}),
       {"--postgres_connections=0", "at least 1"}},
  };
  for (const auto& [name, value] : Flags{{"redis_server", "a:1"},
                                         {"redis_sentinels", "a:1"},
                                         {"redis_master_name", "m"},
                                         {"redis_user_file", "/u"},
                                         {"redis_password_file", "/p"},
                                         {"redis_sentinel_user_file", "/u"},
                                         {"redis_sentinel_password_file", "/p"},
                                         {"redis_prefix", "t:"},
                                         {"redis_connections", "5"}}) {
    cases.push_back(
        {With(Good(), {{name, value}}), {"--" + name, "without --session_store=redis"}});
  }
  // Without --link_db there is nothing that these could lie beside.
  for (const char* flag : {"revoked_overlay", "check_log", "crl_state"}) {
    cases.push_back({With(OnPostgres(), {{flag, ""}}),
                     {std::string("--") + flag + " is missing", "there is no --link_db"}});
  }
  for (const Case& c : cases) {
    const auto config = Read(c.flags);
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << c.said[0];
    const std::string said(config.status().message());
    for (const std::string& text : c.said) EXPECT_THAT(said, HasSubstr(text));
    EXPECT_EQ(said.find("geheim"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace musubi::services::musubid
