// The three stores, and the HTTP client of the responders, as they are, but timed and counted: into
// the metrics, the stages of the request at hand, and the health of the store. Change no answer.
#ifndef MUSUBI_SERVICES_MUSUBID_OBSERVED_STORES_H_
#define MUSUBI_SERVICES_MUSUBID_OBSERVED_STORES_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/http/http_client.h"
#include "lib/link/link_store.h"
#include "lib/person/person_store.h"
#include "lib/session/session_store.h"
#include "lib/telemetry/work.h"
#include "services/musubid/health.h"
#include "services/musubid/metrics.h"

namespace musubi::services::musubid {

// IsStoreFailure tells what a store could not do from what it refused by rule.
bool IsStoreFailure(const absl::Status& status);

// StoreMeter is what the decorators share. Thread-safe; what it is made of must outlive it.
class StoreMeter {
 public:
  // `clock` is the machine's: a latency is real time, whatever journeys run on.
  StoreMeter(const base::Clock& clock, Metrics& metrics, Health& health, Dependency dependency,
             telemetry::Stage stage)
      : clock_(clock), metrics_(metrics), health_(health), dependency_(dependency), stage_(stage) {}

  // Runs `f`, which returns a Status or StatusOr.
  template <typename F>
  auto Run(StoreOperation operation, F f) {
    const absl::Time begin = clock_.Now();
    auto result = [&] {
      const telemetry::StageScope scope(stage_);
      return f();
    }();
    if constexpr (std::is_same_v<decltype(result), absl::Status>) {
      Note(operation, clock_.Now() - begin, result);
    } else {
      Note(operation, clock_.Now() - begin, result.status());
    }
    return result;
  }

 private:
  void Note(StoreOperation operation, absl::Duration duration, const absl::Status& status);

  const base::Clock& clock_;
  Metrics& metrics_;
  Health& health_;
  const Dependency dependency_;
  const telemetry::Stage stage_;
};

class ObservedSessionStore final : public musubi::session::SessionStore {
 public:
  ObservedSessionStore(SessionStore& store, const base::Clock& clock, Metrics& metrics,
                       Health& health)
      : store_(store),
        meter_(clock, metrics, health, Dependency::kSessionStore, telemetry::Stage::kSessionStore) {
  }

  absl::StatusOr<absl::Time> Now() override;
  absl::StatusOr<bool> Insert(const musubi::session::SessionRecord& record) override;
  absl::StatusOr<Stored> Get(const musubi::session::SessionId& id) override;
  absl::StatusOr<bool> CompareAndSet(const musubi::session::SessionRecord& next,
                                     const std::string& tenure) override;
  std::unique_ptr<musubi::session::Subscription> Subscribe(const musubi::session::SessionId& id,
                                                           std::function<void()> changed) override;

 private:
  SessionStore& store_;
  StoreMeter meter_;
};

class ObservedLinkStore final : public musubi::link::LinkStore {
 public:
  ObservedLinkStore(LinkStore& store, const base::Clock& clock, Metrics& metrics, Health& health)
      : store_(store),
        meter_(clock, metrics, health, Dependency::kLinkStore, telemetry::Stage::kLinkStore) {}

  absl::StatusOr<musubi::link::Link> CreateLink(const musubi::link::RequestKey& request,
                                                const musubi::link::NewLink& link,
                                                musubi::link::AccountPolicy policy) override;
  absl::StatusOr<musubi::link::Link> ReplaceLink(const musubi::link::RequestKey& request,
                                                 const musubi::link::NewLink& link) override;
  absl::StatusOr<musubi::link::Link> EndLink(const musubi::link::RequestKey& request,
                                             const musubi::link::EndLinkArgs& args) override;
  absl::StatusOr<musubi::link::Resolution> Resolve(const musubi::link::ResolveArgs& args) override;
  absl::StatusOr<musubi::link::SessionEnd> EndSession(
      const musubi::link::EndSessionArgs& args) override;
  absl::StatusOr<std::optional<musubi::link::SessionEnd>> GetSessionEnd(
      const musubi::link::SessionId& session_id) override;
  absl::Status NoteNameRead(const musubi::link::LinkId& id) override;
  absl::StatusOr<musubi::link::Link> GetLink(const musubi::link::LinkId& id) override;
  absl::StatusOr<musubi::link::Page<musubi::link::Link>> ListLinks(
      const musubi::link::LinkFilter& filter, const musubi::link::PageRequest& page) override;
  absl::StatusOr<musubi::link::Page<musubi::link::AuditEntry>> ListEvents(
      const musubi::link::LinkFilter& filter, const musubi::link::PageRequest& page) override;
  absl::StatusOr<std::vector<musubi::link::PersonId>> ReferencedPersons(
      std::span<const musubi::link::PersonId> persons, absl::Time ended_since) override;
  absl::StatusOr<int> Prune(absl::Time before) override;
  absl::StatusOr<musubi::link::AuditHead> ExportHead() override;
  absl::StatusOr<std::vector<musubi::link::ChainHead>> ListHeads() override;
  absl::StatusOr<musubi::link::AuditReport> VerifyChain(
      std::optional<musubi::link::AuditHead> expected_head) override;

 private:
  LinkStore& store_;
  StoreMeter meter_;
};

class ObservedPersonStore final : public person::PersonStore {
 public:
  ObservedPersonStore(PersonStore& store, const base::Clock& clock, Metrics& metrics,
                      Health& health)
      : store_(store),
        meter_(clock, metrics, health, Dependency::kPersonStore, telemetry::Stage::kPersonStore) {}

  absl::StatusOr<person::PersonId> Record(const person::CardRecord& record) override;
  absl::StatusOr<std::optional<person::PersonId>> Find(const person::CardIdentity& card) override;
  absl::StatusOr<std::optional<base::Secret<std::string>>> GetName(
      const person::PersonId& person) override;
  absl::StatusOr<base::Secret<base::Bytes>> GetCertificate(const person::PersonId& person) override;
  absl::StatusOr<base::Hash256> Commit(const person::PersonId& person,
                                       std::initializer_list<base::ByteView> facts) override;
  absl::Status Erase(const person::PersonId& person) override;
  absl::StatusOr<int> SweepUnreferenced(absl::Time before, const ReferencedFn& referenced) override;

 private:
  PersonStore& store_;
  StoreMeter meter_;
};

// Also names the request at hand to the server: the header traceparent, with our span. A request
// that has the header already is of another thread's. Its requests may outlive it, as `client`,
// `clock` and `metrics` must both.
class ObservedHttpClient final : public http::HttpClient {
 public:
  ObservedHttpClient(HttpClient& client, const base::Clock& clock, Metrics& metrics)
      : client_(client), clock_(clock), metrics_(metrics) {}
  void AddTrace(http::Request& request) const override;
  void SendAsync(http::Request request, Done done) override;

 private:
  HttpClient& client_;
  const base::Clock& clock_;
  Metrics& metrics_;
};

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_OBSERVED_STORES_H_
