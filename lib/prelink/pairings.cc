#include "lib/prelink/pairings.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/pairing/pairing_code.h"
#include "lib/pairing/qr_frame.h"
#include "lib/prelink/fields.h"
#include "lib/session/lifetimes.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::Event;
using session::SessionRecord;
using session::State;

// The page of front that takes the browser back, below the relying party's origin.
constexpr std::string_view kReturnPath = "/return";

std::optional<absl::Time> ExpiryOf(const std::optional<session::OneTime>& value) {
  if (!value.has_value()) return std::nullopt;
  return value->expires_at;
}

QrFrameView FrameOf(const crypto::Keyring& keyring, const SessionRecord& record, absl::Time now,
                    const session::Lifetimes& lifetimes) {
  const absl::Duration age = now - record.created_at;
  const int64_t number = std::max<int64_t>(absl::ToInt64Seconds(age), 0);
  const pairing::QrFrame frame{.session_id = record.id,
                               .generation = record.generation,
                               .frame_number = static_cast<uint32_t>(number)};
  const absl::Time next = record.created_at + (number + 1) * session::kQrFramePeriod;
  return QrFrameView{.payload = base::Secret<std::string>(pairing::MakeQrFrame(keyring, frame)),
                     .frame_number = frame.frame_number,
                     .generation = frame.generation,
                     .until_next = next - now,
                     .next_frame_at = next,
                     .page_expires_at = record.qr_page_expires_at,
                     .refreshes_left = lifetimes.qr_refreshes - record.qr_refreshes};
}

// The state machine has no event for looking, so its rules for looking at the QR stand here.
absl::Status CheckShowsQr(const SessionRecord& record, absl::Time now) {
  if (record.state == State::kExpired) {
    return base::Error(ErrorReason::kSessionExpired, "the session's time is over");
  }
  if (record.state != State::kCreated) {
    return base::Error(ErrorReason::kWrongState, "a QR is shown before a phone claims it",
                       {{"state", std::string(session::Name(record.state))}});
  }
  if (record.flow == session::Flow::kOneDevice ||
      record.flow_policy == session::FlowPolicy::kOneDeviceOnly) {
    return base::Error(ErrorReason::kFlowNotAllowed, "this session has no QR");
  }
  if (now >= record.qr_page_expires_at) {
    return base::Error(ErrorReason::kQrPageExpired, "refresh the QR");
  }
  return absl::OkStatus();
}

absl::Status CheckBrowser(const SessionRecord& record, const SessionCall& call) {
  if (!call.credential.has_value()) {
    return base::Error(ErrorReason::kCredentialMissing, "send authorization: Bearer");
  }
  if (!record.browser_credential.has_value() ||
      !base::ConstantTimeEqual(*record.browser_credential, HashOf(*call.credential))) {
    return base::Error(ErrorReason::kCredentialInvalid, "not this session's browser");
  }
  return absl::OkStatus();
}

}  // namespace

ReturnTicket MakeReturnTicket(const RelyingParty& relying_party, const SessionRecord& record,
                              const base::Secret256& code) {
  std::string url = relying_party.origins.front() + std::string(kReturnPath) +
                    "#s=" + base::Base64UrlEncode(record.id) + "." +
                    base::Base64UrlEncode(code.RevealBytes());
  return ReturnTicket{.code = code,
                      .url = base::Secret<std::string>(std::move(url)),
                      .expires_at = ExpiryOf(record.return_code)};
}

absl::StatusOr<QrFrameView> PairingUseCases::GetQrFrame(const SessionCall& call) const {
  MUSUBI_ASSIGN_OR_RETURN(const session::SessionStore::Stored stored,
                          journey_.Read(call.session_id));
  MUSUBI_RETURN_IF_ERROR(CheckBrowser(stored.record, call));
  MUSUBI_RETURN_IF_ERROR(CheckShowsQr(stored.record, stored.now));
  return FrameOf(journey_.service_keyring(), stored.record, stored.now, journey_.lifetimes());
}

