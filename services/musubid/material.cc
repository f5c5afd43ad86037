#include "services/musubid/material.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/file.h"
#include "lib/jpki/hierarchy.h"

namespace musubi::services::musubid {
namespace {

absl::StatusOr<pki::TrustStore> LoadTrustStore(const Config& config) {
  MUSUBI_ASSIGN_OR_RETURN(pki::TrustStore store,
                          ForFlag("anchors", pki::TrustStore::Load(config.anchors)));
  if (store.environment() != config.environment) {
    return absl::InvalidArgumentError(
        "--anchors: " + config.anchors + " is for the environment " +
        std::string(pki::Name(store.environment())) + ", but --environment is " +
        std::string(pki::Name(config.environment)) + ": name the file of that environment");
  }
  return store;
}

absl::StatusOr<rpc::Security> LoadSecurity(const Config& config) {
  rpc::Security security{.insecure_loopback_roles = config.insecure_loopback_roles};
  if (!config.tls_certificate.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(security.tls, LoadTls(config));
  }
  return security;
}

absl::StatusOr<std::vector<revocation::Responder>> LoadResponders(const Config& config) {
  if (config.responders.empty()) return std::vector<revocation::Responder>();
  MUSUBI_ASSIGN_OR_RETURN(const std::string text,
                          ForFlag("responders", base::ReadFile(config.responders)));
  return ForFlag("responders", revocation::ParseResponders(text));
}

}  // namespace

absl::Status FlagError(std::string_view flag, const absl::Status& error) {
  const absl::Status status = base::Annotate(error, "--" + std::string(flag));
  const bool from_system = absl::IsNotFound(status) || absl::IsPermissionDenied(status);
  if (!from_system) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(),
                                   " (give the flag a path that exists and that the user who runs "
                                   "musubid may read)"));
}

absl::StatusOr<rpc::MutualTls> LoadTls(const Config& config) {
  return rpc::LoadMutualTls(config.tls_certificate, config.tls_private_key, config.tls_client_ca);
}

absl::StatusOr<Material> LoadMaterial(const Config& config) {
  using crypto::Keyring;
  MUSUBI_ASSIGN_OR_RETURN(auto service,
                          ForFlag("service_keyring", Keyring::Load(config.service_keyring)));
  MUSUBI_ASSIGN_OR_RETURN(auto card, ForFlag("card_keyring", Keyring::Load(config.card_keyring)));
  MUSUBI_ASSIGN_OR_RETURN(auto audit,
                          ForFlag("audit_keyring", Keyring::Load(config.audit_keyring)));
  MUSUBI_ASSIGN_OR_RETURN(auto account,
                          ForFlag("account_keyring", Keyring::Load(config.account_keyring)));
  MUSUBI_ASSIGN_OR_RETURN(auto person_index, ForFlag("person_index_keyring",
                                                     Keyring::Load(config.person_index_keyring)));
  MUSUBI_ASSIGN_OR_RETURN(
      auto person_data, ForFlag("person_data_keyring", Keyring::Load(config.person_data_keyring)));
  MUSUBI_ASSIGN_OR_RETURN(
      auto evidence, ForFlag("evidence_key", crypto::Ed25519PrivateKey::Load(config.evidence_key)));
  MUSUBI_ASSIGN_OR_RETURN(
      auto relying_parties,
      ForFlag("relying_parties", prelink::RelyingPartyRegistry::Load(config.relying_parties)));
  MUSUBI_ASSIGN_OR_RETURN(auto name_issuers,
                          ForFlag("name_issuers", jpki::NameIssuers::Load(config.name_issuers)));
  MUSUBI_ASSIGN_OR_RETURN(auto trust_store, LoadTrustStore(config));
  MUSUBI_ASSIGN_OR_RETURN(auto hierarchy,
                          ForFlag("hierarchy", jpki::Hierarchy::Load(config.hierarchy)));
  auto slow_paths = std::make_unique<jpki::SlowPathPool>(
      jpki::SlowPathPool::Options::ForThreads(static_cast<int>(config.worker_threads)));
  MUSUBI_ASSIGN_OR_RETURN(auto card_validator,
                          jpki::CardValidator::Create(
                              trust_store, std::move(hierarchy),
                              {.paths = config.validation_paths, .slow_paths = slow_paths.get()}));
  MUSUBI_ASSIGN_OR_RETURN(auto responders, LoadResponders(config));
  MUSUBI_ASSIGN_OR_RETURN(auto security, LoadSecurity(config));
  return Material{.service_keyring = std::move(service),
                  .card_keyring = std::move(card),
                  .audit_keyring = std::move(audit),
                  .account_keyring = std::move(account),
                  .person_index_keyring = std::move(person_index),
                  .person_data_keyring = std::move(person_data),
                  .evidence_key = std::move(evidence),
                  .relying_parties = std::move(relying_parties),
                  .name_issuers = std::move(name_issuers),
                  .trust_store = std::move(trust_store),
                  .slow_paths = std::move(slow_paths),
                  .card_validator = std::move(card_validator),
                  .responders = std::move(responders),
                  .security = std::move(security)};
}

}  // namespace musubi::services::musubid
