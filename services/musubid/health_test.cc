#include "services/musubid/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "lib/base/error.h"
#include "lib/base/secure_random.h"
#include "lib/link/sqlite_link_store.h"
#include "lib/session/memory_session_store.h"
#include "services/musubid/observed_stores.h"
#include "tests/fakes/fake_http_client.h"
#include "tests/fakes/simulated_clock.h"
#include "tests/fakes/temp_dir.h"

namespace musubi::services::musubid {
namespace {

using base::ErrorReason;
using testing::HasSubstr;
using testing::Not;

const std::set<ServiceName> kAll = {ServiceName::kSession, ServiceName::kPairing,
                                    ServiceName::kValidation, ServiceName::kLink};

// Knows nobody, or fails.
class ScriptedPersons final : public person::PersonStore {
 public:
  absl::StatusOr<person::PersonId> Record(const person::CardRecord&) override { return answer; }
  absl::StatusOr<std::optional<person::PersonId>> Find(const person::CardIdentity&) override {
    return answer;
  }
  absl::StatusOr<std::optional<base::Secret<std::string>>> GetName(
      const person::PersonId&) override {
    return answer;
  }
  absl::StatusOr<base::Secret<base::Bytes>> GetCertificate(const person::PersonId&) override {
    return answer;
  }
  absl::StatusOr<base::Hash256> Commit(const person::PersonId&,
                                       std::initializer_list<base::ByteView>) override {
    return answer;
  }
  absl::Status Erase(const person::PersonId&) override { return answer; }
  absl::StatusOr<int> SweepUnreferenced(absl::Time, const ReferencedFn&) override { return answer; }

  absl::Status answer = absl::NotFoundError("no such person");
};

class HealthTest : public testing::Test {
 protected:
  HealthTest() {
    for (const Dependency dependency :
         {Dependency::kSessionStore, Dependency::kPersonStore, Dependency::kResponders}) {
      health_.Use(dependency);
    }
    health_.Follow([this](ServiceName service, bool serving, bool ready) {
      followed_[service] = serving;
      followed_ready_ = ready;
    });
  }
  ~HealthTest() override { health_.Follow(nullptr); }

  nlohmann::json Entry(const std::string& dependency) {
    const auto all = nlohmann::json::parse(health_.Describe());
    for (const auto& entry : all["dependencies"]) {
      if (entry["dependency"] == dependency) return entry;
    }
    return {};
  }

