#include "services/musubid/config.h"

#include <sched.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/flags/flag.h"
#include "lib/base/status.h"
#include "lib/postgres/pool.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/prelink/proofs.h"
#include "lib/prelink/validation_queue.h"
#include "services/musubid/connection_flags.h"
#include "services/musubid/crl_lag.h"
#include "services/musubid/limit_flags.h"

ABSL_FLAG(std::vector<std::string>, listen, {"127.0.0.1:7443"},
          "Addresses to listen on, HOST:PORT; port 0 takes a free one");
ABSL_FLAG(std::string, port_file, "",
          "File to write the ports to, one a line, once the server listens");
ABSL_FLAG(std::vector<std::string>, services,
          std::vector<std::string>({"session", "pairing", "validation", "link"}),
          "Services to serve: session, pairing, validation, link");
ABSL_FLAG(std::string, tls_certificate, "", "The server's certificate chain, PEM");
ABSL_FLAG(std::string, tls_private_key, "", "Its private key, PEM, mode 0600");
ABSL_FLAG(std::string, tls_client_ca, "", "The CA of the callers' certificates, PEM");
ABSL_FLAG(absl::Duration, tls_refresh_interval, absl::Minutes(1),
          "How often the three TLS files are read again");
ABSL_FLAG(std::string, insecure_loopback_roles, "",
          "Instead of TLS, on loopback only: roles that callers may claim, as in "
          "front,platform,relying-party/ID");
ABSL_FLAG(bool, reflection, false, "Offer gRPC server reflection");
ABSL_FLAG(bool, channelz, false,
          "Offer gRPC's channelz, which shows every connection to every caller");
ABSL_FLAG(std::string, environment, "PRODUCTION",
          "The hierarchy that is trusted: PRODUCTION, TEST or SIM; anchors of others are refused");
ABSL_FLAG(std::string, anchors, "", "The trust anchors (docs/trust-anchors.md)");
ABSL_FLAG(std::string, hierarchy, "", "The hierarchy's policy OIDs, JSON");
ABSL_FLAG(std::string, name_issuers, "", "Public keys of the issuers of name statements, JSON");
ABSL_FLAG(std::string, revocation_mode, "OCSP_THEN_CRL",
          "How journeys check revocation: OCSP_THEN_CRL, CRL_THEN_OCSP, CRL_ONLY, OCSP_ONLY or "
          "DEGRADED_WITH_PROOF");
ABSL_FLAG(absl::Duration, degraded_crl_age, musubi::prelink::kDegradedCrlAge,
          "How old a CRL may be that counts under DEGRADED_WITH_PROOF though it is no longer in "
          "force; above 0");
ABSL_FLAG(std::string, crl_directory, "", "Folder of the CRLs and their scopes.json");
ABSL_FLAG(std::string, crl_state, "",
          "What a restart must not forget of the CRLs, with a folder of the same name and .lists; "
          "made if absent; default: --link_db with .crl-state behind it. Of this process alone");
ABSL_FLAG(std::string, revoked_overlay, "",
          "What responders reported as revoked, so that a restart does not forget it; made if "
          "absent; default: --link_db with .revoked behind it. Of this process alone");
ABSL_FLAG(absl::Duration, crl_reload_interval, absl::Minutes(5),
          "How often the CRL folder is read again");
ABSL_FLAG(absl::Duration, max_crl_lag, musubi::prelink::kMaxCrlLag,
          "With --session_store=redis: a replica that has not read a CRL so long after another did "
          "makes no links; at least 3m");
ABSL_FLAG(std::string, responders, "", "The OCSP responders, JSON");
ABSL_FLAG(std::string, relying_parties, "", "The relying parties (docs/relying-parties.md)");
ABSL_FLAG(std::string, service_keyring, "",
          "Keys of session ids, QR frames and pairing codes (musubictl keyring new)");
