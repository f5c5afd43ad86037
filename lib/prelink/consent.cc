#include "lib/prelink/consent.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/prelink/fields.h"

namespace musubi::prelink {
namespace {

constexpr size_t kCardFields = 5;
constexpr size_t kVerdictFields = 12;
constexpr std::string_view kAbsent = "-";

std::string Number(int64_t value) { return std::to_string(value); }
std::string Seconds(const std::optional<absl::Time>& time) {
  return time.has_value() ? Number(absl::ToUnixSeconds(*time)) : std::string(kAbsent);
}

absl::StatusOr<int64_t> ParseNumber(base::ByteView field) {
  const std::string_view text = base::AsText(field);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return absl::DataLossError("encoded verdict: a field is not a number");
  }
  return value;
}

absl::StatusOr<std::optional<absl::Time>> ParseSeconds(base::ByteView field) {
  if (base::AsText(field) == kAbsent) return std::optional<absl::Time>();
  MUSUBI_ASSIGN_OR_RETURN(const int64_t seconds, ParseNumber(field));
  return std::optional<absl::Time>(absl::FromUnixSeconds(seconds));
}

// Reads enum number `field` into `out`.
template <typename Enum>
absl::Status ParseEnum(base::ByteView field, Enum& out) {
  MUSUBI_ASSIGN_OR_RETURN(const int64_t number, ParseNumber(field));
  out = static_cast<Enum>(number);
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(Attribute attribute) {
  switch (attribute) {
    case Attribute::kName:
      return "name";
  }
  MUSUBI_CHECK(false, "not an Attribute");
}

base::Bytes SealCard(const crypto::Keyring& keyring, const session::SessionId& session_id,
                     const person::CardRecord& card, base::SecureRandom& random) {
  const std::string has_name = card.name.has_value() ? "1" : "0";
  const base::Secret<base::Bytes> plaintext(EncodeFields(
      {card.card.issuer_key_hash, card.card.serial, card.certificate_der, base::AsBytes(has_name),
       card.name.has_value() ? card.name->RevealBytes() : base::ByteView()}));
  return crypto::Seal(keyring, plaintext.RevealBytes(), session_id, random);
}

absl::StatusOr<person::CardRecord> OpenCard(const crypto::Keyring& keyring,
                                            const session::SessionId& session_id,
                                            base::ByteView sealed) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Secret<base::Bytes> plaintext,
                          crypto::Open(keyring, sealed, session_id));
  MUSUBI_ASSIGN_OR_RETURN(std::vector<base::Bytes> fields,
                          DecodeFields(plaintext.RevealBytes(), kCardFields));
  person::CardRecord card;
  if (fields[0].size() != card.card.issuer_key_hash.size()) {
    return absl::DataLossError("sealed card: the issuer key's hash is not 32 octets");
  }
  std::copy(fields[0].begin(), fields[0].end(), card.card.issuer_key_hash.begin());
  card.card.serial = std::move(fields[1]);
  card.certificate_der = std::move(fields[2]);
  if (base::AsText(fields[3]) == "1") {
    card.name = base::Secret<std::string>(base::ToString(fields[4]));
    base::Wipe(fields[4].data(), fields[4].size());
  }
  return card;
}

absl::StatusOr<person::CardRecord> OpenGrantedCard(const crypto::Keyring& keyring,
                                                   const session::SessionRecord& record) {
  MUSUBI_ASSIGN_OR_RETURN(person::CardRecord card,
                          OpenCard(keyring, record.id, record.sealed_card));
  const auto& granted = record.granted_attributes;
  if (std::find(granted.begin(), granted.end(), Name(Attribute::kName)) == granted.end()) {
    card.name.reset();
  }
  return card;
}

absl::StatusOr<ConsentRequest> MakeConsentRequest(const crypto::Keyring& keyring,
                                                  const RelyingParty& relying_party,
                                                  const session::SessionRecord& record) {
  MUSUBI_ASSIGN_OR_RETURN(const person::CardRecord card,
                          OpenCard(keyring, record.id, record.sealed_card));
  ConsentRequest request{.relying_party = &relying_party,
                         .act = record.act,
                         .account_bound = record.account.has_value(),
                         .consent_text_version = relying_party.consent_text_version};
  if (record.account.has_value()) request.masked_account_hint = record.account->masked_hint;
  if (card.name.has_value()) {
    request.attributes.push_back({.attribute = Attribute::kName, .value = *card.name});
  }
  return request;
}

base::Bytes EncodeVerdict(const pki::Verdict& verdict) {
  const pki::RevocationFinding& revocation = verdict.revocation;
  const std::string values[kVerdictFields] = {
      Number(static_cast<int>(verdict.status)),
      Number(static_cast<int>(verdict.reason)),
      verdict.cert_index.has_value() ? Number(*verdict.cert_index) : std::string(kAbsent),
      Seconds(verdict.checked_at),
      Number(static_cast<int>(verdict.possession)),
      Number(static_cast<int>(revocation.outcome)),
      Number(static_cast<int>(revocation.method)),
      Seconds(revocation.source_updated_at),
      Seconds(revocation.this_update),
      Seconds(revocation.next_update),
      Seconds(revocation.revoked_at),
      Number(static_cast<int>(revocation.reason)),
  };
  base::Bytes encoded;
  for (const std::string& value : values) {
    base::Append(encoded, EncodeFields({base::AsBytes(value)}));
  }
  return encoded;
}

absl::StatusOr<pki::Verdict> DecodeVerdict(base::ByteView encoded) {
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<base::Bytes> fields,
                          DecodeFields(encoded, kVerdictFields));
  pki::Verdict verdict;
  pki::RevocationFinding& revocation = verdict.revocation;
  MUSUBI_RETURN_IF_ERROR(ParseEnum(fields[0], verdict.status));
  MUSUBI_RETURN_IF_ERROR(ParseEnum(fields[1], verdict.reason));
  if (base::AsText(fields[2]) != kAbsent) {
    MUSUBI_ASSIGN_OR_RETURN(const int64_t index, ParseNumber(fields[2]));
    verdict.cert_index = static_cast<int>(index);
  }
  MUSUBI_ASSIGN_OR_RETURN(const int64_t checked_at, ParseNumber(fields[3]));
  verdict.checked_at = absl::FromUnixSeconds(checked_at);
  MUSUBI_RETURN_IF_ERROR(ParseEnum(fields[4], verdict.possession));
  MUSUBI_RETURN_IF_ERROR(ParseEnum(fields[5], revocation.outcome));
  MUSUBI_RETURN_IF_ERROR(ParseEnum(fields[6], revocation.method));
  MUSUBI_ASSIGN_OR_RETURN(revocation.source_updated_at, ParseSeconds(fields[7]));
  MUSUBI_ASSIGN_OR_RETURN(revocation.this_update, ParseSeconds(fields[8]));
  MUSUBI_ASSIGN_OR_RETURN(revocation.next_update, ParseSeconds(fields[9]));
  MUSUBI_ASSIGN_OR_RETURN(revocation.revoked_at, ParseSeconds(fields[10]));
  MUSUBI_RETURN_IF_ERROR(ParseEnum(fields[11], revocation.reason));
  return verdict;
}

}  // namespace musubi::prelink
