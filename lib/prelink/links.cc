#include "lib/prelink/links.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/prelink/consent.h"
#include "lib/prelink/fields.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using session::Act;
using session::SessionRecord;
using session::State;

link::Journey JourneyOf(const SessionRecord& record) {
  return {static_cast<int>(record.act), static_cast<int>(record.flow)};
}

link::Account AccountOf(const SignIn& sign_in) { return {sign_in.issuer, sign_in.subject}; }

link::RequestKey RequestKeyFor(const RequestId& request_id, std::string_view method,
                               std::initializer_list<base::ByteView> body) {
  return link::RequestKey{.id = request_id.Reveal(),
                          .body_hash = BodyHash(request_id.RevealBytes(), method, body)};
}

// Front's request, bound to the session and the account; a sign-in that was renewed between two
// tries is the same request.
link::RequestKey FrontRequest(const RequestId& request_id, std::string_view method,
                              base::ByteView target, const SignIn& sign_in) {
  return RequestKeyFor(request_id, method,
                       {target, base::AsBytes(sign_in.issuer), base::AsBytes(sign_in.subject)});
}

session::Once OnceFor(const link::RequestKey& request) {
  return session::Once{.request_id_hash = crypto::Sha256(request.id),
                       .body_hash = request.body_hash};
}

absl::Status NotReady(const SessionRecord& record) {
  switch (record.state) {
    case State::kExpired:
      return base::Error(ErrorReason::kSessionExpired, "the session's time is over");
    case State::kUsed:
      return base::Error(ErrorReason::kSessionAlreadyUsed, "the session was used before");
    default:
      return base::Error(ErrorReason::kWrongState, "only a READY session can be used",
                         {{"state", std::string(session::Name(record.state))}});
  }
}

absl::Status CheckAct(const SessionRecord& record, std::initializer_list<Act> acts) {
  if (std::find(acts.begin(), acts.end(), record.act) != acts.end()) return absl::OkStatus();
  return base::Error(ErrorReason::kActNotAllowed,
                     "the session is for " + std::string(session::Name(record.act)));
}

absl::Status CheckAccount(const SessionRecord& record, const SignIn& sign_in) {
  if (!record.account.has_value()) {
    return base::Error(ErrorReason::kAccountNotBound, "bind an account after sign-in");
  }
  if (record.account->issuer != sign_in.issuer || record.account->subject != sign_in.subject) {
    return base::Error(ErrorReason::kAccountMismatch, "the session is for another account");
  }
  return absl::OkStatus();
}

// True if the session was used by this very request, which now comes again.
bool IsRepeated(const SessionRecord& record, const link::RequestKey& request) {
  const session::Once once = OnceFor(request);
  return std::any_of(record.answers.begin(), record.answers.end(), [&](const auto& answer) {
    return answer.request_id_hash == once.request_id_hash && answer.body_hash == once.body_hash;
  });
}

// Marks the session used. The link store has decided by now: if the session store cannot be
// reached, the session stays READY, and using it again finds the link store's answer.
void MarkUsed(const Journey& journey, const session::SessionId& id,
              const link::RequestKey& request) {
  journey
      .Apply(id,
             [&](const SessionRecord&) {
               return session::Event{.payload = session::Use{}, .once = OnceFor(request)};
             })
      .IgnoreError();
}

JourneySummary SummaryOf(const SessionRecord& record, pki::Verdict verdict) {
  return JourneySummary{.act = record.act, .flow = record.flow, .verdict = std::move(verdict)};
}

}  // namespace

absl::Status LinkUseCases::CheckSignIn(const SignIn& sign_in,
                                       const RelyingParty& relying_party) const {
  const absl::Duration age = dependencies_.clock.Now() - sign_in.auth_time;
  if (age > kMaxSignInAge || age < -kSignInSkew) {
    return base::Error(ErrorReason::kSignInTooOld, "sign in again: at most 10 minutes ago");
  }
  if (!relying_party.AcceptsAcr(sign_in.acr)) {
    return base::Error(ErrorReason::kAcrNotAccepted, "sign in with an accepted method");
  }
  return absl::OkStatus();
}

absl::Status LinkUseCases::CheckSignInAfterPairing(const SignIn& sign_in,
                                                   const SessionRecord& record) const {
  if (record.flow != session::Flow::kCrossDevice) return absl::OkStatus();
  if (record.paired_at.has_value() && sign_in.auth_time > *record.paired_at) {
    return absl::OkStatus();
  }
  return journey().limits().CheckCrossDeviceSignIn();
}

absl::StatusOr<MadeLink> LinkUseCases::WithEvidence(link::Link link) const {
  MUSUBI_ASSIGN_OR_RETURN(const JourneySummary summary,
                          JourneySummary::Parse(link.verdict_summary));
  EvidenceRecord evidence =
      SignEvidence(dependencies_.evidence_key, link.session_id, link, summary, link.created_at);
  return MadeLink{.link = std::move(link), .evidence = std::move(evidence)};
}