ABSL_FLAG(std::string, card_keyring, "", "Keys that encrypt card data while a session holds it");
ABSL_FLAG(std::string, evidence_key, "", "The Ed25519 key that signs evidence");
ABSL_FLAG(std::string, link_db, "", "The SQLite file of the links; made if absent");
ABSL_FLAG(
    std::string, link_postgres, "",
    "Instead of --link_db: the PostgreSQL database of the links, as libpq's conninfo without a "
    "password (passfile=FILE or service=NAME); musubictl migrate makes its tables");
ABSL_FLAG(std::string, audit_keyring, "", "Keys of the audit chain and of the check log");
ABSL_FLAG(std::string, audit_checkpoints, "",
          "File for signed checkpoints of the audit chain, which show later that nothing of it was "
          "cut off or rewritten; made if absent. Of this process alone; empty: none are made");
ABSL_FLAG(std::string, audit_signing_key, "", "The Ed25519 key that signs them");
ABSL_FLAG(absl::Duration, audit_checkpoint_interval, absl::Minutes(5),
          "How often they are made, of chains that have moved; also at the start and the end");
ABSL_FLAG(std::string, check_log, "",
          "Folder of the log of ValidateCertificate(s); made if absent; default: --link_db with "
          ".checks behind it. Of this process alone");
ABSL_FLAG(int, check_log_queue, 16384,
          "Rows of that log that may wait for the disk, and that a kill may lose; more are refused "
          "with their calls");
ABSL_FLAG(std::string, account_keyring, "",
          "Keys that encrypt the accounts of links and find them");
ABSL_FLAG(std::string, person_db, "", "The SQLite file of the persons; made if absent");
ABSL_FLAG(std::string, person_postgres, "",
          "Instead of --person_db: the same for the persons, in the same database or another");
ABSL_FLAG(int, postgres_connections, 16,
          "Connections to each of --link_postgres and --person_postgres at most");
ABSL_FLAG(std::string, person_index_keyring, "", "Keys under which cards are found again");
ABSL_FLAG(std::string, person_data_keyring, "", "Keys that encrypt certificates and names");
ABSL_FLAG(absl::Duration, session_lifetime, musubi::session::Lifetimes().session,
          "How long a session lives, from its opening, whatever happens");
ABSL_FLAG(absl::Duration, start_code_lifetime, musubi::session::Lifetimes().start_code,
          "How long a start code lives");
ABSL_FLAG(absl::Duration, qr_page_lifetime, musubi::session::Lifetimes().qr_page,
          "How long the QR of one pairing is shown");
ABSL_FLAG(absl::Duration, qr_frame_max_age, musubi::session::Lifetimes().qr_frame_max_age,
          "The oldest QR frame that is accepted");
ABSL_FLAG(absl::Duration, qr_frame_max_ahead, musubi::session::Lifetimes().qr_frame_max_ahead,
          "How far a QR frame may be ahead");
ABSL_FLAG(absl::Duration, handoff_lifetime, musubi::session::Lifetimes().handoff,
          "How long a hand-off lives");
ABSL_FLAG(absl::Duration, pairing_code_lifetime, musubi::session::Lifetimes().pairing_code,
          "How long a 6-digit code lives");
ABSL_FLAG(absl::Duration, challenge_lifetime, musubi::session::Lifetimes().challenge,
          "How long a challenge lives");
ABSL_FLAG(absl::Duration, kept_proof_lifetime, musubi::session::Lifetimes().kept_proof,
          "How long a proof waits for an answer about revocation");
ABSL_FLAG(absl::Duration, ready_lifetime, musubi::session::Lifetimes().ready,
          "How long an outcome may be used");
ABSL_FLAG(absl::Duration, return_code_lifetime, musubi::session::Lifetimes().return_code,
          "How long a return code lives");
ABSL_FLAG(absl::Duration, result_code_lifetime, musubi::session::Lifetimes().result_code,
          "How long a result code lives");
