#include "lib/prelink/sessions.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/prelink/fields.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::Act;
using session::Flow;
using session::FlowPolicy;
using session::SessionRecord;
using session::State;

// The page of front that the start code leads to, below the relying party's origin.
constexpr std::string_view kStartPath = "/start";

absl::Status CheckLength(std::string_view field, std::string_view value, size_t limit) {
  if (value.size() <= limit) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, field,
                          "at most " + std::to_string(limit) + " octets");
}

absl::Status CheckAccount(const session::AccountBinding& account) {
  if (account.issuer.empty() || account.subject.empty()) {
    return base::FieldError(ErrorReason::kFieldInvalid, "account",
                            "issuer and subject, neither empty");
  }
  MUSUBI_RETURN_IF_ERROR(CheckLength("account.issuer", account.issuer, kMaxAccountIssuerLength));
  MUSUBI_RETURN_IF_ERROR(CheckLength("account.subject", account.subject, kMaxAccountSubjectLength));
  return CheckLength("account.masked_hint", account.masked_hint, kMaxAccountHintLength);
}

// Front opens what an account's owner does; VERIFY is opened by the relying party that will use it.
absl::Status CheckRole(const Caller& caller, Act act) {
  const bool verify = act == Act::kVerify;
  if (act == Act::kUnspecified) {
    return base::FieldError(ErrorReason::kFieldInvalid, "act", "LINK, UNLINK, VERIFY or REPLACE");
  }
  if (verify == (caller.role == CallerRole::kRelyingParty)) return absl::OkStatus();
  return base::Error(ErrorReason::kRoleNotAllowed,
                     "front opens LINK, UNLINK and REPLACE, a relying party VERIFY");
}

absl::StatusOr<std::string> RelyingPartyIdOf(const Caller& caller, const CreateSessionArgs& args) {
  if (caller.role == CallerRole::kFront) return args.relying_party_id;
  if (!args.relying_party_id.empty() && args.relying_party_id != caller.relying_party_id) {
    return base::Error(ErrorReason::kRelyingPartyMismatch,
                       "a relying party opens sessions for itself only");
  }
  return caller.relying_party_id;
}

// What is left of the asked-for flows after the configuration.
absl::StatusOr<FlowPolicy> EffectivePolicy(const RelyingParty& relying_party, Act act,
                                           FlowPolicy asked) {
  const bool cross_device =
      asked != FlowPolicy::kOneDeviceOnly && relying_party.AllowsFlow(act, Flow::kCrossDevice);
  const bool one_device =
      asked != FlowPolicy::kCrossDeviceOnly && relying_party.AllowsFlow(act, Flow::kOneDevice);
  if (cross_device && one_device) return FlowPolicy::kAny;
  if (cross_device) return FlowPolicy::kCrossDeviceOnly;
  if (one_device) return FlowPolicy::kOneDeviceOnly;
  return base::Error(ErrorReason::kFlowNotAllowed, "no flow is left for this act");
}

absl::Status CheckContent(const RelyingParty& relying_party, const CreateSessionArgs& args) {
  if (!relying_party.allowed_acts.contains(args.act)) {
    return base::Error(ErrorReason::kActNotAllowed, "allowed_acts of \"" + relying_party.id +
                                                        "\" lacks " +
                                                        std::string(session::Name(args.act)));
  }
  if (args.flow_policy == FlowPolicy::kUnspecified) {
    return base::FieldError(ErrorReason::kFieldInvalid, "flow_policy",
                            "ANY, CROSS_DEVICE_ONLY or ONE_DEVICE_ONLY");
  }
  if (!args.locale.empty() && args.locale != "ja" && args.locale != "en") {
    return base::FieldError(ErrorReason::kFieldInvalid, "locale", "\"ja\", \"en\" or empty");
  }
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("client_context.browser", args.client_context.browser, kMaxClientContextLength));
  MUSUBI_RETURN_IF_ERROR(CheckLength("client_context.operating_system",
                                     args.client_context.operating_system,
                                     kMaxClientContextLength));
  MUSUBI_RETURN_IF_ERROR(
      CheckLength("client_context.network", args.client_context.network, kMaxClientContextLength));
  MUSUBI_RETURN_IF_ERROR(CheckLength("state", args.caller_state, kMaxCallerStateLength));
  if (args.act == Act::kVerify) {
    if (args.account.has_value()) {
      return base::FieldError(ErrorReason::kFieldNotAllowed, "account", "VERIFY finds the account");
    }
    if (!relying_party.AllowsReturnUri(args.return_uri)) {
      return base::FieldError(ErrorReason::kFieldInvalid, "return_uri",
                              "one of the relying party's registered return URIs");
    }
    return absl::OkStatus();
  }
  if (!args.caller_state.empty() || !args.return_uri.empty()) {
    return base::FieldError(ErrorReason::kFieldNotAllowed, "return_uri",
                            "state and return URI are for VERIFY only");
  }
  if (args.account.has_value()) return CheckAccount(*args.account);
  if (relying_party.first_step == FirstStep::kCard) return absl::OkStatus();
  return base::FieldError(ErrorReason::kFieldInvalid, "account",
                          "this relying party is configured account first");
}

