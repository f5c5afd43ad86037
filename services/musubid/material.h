// What the flags name and a server reads before it opens anything: keys, trust, relying parties,
// TLS files. Opens no store and no network.
#ifndef MUSUBI_SERVICES_MUSUBID_MATERIAL_H_
#define MUSUBI_SERVICES_MUSUBID_MATERIAL_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/status.h"
#include "lib/crypto/ed25519.h"
#include "lib/crypto/keyring.h"
#include "lib/jpki/card_validator.h"
#include "lib/jpki/name_statement.h"
#include "lib/pki/trust_store.h"
#include "lib/prelink/relying_party.h"
#include "lib/revocation/ocsp_client.h"
#include "lib/rpc/security.h"
#include "services/musubid/config.h"

namespace musubi::services::musubid {

// FlagError puts the flag's name in front of what went wrong with its file, and the fix behind it
// where the system's own words have none.
absl::Status FlagError(std::string_view flag, const absl::Status& status);

// ForFlag is `value`, an error as FlagError makes it.
template <typename T>
absl::StatusOr<T> ForFlag(std::string_view flag, absl::StatusOr<T> value) {
  if (value.ok()) return value;
  return FlagError(flag, value.status());
}

struct Material {
  crypto::Keyring service_keyring;
  crypto::Keyring card_keyring;
  crypto::Keyring audit_keyring;
  crypto::Keyring account_keyring;
  crypto::Keyring person_index_keyring;
  crypto::Keyring person_data_keyring;
  crypto::Ed25519PrivateKey evidence_key;
  prelink::RelyingPartyRegistry relying_parties;
  jpki::NameIssuers name_issuers;
  pki::TrustStore trust_store;
  std::unique_ptr<jpki::SlowPathPool> slow_paths;
  jpki::CardValidator card_validator;
  std::vector<revocation::Responder> responders;
  rpc::Security security;
};

// LoadMaterial reads all files. Errors name the flag, the rule and the fix.
absl::StatusOr<Material> LoadMaterial(const Config& config);

// LoadTls reads the three files of mutual TLS: they are read again while the server runs.
absl::StatusOr<rpc::MutualTls> LoadTls(const Config& config);

}  // namespace musubi::services::musubid

#endif  // MUSUBI_SERVICES_MUSUBID_MATERIAL_H_