absl::StatusOr<ClaimedQr> PairingUseCases::ClaimQr(std::string_view payload,
                                                   const base::Secret256& claim_key) const {
  const crypto::Keyring& keyring = journey_.service_keyring();
  MUSUBI_ASSIGN_OR_RETURN(const pairing::QrFrame frame, pairing::OpenQrFrame(keyring, payload));
  const base::Secret256 credential(journey_.random().Bytes<32>());
  const base::Secret<std::string> code = pairing::NewPairingCode(journey_.random());
  // The claim key stands for the request id, and any frame of the session for the body: a phone
  // that scans again after a lost answer gets that answer.
  const session::Once once =
      MakeOnce(claim_key.RevealBytes(), frame.session_id, "ClaimQr", {},
               EncodeFields({credential.RevealBytes(), code.RevealBytes()}), journey_.random());
  auto claim = [&](const SessionRecord&) {
    return Event{.payload = session::ClaimQr{.generation = frame.generation,
                                             .frame_number = frame.frame_number,
                                             .frame = HashOfText(payload),
                                             .device_credential = HashOf(credential),
                                             .pairing_code = pairing::PairingCodeMac(
                                                 keyring, frame.session_id, frame.generation,
                                                 code.Reveal())},
                 .once = once};
  };
  // Here already, so that nobody proves what cannot be used.
  auto check = [&](const SessionRecord& before, const SessionRecord& after) {
    const bool claims = before.state == State::kCreated && after.state == State::kClaimed;
    if (!claims || after.act != session::Act::kVerify) return absl::OkStatus();
    return journey_.limits().CheckCrossDeviceVerify();
  };
  MUSUBI_ASSIGN_OR_RETURN(session::Applied applied, journey_.Apply(frame.session_id, claim, check));
  MUSUBI_ASSIGN_OR_RETURN(
      const base::Secret<base::Bytes> answer,
      OpenAnswer(claim_key.RevealBytes(), frame.session_id, applied.sealed_answer));
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<base::Bytes> fields,
                          DecodeFields(answer.RevealBytes(), 2));
  MUSUBI_ASSIGN_OR_RETURN(base::Secret256 granted, ToSecret256(fields[0]));
  return ClaimedQr{.session_id = frame.session_id,
                   .device_credential = std::move(granted),
                   .pairing_code = base::Secret<std::string>(base::ToString(fields[1])),
                   .code_expires_at = ExpiryOf(applied.record.pairing_code),
                   .record = std::move(applied.record)};
}