ABSL_FLAG(int, pairing_code_tries, musubi::session::Lifetimes().pairing_code_tries,
          "Wrong codes that end a session");
ABSL_FLAG(int, proof_tries, musubi::session::Lifetimes().proofs, "Bad proofs that end a session");
ABSL_FLAG(int, qr_refreshes, musubi::session::Lifetimes().qr_refreshes,
          "QR refreshes of one session");
ABSL_FLAG(int, worker_threads, 16, "Threads that run use cases");
ABSL_FLAG(
    int, validation_threads, 0,
    "Threads that validate for ValidateCertificate(s); 0: as many as the cores that it may use");
ABSL_FLAG(
    std::string, validation_path, "auto",
    "auto, or openssl: every certificate by OpenSSL alone and no signature in lanes, which is "
    "many times slower and gives the same verdicts");
ABSL_FLAG(int, worker_queue, 1024, "Calls that may wait for one; more are refused");
ABSL_FLAG(absl::Duration, drain_grace, absl::Seconds(20),
          "How long calls under way may take after SIGTERM");
ABSL_FLAG(std::string, metrics_listen, "",
          "Address of /metrics, /healthz and /readyz, HOST:PORT, plain HTTP; port 0 takes a free "
          "one; empty: none");
ABSL_FLAG(std::string, metrics_port_file, "", "File to write that port to");
ABSL_FLAG(
    std::string, health_listen, "",
    "Address of gRPC's health service alone, HOST:PORT, in plaintext, for probes; port 0 takes "
    "a free one; empty: none");
ABSL_FLAG(std::string, health_port_file, "", "File to write that port to");
ABSL_FLAG(std::string, log_requests, "refused",
          "Of which calls the log shows the message, without personal data: off, refused or all");