absl::StatusOr<std::optional<ClientNetwork>> NetworkOf(const Caller& caller,
                                                       const CreateSessionArgs& args) {
  if (args.client_network.empty()) return std::optional<ClientNetwork>();
  if (caller.role != CallerRole::kFront) {
    return base::FieldError(ErrorReason::kFieldNotAllowed, "client_network", "for front only");
  }
  MUSUBI_ASSIGN_OR_RETURN(ClientNetwork network, ClientNetwork::Parse(args.client_network));
  return std::optional(std::move(network));
}

// The same request id of the same caller gives the same session, so that a call that comes again
// finds what it made. Unpredictable to everybody without the service key.
session::SessionId SessionIdFor(const crypto::Keyring::Key& service_key, const Caller& caller,
                                const RequestId& request_id) {
  const base::Secret256 key = crypto::DeriveKey(service_key.secret.RevealBytes(), "session-id");
  const std::string role = caller.role == CallerRole::kFront ? "front" : "relying-party";
  const base::Hash256 mac = crypto::HmacSha256LengthPrefixed(
      key.RevealBytes(),
      {base::AsBytes(role), base::AsBytes(caller.relying_party_id), request_id.RevealBytes()});
  session::SessionId id;
  std::copy_n(mac.begin(), id.size(), id.begin());
  return id;
}

session::Once OnceForCreate(const CreateSessionArgs& args, const std::string& relying_party_id,
                            const session::SessionId& id, const base::Secret256& entry,
                            base::SecureRandom& random) {
  const session::AccountBinding account = args.account.value_or(session::AccountBinding{});
  return MakeOnce(args.request_id.RevealBytes(), id, "CreateSession",
                  {base::AsBytes(relying_party_id), base::AsBytes(session::Name(args.act)),
                   base::AsBytes(std::to_string(static_cast<int>(args.flow_policy))),
                   base::AsBytes(args.locale), base::AsBytes(args.client_context.browser),
                   base::AsBytes(args.client_context.operating_system),
                   base::AsBytes(args.client_context.network), base::AsBytes(account.issuer),
                   base::AsBytes(account.subject), base::AsBytes(account.masked_hint),
                   base::AsBytes(args.caller_state), base::AsBytes(args.return_uri)},
                  entry.RevealBytes(), random);
}

SessionRecord NewRecord(const CreateSessionArgs& args, const RelyingParty& relying_party,
                        FlowPolicy policy, absl::Time now, const session::Lifetimes& lifetimes) {
  SessionRecord record;
  record.relying_party_id = relying_party.id;
  record.act = args.act;
  record.flow_policy = policy;
  record.locale = args.locale;
  if (record.locale.empty()) {
    record.locale = relying_party.default_locale == Locale::kEn ? "en" : "ja";
  }
  record.client_context = args.client_context;
  record.caller_state = args.caller_state;
  record.return_uri = args.return_uri;
  record.created_at = now;
  record.expires_at = now + lifetimes.session;
  record.account = args.account;
  record.qr_page_expires_at = now + lifetimes.qr_page;
  return record;
}

CreatedSession Answer(const SessionRecord& record, const RelyingParty& relying_party,
                      const base::Secret256& entry, const session::Lifetimes& lifetimes) {
  CreatedSession created{.id = record.id, .expires_at = record.expires_at};
  if (record.act != Act::kVerify) {
    created.browser_credential = entry;
    return created;
  }
  std::string url = relying_party.origins.front() + std::string(kStartPath) +
                    "#s=" + base::Base64UrlEncode(record.id) + "." +
                    base::Base64UrlEncode(entry.RevealBytes());
  created.start = CreatedSession::Start{.code = entry,
                                        .url = base::Secret<std::string>(std::move(url)),
                                        .expires_at = record.created_at + lifetimes.start_code};
  return created;
}

// Takes out of the record what `viewer` may not see.
void Restrict(SessionRecord& record, session::Party viewer) {
  const bool device = viewer == session::Party::kDevice;
  const bool ready = record.state == State::kReady || record.state == State::kUsed;
  if (!device) {
    record.client_context = {};
    record.kept_proof.reset();
    if (!ready) {
      record.last_verdict.clear();
      if (record.account.has_value()) *record.account = session::AccountBinding{};
    }
  } else {
    record.second_phone_refused = false;
    if (record.state == State::kClaimed && record.account.has_value()) {
      record.account->masked_hint.clear();
    }
  }
  record.sealed_card.clear();
  record.answers.clear();
}

}  // namespace