absl::StatusOr<QrFrameView> PairingUseCases::RefreshQr(const SessionCall& call,
                                                       const RequestId& request_id) const {
  const session::Once once =
      MakeOnce(request_id.RevealBytes(), call.session_id, "RefreshQr", {}, {}, journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(
      const session::Applied applied, journey_.Apply(call.session_id, [&](const SessionRecord&) {
        return Event{
            .payload = session::RefreshQr{}, .credential = HashOf(call.credential), .once = once};
      }));
  // A frame is of its moment: a repeated call gets one of now, if there still is one.
  MUSUBI_RETURN_IF_ERROR(CheckShowsQr(applied.record, applied.now));
  return FrameOf(journey_.service_keyring(), applied.record, applied.now, journey_.lifetimes());
}

absl::StatusOr<NewCode> PairingUseCases::RefreshCode(const SessionCall& call,
                                                     const RequestId& request_id) const {
  const base::Secret<std::string> code = pairing::NewPairingCode(journey_.random());
  const session::Once once = MakeOnce(request_id.RevealBytes(), call.session_id, "RefreshCode", {},
                                      code.RevealBytes(), journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(
      const session::Applied applied,
      journey_.Apply(call.session_id, [&](const SessionRecord& record) {
        return Event{.payload = session::RefreshCode{pairing::PairingCodeMac(
                         journey_.service_keyring(), record.id, record.generation, code.Reveal())},
                     .credential = HashOf(call.credential),
                     .once = once};
      }));
  MUSUBI_ASSIGN_OR_RETURN(
      const base::Secret<base::Bytes> answer,
      OpenAnswer(request_id.RevealBytes(), call.session_id, applied.sealed_answer));
  return NewCode{.pairing_code = base::Secret<std::string>(base::ToString(answer.RevealBytes())),
                 .expires_at = ExpiryOf(applied.record.pairing_code)};
}

absl::Status PairingUseCases::ConfirmCode(const SessionCall& call, const RequestId& request_id,
                                          std::string_view code) const {
  if (!pairing::IsPairingCode(code)) {
    return base::FieldError(ErrorReason::kFieldInvalid, "pairing_code", "six digits 0-9");
  }
  const session::Once once = MakeOnce(request_id.RevealBytes(), call.session_id, "ConfirmCode",
                                      {base::AsBytes(code)}, {}, journey_.random());
  // Before the guess is told right or wrong, and for both alike: were nothing counted for a while,
  // nobody may go on guessing.
  bool counted = false;
  auto count = [&](const SessionRecord& before, const SessionRecord& after) -> absl::Status {
    const bool wrong = after.wrong_codes > before.wrong_codes;
    if (!wrong && after.state != State::kPaired) return absl::OkStatus();  // Its time was over.
    if (after.act == session::Act::kVerify) {
      MUSUBI_RETURN_IF_ERROR(journey_.limits().CheckCrossDeviceVerify());
    }
    MUSUBI_RETURN_IF_ERROR(journey_.limits().CountCode(
        wrong && !counted ? limits::WindowStep::kAdd : limits::WindowStep::kLook));
    counted = counted || wrong;  // Once, though another call came between and it is written again.
    return absl::OkStatus();
  };
  return journey_
      .Apply(
          call.session_id,
          [&](const SessionRecord& record) {
            const base::Hash256 stored =
                record.pairing_code.has_value() ? record.pairing_code->hash : base::Hash256{};
            return Event{
                .payload = session::ConfirmCode{pairing::PairingCodeMacToCompare(
                    journey_.service_keyring(), record.id, record.generation, code, stored)},
                .credential = HashOf(call.credential),
                .once = once};
          },
          count)
      .status();
}

absl::StatusOr<Handoff> PairingUseCases::CreateHandoff(const SessionCall& call,
                                                       const RequestId& request_id) const {
  const base::Secret256 token(journey_.random().Bytes<32>());
  const session::Once once = MakeOnce(request_id.RevealBytes(), call.session_id, "CreateHandoff",
                                      {}, token.RevealBytes(), journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(const session::Applied applied,
                          journey_.Apply(call.session_id, [&](const SessionRecord&) {
                            return Event{.payload = session::CreateHandoff{HashOf(token)},
                                         .credential = HashOf(call.credential),
                                         .once = once};
                          }));
  MUSUBI_ASSIGN_OR_RETURN(
      base::Secret256 granted,
      OpenSecret256(request_id.RevealBytes(), call.session_id, applied.sealed_answer));
  return Handoff{.token = std::move(granted), .expires_at = ExpiryOf(applied.record.handoff)};
}

absl::StatusOr<ClaimedHandoff> PairingUseCases::ClaimHandoff(
    const session::SessionId& session_id, const base::Secret256& token,
    const base::Secret256& claim_key) const {
  const base::Secret256 credential(journey_.random().Bytes<32>());
  const session::Once once =
      MakeOnce(claim_key.RevealBytes(), session_id, "ClaimHandoff", {token.RevealBytes()},
               credential.RevealBytes(), journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(
      session::Applied applied, journey_.Apply(session_id, [&](const SessionRecord&) {
        return Event{.payload = session::ClaimHandoff{HashOf(token), HashOf(credential)},
                     .once = once};
      }));
  MUSUBI_ASSIGN_OR_RETURN(
      base::Secret256 granted,
      OpenSecret256(claim_key.RevealBytes(), session_id, applied.sealed_answer));
  return ClaimedHandoff{.device_credential = std::move(granted),
                        .record = std::move(applied.record)};
}

absl::StatusOr<ReturnTicket> PairingUseCases::RefreshReturnCode(const SessionCall& call,
                                                                const RequestId& request_id) const {
  const base::Secret256 code(journey_.random().Bytes<32>());
  const session::Once once =
      MakeOnce(request_id.RevealBytes(), call.session_id, "RefreshReturnCode", {},
               code.RevealBytes(), journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(const session::Applied applied,
                          journey_.Apply(call.session_id, [&](const SessionRecord&) {
                            return Event{.payload = session::RefreshReturnCode{HashOf(code)},
                                         .credential = HashOf(call.credential),
                                         .once = once};
                          }));
  MUSUBI_ASSIGN_OR_RETURN(
      const base::Secret256 granted,
      OpenSecret256(request_id.RevealBytes(), call.session_id, applied.sealed_answer));
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey_.FindRelyingParty(applied.record.relying_party_id));
  return MakeReturnTicket(*relying_party, applied.record, granted);
}

absl::StatusOr<CompletedReturn> PairingUseCases::CompleteReturn(
    const SessionCall& call, const RequestId& request_id,
    const std::optional<base::Secret256>& return_code) const {
  const base::Secret256 fresh(journey_.random().Bytes<32>());
  const base::Secret256 result_code(journey_.random().Bytes<32>());
  const session::Once once =
      MakeOnce(request_id.RevealBytes(), call.session_id, "CompleteReturn",
               {return_code.has_value() ? return_code->RevealBytes() : base::ByteView()},
               EncodeFields({fresh.RevealBytes(), result_code.RevealBytes()}), journey_.random());
  auto applied = journey_.Apply(call.session_id, [&](const SessionRecord& record) {
    session::CompleteReturn payload{.return_code = HashOf(return_code),
                                    .browser_credential = HashOf(fresh)};
    if (record.act == session::Act::kVerify) payload.result_code = HashOf(result_code);
    return Event{.payload = payload, .credential = HashOf(call.credential), .once = once};
  });
  // A good code in the wrong browser is not consumed, and its owner is told where to go.
  if (return_code.has_value() &&
      base::ReasonOf(applied.status()) == ErrorReason::kCredentialInvalid) {
    return base::Error(ErrorReason::kReturnInOtherBrowser,
                       "open the return page in the browser where the session began");
  }
  MUSUBI_RETURN_IF_ERROR(applied.status());
  const SessionRecord& record = applied->record;
  MUSUBI_ASSIGN_OR_RETURN(
      const base::Secret<base::Bytes> answer,
      OpenAnswer(request_id.RevealBytes(), call.session_id, applied->sealed_answer));
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<base::Bytes> fields,
                          DecodeFields(answer.RevealBytes(), 2));
  CompletedReturn completed{.state = record.state};
  MUSUBI_ASSIGN_OR_RETURN(completed.browser_credential, ToSecret256(fields[0]));
  if (record.act == session::Act::kVerify) {
    CompletedReturn::Verify verify{.return_uri = record.return_uri,
                                   .caller_state = base::Secret<std::string>(record.caller_state),
                                   .expires_at = ExpiryOf(record.result_code)};
    MUSUBI_ASSIGN_OR_RETURN(verify.result_code, ToSecret256(fields[1]));
    completed.verify = std::move(verify);
  }
  return completed;
}

}  // namespace musubi::prelink
