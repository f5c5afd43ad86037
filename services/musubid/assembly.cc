#include "services/musubid/assembly.h"

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/secure_random.h"
#include "lib/base/status.h"
#include "lib/base/worker_pool.h"
#include "lib/checklog/check_log.h"
#include "lib/crypto/signature_batcher.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/http/curl_http_client.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/prelink/journey.h"
#include "lib/prelink/journey_limits.h"
#include "lib/prelink/links.h"
#include "lib/prelink/pairings.h"
#include "lib/prelink/proofs.h"
#include "lib/prelink/sessions.h"
#include "lib/prelink/validation_queue.h"
#include "lib/revocation/crl_fetcher.h"
#include "lib/revocation/crl_store.h"
#include "lib/revocation/ocsp_client.h"
#include "lib/revocation/revocation_checker.h"
#include "lib/rpc/calls.h"
#include "lib/rpc/health_server.h"
#include "lib/rpc/server.h"
#include "lib/telemetry/http_endpoint.h"
#include "lib/telemetry/metrics.h"
#include "services/link/link_service.h"
#include "services/musubid/checkpoints.h"
#include "services/musubid/crl_lag.h"
#include "services/musubid/health.h"
#include "services/musubid/housekeeping.h"
#include "services/musubid/limit_reporter.h"
#include "services/musubid/material.h"
#include "services/musubid/metrics.h"
#include "services/musubid/observed_stores.h"
#include "services/musubid/observers.h"
#include "services/musubid/stores.h"
#include "services/pairing/pairing_service.h"
#include "services/session/session_service.h"
#include "services/validation/validation_service.h"

namespace musubi::services::musubid {
namespace {

// How often persons without a link and answers of long ago are swept.
constexpr absl::Duration kSweepInterval = absl::Minutes(10);
// Two, so that one that writes a revocation to a slow disk leaves another; an answer takes them
// some 100 us. The queue holds those of every connection (CurlHttpClient::Options), and to spare.
constexpr base::WorkerPool::Options kOcspWorkers{.threads = 2, .queue = 1024};

std::string FullName(ServiceName service) {
  switch (service) {
    case ServiceName::kSession:
      return "musubi.v1.SessionService";
    case ServiceName::kPairing:
      return "musubi.v1.PairingService";
    case ServiceName::kValidation:
      return "musubi.v1.ValidationService";
    case ServiceName::kLink:
      break;
  }
  return "musubi.v1.LinkService";
}

revocation::Issuers IssuersOf(const pki::TrustStore& trust_store) {
  revocation::Issuers issuers;
  for (const pki::TrustAnchor& anchor : trust_store.anchors()) {
    issuers.emplace(anchor.id, anchor.certificate);
  }
  return issuers;
}

}  // namespace

// In the order in which things are made; they go in reverse.
struct Assembly::Parts {
  Parts(Dependencies dependencies, const Config& config, Material material_in)
      : clock(dependencies.clock),
        timer(dependencies.timer),
        log(dependencies.log),
        metrics(registry),
        health(clock, log, metrics, config.services),
        request_reporter(log, metrics, config.log_requests),
        revocation_reporter(clock, log, metrics, health),
        session_reporter(metrics),
        validation_reporter(metrics),
        validation_queue_reporter(metrics),
        signature_reporter(log),
        check_log_reporter(log, metrics),
        limit_reporter(log, metrics),
        material(std::move(material_in)) {
    lifetimes = config.lifetimes;
  }
  // The server goes before those who report to it. No CRL's server holds the end up.
  ~Parts() {
    health.Follow(nullptr);
    if (curl != nullptr) curl->Stop();
  }

  absl::Status OpenCheckLog(const Config& config);
  absl::Status OpenRevocation(const Config& config);
  void OpenCrlLag(const Config& config);
  absl::Status MakeUseCases(const Config& config);
  absl::Status Listen(const Config& config);
  absl::Status ListenForOperators(const Config& config);
  // Whether CrlStore has just read the folder, so that there is nothing new but what is fetched.
  enum class Folder { kJustRead, kMayHaveChanged };
  void UpdateCrls(Folder folder);
  void Sweep();
  void RefreshTls(const Config& config);

