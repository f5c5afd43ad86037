#include "lib/link/account_keys.h"

#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/hash.h"

namespace musubi::link {
namespace {

constexpr std::string_view kIndexLabel = "musubi account index v1";
constexpr std::string_view kDataLabel = "musubi account data v1";
constexpr std::string_view kIssuerColumn = "links.issuer";
constexpr std::string_view kSubjectColumn = "links.subject";

base::Bytes AssociatedData(std::string_view column, const LinkId& link) {
  base::Bytes data = base::ToBytes(column);
  base::Append(data, link);  // Of fixed length, so the two parts cannot be confused.
  return data;
}

base::Hash256 HashWith(const base::Secret256& key, const Account& account) {
  return crypto::HmacSha256LengthPrefixed(
      key.RevealBytes(), {base::AsBytes(account.issuer), base::AsBytes(account.subject)});
}

}  // namespace

AccountKeys::AccountKeys(const crypto::Keyring& keyring) : active_id_(keyring.active().id) {
  for (const auto& [id, key] : keyring.all()) {
    keys_.emplace(id, Keys{crypto::DeriveKey(key.secret.RevealBytes(), kIndexLabel),
                           crypto::DeriveKey(key.secret.RevealBytes(), kDataLabel)});
  }
}

absl::Status AccountKeys::CheckRegistered(const crypto::KeyIds& registered) const {
  crypto::KeyIds known;
  for (const auto& [id, keys] : keys_) known.insert(id);
  return crypto::CheckRegistered("account keyring", registered, known, active_id_);
}

base::Hash256 AccountKeys::Hash(const Account& account) const {
  return HashWith(keys_.find(active_id_)->second.index, account);
}

std::vector<base::Hash256> AccountKeys::Hashes(const Account& account) const {
  std::vector<base::Hash256> hashes;
  for (const auto& [id, keys] : keys_) hashes.push_back(HashWith(keys.index, account));
  return hashes;
}

SealedAccount AccountKeys::Seal(const Account& account, const LinkId& link,
                                base::SecureRandom& random) const {
  const base::Secret256& key = keys_.find(active_id_)->second.data;
  const auto seal = [&](std::string_view value, std::string_view column) {
    return crypto::SealWithKey(key, base::AsBytes(value), AssociatedData(column, link), random);
  };
  return {Hash(account), active_id_, seal(account.issuer, kIssuerColumn),
          seal(account.subject, kSubjectColumn)};
}

absl::StatusOr<Account> AccountKeys::Open(const SealedAccount& sealed, const LinkId& link) const {
  const auto keys = keys_.find(sealed.key_id);
  if (keys == keys_.end()) {
    return absl::DataLossError("a link's account is sealed with key \"" + sealed.key_id +
                               "\", which the account keyring lacks: put it back");
  }
  const auto open = [&](base::ByteView value,
                        std::string_view column) -> absl::StatusOr<std::string> {
    MUSUBI_ASSIGN_OR_RETURN(
        const base::Secret<base::Bytes> opened,
        crypto::OpenWithKey(keys->second.data, value, AssociatedData(column, link)));
    return base::ToString(opened.RevealBytes());
  };
  Account account;
  MUSUBI_ASSIGN_OR_RETURN(account.issuer, open(sealed.issuer, kIssuerColumn));
  MUSUBI_ASSIGN_OR_RETURN(account.subject, open(sealed.subject, kSubjectColumn));
  if (HashWith(keys->second.index, account) != sealed.hash) {
    return absl::DataLossError("a link's account is not the one that its hash is of");
  }
  return account;
}

}  // namespace musubi::link
