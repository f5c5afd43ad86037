#include "sandbox/stage/server_files.h"

#include <filesystem>
#include <system_error>

#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/keyring.h"

namespace musubi::sandbox {
namespace {

constexpr char kRelyingParties[] = R"json({
  "relying_parties": [
    {
      "id": "demo-university",
      "name": {"ja": "見本大学", "en": "Mihon University"},
      "origins": ["https://link.mihon.example"],
      "policy_url": "https://link.mihon.example/policy",
      "terms_url": "https://link.mihon.example/terms",
      "purpose": {"ja": "アカウントとカードを結びつけます。", "en": "To tie your account to your card."},
      "consent_text_version": "2026-04-01",
      "requested_attributes": ["NAME"],
      "subject_keyring_file": "keys/demo-university.subject.keyring",
      "return_uris": ["https://account.mihon.example/recovery/return"],
      "allowed_acts": ["LINK", "UNLINK", "VERIFY"],
      "allowed_flows": ["CROSS_DEVICE", "ONE_DEVICE"],
      "allow_cross_device_verify": false,
      "accepted_acr": ["urn:example:acr:password", "urn:example:acr:mfa"],
      "account_policy": "ONE_LINK_PER_ACCOUNT",
      "first_step": "ACCOUNT",
      "default_locale": "ja"
    },
    {
      "id": "mihon-library",
      "name": {"ja": "見本町立図書館", "en": "Mihon Town Library"},
      "origins": ["https://link.mihon.example"],
      "policy_url": "https://link.mihon.example/policy",
      "terms_url": "https://link.mihon.example/terms",
      "purpose": {"ja": "利用者カードとして使います。", "en": "To use your card as a library card."},
      "consent_text_version": "2026-04-01",
      "requested_attributes": [],
      "subject_keyring_file": "keys/mihon-library.subject.keyring",
      "return_uris": ["https://account.mihon.example/recovery/return"],
      "allowed_acts": ["LINK", "UNLINK", "VERIFY", "REPLACE"],
      "allowed_flows": ["CROSS_DEVICE", "ONE_DEVICE"],
      "allow_cross_device_verify": true,
      "accepted_acr": ["urn:example:acr:mfa"],
      "account_policy": "ONE_LINK_PER_ACCOUNT",
      "first_step": "CARD",
      "default_locale": "ja"
    }
  ]
}
)json";

}  // namespace

absl::StatusOr<ServerFlags> WriteServerFiles(const std::string& world_directory,
                                             const std::string& directory,
                                             base::SecureRandom& random) {
  const auto file = [&directory](const std::string& name) { return directory + "/" + name; };
  std::error_code error;
  std::filesystem::create_directory(file("keys"), error);
  if (error) return absl::ErrnoToStatus(error.value(), "cannot make " + file("keys"));
  for (const std::string key :
       {"service", "card", "audit", "account", "person-index", "person-data", "evidence",
        "demo-university.subject", "mihon-library.subject"}) {
    const auto keyring = crypto::Keyring::Generate("k1", random);
    MUSUBI_RETURN_IF_ERROR(base::WriteFileAtomically(file("keys/" + key + ".keyring"),
                                                     keyring.Serialize().Reveal(), 0600));
  }
  MUSUBI_RETURN_IF_ERROR(
      base::WriteFileAtomically(file("relying-parties.json"), kRelyingParties, 0644));
  return ServerFlags{
      {"environment", "SIM"},
      {"anchors", world_directory + "/anchors.json"},
      {"hierarchy", world_directory + "/hierarchy.json"},
      {"name_issuers", world_directory + "/name-issuers.json"},
      {"crl_directory", world_directory + "/crl"},
      {"relying_parties", file("relying-parties.json")},
      {"service_keyring", file("keys/service.keyring")},
      {"card_keyring", file("keys/card.keyring")},
      {"evidence_key", file("keys/evidence.keyring")},
      {"link_db", file("links.db")},
      {"audit_keyring", file("keys/audit.keyring")},
      {"account_keyring", file("keys/account.keyring")},
      {"person_db", file("persons.db")},
      {"person_index_keyring", file("keys/person-index.keyring")},
      {"person_data_keyring", file("keys/person-data.keyring")},
  };
}

}  // namespace musubi::sandbox