  fakes::SimulatedClock clock_;
  telemetry::Log log_{clock_};
  telemetry::MetricRegistry registry_;
  Metrics metrics_{registry_};
  Health health_{clock_, log_, metrics_, kAll};
  std::map<ServiceName, bool> followed_;
  std::optional<bool> followed_ready_;
};

TEST_F(HealthTest, EverythingServesUntilToldOtherwise) {
  EXPECT_TRUE(health_.Ready());
  for (const ServiceName service : kAll) EXPECT_TRUE(followed_.at(service));
  EXPECT_EQ(Entry("LINK_STORE"), nlohmann::json());  // Not used by this server.
  EXPECT_EQ(Entry("SESSION_STORE")["up"], true);
}

TEST_F(HealthTest, StopsOnlyWhatCannotWorkWithoutTheDependency) {
  const std::map<Dependency, std::set<ServiceName>> stopped = {
      {Dependency::kSessionStore,
       {ServiceName::kSession, ServiceName::kPairing, ServiceName::kValidation,
        ServiceName::kLink}},
      {Dependency::kLinkStore, {ServiceName::kLink}},
      {Dependency::kPersonStore, {ServiceName::kLink}},
      {Dependency::kCrls, {}},
      {Dependency::kResponders, {}},
  };
  for (const auto& [dependency, services] : stopped) {
    health_.Set(dependency, false, "away");
    for (const ServiceName service : kAll) {
      EXPECT_EQ(health_.Serving(service), !services.contains(service)) << Name(dependency);
      EXPECT_EQ(followed_.at(service), !services.contains(service)) << Name(dependency);
    }
    EXPECT_EQ(health_.Ready(), services.empty());
    EXPECT_EQ(followed_ready_, services.empty());
    health_.Set(dependency, true, "");
    EXPECT_TRUE(health_.Ready());
    EXPECT_EQ(followed_ready_, true);
  }
}

TEST_F(HealthTest, AServerOfASubsetIsReadyWhileThatServes) {
  telemetry::MetricRegistry registry;
  Metrics metrics(registry);
  Health sessions(clock_, log_, metrics, {ServiceName::kSession});
  std::map<ServiceName, bool> followed;
  std::optional<bool> ready;
  sessions.Follow([&](ServiceName service, bool serving, bool now_ready) {
    followed[service] = serving;
    ready = now_ready;
  });
  for (const Dependency dependency : {Dependency::kLinkStore, Dependency::kPersonStore}) {
    sessions.Use(dependency);
    sessions.Set(dependency, false, "away");
  }
  EXPECT_TRUE(sessions.Ready());
  EXPECT_EQ(ready, true);
  const auto described = nlohmann::json::parse(sessions.Describe());
  EXPECT_EQ(described["ready"], true);
  EXPECT_EQ(described["services"], nlohmann::json({{"SESSION", "SERVING"}}));
  EXPECT_EQ(described["dependencies"][0]["up"], false);
  EXPECT_EQ(described["dependencies"][0]["stops"], nlohmann::json::array());
  EXPECT_THAT(registry.Scrape(), Not(HasSubstr("musubi_service_serving{service=\"LINK\"} 1")));
  sessions.Set(Dependency::kSessionStore, false, "away");
  EXPECT_FALSE(sessions.Ready());
  EXPECT_EQ(ready, false);
  EXPECT_EQ(followed, (std::map<ServiceName, bool>{{ServiceName::kSession, false}}));
}

TEST_F(HealthTest, WhatWasAwayFromTheStartIsBackAfterOneSuccess) {
  health_.Set(Dependency::kSessionStore, false, "Redis at HOST:1: refused");
  EXPECT_FALSE(health_.Ready());
  health_.Report(Dependency::kSessionStore, absl::OkStatus());
  EXPECT_TRUE(health_.Ready());
}

TEST_F(HealthTest, NothingServesWhileTheServerDrains) {
  health_.Drain();
  EXPECT_FALSE(health_.Ready());
  for (const ServiceName service : kAll) EXPECT_FALSE(followed_.at(service));
  EXPECT_EQ(followed_ready_, false);
  EXPECT_EQ(nlohmann::json::parse(health_.Describe())["draining"], true);
}

TEST_F(HealthTest, AFailingStoreIsAwayAfterThreeFailuresAndBackAfterOneSuccess) {
  ScriptedPersons persons;
  ObservedPersonStore observed(persons, clock_, metrics_, health_);
  (void)observed.GetName({});  // Nobody is an answer.
  EXPECT_TRUE(health_.Ready());
  persons.answer = base::Error(ErrorReason::kUnavailable, "SQLite (p.db): disk I/O error");
  clock_.Advance(absl::Minutes(1));
  (void)observed.GetName({});
  (void)observed.Find({});
  EXPECT_TRUE(health_.Ready());
  EXPECT_THAT(std::string(Entry("PERSON_STORE")["last_error"]), HasSubstr("disk I/O error"));
  clock_.Advance(absl::Minutes(1));
  (void)observed.Erase({});
  EXPECT_FALSE(health_.Ready());
  EXPECT_FALSE(followed_.at(ServiceName::kLink));
  EXPECT_TRUE(followed_.at(ServiceName::kSession));
  const std::string down =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", clock_.Now(), absl::UTCTimeZone());
  EXPECT_EQ(Entry("PERSON_STORE")["up"], false);
  EXPECT_EQ(Entry("PERSON_STORE")["since"], down);
  EXPECT_EQ(Entry("PERSON_STORE")["stops"], nlohmann::json({"LINK"}));
  clock_.Advance(absl::Minutes(1));
  (void)observed.Erase({});
  EXPECT_EQ(Entry("PERSON_STORE")["since"], down);
  const std::string text = registry_.Scrape();
  EXPECT_THAT(text, HasSubstr("musubi_service_serving{service=\"LINK\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("musubi_dependency_up{dependency=\"PERSON_STORE\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("musubi_store_failures_total{operation=\"PERSON_ERASE\"} 2\n"));

  persons.answer = absl::NotFoundError("no such person");
  (void)observed.GetName({});
  EXPECT_TRUE(health_.Ready());
  EXPECT_TRUE(followed_.at(ServiceName::kLink));
  EXPECT_EQ(Entry("PERSON_STORE")["up"], true);
  // What it was stays to be read.
  EXPECT_THAT(std::string(Entry("PERSON_STORE")["last_error"]), HasSubstr("disk I/O error"));
}

TEST_F(HealthTest, ASuccessBetweenTwoFailuresStartsTheCountAnew) {
  ScriptedPersons persons;
  ObservedPersonStore observed(persons, clock_, metrics_, health_);
  for (int round = 0; round < 5; ++round) {
    for (int failure = 1; failure < kFailuresUntilAway; ++failure) {
      persons.answer = base::Error(ErrorReason::kUnavailable, "busy");
      (void)observed.GetName({});
    }
    persons.answer = absl::NotFoundError("no such person");
    (void)observed.GetName({});
  }
  EXPECT_TRUE(health_.Ready());
}

TEST_F(HealthTest, RefusalsByRuleAreNoFailures) {
  for (const absl::Status& status :
       {absl::OkStatus(), base::Error(ErrorReason::kLinkNotFound, ""),
        base::Error(ErrorReason::kSessionNotFound, ""), base::Error(ErrorReason::kFieldInvalid, ""),
        absl::NotFoundError("")}) {
    EXPECT_FALSE(IsStoreFailure(status)) << status;
  }
  for (const absl::Status& status :
       {base::Error(ErrorReason::kUnavailable, ""), base::Error(ErrorReason::kInternal, ""),
        base::Error(ErrorReason::kOverloaded, ""), absl::DataLossError(""),
        absl::UnknownError("")}) {
    EXPECT_TRUE(IsStoreFailure(status)) << status;
  }
}

TEST_F(HealthTest, AFullSessionStoreStillAnswers) {
  musubi::session::MemorySessionStore sessions(clock_, /*capacity=*/0);
  ObservedSessionStore observed(sessions, clock_, metrics_, health_);
  musubi::session::SessionRecord record;
  record.expires_at = clock_.Now() + absl::Hours(1);
  for (int i = 0; i < kFailuresUntilAway; ++i) {
    record.id[0] = static_cast<uint8_t>(i);
    EXPECT_EQ(base::ReasonOf(observed.Insert(record).status()), ErrorReason::kOverloaded);
  }
  EXPECT_TRUE(health_.Ready());
  EXPECT_THAT(registry_.Scrape(),
              HasSubstr("musubi_store_failures_total{operation=\"SESSION_INSERT\"} 3\n"));
}

TEST_F(HealthTest, AProbeAsksEveryStore) {
  fakes::TempDir directory;
  base::SystemRandom random;
  const auto links = musubi::link::CreateSqliteLinkStore(
      {.clock = &clock_,
       .random = &random,
       .audit_keyring = crypto::Keyring::Generate("k1", random),
       .account_keyring = crypto::Keyring::Generate("k1", random)},
      {.path = directory.File("links.db")});
  ASSERT_TRUE(links.ok()) << links.status();
  musubi::session::MemorySessionStore sessions(clock_);
  ScriptedPersons persons;
  ObservedSessionStore observed_sessions(sessions, clock_, metrics_, health_);
  ObservedLinkStore observed_links(**links, clock_, metrics_, health_);
  ObservedPersonStore observed_persons(persons, clock_, metrics_, health_);
  ProbeStores(observed_sessions, observed_links, observed_persons);
  EXPECT_TRUE(health_.Ready());
  const std::string text = registry_.Scrape();
  for (const char* operation : {"SESSION_NOW", "LINK_GET_SESSION_END", "PERSON_GET_NAME"}) {
    EXPECT_THAT(text, HasSubstr("musubi_store_operation_duration_seconds_count{operation=\"" +
                                std::string(operation) + "\"} 1\n"));
  }
  EXPECT_THAT(text, Not(HasSubstr("_failures_total{operation=\"LINK_GET_SESSION_END\"} 1")));
}

TEST_F(HealthTest, KeepsABoundedTextThatIsJsonWhateverItHolds) {
  health_.Set(Dependency::kPersonStore, false, std::string(1000, '\xff') + "\"\n");
  EXPECT_LE(std::string(Entry("PERSON_STORE")["last_error"]).size(), 3 * kMaxHealthText);
}

TEST(ObservedHttpClient, NamesOurSpanToTheResponderAndTakesTheTime) {
  fakes::SimulatedClock clock;
  telemetry::MetricRegistry registry;
  Metrics metrics(registry);
  fakes::FakeHttpClient responder([&](const http::Request&) -> absl::StatusOr<http::Response> {
    clock.Advance(absl::Milliseconds(30));
    return http::Response{.status_code = 200};
  });
  ObservedHttpClient client(responder, clock, metrics);
  const telemetry::TraceContext trace{.trace_id = {1}, .span_id = {2}, .sampled = true};
  {
    const telemetry::Work work(clock, trace);
    ASSERT_TRUE(client.Send({.url = "http://responder.example/"}).ok());
  }
  ASSERT_TRUE(client.Send({.url = "http://responder.example/"}).ok());
  // For another thread to send.
  http::Request handed_over{.url = "http://responder.example/"};
  {
    const telemetry::Work work(clock, trace);
    client.AddTrace(handed_over);
  }
  ASSERT_TRUE(client.Send(handed_over).ok());
  EXPECT_EQ(responder.requests()[0].traceparent, telemetry::FormatTraceparent(trace));
  EXPECT_EQ(responder.requests()[1].traceparent, "");
  EXPECT_EQ(responder.requests()[2].traceparent, telemetry::FormatTraceparent(trace));
  EXPECT_THAT(registry.Scrape(), HasSubstr("musubi_ocsp_call_duration_seconds_sum 0.09\n"));
}

}  // namespace
}  // namespace musubi::services::musubid
