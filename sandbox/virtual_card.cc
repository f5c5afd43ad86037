#include "sandbox/virtual_card.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "sandbox/file_lock.h"
#include "sandbox/json.h"

namespace musubi::sandbox {
namespace {

const char* TriesMember(Pin pin) {
  return pin == Pin::kAuthentication ? "authentication_tries_left" : "card_info_tries_left";
}

std::string_view PinName(Pin pin) {
  return pin == Pin::kAuthentication ? "authentication PIN" : "card-info PIN";
}

absl::StatusOr<Json> ReadCard(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadSecretFile(path));
  absl::StatusOr<Json> card = ParseJson(text);
  if (!card.ok()) return base::Annotate(card.status(), path);
  return card;
}

absl::StatusOr<int> ReadTries(const Json& card, Pin pin) {
  MUSUBI_ASSIGN_OR_RETURN(const uint64_t tries, Field<uint64_t>(card, TriesMember(pin)));
  if (tries > kPinTries) {
    return absl::InvalidArgumentError(
        absl::StrCat("member \"", TriesMember(pin), "\" is above ", kPinTries));
  }
  return static_cast<int>(tries);
}

absl::Status WriteCard(const std::string& path, const Json& card) {
  return base::WriteFileAtomically(path, card.dump(2) + "\n", 0600);
}

absl::StatusOr<VirtualCard::Contents> ParseCard(const Json& card) {
  MUSUBI_ASSIGN_OR_RETURN(const uint64_t version, Field<uint64_t>(card, "version"));
  MUSUBI_ASSIGN_OR_RETURN(const std::string environment, Field<std::string>(card, "environment"));
  if (version != 1 || environment != "SIM") {
    return absl::InvalidArgumentError("not a card of version 1 and environment SIM");
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::string kind_name, Field<std::string>(card, "kind"));
  MUSUBI_ASSIGN_OR_RETURN(const CardKind kind, ParseCardKind(kind_name));
  MUSUBI_ASSIGN_OR_RETURN(base::Bytes certificate, Base64Field(card, "certificate"));
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes key_der, Base64Field(card, "private_key"));
  MUSUBI_ASSIGN_OR_RETURN(PrivateKey key, PrivateKey::FromPkcs8(key_der));
  MUSUBI_ASSIGN_OR_RETURN(std::string name, Field<std::string>(card, "holder_name"));
  MUSUBI_ASSIGN_OR_RETURN(std::string authentication_pin,
                          Field<std::string>(card, "authentication_pin"));
  MUSUBI_ASSIGN_OR_RETURN(std::string card_info_pin, Field<std::string>(card, "card_info_pin"));
  MUSUBI_ASSIGN_OR_RETURN(std::string issuer_id, Field<std::string>(card, "name_issuer_id"));
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes issuer_der, Base64Field(card, "name_issuer_key"));
  MUSUBI_ASSIGN_OR_RETURN(PrivateKey issuer_key, PrivateKey::FromPkcs8(issuer_der));
  return VirtualCard::Contents{
      .kind = kind,
      .certificate = std::move(certificate),
      .key = std::move(key),
      .holder_name = std::move(name),
      .authentication_pin = base::Secret<std::string>(std::move(authentication_pin)),
      .card_info_pin = base::Secret<std::string>(std::move(card_info_pin)),
      .name_issuer = {.id = std::move(issuer_id), .key = std::move(issuer_key)}};
}

}  // namespace

absl::Status VirtualCard::CheckPin(Pin pin, std::string_view given) {
  const bool digits =
      std::all_of(given.begin(), given.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (given.size() == 4 && digits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the ", base::ToAbsl(PinName(pin)), " is not 4 digits; no try was used"));
}

absl::Status VirtualCard::Write(const std::string& path, const Contents& contents) {
  MUSUBI_RETURN_IF_ERROR(CheckPin(Pin::kAuthentication, contents.authentication_pin.Reveal()));
  MUSUBI_RETURN_IF_ERROR(CheckPin(Pin::kCardInfo, contents.card_info_pin.Reveal()));
  return WriteCard(path, {{"version", 1},
                          {"environment", "SIM"},
                          {"kind", std::string(Name(contents.kind))},
                          {"certificate", base::Base64Encode(contents.certificate)},
                          {"private_key", base::Base64Encode(contents.key.Pkcs8().RevealBytes())},
                          {"holder_name", contents.holder_name},
                          {"authentication_pin", contents.authentication_pin.Reveal()},
                          {TriesMember(Pin::kAuthentication), kPinTries},
                          {"card_info_pin", contents.card_info_pin.Reveal()},
                          {TriesMember(Pin::kCardInfo), kPinTries},
                          {"name_issuer_id", contents.name_issuer.id},
                          {"name_issuer_key",
                           base::Base64Encode(contents.name_issuer.key.Pkcs8().RevealBytes())}});
}

absl::StatusOr<std::unique_ptr<VirtualCard>> VirtualCard::Load(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const Json card, ReadCard(path));
  absl::StatusOr<Contents> contents = ParseCard(card);
  if (!contents.ok()) return base::Annotate(contents.status(), path);
  for (const Pin pin : {Pin::kAuthentication, Pin::kCardInfo}) {
    if (const auto tries = ReadTries(card, pin); !tries.ok()) {
      return base::Annotate(tries.status(), path);
    }
  }
  return std::unique_ptr<VirtualCard>(new VirtualCard(path, *std::move(contents)));
}

absl::StatusOr<base::Bytes> VirtualCard::Sign(std::string_view authentication_pin,
                                              base::ByteView message) {
  MUSUBI_RETURN_IF_ERROR(Verify(Pin::kAuthentication, authentication_pin));
  return contents_.key.Sign(message);
}

absl::StatusOr<NameStatement> VirtualCard::ReadName(std::string_view card_info_pin,
                                                    base::ByteView challenge) {
  MUSUBI_RETURN_IF_ERROR(Verify(Pin::kCardInfo, card_info_pin));
  return SignNameStatement(contents_.name_issuer, contents_.holder_name, challenge,
                           contents_.certificate);
}

absl::StatusOr<int> VirtualCard::TriesLeft(Pin pin) const {
  MUSUBI_ASSIGN_OR_RETURN(const Json card, ReadCard(path_));
  return ReadTries(card, pin);
}

absl::Status VirtualCard::Verify(Pin pin, std::string_view given) {
  MUSUBI_RETURN_IF_ERROR(CheckPin(pin, given));
  MUSUBI_ASSIGN_OR_RETURN(const auto lock, FileLock::Acquire(path_ + ".lock"));
  MUSUBI_ASSIGN_OR_RETURN(Json card, ReadCard(path_));
  MUSUBI_ASSIGN_OR_RETURN(const int tries, ReadTries(card, pin));
  if (tries == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", base::ToAbsl(PinName(pin)), " is locked: issue a new card"));
  }
  // The try is spent on disk before anybody knows whether the PIN was right: a crash, or a process
  // killed at the right moment, gives no free tries.
  card[TriesMember(pin)] = tries - 1;
  MUSUBI_RETURN_IF_ERROR(WriteCard(path_, card));
  const base::Secret<std::string>& right =
      pin == Pin::kAuthentication ? contents_.authentication_pin : contents_.card_info_pin;
  if (!base::ConstantTimeEqual(right.RevealBytes(), base::AsBytes(given))) {
    return absl::PermissionDeniedError(
        absl::StrCat("the ", base::ToAbsl(PinName(pin)), " is wrong; tries left: ", tries - 1));
  }
  card[TriesMember(pin)] = kPinTries;
  return WriteCard(path_, card);
}

}  // namespace musubi::sandbox