absl::StatusOr<link::Link> LinkUseCases::LinkOfEndedSession(
    const session::SessionId& session_id) const {
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<link::SessionEnd> end,
                          journey().links().GetSessionEnd(session_id));
  if (!end.has_value() || !end->link_id.has_value()) {
    return base::Error(ErrorReason::kLinkNotFound, "the session led to no link");
  }
  return journey().links().GetLink(*end->link_id);
}

absl::StatusOr<link::Link> LinkUseCases::LinkOfRepeatedRequest(const session::SessionId& session_id,
                                                               const SignIn& sign_in) const {
  auto link = LinkOfEndedSession(session_id);
  if (base::ReasonOf(link.status()) == ErrorReason::kLinkNotFound ||
      (link.ok() && link->account != AccountOf(sign_in))) {
    return base::Error(ErrorReason::kSessionNotFound, "no session of this id");
  }
  return link;
}

absl::StatusOr<link::Link> LinkUseCases::LinkOrNotReady(const SessionRecord& record,
                                                        const SignIn& sign_in) const {
  if (!session::IsTerminal(record.state)) {
    auto link = LinkOfRepeatedRequest(record.id, sign_in);
    if (base::ReasonOf(link.status()) != ErrorReason::kSessionNotFound) return link;
  }
  return NotReady(record);
}

absl::StatusOr<std::optional<base::Hash256>> LinkUseCases::CommitTo(
    const std::optional<person::PersonId>& person_id, const SessionRecord& record) const {
  if (!person_id.has_value()) return std::optional<base::Hash256>();
  const session::AccountBinding account = record.account.value_or(session::AccountBinding{});
  MUSUBI_ASSIGN_OR_RETURN(
      const base::Hash256 commitment,
      dependencies_.persons.Commit(
          *person_id,
          {base::AsBytes(session::Name(record.act)), base::AsBytes(record.relying_party_id),
           base::AsBytes(account.issuer), base::AsBytes(account.subject)}));
  return std::optional<base::Hash256>(commitment);
}

absl::StatusOr<link::Link> LinkUseCases::MakeLink(const SessionRecord& record,
                                                  const RelyingParty& relying_party,
                                                  const link::RequestKey& request) const {
  MUSUBI_ASSIGN_OR_RETURN(const person::CardRecord card,
                          OpenGrantedCard(journey().card_keyring(), record));
  MUSUBI_ASSIGN_OR_RETURN(pki::Verdict verdict, DecodeVerdict(record.last_verdict));
  MUSUBI_ASSIGN_OR_RETURN(const person::PersonId person_id, dependencies_.persons.Record(card));
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<base::Hash256> commitment,
                          CommitTo(person_id, record));
  const link::NewLink link{.relying_party_id = relying_party.id,
                           .account = {record.account->issuer, record.account->subject},
                           .subject = relying_party.PairwiseSubject(person_id),
                           .person_id = person_id,
                           .session_id = record.id,
                           .verdict_summary = SummaryOf(record, std::move(verdict)).Serialize(),
                           .journey = JourneyOf(record),
                           .commitment = commitment};
  if (record.act == Act::kReplace) {
    return journey().links().ReplaceLink(request, link);
  }
  return journey().links().CreateLink(request, link, relying_party.account_policy);
}

absl::StatusOr<MadeLink> LinkUseCases::CreateLink(const session::SessionId& session_id,
                                                  const RequestId& request_id,
                                                  const SignIn& sign_in) const {
  const link::RequestKey request = FrontRequest(request_id, "CreateLink", session_id, sign_in);
  auto stored = journey().Read(session_id);
  if (base::ReasonOf(stored.status()) == ErrorReason::kSessionNotFound ||
      (stored.ok() && IsRepeated(stored->record, request))) {
    MUSUBI_ASSIGN_OR_RETURN(link::Link link, LinkOfRepeatedRequest(session_id, sign_in));
    return WithEvidence(std::move(link));
  }
  MUSUBI_RETURN_IF_ERROR(stored.status());
  const SessionRecord& record = stored->record;
  if (record.state != State::kReady) {
    MUSUBI_ASSIGN_OR_RETURN(link::Link link, LinkOrNotReady(record, sign_in));
    return WithEvidence(std::move(link));
  }
  MUSUBI_RETURN_IF_ERROR(CheckAct(record, {Act::kLink, Act::kReplace}));
  MUSUBI_RETURN_IF_ERROR(CheckAccount(record, sign_in));
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey().FindRelyingParty(record.relying_party_id));
  MUSUBI_RETURN_IF_ERROR(CheckSignIn(sign_in, *relying_party));
  MUSUBI_RETURN_IF_ERROR(CheckSignInAfterPairing(sign_in, record));
  MUSUBI_ASSIGN_OR_RETURN(link::Link link, MakeLink(record, *relying_party, request));
  MarkUsed(journey(), session_id, request);
  return WithEvidence(std::move(link));
}

