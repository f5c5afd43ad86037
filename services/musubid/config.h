// What musubid is told by its flags, checked for everything that needs no file. Opens nothing: see
// assembly.h.
#ifndef MUSUBI_SERVICES_MUSUBID_CONFIG_H_
#define MUSUBI_SERVICES_MUSUBID_CONFIG_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/jpki/card_validator.h"
#include "lib/pki/trust_store.h"
#include "lib/prelink/journey_limits.h"
#include "lib/revocation/revocation_checker.h"
#include "lib/rpc/connection_limits.h"
#include "lib/rpc/security.h"
#include "lib/session/lifetimes.h"
#include "services/musubid/redis_flags.h"

namespace musubi::services::musubid {

enum class ServiceName { kSession, kPairing, kValidation, kLink };

// Of which calls the log shows the message, redacted.
enum class LogRequests { kOff, kRefused, kAll };

struct Config {
  std::vector<std::string> listen;
  std::string port_file;
  std::set<ServiceName> services;
  // Transport: either the three files or the roles.
  std::string tls_certificate;
  std::string tls_private_key;
  std::string tls_client_ca;
  absl::Duration tls_refresh_interval;
  std::vector<rpc::Caller> insecure_loopback_roles;
  bool reflection = false;
  bool channelz = false;
  rpc::ConnectionLimits connections;
  // Trust.
  pki::Environment environment;
  std::string anchors;
  std::string hierarchy;
  std::string name_issuers;
  // Revocation.
  revocation::RevocationMode revocation_mode;
  std::string crl_directory;
  std::string crl_state;        // Empty: beside link_db, which is set then.
  std::string revoked_overlay;  // The same.
  absl::Duration degraded_crl_age;
  absl::Duration crl_reload_interval;
  absl::Duration max_crl_lag;
  std::string responders;
  // Relying parties, keys and stores.
  std::string relying_parties;
  std::string service_keyring;
  std::string card_keyring;
  std::string evidence_key;
  std::optional<RedisConfig> redis;  // Nothing: sessions are in memory.
  std::string link_db;               // Empty if link_postgres is set, and the other way round.
  std::string link_postgres;         // A conninfo.
  std::string audit_keyring;
  std::string account_keyring;
  std::string person_db;  // The same.
  std::string person_postgres;
  size_t postgres_connections = 0;
  std::string person_index_keyring;
  std::string person_data_keyring;
  std::string audit_checkpoints;  // Empty: none, and no key.
  std::string audit_signing_key;
  absl::Duration audit_checkpoint_interval;
  std::string check_log;  // Empty: beside link_db.
  size_t check_log_queue = 0;
  // Behaviour.
  session::Lifetimes lifetimes;
  prelink::LimitRates limits;
  size_t worker_threads = 0;
  size_t validation_threads = 0;
  jpki::CardValidator::Paths validation_paths = jpki::CardValidator::Paths::kAuto;
  size_t worker_queue = 0;
  absl::Duration drain_grace;

  // For operators.
  std::string metrics_listen;  // Empty: no metrics and no health over HTTP.
  std::string metrics_port_file;
  std::string health_listen;  // Empty: probes have to ask the services' port.
  std::string health_port_file;
  LogRequests log_requests = LogRequests::kRefused;

  bool Serves(ServiceName service) const { return services.contains(service); }
};

// ReadFlags turns the parsed flags into a Config. INVALID_ARGUMENT names the flag, the rule and the
// fix.
absl::StatusOr<Config> ReadFlags();

// The text of --help's first lines.
const char* Usage();

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_CONFIG_H_