namespace musubi::services::musubid {
namespace {

using revocation::RevocationMode;

constexpr size_t kNumServiceNames = 4;

// An error about a flag, its value and the fix.
absl::Status Bad(std::string_view flag, std::string_view value, std::string_view rule) {
  return absl::InvalidArgumentError("--" + std::string(flag) + "=" + std::string(value) + ": " +
                                    std::string(rule));
}

absl::StatusOr<std::set<ServiceName>> ReadServices() {
  std::set<ServiceName> services;
  for (const std::string& name : absl::GetFlag(FLAGS_services)) {
    if (name == "session") {
      services.insert(ServiceName::kSession);
    } else if (name == "pairing") {
      services.insert(ServiceName::kPairing);
    } else if (name == "validation") {
      services.insert(ServiceName::kValidation);
    } else if (name == "link") {
      services.insert(ServiceName::kLink);
    } else {
      return Bad("services", name, "must be of session, pairing, validation, link");
    }
  }
  return services;
}

// Each journey goes through all services, and each of them looks into the links.
absl::Status CheckSubset(const Config& config) {
  if (config.services.size() == kNumServiceNames) return absl::OkStatus();
  if (config.redis.has_value() && config.link_db.empty() && config.person_db.empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "--services names a subset, but " +
      std::string(!config.redis.has_value() ? "--session_store=memory"
                  : !config.link_db.empty() ? "--link_db"
                                            : "--person_db") +
      " is seen by this process alone: serve all of session,pairing,validation,link, or share the "
      "stores by --session_store=redis, --link_postgres and --person_postgres");
}

absl::StatusOr<RevocationMode> ReadRevocationMode() {
  const std::string name = absl::GetFlag(FLAGS_revocation_mode);
  for (const RevocationMode mode :
       {RevocationMode::kOcspThenCrl, RevocationMode::kCrlThenOcsp, RevocationMode::kCrlOnly,
        RevocationMode::kOcspOnly, RevocationMode::kDegradedWithProof}) {
    if (revocation::Name(mode) == name) return mode;
  }
  return Bad("revocation_mode", name,
             "must be OCSP_THEN_CRL, CRL_THEN_OCSP, CRL_ONLY, OCSP_ONLY or DEGRADED_WITH_PROOF; "
             "journeys are never without a check");
}

absl::Status CheckTransport(const Config& config) {
  const bool some = !config.tls_certificate.empty() || !config.tls_private_key.empty() ||
                    !config.tls_client_ca.empty();
  const bool all = !config.tls_certificate.empty() && !config.tls_private_key.empty() &&
                   !config.tls_client_ca.empty();
  if (some && !config.insecure_loopback_roles.empty()) {
    return absl::InvalidArgumentError(
        "--insecure_loopback_roles and --tls_... exclude each other: choose one transport");
  }
  if (some ? !all : config.insecure_loopback_roles.empty()) {
    return absl::InvalidArgumentError(
        "give --tls_certificate, --tls_private_key and --tls_client_ca, all three (or, for a trial "
        "on loopback, --insecure_loopback_roles=front,...)");
  }
  for (const std::string& address : config.listen) {
    if (absl::Status status = rpc::CheckListenAddress(address, !some); !status.ok()) {
      return base::Annotate(status, "--listen");
    }
  }
  return absl::OkStatus();
}

// Reads a flag that must be set.
absl::Status Require(std::string_view flag, std::string_view what, const std::string& value) {
  if (!value.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--" + std::string(flag) + " is missing: name " +
                                    std::string(what));
}

// One of the two flags of a store.
absl::Status RequireStore(const std::string& store, const std::string& file,
                          const std::string& conninfo) {
  if (!file.empty() && !conninfo.empty()) {
    return absl::InvalidArgumentError("--" + store + "_db and --" + store +
                                      "_postgres exclude each other: choose one database");
  }
  if (conninfo.empty()) return Require(store + "_db", "a SQLite file", file);
  return base::Annotate(postgres::CheckConninfo(conninfo), "--" + store + "_postgres");
}

// What lies beside --link_db by default has to be named if there is none.
absl::Status RequireStateFiles(const Config& config) {
  if (!config.link_db.empty()) return absl::OkStatus();
  constexpr std::string_view kWhy =
      "a path of its own: there is no --link_db that it could lie beside";
  MUSUBI_RETURN_IF_ERROR(Require("revoked_overlay", kWhy, config.revoked_overlay));
  MUSUBI_RETURN_IF_ERROR(Require("check_log", kWhy, config.check_log));
  return config.crl_directory.empty() ? absl::OkStatus()
                                      : Require("crl_state", kWhy, config.crl_state);
}

absl::Status CheckFiles(const Config& config) {
  struct Needed {
    std::string_view flag;
    std::string_view what;
    const std::string& value;
  };
  for (const Needed& file : std::initializer_list<Needed>{
           {"anchors", "the file of the trust anchors", config.anchors},
           {"hierarchy", "the file of the policy OIDs", config.hierarchy},
           {"name_issuers", "the file of the name issuers' keys", config.name_issuers},
           {"relying_parties", "the relying-party file", config.relying_parties},
           {"service_keyring", "a keyring file", config.service_keyring},
           {"card_keyring", "a keyring file", config.card_keyring},
           {"evidence_key", "an Ed25519 key file", config.evidence_key},
           {"audit_keyring", "a keyring file", config.audit_keyring},
           {"account_keyring", "a keyring file", config.account_keyring},
           {"person_index_keyring", "a keyring file", config.person_index_keyring},
           {"person_data_keyring", "a keyring file", config.person_data_keyring},
       }) {
    MUSUBI_RETURN_IF_ERROR(Require(file.flag, file.what, file.value));
  }
  MUSUBI_RETURN_IF_ERROR(RequireStore("link", config.link_db, config.link_postgres));
  MUSUBI_RETURN_IF_ERROR(RequireStore("person", config.person_db, config.person_postgres));
  MUSUBI_RETURN_IF_ERROR(RequireStateFiles(config));
  const RevocationMode mode = config.revocation_mode;
  if (mode != RevocationMode::kOcspOnly) {
    MUSUBI_RETURN_IF_ERROR(
        Require("crl_directory", "the folder of the CRLs", config.crl_directory));
  }
  if (mode != RevocationMode::kCrlOnly) {
    MUSUBI_RETURN_IF_ERROR(
        Require("responders", "the file of the OCSP responders", config.responders));
  }
  return absl::OkStatus();
}

// Regular work more often than this would read the same files all the time.
absl::Status CheckInterval(std::string_view flag, absl::Duration value) {
  if (value >= absl::Seconds(1)) return absl::OkStatus();
  return Bad(flag, absl::FormatDuration(value), "must be at least 1s");
}

absl::Status CheckCheckpoints(const Config& config) {
  if (config.audit_checkpoints.empty() != config.audit_signing_key.empty()) {
    return absl::InvalidArgumentError(
        "--audit_checkpoints, the file, and --audit_signing_key, the key that signs them, are "
        "given "
        "together or not at all");
  }
  return CheckInterval("audit_checkpoint_interval", config.audit_checkpoint_interval);
}

absl::StatusOr<size_t> ReadValidationThreads() {
  const int threads = absl::GetFlag(FLAGS_validation_threads);
  constexpr auto kMost = static_cast<int>(prelink::ValidationQueue::kMaxThreads);
  if (threads < 0 || threads > kMost) {
    return Bad("validation_threads", std::to_string(threads),
               "must be 0, for as many as cores, to " + std::to_string(kMost));
  }
  if (threads > 0) return static_cast<size_t>(threads);
  // The cores that this process may use, which may be fewer than the machine has.
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return static_cast<size_t>(std::clamp(CPU_COUNT(&cores), 1, kMost));
}

absl::StatusOr<jpki::CardValidator::Paths> ReadValidationPath() {
  const std::string name = absl::GetFlag(FLAGS_validation_path);
  if (name == "auto") return jpki::CardValidator::Paths::kAuto;
  if (name == "openssl") return jpki::CardValidator::Paths::kSlowOnly;
  return Bad("validation_path", name, "must be auto or openssl");
}

absl::StatusOr<LogRequests> ReadLogRequests() {
  const std::string name = absl::GetFlag(FLAGS_log_requests);
  if (name == "off") return LogRequests::kOff;
  if (name == "refused") return LogRequests::kRefused;
  if (name == "all") return LogRequests::kAll;
  return Bad("log_requests", name, "must be off, refused or all");
}

// A port for operators, which may be any machine's, and the file that it is written to.
absl::Status CheckOperatorsPort(const std::string& flag, const std::string& address,
                                const std::string& port_file) {
  if (!address.empty()) {
    return base::Annotate(rpc::CheckListenAddress(address, /*loopback_only=*/false),
                          "--" + flag + "_listen");
  }
  if (port_file.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--" + flag + "_port_file needs --" + flag + "_listen");
}

session::Lifetimes ReadLifetimes() {
  return session::Lifetimes{.session = absl::GetFlag(FLAGS_session_lifetime),
                            .start_code = absl::GetFlag(FLAGS_start_code_lifetime),
                            .qr_page = absl::GetFlag(FLAGS_qr_page_lifetime),
                            .qr_frame_max_age = absl::GetFlag(FLAGS_qr_frame_max_age),
                            .qr_frame_max_ahead = absl::GetFlag(FLAGS_qr_frame_max_ahead),
                            .handoff = absl::GetFlag(FLAGS_handoff_lifetime),
                            .pairing_code = absl::GetFlag(FLAGS_pairing_code_lifetime),
                            .challenge = absl::GetFlag(FLAGS_challenge_lifetime),
                            .kept_proof = absl::GetFlag(FLAGS_kept_proof_lifetime),
                            .ready = absl::GetFlag(FLAGS_ready_lifetime),
                            .return_code = absl::GetFlag(FLAGS_return_code_lifetime),
                            .result_code = absl::GetFlag(FLAGS_result_code_lifetime),
                            .pairing_code_tries = absl::GetFlag(FLAGS_pairing_code_tries),
                            .proofs = absl::GetFlag(FLAGS_proof_tries),
                            .qr_refreshes = absl::GetFlag(FLAGS_qr_refreshes)};
}

// Reads a count that must be at least 1.
absl::StatusOr<size_t> ReadCount(std::string_view flag, int value) {
  if (value < 1) return Bad(flag, std::to_string(value), "must be at least 1");
  return static_cast<size_t>(value);
}

}  // namespace

const char* Usage() {
  return "serves Musubi's gRPC services: sessions, pairing, validation and links.\n"
         "Every flag may stand in a file: --flagfile=FILE. It stops with exit code 1, before it "
         "listens, if anything it was given is missing or wrong; on SIGTERM it drains and stops "
         "with exit code 0.";
}

absl::StatusOr<Config> ReadFlags() {
  Config config{.listen = absl::GetFlag(FLAGS_listen),
                .port_file = absl::GetFlag(FLAGS_port_file),
                .tls_certificate = absl::GetFlag(FLAGS_tls_certificate),
                .tls_private_key = absl::GetFlag(FLAGS_tls_private_key),
                .tls_client_ca = absl::GetFlag(FLAGS_tls_client_ca),
                .tls_refresh_interval = absl::GetFlag(FLAGS_tls_refresh_interval),
                .reflection = absl::GetFlag(FLAGS_reflection),
                .channelz = absl::GetFlag(FLAGS_channelz),
                .anchors = absl::GetFlag(FLAGS_anchors),
                .hierarchy = absl::GetFlag(FLAGS_hierarchy),
                .name_issuers = absl::GetFlag(FLAGS_name_issuers),
                .crl_directory = absl::GetFlag(FLAGS_crl_directory),
                .crl_state = absl::GetFlag(FLAGS_crl_state),
                .revoked_overlay = absl::GetFlag(FLAGS_revoked_overlay),
                .degraded_crl_age = absl::GetFlag(FLAGS_degraded_crl_age),
                .crl_reload_interval = absl::GetFlag(FLAGS_crl_reload_interval),
                .max_crl_lag = absl::GetFlag(FLAGS_max_crl_lag),
                .responders = absl::GetFlag(FLAGS_responders),
                .relying_parties = absl::GetFlag(FLAGS_relying_parties),
                .service_keyring = absl::GetFlag(FLAGS_service_keyring),
                .card_keyring = absl::GetFlag(FLAGS_card_keyring),
                .evidence_key = absl::GetFlag(FLAGS_evidence_key),
                .link_db = absl::GetFlag(FLAGS_link_db),
                .link_postgres = absl::GetFlag(FLAGS_link_postgres),
                .audit_keyring = absl::GetFlag(FLAGS_audit_keyring),
                .account_keyring = absl::GetFlag(FLAGS_account_keyring),
                .person_db = absl::GetFlag(FLAGS_person_db),
                .person_postgres = absl::GetFlag(FLAGS_person_postgres),
                .person_index_keyring = absl::GetFlag(FLAGS_person_index_keyring),
                .person_data_keyring = absl::GetFlag(FLAGS_person_data_keyring),
                .audit_checkpoints = absl::GetFlag(FLAGS_audit_checkpoints),
                .audit_signing_key = absl::GetFlag(FLAGS_audit_signing_key),
                .audit_checkpoint_interval = absl::GetFlag(FLAGS_audit_checkpoint_interval),
                .check_log = absl::GetFlag(FLAGS_check_log),
                .lifetimes = ReadLifetimes(),
                .drain_grace = absl::GetFlag(FLAGS_drain_grace),
                .metrics_listen = absl::GetFlag(FLAGS_metrics_listen),
                .metrics_port_file = absl::GetFlag(FLAGS_metrics_port_file),
                .health_listen = absl::GetFlag(FLAGS_health_listen),
                .health_port_file = absl::GetFlag(FLAGS_health_port_file)};
  MUSUBI_ASSIGN_OR_RETURN(config.services, ReadServices());
  MUSUBI_ASSIGN_OR_RETURN(config.redis, ReadSessionStore());
  const std::string roles = absl::GetFlag(FLAGS_insecure_loopback_roles);
  if (!roles.empty()) {
    auto parsed = rpc::ParseInsecureRoles(roles);
    if (!parsed.ok()) return base::Annotate(parsed.status(), "--insecure_loopback_roles");
    config.insecure_loopback_roles = *std::move(parsed);
  }
  MUSUBI_RETURN_IF_ERROR(CheckTransport(config));
  MUSUBI_ASSIGN_OR_RETURN(config.connections, ReadConnectionLimits());
  const std::string environment = absl::GetFlag(FLAGS_environment);
  const auto parsed_environment = pki::ParseEnvironment(environment);
  if (!parsed_environment.has_value()) {
    return Bad("environment", environment, "must be PRODUCTION, TEST or SIM");
  }
  config.environment = *parsed_environment;
  MUSUBI_ASSIGN_OR_RETURN(config.revocation_mode, ReadRevocationMode());
  MUSUBI_RETURN_IF_ERROR(CheckFiles(config));
  MUSUBI_RETURN_IF_ERROR(CheckSubset(config));
  MUSUBI_RETURN_IF_ERROR(CheckCheckpoints(config));
  MUSUBI_RETURN_IF_ERROR(
      CheckOperatorsPort("metrics", config.metrics_listen, config.metrics_port_file));
  MUSUBI_RETURN_IF_ERROR(
      CheckOperatorsPort("health", config.health_listen, config.health_port_file));
  MUSUBI_ASSIGN_OR_RETURN(config.log_requests, ReadLogRequests());
  MUSUBI_RETURN_IF_ERROR(config.lifetimes.Validate());
  MUSUBI_ASSIGN_OR_RETURN(config.limits, ReadLimits());
  MUSUBI_RETURN_IF_ERROR(CheckInterval("crl_reload_interval", config.crl_reload_interval));
  if (config.max_crl_lag < kMinMaxCrlLag) {
    return Bad("max_crl_lag", absl::FormatDuration(config.max_crl_lag),
               "must be at least 3m: replicas tell each other once a minute");
  }
  MUSUBI_RETURN_IF_ERROR(CheckInterval("degraded_crl_age", config.degraded_crl_age));
  MUSUBI_RETURN_IF_ERROR(CheckInterval("tls_refresh_interval", config.tls_refresh_interval));
  MUSUBI_ASSIGN_OR_RETURN(
      config.postgres_connections,
      ReadCount("postgres_connections", absl::GetFlag(FLAGS_postgres_connections)));
  MUSUBI_ASSIGN_OR_RETURN(config.worker_threads,
                          ReadCount("worker_threads", absl::GetFlag(FLAGS_worker_threads)));
  MUSUBI_ASSIGN_OR_RETURN(config.validation_threads, ReadValidationThreads());
  MUSUBI_ASSIGN_OR_RETURN(config.validation_paths, ReadValidationPath());
  MUSUBI_ASSIGN_OR_RETURN(config.worker_queue,
                          ReadCount("worker_queue", absl::GetFlag(FLAGS_worker_queue)));
  MUSUBI_ASSIGN_OR_RETURN(config.check_log_queue,
                          ReadCount("check_log_queue", absl::GetFlag(FLAGS_check_log_queue)));
  return config;
}

}  // namespace musubi::services::musubid