absl::StatusOr<link::Link> LinkUseCases::DeleteLinkWithCard(const session::SessionId& session_id,
                                                            const RequestId& request_id,
                                                            const SignIn& sign_in) const {
  const link::RequestKey request = FrontRequest(request_id, "DeleteLink", session_id, sign_in);
  auto stored = journey().Read(session_id);
  if (base::ReasonOf(stored.status()) == ErrorReason::kSessionNotFound ||
      (stored.ok() && IsRepeated(stored->record, request))) {
    return LinkOfRepeatedRequest(session_id, sign_in);
  }
  MUSUBI_RETURN_IF_ERROR(stored.status());
  const SessionRecord& record = stored->record;
  if (record.state != State::kReady) return LinkOrNotReady(record, sign_in);
  MUSUBI_RETURN_IF_ERROR(CheckAct(record, {Act::kUnlink}));
  MUSUBI_RETURN_IF_ERROR(CheckAccount(record, sign_in));
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey().FindRelyingParty(record.relying_party_id));
  MUSUBI_RETURN_IF_ERROR(CheckSignIn(sign_in, *relying_party));
  MUSUBI_RETURN_IF_ERROR(CheckSignInAfterPairing(sign_in, record));
  MUSUBI_ASSIGN_OR_RETURN(const person::CardRecord card,
                          OpenCard(journey().card_keyring(), record.id, record.sealed_card));
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<person::PersonId> person_id,
                          dependencies_.persons.Find(card.card));
  MUSUBI_ASSIGN_OR_RETURN(const std::optional<base::Hash256> commitment,
                          CommitTo(person_id, record));
  MUSUBI_ASSIGN_OR_RETURN(
      link::Link link,
      journey().links().EndLink(
          request, link::EndLinkArgs{
                       .relying_party_id = relying_party->id,
                       .account = AccountOf(sign_in),
                       .card = link::ProvenCard{.session_id = session_id, .person_id = person_id},
                       .journey = JourneyOf(record),
                       .commitment = commitment}));
  MarkUsed(journey(), session_id, request);
  return link;
}

absl::StatusOr<link::Link> LinkUseCases::DeleteLinkById(const link::LinkId& link_id,
                                                        const RequestId& request_id,
                                                        const SignIn& sign_in) const {
  MUSUBI_ASSIGN_OR_RETURN(const link::Link link, journey().links().GetLink(link_id));
  if (link.account != AccountOf(sign_in)) {
    return base::Error(ErrorReason::kLinkNotFound, "no link of this account has this id");
  }
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey().FindRelyingParty(link.relying_party_id));
  MUSUBI_RETURN_IF_ERROR(CheckSignIn(sign_in, *relying_party));
  return journey().links().EndLink(
      FrontRequest(request_id, "DeleteLink", link_id, sign_in),
      link::EndLinkArgs{
          .relying_party_id = link.relying_party_id, .account = link.account, .link_id = link_id});
}