absl::StatusOr<CreatedSession> SessionUseCases::Create(const Caller& caller,
                                                       const CreateSessionArgs& args) const {
  MUSUBI_RETURN_IF_ERROR(CheckRole(caller, args.act));
  MUSUBI_ASSIGN_OR_RETURN(const std::string relying_party_id, RelyingPartyIdOf(caller, args));
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey_.FindRelyingParty(relying_party_id));
  MUSUBI_RETURN_IF_ERROR(CheckContent(*relying_party, args));
  MUSUBI_ASSIGN_OR_RETURN(const FlowPolicy policy,
                          EffectivePolicy(*relying_party, args.act, args.flow_policy));
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<ClientNetwork> network, NetworkOf(caller, args));
  const crypto::Keyring& keyring = journey_.service_keyring();
  const session::SessionId id = SessionIdFor(keyring.active(), caller, args.request_id);
  // The start code or the first browser credential.
  const base::Secret256 entry(journey_.random().Bytes<32>());
  const session::Once once = OnceForCreate(args, relying_party_id, id, entry, journey_.random());

  // A call that comes again is answered before anything is counted. While keys change, another
  // process may have made its session under another one.
  for (const auto& [key_id, key] : keyring.all()) {
    auto made = journey_.sessions().Get(SessionIdFor(key, caller, args.request_id));
    if (made.ok()) return AnswerAgain(args, made->record, *relying_party, once);
    if (base::ReasonOf(made.status()) != ErrorReason::kSessionNotFound) return made.status();
  }
  MUSUBI_RETURN_IF_ERROR(journey_.limits().TakeSession(args.account, network));

  MUSUBI_ASSIGN_OR_RETURN(const absl::Time now, journey_.sessions().Now());
  SessionRecord record = NewRecord(args, *relying_party, policy, now, journey_.lifetimes());
  record.id = id;
  if (args.act == Act::kVerify) {
    record.start_code = session::OneTime{HashOf(entry), now + journey_.lifetimes().start_code};
  } else {
    record.browser_credential = HashOf(entry);
  }
  record.answers.push_back(session::StoredAnswer{.request_id_hash = once.request_id_hash,
                                                 .body_hash = once.body_hash,
                                                 .sealed = once.sealed_answer});
  MUSUBI_ASSIGN_OR_RETURN(const bool inserted, journey_.sessions().Insert(record));
  if (!inserted) {
    MUSUBI_ASSIGN_OR_RETURN(const session::SessionStore::Stored stored,
                            journey_.sessions().Get(id));
    return AnswerAgain(args, stored.record, *relying_party, once);
  }
  if (journey_.observer() != nullptr) journey_.observer()->OnCreated(record);
  return Answer(record, *relying_party, entry, journey_.lifetimes());
}

absl::StatusOr<CreatedSession> SessionUseCases::AnswerAgain(const CreateSessionArgs& args,
                                                            const SessionRecord& record,
                                                            const RelyingParty& relying_party,
                                                            const session::Once& once) const {
  for (const session::StoredAnswer& answer : record.answers) {
    if (answer.request_id_hash != once.request_id_hash) continue;
    if (answer.body_hash != once.body_hash) break;
    MUSUBI_ASSIGN_OR_RETURN(const base::Secret256 first,
                            OpenSecret256(args.request_id.RevealBytes(), record.id, answer.sealed));
    return Answer(record, relying_party, first, journey_.lifetimes());
  }
  return base::Error(ErrorReason::kRequestIdReused, "another body came with this request id");
}