  const base::Clock& clock;
  base::Timer& timer;
  telemetry::Log& log;
  base::RealClock machine_clock;  // gRPC's deadlines and latencies, whatever journeys run on.
  telemetry::MetricRegistry registry;
  Metrics metrics;
  Health health;
  RequestReporter request_reporter;
  RevocationReporter revocation_reporter;
  SessionReporter session_reporter;
  ValidationReporter validation_reporter;
  ValidationQueueReporter validation_queue_reporter;
  SignatureReporter signature_reporter;
  CheckLogReporter check_log_reporter;
  LimitReporter limit_reporter;
  Material material;
  musubi::session::Lifetimes lifetimes;
  base::SystemRandom random;

  std::unique_ptr<Stores> stores;
  std::unique_ptr<Checkpoints> checkpoints;  // Null: none.
  std::unique_ptr<checklog::CheckLog> check_log;

  std::unique_ptr<http::CurlHttpClient> curl;
  std::optional<ObservedHttpClient> http;
  std::unique_ptr<revocation::CrlFetcher> crl_fetcher;
  std::unique_ptr<revocation::CrlStore> crl_store;
  std::unique_ptr<CrlLag> crl_lag;  // Null: there are no other replicas, or no CRLs.
  std::unique_ptr<base::WorkerPool> ocsp_workers;
  std::unique_ptr<revocation::OcspClient> ocsp_client;
  std::unique_ptr<revocation::RevocationChecker> revocation_checker;
  std::unique_ptr<crypto::SignatureVerifier> signature_verifier;
  std::optional<crypto::PlainBatchVerifier> batch_verifier;
  std::unique_ptr<crypto::SignatureBatcher> signatures;

  std::optional<prelink::JourneyLimits> limits;
  std::optional<prelink::Journey> journey;
  std::optional<prelink::CertificateValidation> validation;
  std::optional<prelink::SessionUseCases> session_use_cases;
  std::optional<prelink::PairingUseCases> pairing_use_cases;
  std::optional<prelink::ProofUseCases> proof_use_cases;
  std::optional<prelink::LinkUseCases> link_use_cases;

