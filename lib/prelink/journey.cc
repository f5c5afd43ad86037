#include "lib/prelink/journey.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/aead.h"
#include "lib/crypto/hash.h"
#include "lib/prelink/fields.h"
#include "lib/session/state_machine.h"

namespace musubi::prelink {
namespace {

using session::SessionRecord;
using session::State;

// Which ends the link store must know before the session store, if this is one.
std::optional<link::SessionOutcome> LastingEnd(const SessionRecord& before,
                                               const SessionRecord& after) {
  if (before.state == after.state) return std::nullopt;
  if (after.state == State::kFailed) return link::SessionOutcome::kLockedOut;
  if (after.state == State::kCancelled && after.cancel_reason == session::CancelReason::kNotMe) {
    return link::SessionOutcome::kNotMe;
  }
  return std::nullopt;
}

base::Secret256 AnswerKey(base::ByteView request_id, const session::SessionId& session_id) {
  return crypto::DeriveKey(request_id, "stored-answer", session_id);
}

}  // namespace

absl::StatusOr<const RelyingParty*> Journey::FindRelyingParty(std::string_view id) const {
  const RelyingParty* relying_party = dependencies_.relying_parties.Find(id);
  if (relying_party == nullptr) {
    return base::Error(base::ErrorReason::kRelyingPartyUnknown,
                       "the relying-party file has no entry \"" + std::string(id) + "\"");
  }
  return relying_party;
}

absl::StatusOr<session::SessionStore::Stored> Journey::Read(const session::SessionId& id) const {
  MUSUBI_ASSIGN_OR_RETURN(session::SessionStore::Stored stored, sessions().Get(id));
  const session::Event settle{.payload = session::Settle{}};
  stored.record = session::Step(stored.record, settle, stored.now, lifetimes_).next;
  return stored;
}

absl::StatusOr<session::Applied> Journey::Apply(const session::SessionId& id,
                                                const session::MakeEvent& make_event,
                                                const session::BeforeWrite& before_write) const {
  auto tell_links = [&](const SessionRecord& before, const SessionRecord& after) -> absl::Status {
    if (before_write != nullptr) MUSUBI_RETURN_IF_ERROR(before_write(before, after));
    const auto outcome = LastingEnd(before, after);
    if (!outcome.has_value()) return absl::OkStatus();
    return links()
        .EndSession(link::EndSessionArgs{.session_id = after.id,
                                         .relying_party_id = after.relying_party_id,
                                         .outcome = *outcome,
                                         .answer = std::string(session::Name(after.state))})
        .status();
  };
  MUSUBI_ASSIGN_OR_RETURN(
      session::Applied applied,
      session::ApplyEvent(sessions(), lifetimes_, id, make_event, tell_links, observer()));
  MUSUBI_RETURN_IF_ERROR(applied.status);
  return applied;
}

base::Hash256 HashOf(const base::Secret256& secret) { return crypto::Sha256(secret.RevealBytes()); }

std::optional<base::Hash256> HashOf(const std::optional<base::Secret256>& secret) {
  if (!secret.has_value()) return std::nullopt;
  return HashOf(*secret);
}

base::Hash256 HashOfText(std::string_view text) { return crypto::Sha256(base::AsBytes(text)); }

absl::StatusOr<base::Secret256> ToSecret256(base::ByteView octets) {
  std::array<uint8_t, 32> value;
  if (octets.size() != value.size()) return absl::DataLossError("stored secret: not 32 octets");
  std::copy(octets.begin(), octets.end(), value.begin());
  return base::Secret256(value);
}

base::Hash256 BodyHash(base::ByteView request_id, std::string_view method,
                       std::initializer_list<base::ByteView> body) {
  return crypto::HmacSha256LengthPrefixed(request_id, {base::AsBytes(method), EncodeFields(body)});
}

session::Once MakeOnce(base::ByteView request_id, const session::SessionId& session_id,
                       std::string_view method, std::initializer_list<base::ByteView> body,
                       base::ByteView answer, base::SecureRandom& random) {
  return session::Once{.request_id_hash = crypto::Sha256(request_id),
                       .body_hash = BodyHash(request_id, method, body),
                       .sealed_answer = crypto::SealWithKey(AnswerKey(request_id, session_id),
                                                            answer, session_id, random)};
}

absl::StatusOr<base::Secret<base::Bytes>> OpenAnswer(base::ByteView request_id,
                                                     const session::SessionId& session_id,
                                                     base::ByteView sealed) {
  return crypto::OpenWithKey(AnswerKey(request_id, session_id), sealed, session_id);
}

absl::StatusOr<base::Secret256> OpenSecret256(base::ByteView request_id,
                                              const session::SessionId& session_id,
                                              base::ByteView sealed) {
  MUSUBI_ASSIGN_OR_RETURN(const base::Secret<base::Bytes> answer,
                          OpenAnswer(request_id, session_id, sealed));
  return ToSecret256(answer.RevealBytes());
}

}  // namespace musubi::prelink