absl::StatusOr<ClaimedStart> SessionUseCases::ClaimStart(const session::SessionId& session_id,
                                                         const RequestId& request_id,
                                                         const base::Secret256& start_code) const {
  const base::Secret256 credential(journey_.random().Bytes<32>());
  const session::Once once =
      MakeOnce(request_id.RevealBytes(), session_id, "ClaimStart", {HashOf(start_code)},
               credential.RevealBytes(), journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(
      const session::Applied applied, journey_.Apply(session_id, [&](const SessionRecord&) {
        return session::Event{
            .payload = session::ClaimStart{HashOf(start_code), HashOf(credential)}, .once = once};
      }));
  MUSUBI_ASSIGN_OR_RETURN(
      base::Secret256 granted,
      OpenSecret256(request_id.RevealBytes(), session_id, applied.sealed_answer));
  return ClaimedStart{.browser_credential = std::move(granted),
                      .act = applied.record.act,
                      .expires_at = applied.record.expires_at};
}

absl::StatusOr<SessionView> SessionUseCases::GetView(const SessionCall& call) const {
  MUSUBI_ASSIGN_OR_RETURN(session::SessionStore::Stored stored, journey_.Read(call.session_id));
  SessionRecord& record = stored.record;
  if (!call.credential.has_value()) {
    return base::Error(ErrorReason::kCredentialMissing, "send authorization: Bearer");
  }
  const base::Hash256 hash = HashOf(*call.credential);
  auto owns = [&hash](const std::optional<base::Hash256>& credential) {
    return credential.has_value() && base::ConstantTimeEqual(*credential, hash);
  };
  SessionView view;
  if (owns(record.browser_credential)) {
    view.viewer = session::Party::kBrowser;
  } else if (owns(record.device_credential)) {
    view.viewer = session::Party::kDevice;
  } else {
    return base::Error(ErrorReason::kCredentialInvalid, "not a credential of this session");
  }
  MUSUBI_ASSIGN_OR_RETURN(view.relying_party, journey_.FindRelyingParty(record.relying_party_id));
  const session::Lifetimes& lifetimes = journey_.lifetimes();
  view.until_deadline = record.Deadline() - stored.now;
  view.qr_refreshes_left = lifetimes.qr_refreshes - record.qr_refreshes;
  view.code_tries_left = std::max(lifetimes.pairing_code_tries - record.wrong_codes, 0);
  view.proof_tries_left = std::max(lifetimes.proofs - record.proofs, 0);
  if (view.viewer == session::Party::kDevice && record.state == State::kProven) {
    MUSUBI_ASSIGN_OR_RETURN(
        view.consent, MakeConsentRequest(journey_.card_keyring(), *view.relying_party, record));
  }
  if (view.viewer == session::Party::kBrowser && record.state == State::kReady &&
      record.act != Act::kVerify) {
    MUSUBI_ASSIGN_OR_RETURN(person::CardRecord card,
                            OpenGrantedCard(journey_.card_keyring(), record));
    view.card_name = std::move(card.name);
  }
  Restrict(record, view.viewer);
  if (!record.last_verdict.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(view.verdict, DecodeVerdict(record.last_verdict));
  }
  view.record = std::move(record);
  return view;
}

std::unique_ptr<session::Subscription> SessionUseCases::Watch(const session::SessionId& session_id,
                                                              std::function<void()> changed) const {
  return journey_.sessions().Subscribe(session_id, std::move(changed));
}

absl::StatusOr<base::Secret256> SessionUseCases::BindAccount(
    const SessionCall& call, const RequestId& request_id,
    const session::AccountBinding& account) const {
  MUSUBI_RETURN_IF_ERROR(CheckAccount(account));
  const base::Secret256 fresh(journey_.random().Bytes<32>());
  const session::Once once =
      MakeOnce(request_id.RevealBytes(), call.session_id, "BindAccount",
               {base::AsBytes(account.issuer), base::AsBytes(account.subject)}, fresh.RevealBytes(),
               journey_.random());
  MUSUBI_ASSIGN_OR_RETURN(
      const session::Applied applied, journey_.Apply(call.session_id, [&](const SessionRecord&) {
        return session::Event{.payload = session::BindAccount{account, HashOf(fresh)},
                              .credential = HashOf(call.credential),
                              .once = once};
      }));
  return OpenSecret256(request_id.RevealBytes(), call.session_id, applied.sealed_answer);
}

absl::Status SessionUseCases::Cancel(const SessionCall& call, const RequestId& request_id,
                                     session::CancelReason reason) const {
  if (reason == session::CancelReason::kUnspecified) {
    return base::FieldError(ErrorReason::kFieldInvalid, "reason", "say why");
  }
  const session::Once once =
      MakeOnce(request_id.RevealBytes(), call.session_id, "CancelSession",
               {base::AsBytes(std::to_string(static_cast<int>(reason)))}, {}, journey_.random());
  const std::optional<base::Hash256> credential = HashOf(call.credential);
  if (reason != session::CancelReason::kUserCancelled && credential.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(const session::SessionStore::Stored stored,
                            journey_.Read(call.session_id));
    if (stored.record.browser_credential == credential) {
      return base::Error(ErrorReason::kCredentialInvalid, "this reason is the phone's to give");
    }
  }
  return journey_
      .Apply(call.session_id,
             [&](const SessionRecord&) {
               return session::Event{
                   .payload = session::Cancel{reason}, .credential = credential, .once = once};
             })
      .status();
}

}  // namespace musubi::prelink