absl::StatusOr<ResolvedLink> LinkUseCases::ResolveLink(const Caller& caller,
                                                       const session::SessionId& session_id,
                                                       const RequestId& request_id,
                                                       const base::Secret256& result_code) const {
  const link::RequestKey request =
      RequestKeyFor(request_id, "ResolveLink", {session_id, HashOf(result_code)});
  MUSUBI_ASSIGN_OR_RETURN(const session::SessionStore::Stored stored, journey().Read(session_id));
  const SessionRecord& record = stored.record;
  if (caller.role != CallerRole::kRelyingParty ||
      caller.relying_party_id != record.relying_party_id) {
    return base::Error(ErrorReason::kRelyingPartyMismatch,
                       "only the relying party that opened the session may resolve it");
  }
  absl::StatusOr<link::Link> link;
  if (IsRepeated(record, request)) {
    link = LinkOfEndedSession(session_id);
  } else {
    if (record.state != State::kReady) return NotReady(record);
    MUSUBI_RETURN_IF_ERROR(CheckAct(record, {Act::kVerify}));
    if (!record.result_code.has_value() || stored.now >= record.result_code->expires_at ||
        !base::ConstantTimeEqual(record.result_code->hash, HashOf(result_code))) {
      return base::Error(ErrorReason::kResultCodeInvalid, "result code unknown, expired or used");
    }
    // Whose code was guessed before so many were seen has come this far.
    if (record.flow == session::Flow::kCrossDevice) {
      MUSUBI_RETURN_IF_ERROR(journey().limits().CheckCrossDeviceVerify());
    }
    MUSUBI_ASSIGN_OR_RETURN(const person::CardRecord card,
                            OpenCard(journey().card_keyring(), record.id, record.sealed_card));
    MUSUBI_ASSIGN_OR_RETURN(const std::optional<person::PersonId> person_id,
                            dependencies_.persons.Find(card.card));
    MUSUBI_ASSIGN_OR_RETURN(const std::optional<base::Hash256> commitment,
                            CommitTo(person_id, record));
    auto resolution =
        journey().links().Resolve(link::ResolveArgs{.relying_party_id = record.relying_party_id,
                                                    .session_id = session_id,
                                                    .person_id = person_id,
                                                    .journey = JourneyOf(record),
                                                    .commitment = commitment});
    if (resolution.ok() || base::ReasonOf(resolution.status()) == ErrorReason::kLinkNotFound) {
      MarkUsed(journey(), session_id, request);
    }
    if (resolution.ok()) {
      link = std::move(resolution->link);
    } else {
      link = resolution.status();
    }
  }
  MUSUBI_RETURN_IF_ERROR(link.status());
  MUSUBI_ASSIGN_OR_RETURN(const pki::Verdict verdict, DecodeVerdict(record.last_verdict));
  const JourneySummary summary = SummaryOf(record, verdict);
  EvidenceRecord evidence =
      SignEvidence(dependencies_.evidence_key, session_id, *link, summary, verdict.checked_at);
  return ResolvedLink{.link = *std::move(link),
                      .flow = record.flow,
                      .verdict = verdict,
                      .evidence = std::move(evidence)};
}

absl::StatusOr<NamedLink> LinkUseCases::WithName(link::Link link, bool include_name) const {
  NamedLink named{.link = std::move(link)};
  if (!include_name) return named;
  auto name = dependencies_.persons.GetName(named.link.person_id);
  // An erased person has no name any more; the link of old stays visible.
  if (absl::IsNotFound(name.status())) return named;
  MUSUBI_ASSIGN_OR_RETURN(named.name, std::move(name));
  if (named.name.has_value()) {
    MUSUBI_RETURN_IF_ERROR(journey().links().NoteNameRead(named.link.id));
  }
  return named;
}

absl::StatusOr<NamedLink> LinkUseCases::GetLink(const Caller& caller, const link::LinkId& link_id,
                                                const std::optional<link::Account>& account,
                                                bool include_name) const {
  MUSUBI_ASSIGN_OR_RETURN(
      const link::LinkFilter filter,
      FilterFor(caller, ListArgs{.account = account, .include_name = include_name}));
  MUSUBI_ASSIGN_OR_RETURN(link::Link link, journey().links().GetLink(link_id));
  const bool visible =
      (!filter.relying_party_id.has_value() || filter.relying_party_id == link.relying_party_id) &&
      (!filter.account.has_value() || filter.account == link.account);
  if (!visible) return base::Error(ErrorReason::kLinkNotFound, "no such link for this caller");
  return WithName(std::move(link), include_name);
}

absl::StatusOr<link::LinkFilter> LinkUseCases::FilterFor(const Caller& caller,
                                                         const ListArgs& args) const {
  link::LinkFilter filter{
      .account = args.account, .link_id = args.link_id, .include_ended = args.include_ended};
  if (caller.role == CallerRole::kFront) {
    if (!args.account.has_value()) {
      return base::FieldError(ErrorReason::kFieldInvalid, "account", "the signed-in account");
    }
    return filter;
  }
  if (args.include_name) {
    return base::FieldError(ErrorReason::kFieldNotAllowed, "include_name", "for front only");
  }
  filter.relying_party_id = caller.relying_party_id;
  return filter;
}

absl::StatusOr<link::Page<NamedLink>> LinkUseCases::ListLinks(const Caller& caller,
                                                              const ListArgs& args) const {
  MUSUBI_ASSIGN_OR_RETURN(const link::LinkFilter filter, FilterFor(caller, args));
  MUSUBI_ASSIGN_OR_RETURN(link::Page<link::Link> page,
                          journey().links().ListLinks(filter, args.page));
  link::Page<NamedLink> named{.next_token = std::move(page.next_token)};
  for (link::Link& link : page.items) {
    MUSUBI_ASSIGN_OR_RETURN(NamedLink item, WithName(std::move(link), args.include_name));
    named.items.push_back(std::move(item));
  }
  return named;
}

absl::StatusOr<link::Page<link::AuditEntry>> LinkUseCases::ListEvents(const Caller& caller,
                                                                      const ListArgs& args) const {
  MUSUBI_ASSIGN_OR_RETURN(const link::LinkFilter filter, FilterFor(caller, args));
  return journey().links().ListEvents(filter, args.page);
}

}  // namespace musubi::prelink
