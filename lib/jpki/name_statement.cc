#include "lib/jpki/name_statement.h"

#include <algorithm>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/json_object.h"
#include "lib/base/status.h"

namespace musubi::jpki {
namespace {

constexpr std::string_view kTag = "MUSUBI-NAME-STATEMENT";
constexpr uint8_t kVersion = 1;

}  // namespace

absl::StatusOr<NameIssuers> NameIssuers::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  return Parse(text, path);
}

absl::StatusOr<NameIssuers> NameIssuers::Parse(std::string_view json, const std::string& source) {
  MUSUBI_ASSIGN_OR_RETURN(base::JsonObject file, base::JsonObject::Parse(json, source));
  MUSUBI_ASSIGN_OR_RETURN(const int64_t version, file.Integer("version"));
  if (version != 1) return file.Invalid("version must be 1");
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::JsonObject> entries, file.Objects("issuers"));
  MUSUBI_RETURN_IF_ERROR(file.RefuseOthers());
  NameIssuers issuers;
  for (base::JsonObject& entry : entries) {
    MUSUBI_ASSIGN_OR_RETURN(std::string id, entry.String("id"));
    MUSUBI_ASSIGN_OR_RETURN(const std::string key_text, entry.String("ed25519_public_key"));
    MUSUBI_RETURN_IF_ERROR(entry.RefuseOthers());
    const auto octets = base::Base64UrlDecode(key_text);
    crypto::Ed25519PublicKey key;
    if (!octets.ok() || octets->size() != key.size()) {
      return entry.Invalid("ed25519_public_key must be 32 octets in base64url (43 characters)");
    }
    std::copy(octets->begin(), octets->end(), key.begin());
    if (id.empty() || !issuers.keys_.emplace(std::move(id), key).second) {
      return entry.Invalid("id must be there and come once");
    }
  }
  return issuers;
}

const crypto::Ed25519PublicKey* NameIssuers::Find(std::string_view id) const {
  const auto it = keys_.find(id);
  return it == keys_.end() ? nullptr : &it->second;
}

base::Secret<base::Bytes> EncodeNameStatement(std::string_view name,
                                              const base::Hash256& challenge_hash,
                                              const base::Hash256& certificate_hash) {
  base::Bytes encoded = base::ToBytes(kTag);
  encoded.push_back(kVersion);
  base::AppendField(encoded, base::AsBytes(name));
  base::AppendField(encoded, challenge_hash);
  base::AppendField(encoded, certificate_hash);
  return base::Secret<base::Bytes>(std::move(encoded));
}

pki::VerdictReason CheckNameStatement(const NameIssuers& issuers, const NameStatement& statement,
                                      const base::Hash256& challenge_hash,
                                      const base::Hash256& certificate_hash) {
  const crypto::Ed25519PublicKey* key = issuers.Find(statement.issuer_key_id);
  if (key == nullptr || statement.name.empty() || statement.name.size() > kMaxNameLength ||
      !crypto::VerifyEd25519(*key,
                             EncodeNameStatement(statement.name.Reveal(), statement.challenge_hash,
                                                 statement.certificate_hash)
                                 .RevealBytes(),
                             statement.signature)) {
    return pki::VerdictReason::kNameStatementInvalid;
  }
  if (statement.challenge_hash != challenge_hash ||
      statement.certificate_hash != certificate_hash) {
    return pki::VerdictReason::kNameStatementMismatch;
  }
  return pki::VerdictReason::kUnspecified;
}

}  // namespace musubi::jpki