  std::unique_ptr<base::WorkerPool> workers;
  // Apart, so that journeys do not wait behind a platform's thousands of questions.
  std::unique_ptr<prelink::ValidationQueue> validation_queue;
  // One thread, since a CRL's server may take its time.
  std::unique_ptr<base::WorkerPool> crl_workers;
  std::unique_ptr<Periodic> crl_reload;
  std::unique_ptr<Periodic> crl_report;
  std::unique_ptr<Periodic> sweep;
  std::unique_ptr<Periodic> probe;
  std::unique_ptr<Periodic> checkpoint;
  std::unique_ptr<rpc::Calls> calls;
  std::optional<session::SessionService> session_service;
  std::optional<pairing::PairingService> pairing_service;
  std::optional<validation::ValidationService> validation_service;
  std::optional<link::LinkService> link_service;
  std::unique_ptr<rpc::HealthServer> health_server;  // Null: none. Answers while `server` drains.
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<Periodic> tls_refresh;  // Of the server.
  std::unique_ptr<telemetry::HttpEndpoint> endpoint;
};

absl::Status Assembly::Parts::OpenCheckLog(const Config& config) {
  MUSUBI_ASSIGN_OR_RETURN(
      auto segments, ForFlag("check_log", checklog::OpenSegments(config.check_log.empty()
                                                                     ? config.link_db + ".checks"
                                                                     : config.check_log)));
  MUSUBI_ASSIGN_OR_RETURN(check_log, ForFlag("check_log", checklog::CheckLog::Create(
                                                              {.clock = clock,
                                                               .storage = std::move(segments),
                                                               .keyring = material.audit_keyring,
                                                               .observer = &check_log_reporter},
                                                              {.queue = config.check_log_queue})));
  return absl::OkStatus();
}

absl::Status Assembly::Parts::OpenRevocation(const Config& config) {
  const revocation::Issuers issuers = IssuersOf(material.trust_store);
  MUSUBI_ASSIGN_OR_RETURN(curl, http::CurlHttpClient::Create());
  http.emplace(*curl, machine_clock, metrics);
  if (!config.crl_directory.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(
        crl_store, ForFlag("crl_directory", revocation::CrlStore::Create(
                                                {clock, revocation_reporter},
                                                {.directory = config.crl_directory,
                                                 .issuers = issuers,
                                                 .state_file = config.crl_state.empty()
                                                                   ? config.link_db + ".crl-state"
                                                                   : config.crl_state,
                                                 .idle_priority = true})));
    health.Use(Dependency::kCrls);
    revocation_reporter.EndLoad();
    crl_fetcher = std::make_unique<revocation::CrlFetcher>(
        revocation::CrlFetcher::Dependencies{*http, revocation_reporter},
        revocation::CrlFetcher::Options{.directory = config.crl_directory, .issuers = issuers});
  }
  if (!material.responders.empty()) {
    health.Use(Dependency::kResponders);
    MUSUBI_ASSIGN_OR_RETURN(ocsp_workers, base::WorkerPool::Create(kOcspWorkers));
    MUSUBI_ASSIGN_OR_RETURN(
        ocsp_client,
        ForFlag("responders", revocation::OcspClient::Create(
                                  {*http, clock, timer, random, crl_store.get(),
                                   revocation_reporter, ocsp_workers.get()},
                                  {.issuers = issuers, .responders = material.responders})));
  }
  MUSUBI_ASSIGN_OR_RETURN(
      revocation_checker,
      ForFlag("revoked_overlay",
              revocation::RevocationChecker::Create(
                  {clock, crl_store.get(), ocsp_client.get(), revocation_reporter},
                  {.overlay_file = config.revoked_overlay.empty() ? config.link_db + ".revoked"
                                                                  : config.revoked_overlay})));
  return absl::OkStatus();
}

void Assembly::Parts::OpenCrlLag(const Config& config) {
  if (crl_store == nullptr || stores->crl_epochs() == nullptr) return;
  const auto report = [this] {
    std::vector<replica::CrlEpoch> lists;
    for (const revocation::CrlInForce& list : crl_store->InForce()) {
      lists.push_back({std::string(base::AsText(list.scope)), list.this_update});
    }
    return stores->crl_epochs()->Report(lists);
  };
  crl_lag = std::make_unique<CrlLag>(
      CrlLag::Dependencies{.clock = clock, .log = log, .report = report}, config.max_crl_lag);
  crl_lag->Report();
}

absl::Status Assembly::Parts::MakeUseCases(const Config& config) {
  limits.emplace(prelink::JourneyLimits::Dependencies{.limiter = stores->rate_limiter(),
                                                      .service_keyring = material.service_keyring,
                                                      .observer = &limit_reporter},
                 config.limits);
  journey.emplace(prelink::Journey::Dependencies{.sessions = stores->sessions(),
                                                 .links = stores->links(),
                                                 .limits = *limits,
                                                 .relying_parties = material.relying_parties,
                                                 .random = random,
                                                 .service_keyring = material.service_keyring,
                                                 .card_keyring = material.card_keyring,
                                                 .observer = &session_reporter},
                  lifetimes);
  MUSUBI_ASSIGN_OR_RETURN(
      signature_verifier,
      crypto::SignatureVerifier::Create(
          {.dispatch = config.validation_paths == jpki::CardValidator::Paths::kAuto
                           ? crypto::SignatureDispatch::kAuto
                           : crypto::SignatureDispatch::kScalar,
           .observer = &signature_reporter}));
  batch_verifier.emplace(*signature_verifier);
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  MUSUBI_ASSIGN_OR_RETURN(
      signatures, crypto::SignatureBatcher::Create(*batch_verifier, clock, {.rsa_leaders = cores}));
  validation.emplace(
      prelink::CertificateValidation::Dependencies{.clock = clock,
                                                   .card_validator = material.card_validator,
                                                   .revocation_checker = *revocation_checker,
                                                   .observer = &validation_reporter,
                                                   .signatures = signatures.get(),
                                                   .degraded_crl_age = config.degraded_crl_age});
  session_use_cases.emplace(*journey);
  pairing_use_cases.emplace(*journey);
  prelink::ProofUseCases::Dependencies proofs{.journey = *journey,
                                              .validation = *validation,
                                              .name_issuers = material.name_issuers,
                                              .revocation_mode = config.revocation_mode,
                                              .max_crl_lag = config.max_crl_lag};
  if (crl_lag != nullptr) proofs.crl_lag = [this] { return crl_lag->Ask(); };
  proof_use_cases.emplace(std::move(proofs));
  link_use_cases.emplace(prelink::LinkUseCases::Dependencies{.journey = *journey,
                                                             .persons = stores->persons(),
                                                             .evidence_key = material.evidence_key,
                                                             .clock = clock});
  MUSUBI_ASSIGN_OR_RETURN(workers, base::WorkerPool::Create({.threads = config.worker_threads,
                                                             .queue = config.worker_queue}));
  MUSUBI_ASSIGN_OR_RETURN(validation_queue,
                          prelink::ValidationQueue::Create(
                              {.engine = *validation, .observer = &validation_queue_reporter},
                              {.threads = config.validation_threads}));
  if (crl_store != nullptr) {
    MUSUBI_ASSIGN_OR_RETURN(crl_workers, base::WorkerPool::Create({.threads = 1, .queue = 1}));
    // At once, since a scope with a url may have no list yet. If there is no thread for it, the
    // first reload does it.
    (void)crl_workers->Submit([this] { UpdateCrls(Folder::kJustRead); });
    crl_reload = std::make_unique<Periodic>(timer, *crl_workers, config.crl_reload_interval,
                                            [this] { UpdateCrls(Folder::kMayHaveChanged); });
  }
  if (crl_lag != nullptr) {
    crl_report = std::make_unique<Periodic>(timer, *workers, kCrlReportInterval,
                                            [this] { crl_lag->Report(); });
  }
  sweep = std::make_unique<Periodic>(timer, *workers, kSweepInterval, [this] { Sweep(); });
  probe = std::make_unique<Periodic>(timer, *workers, kProbeInterval, [this] {
    ProbeStores(stores->sessions(), stores->links(), stores->persons());
    // Told to the reporter: the alert clears though nobody types a code.
    (void)limits->WrongCodeAlert();
  });
  if (checkpoints != nullptr) {
    checkpoint = std::make_unique<Periodic>(timer, *workers, config.audit_checkpoint_interval,
                                            [this] { checkpoints->Write(); });
  }
  return absl::OkStatus();
}

void Assembly::Parts::UpdateCrls(Folder folder) {
  const absl::StatusOr<size_t> fetched = crl_fetcher->Fetch();
  if (absl::IsCancelled(fetched.status())) return;  // The process ends.
  absl::Status status = fetched.status();
  if (status.ok()) {
    if (folder == Folder::kJustRead && *fetched == 0) return;
    revocation_reporter.BeginLoad();
    status = crl_store->Reload();
  }
  if (status.ok()) {
    revocation_reporter.EndLoad();
    return;
  }
  health.Set(Dependency::kCrls, false, "the CRL folder cannot be read again: the log says why");
  log.Write(telemetry::Severity::kError, "crl_reload_failed",
            {{"error", std::string(status.message())}});
}

void Assembly::Parts::Sweep() {
  // A person whose links have all ended goes: nothing needs the card data any more.
  const auto swept = stores->persons().SweepUnreferenced(
      clock.Now() - person::kUnreferencedGrace, [this](std::span<const person::PersonId> ids) {
        return stores->links().ReferencedPersons(ids, absl::InfiniteFuture());
      });
  const auto pruned = stores->links().Prune(clock.Now() - musubi::link::kMinAnswerAge);
  for (const absl::Status& status : {swept.status(), pruned.status()}) {
    if (!status.ok()) {
      log.Write(telemetry::Severity::kError, "sweep_failed",
                {{"error", std::string(status.message())}});
    }
  }
}

void Assembly::Parts::RefreshTls(const Config& config) {
  const absl::StatusOr<rpc::MutualTls> tls = LoadTls(config);
  const absl::StatusOr<bool> replaced = tls.ok() ? server->ReplaceTls(*tls) : tls.status();
  if (!replaced.ok()) {
    log.Write(telemetry::Severity::kError, "tls_refresh_failed",
              {{"error", std::string(replaced.status().message())}});
  } else if (*replaced) {
    log.Write(telemetry::Severity::kInfo, "tls_refreshed", {});
  }
}

absl::Status Assembly::Parts::Listen(const Config& config) {
  MUSUBI_ASSIGN_OR_RETURN(
      calls, rpc::Calls::Create({machine_clock, random, request_reporter, *workers},
                                {.security = material.security, .session_ttl = lifetimes.session}));
  session_service.emplace(session::SessionService::Dependencies{
      .calls = *calls, .sessions = *session_use_cases, .timer = timer, .workers = *workers});
  pairing_service.emplace(pairing::PairingService::Dependencies{.calls = *calls,
                                                                .pairings = *pairing_use_cases,
                                                                .sessions = *session_use_cases,
                                                                .timer = timer,
                                                                .workers = *workers});
  validation_service.emplace(validation::ValidationService::Dependencies{.calls = *calls,
                                                                         .proofs = *proof_use_cases,
                                                                         .clock = clock,
                                                                         .queue = *validation_queue,
                                                                         .check_log = *check_log});
  link_service.emplace(link::LinkService::Dependencies{.calls = *calls, .links = *link_use_cases});
  const std::pair<ServiceName, grpc::Service*> all[] = {
      {ServiceName::kSession, &*session_service},
      {ServiceName::kPairing, &*pairing_service},
      {ServiceName::kValidation, &*validation_service},
      {ServiceName::kLink, &*link_service},
  };
  std::vector<rpc::Server::Service> services;
  for (const auto& [name, service] : all) {
    if (config.Serves(name)) services.push_back({FullName(name), service});
  }
  auto made = rpc::Server::Create(*calls, std::move(services),
                                  {.listen = config.listen,
                                   .reflection = config.reflection,
                                   .channelz = config.channelz,
                                   .limits = config.connections});
  if (!made.ok()) return base::Annotate(made.status(), "--listen");
  server = *std::move(made);
  if (material.security.tls.has_value()) {
    tls_refresh = std::make_unique<Periodic>(timer, *workers, config.tls_refresh_interval,
                                             [this, config] { RefreshTls(config); });
  }
  if (!config.health_listen.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(
        health_server, ForFlag("health_listen", rpc::HealthServer::Create(config.health_listen)));
  }
  health.Follow([this](ServiceName service, bool serving, bool ready) {
    server->SetServing(FullName(service), serving);
    if (health_server == nullptr) return;
    health_server->SetServing(FullName(service), serving);
    health_server->SetServing(rpc::kReadiness, ready);
  });
  return absl::OkStatus();
}

absl::Status Assembly::Parts::ListenForOperators(const Config& config) {
  if (config.metrics_listen.empty()) return absl::OkStatus();
  ReportProcess(registry, metrics);
  registry.OnScrape([this] {
    metrics.worker_queue.Set(static_cast<double>(workers->queued()));
    metrics.worker_rejections.RaiseTo(static_cast<double>(workers->rejected()));
    metrics.validation_waiting.Set(static_cast<double>(validation_queue->waiting_cost()));
    metrics.validation_asked.Set(static_cast<double>(validation_queue->asked()));
    const crypto::SignatureVerifier::LaneUse lanes = signature_verifier->lane_use();
    metrics.signature_lane_runs.RaiseTo(static_cast<double>(lanes.runs));
    metrics.signature_lane_checks.RaiseTo(static_cast<double>(lanes.checks));
    if (crl_lag != nullptr) metrics.crl_lag.Set(absl::ToDoubleSeconds(crl_lag->Get()));
    metrics.check_log_queue.Set(static_cast<double>(check_log->pending()));
    stores->SetGauges();
  });
  using Answer = telemetry::HttpEndpoint::Answer;
  MUSUBI_ASSIGN_OR_RETURN(
      endpoint,
      ForFlag(
          "metrics_listen",
          telemetry::HttpEndpoint::Create(
              config.metrics_listen,
              {{"/metrics",
                [this] {
                  return Answer{200, "text/plain; version=0.0.4; charset=utf-8", registry.Scrape()};
                }},
               {"/healthz",
                [] {
                  return Answer{200, "text/plain", "alive\n"};
                }},
               {"/readyz", [this] {
                  return Answer{health.Ready() ? 200 : 503, "application/json", health.Describe()};
                }}})));
  return absl::OkStatus();
}

Assembly::Assembly(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Assembly::~Assembly() = default;

absl::StatusOr<std::unique_ptr<Assembly>> Assembly::Create(Dependencies dependencies,
                                                           const Config& config) {
  MUSUBI_ASSIGN_OR_RETURN(Material material, LoadMaterial(config));
  auto parts = std::make_unique<Parts>(dependencies, config, std::move(material));
  MUSUBI_ASSIGN_OR_RETURN(
      parts->stores, Stores::Open({.clock = parts->clock,
                                   .timer = parts->timer,
                                   .machine_clock = parts->machine_clock,
                                   .store_time_offset = std::move(dependencies.store_time_offset),
                                   .random = parts->random,
                                   .material = parts->material,
                                   .log = parts->log,
                                   .metrics = parts->metrics,
                                   .health = parts->health},
                                  config));
  MUSUBI_ASSIGN_OR_RETURN(parts->checkpoints, Checkpoints::Open({.clock = parts->clock,
                                                                 .links = parts->stores->links(),
                                                                 .log = parts->log,
                                                                 .metrics = parts->metrics},
                                                                config));
  MUSUBI_RETURN_IF_ERROR(parts->OpenCheckLog(config));
  MUSUBI_RETURN_IF_ERROR(parts->OpenRevocation(config));
  parts->OpenCrlLag(config);
  MUSUBI_RETURN_IF_ERROR(parts->MakeUseCases(config));
  MUSUBI_RETURN_IF_ERROR(parts->ListenForOperators(config));
  MUSUBI_RETURN_IF_ERROR(parts->Listen(config));
  return std::unique_ptr<Assembly>(new Assembly(std::move(parts)));
}

rpc::Server& Assembly::server() { return *parts_->server; }

void Assembly::Drain(absl::Duration grace) {
  parts_->health.Drain();
  if (parts_->health_server != nullptr) parts_->health_server->SetServing("", false);
  parts_->server->Drain(grace);
  // Of what the last calls did. A kill leaves it to the next start.
  if (parts_->checkpoints != nullptr) parts_->checkpoints->Write();
}

std::optional<int> Assembly::metrics_port() const {
  if (parts_->endpoint == nullptr) return std::nullopt;
  return parts_->endpoint->port();
}

std::optional<int> Assembly::health_port() const {
  if (parts_->health_server == nullptr) return std::nullopt;
  return parts_->health_server->port();
}

}  // namespace musubi::services::musubid
