#include "lib/person/person_values.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/hash.h"

namespace musubi::person {
namespace {

base::Bytes AssociatedData(Sealed column, const PersonId& person) {
  std::string_view name = "certificates.certificate";
  if (column == Sealed::kCommitmentKey) name = "persons.commitment_key";
  if (column == Sealed::kName) name = "persons.name";
  if (column == Sealed::kIdentity) name = "certificates.identity";
  base::Bytes data = base::ToBytes(name);
  base::Append(data, person);  // Of fixed length, so the two parts cannot be confused.
  return data;
}

absl::Status FieldInvalid(std::string_view field, size_t limit) {
  return base::FieldError(base::ErrorReason::kFieldInvalid, field,
                          "has 1 to " + std::to_string(limit) + " octets");
}

}  // namespace

base::Hash256 IndexHash(const crypto::Keyring::Key& key, const CardIdentity& card) {
  return crypto::HmacSha256LengthPrefixed(
      key.secret.RevealBytes(),
      {base::AsBytes("musubi card index v1"), card.issuer_key_hash, card.serial});
}

std::vector<base::Hash256> IndexHashes(const crypto::Keyring& keyring, const CardIdentity& card) {
  std::vector<base::Hash256> hashes;
  for (const auto& [id, key] : keyring.all()) hashes.push_back(IndexHash(key, card));
  return hashes;
}

base::Bytes SealFor(const PersonId& person, Sealed column, base::ByteView value,
                    const crypto::Keyring& keyring, base::SecureRandom& random) {
  return crypto::Seal(keyring, value, AssociatedData(column, person), random);
}

absl::StatusOr<base::Secret<base::Bytes>> OpenOf(const PersonId& person, Sealed column,
                                                 base::ByteView sealed,
                                                 const crypto::Keyring& keyring) {
  return crypto::Open(keyring, sealed, AssociatedData(column, person));
}

absl::StatusOr<base::Secret<std::string>> OpenName(const PersonId& person, base::ByteView sealed,
                                                   const crypto::Keyring& keyring) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Secret<base::Bytes> name,
                          OpenOf(person, Sealed::kName, sealed, keyring));
  return base::Secret<std::string>(base::ToString(name.RevealBytes()));
}

base::Bytes SealIdentity(const PersonId& person, const CardIdentity& card,
                         const crypto::Keyring& keyring, base::SecureRandom& random) {
  base::Bytes identity = base::ToBytes(card.issuer_key_hash);
  base::Append(identity, card.serial);
  return SealFor(person, Sealed::kIdentity, identity, keyring, random);
}

absl::StatusOr<CardIdentity> OpenIdentity(const PersonId& person, base::ByteView sealed,
                                          const crypto::Keyring& keyring) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Secret<base::Bytes> opened,
                          OpenOf(person, Sealed::kIdentity, sealed, keyring));
  const base::ByteView identity = opened.RevealBytes();
  CardIdentity card;
  if (identity.size() <= card.issuer_key_hash.size()) {
    return absl::DataLossError("a card's sealed identity is cut");
  }
  std::copy_n(identity.begin(), card.issuer_key_hash.size(), card.issuer_key_hash.begin());
  card.serial = base::ToBytes(identity.subspan(card.issuer_key_hash.size()));
  return card;
}

absl::StatusOr<std::optional<base::Bytes>> Reseal(const PersonId& person, Sealed column,
                                                  base::ByteView sealed,
                                                  const crypto::Keyring& keyring,
                                                  base::SecureRandom& random) {
  if (crypto::SealedKeyId(sealed) == keyring.active().id) return std::nullopt;
  MUSUBI_ASSIGN_OR_RETURN(const base::Secret<base::Bytes> opened,
                          OpenOf(person, column, sealed, keyring));
  return SealFor(person, column, opened.RevealBytes(), keyring, random);
}

absl::StatusOr<base::Hash256> Reindex(const PersonId& person, base::ByteView sealed_identity,
                                      const base::Hash256& index_hash, std::string_view key_id,
                                      const crypto::Keyring& index_keyring,
                                      const crypto::Keyring& data_keyring) {
  const crypto::Keyring::Key* key = index_keyring.Find(key_id);
  if (key == nullptr) return IndexKeyMissing("the person database", key_id);
  MUSUBI_ASSIGN_OR_RETURN(const CardIdentity card,
                          OpenIdentity(person, sealed_identity, data_keyring));
  if (IndexHash(*key, card) != index_hash) {
    return absl::DataLossError("a card's index hash is not its sealed identity's");
  }
  return IndexHash(index_keyring.active(), card);
}

absl::StatusOr<base::Hash256> CommitWith(const PersonId& person, base::ByteView sealed_key,
                                         const crypto::Keyring& keyring,
                                         std::initializer_list<base::ByteView> facts) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Secret<base::Bytes> key,
                          OpenOf(person, Sealed::kCommitmentKey, sealed_key, keyring));
  return crypto::HmacSha256LengthPrefixed(key.RevealBytes(), facts);
}

absl::Status CheckCard(const CardIdentity& card) {
  if (card.serial.empty() || card.serial.size() > kMaxSerialLength) {
    return FieldInvalid("serial", kMaxSerialLength);
  }
  return absl::OkStatus();
}

absl::Status CheckRecord(const CardRecord& record) {
  MUSUBI_RETURN_IF_ERROR(CheckCard(record.card));
  if (record.certificate_der.empty() || record.certificate_der.size() > kMaxCertificateSize) {
    return FieldInvalid("certificate", kMaxCertificateSize);
  }
  if (record.name.has_value() && (record.name->empty() || record.name->size() > kMaxNameLength)) {
    return FieldInvalid("name", kMaxNameLength);
  }
  return absl::OkStatus();
}

absl::Status UnknownPerson() { return absl::NotFoundError("no such person, or an erased one"); }

absl::Status IndexKeyMissing(std::string_view database, std::string_view key_id) {
  return absl::FailedPreconditionError(std::string(database) + " has cards indexed with key " +
                                       std::string(key_id) +
                                       ", which the person-index keyring lacks: put it back");
}

absl::Status DataKeyMissing(std::string_view database, std::string_view key_id) {
  return absl::FailedPreconditionError(std::string(database) + " has values sealed with key " +
                                       std::string(key_id) +
                                       ", which the person-data keyring lacks: put it back");
}

absl::Status CheckIndexKeys(const crypto::KeyIds& registered, const crypto::Keyring& keyring) {
  return crypto::CheckRegistered("person-index keyring", registered, crypto::IdsOf(keyring),
                                 keyring.active().id);
}

std::string IndexCondition(size_t hashes, char sign) {
  std::string condition = "index_hash IN (";
  for (size_t i = 1; i <= hashes; ++i) {
    condition += (i > 1 ? ", " : "") + std::string(1, sign) + std::to_string(i);
  }
  return condition + ")";
}

}  // namespace musubi::person
