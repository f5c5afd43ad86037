#include "lib/prelink/proofs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/jpki/my_number.h"
#include "lib/prelink/fields.h"

namespace musubi::prelink {
namespace {

using base::ErrorReason;
using pki::Verdict;
using pki::VerdictReason;
using pki::VerdictStatus;
using session::Event;
using session::ProofOutcome;
using session::SessionRecord;
using session::State;

std::vector<std::string> AttributeNames(const RelyingParty& relying_party) {
  std::vector<std::string> names;
  for (const Attribute attribute : relying_party.requested_attributes) {
    names.emplace_back(Name(attribute));
  }
  return names;
}

jpki::Challenge ChallengeFor(const SessionRecord& record, const RelyingParty& relying_party,
                             const base::Hash256& nonce) {
  return jpki::Challenge{.relying_party_id = relying_party.id,
                         .origin = relying_party.origins.front(),
                         .act = std::string(session::Name(record.act)),
                         .session_id = record.id,
                         .account_binding_hash = AccountBindingHash(record.account),
                         .flow = std::string(session::Name(record.flow)),
                         .transcript = TranscriptOf(record),
                         .requested_attributes = AttributeNames(relying_party),
                         .consent_text_version = relying_party.consent_text_version,
                         .nonce = nonce};
}

// Recognises the same proof when it comes again: everything in it but the nonce.
base::Hash256 ProofHash(const SubmitProofArgs& args) {
  const auto& statement = args.name_statement;
  return crypto::Sha256LengthPrefixed(
      {args.certificate_der, base::AsBytes(crypto::Name(args.algorithm)), args.signature,
       statement.has_value() ? base::ByteView(statement->signature) : base::ByteView()});
}

bool Waits(const SessionRecord& record, const base::Hash256& proof_hash) {
  return record.kept_proof.has_value() &&
         base::ConstantTimeEqual(record.kept_proof->proof_hash, proof_hash);
}

ProofOutcome OutcomeOf(const Verdict& verdict) {
  if (verdict.valid()) return ProofOutcome::kValid;
  if (verdict.status == VerdictStatus::kIndeterminate &&
      verdict.reason == VerdictReason::kRevocationUnavailable) {
    return ProofOutcome::kRevocationPending;
  }
  return ProofOutcome::kRejected;
}

}  // namespace

base::Hash256 TranscriptOf(const SessionRecord& record) {
  MUSUBI_CHECK(record.browser_credential.has_value() && record.device_credential.has_value() &&
                   record.claimed_by.has_value(),
               "a transcript needs a paired session");
  return crypto::Sha256LengthPrefixed({*record.browser_credential, *record.device_credential,
                                       *record.claimed_by,
                                       base::AsBytes(std::to_string(record.generation))});
}

base::Bytes AccountBindingHash(const std::optional<session::AccountBinding>& account) {
  if (!account.has_value()) return {};
  return base::ToBytes(base::ByteView(crypto::Sha256LengthPrefixed(
      {base::AsBytes(account->issuer), base::AsBytes(account->subject)})));
}

absl::StatusOr<IssuedChallenge> ProofUseCases::GetChallenge(const SessionCall& call) const {
  const base::Hash256 nonce = journey().random().Bytes<32>();
  auto ask = [&](const SessionRecord&) {
    return Event{.payload = session::NewChallenge{crypto::Sha256(nonce)},
                 .credential = HashOf(call.credential)};
  };
  bool counted = false;
  auto count = [&](const SessionRecord&, const SessionRecord& after) {
    if (counted || !after.challenge.has_value()) return absl::OkStatus();
    counted = true;
    return journey().limits().TakeChallenge(call.session_id);
  };
  MUSUBI_ASSIGN_OR_RETURN(session::Applied applied, journey().Apply(call.session_id, ask, count));
  SessionRecord& record = applied.record;
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey().FindRelyingParty(record.relying_party_id));
  return IssuedChallenge{.challenge = ChallengeFor(record, *relying_party, nonce),
                         .expires_at = record.challenge->expires_at,
                         .proof_tries_left = journey().lifetimes().proofs - record.proofs,
                         .relying_party = relying_party,
                         .record = std::move(record)};
}

absl::Status ProofUseCases::CheckArgs(const SubmitProofArgs& args,
                                      const RelyingParty& relying_party) const {
  if (args.signature.empty() || args.signature.size() > kMaxSignatureSize) {
    return base::FieldError(ErrorReason::kFieldInvalid, "signature", "1 to 512 octets");
  }
  if (!args.name_statement.has_value()) return absl::OkStatus();
  if (!relying_party.requested_attributes.contains(Attribute::kName)) {
    return base::FieldError(ErrorReason::kFieldNotAllowed, "name_statement",
                            "the challenge did not ask for the name");
  }
  const jpki::NameStatement& statement = *args.name_statement;
  if (statement.name.size() > jpki::kMaxNameLength) {
    return base::FieldError(ErrorReason::kFieldInvalid, "name_statement.name",
                            "at most 256 octets");
  }
  if (jpki::HoldsMyNumber(statement.name.RevealBytes()) ||
      jpki::HoldsMyNumber(base::AsBytes(statement.issuer_key_id))) {
    return base::Error(ErrorReason::kMyNumberPresent, "the name statement holds My Number data",
                       {{"field", "name_statement"}});
  }
  return absl::OkStatus();
}

absl::Status ProofUseCases::CheckCrlLag(session::Act act) const {
  if (act != session::Act::kLink && act != session::Act::kReplace) return absl::OkStatus();
  if (dependencies_.crl_lag == nullptr || dependencies_.crl_lag() <= dependencies_.max_crl_lag) {
    return absl::OkStatus();
  }
  return base::Error(ErrorReason::kReplicaBehind,
                     "another replica has had newer CRLs for too long");
}

revocation::RevocationMode ProofUseCases::RevocationModeOf(session::Act act) const {
  using revocation::RevocationMode;
  const bool degraded = dependencies_.revocation_mode == RevocationMode::kDegradedWithProof;
  return degraded && act != session::Act::kVerify ? RevocationMode::kOcspThenCrl
                                                  : dependencies_.revocation_mode;
}

absl::StatusOr<session::Applied> ProofUseCases::BeginAttempt(const SessionCall& call,
                                                             const SubmitProofArgs& args,
                                                             const session::Once& once) const {
  const base::Hash256 proof_hash = ProofHash(args);
  return journey().Apply(call.session_id, [&](const SessionRecord& record) {
    Event event{.credential = HashOf(call.credential), .once = once};
    if (Waits(record, proof_hash)) {
      event.payload = session::ResumeProof{proof_hash};
    } else {
      event.payload = session::TakeChallenge{crypto::Sha256(args.nonce)};
    }
    return event;
  });
}

absl::StatusOr<CardValidationResult> ProofUseCases::Judge(const SessionRecord& record,
                                                          const RelyingParty& relying_party,
                                                          const SubmitProofArgs& args,
                                                          absl::Time deadline) const {
  if (Waits(record, ProofHash(args))) {
    MUSUBI_ASSIGN_OR_RETURN(person::CardRecord card, OpenCard(journey().card_keyring(), record.id,
                                                              record.kept_proof->sealed_card));
    // Possession was proven when the proof was kept; the chain is checked again with revocation.
    return dependencies_.validation.RecheckRevocation(std::move(card), RevocationModeOf(record.act),
                                                      deadline);
  }
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes message,
                          jpki::EncodeChallenge(ChallengeFor(record, relying_party, args.nonce)));
  CardValidationQuery query{
      .certificate_der = args.certificate_der,
      .proof =
          jpki::Proof{.message = message, .signature = args.signature, .algorithm = args.algorithm},
      .revocation_mode = RevocationModeOf(record.act),
      .deadline = deadline};
  const bool wants_name = relying_party.requested_attributes.contains(Attribute::kName);
  if (wants_name && !args.name_statement.has_value()) {
    query.statement_failure = VerdictReason::kNameStatementInvalid;
  } else if (wants_name) {
    query.statement_failure =
        jpki::CheckNameStatement(dependencies_.name_issuers, *args.name_statement,
                                 crypto::Sha256(message), crypto::Sha256(args.certificate_der));
  }
  MUSUBI_ASSIGN_OR_RETURN(CardValidationResult result, dependencies_.validation.Validate(query));
  if (result.card.has_value() && args.name_statement.has_value()) {
    result.card->name = args.name_statement->name;
  }
  return result;
}

absl::StatusOr<ProofAnswer> ProofUseCases::SubmitProof(const SessionCall& call,
                                                       const SubmitProofArgs& args,
                                                       absl::Time deadline) const {
  MUSUBI_ASSIGN_OR_RETURN(const session::SessionStore::Stored stored,
                          journey().Read(call.session_id));
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey().FindRelyingParty(stored.record.relying_party_id));
  MUSUBI_RETURN_IF_ERROR(CheckArgs(args, *relying_party));
  MUSUBI_RETURN_IF_ERROR(CheckCrlLag(stored.record.act));
  const base::Hash256 proof_hash = ProofHash(args);
  auto once_with = [&](base::ByteView answer) {
    return MakeOnce(args.request_id.RevealBytes(), call.session_id, "SubmitProof",
                    {args.nonce, proof_hash}, answer, journey().random());
  };
  MUSUBI_ASSIGN_OR_RETURN(session::Applied applied, BeginAttempt(call, args, once_with({})));
  Verdict verdict;
  if (applied.repeated) {
    MUSUBI_ASSIGN_OR_RETURN(
        const base::Secret<base::Bytes> answer,
        OpenAnswer(args.request_id.RevealBytes(), call.session_id, applied.sealed_answer));
    MUSUBI_ASSIGN_OR_RETURN(verdict, DecodeVerdict(answer.RevealBytes()));
  } else {
    MUSUBI_ASSIGN_OR_RETURN(CardValidationResult result,
                            Judge(applied.record, *relying_party, args, deadline));
    verdict = result.verdict;
    const session::Once once = once_with(EncodeVerdict(verdict));
    session::ProofDecided decided{.attempt = once.request_id_hash,
                                  .outcome = OutcomeOf(verdict),
                                  .proof_hash = proof_hash,
                                  .verdict = EncodeVerdict(verdict)};
    if (decided.outcome != ProofOutcome::kRejected) {
      MUSUBI_CHECK(result.card.has_value(), "a verdict that keeps the card comes with it");
      decided.sealed_card =
          SealCard(journey().card_keyring(), call.session_id, *result.card, journey().random());
    }
    MUSUBI_ASSIGN_OR_RETURN(applied, journey().Apply(call.session_id, [&](const SessionRecord&) {
      return Event{.payload = decided, .credential = HashOf(call.credential), .once = once};
    }));
  }
  const SessionRecord& record = applied.record;
  ProofAnswer answer{.verdict = std::move(verdict),
                     .state = record.state,
                     .proof_tries_left = std::max(journey().lifetimes().proofs - record.proofs, 0)};
  if (record.state == State::kProven) {
    MUSUBI_ASSIGN_OR_RETURN(answer.consent,
                            MakeConsentRequest(journey().card_keyring(), *relying_party, record));
  }
  if (record.kept_proof.has_value()) answer.proof_kept_until = record.kept_proof->expires_at;
  return answer;
}

absl::StatusOr<GrantedConsent> ProofUseCases::GrantConsent(
    const SessionCall& call, const RequestId& request_id, const std::string& consent_text_version,
    const std::vector<std::string>& attributes) const {
  MUSUBI_ASSIGN_OR_RETURN(const session::SessionStore::Stored stored,
                          journey().Read(call.session_id));
  MUSUBI_ASSIGN_OR_RETURN(const RelyingParty* relying_party,
                          journey().FindRelyingParty(stored.record.relying_party_id));
  if (consent_text_version != relying_party->consent_text_version) {
    return base::Error(ErrorReason::kConsentTextMismatch, "show the text in force and ask again");
  }
  const std::vector<std::string> requested = AttributeNames(*relying_party);
  base::Bytes granted;
  for (const std::string& attribute : attributes) {
    if (std::find(requested.begin(), requested.end(), attribute) == requested.end()) {
      return base::FieldError(ErrorReason::kFieldInvalid, "attributes",
                              "only what the challenge asked for");
    }
    base::Append(granted, EncodeFields({base::AsBytes(attribute)}));
  }
  const base::Secret256 return_code(journey().random().Bytes<32>());
  const session::Once once = MakeOnce(request_id.RevealBytes(), call.session_id, "GrantConsent",
                                      {base::AsBytes(consent_text_version), granted},
                                      return_code.RevealBytes(), journey().random());
  MUSUBI_ASSIGN_OR_RETURN(
      const session::Applied applied, journey().Apply(call.session_id, [&](const SessionRecord&) {
        return Event{.payload = session::GrantConsent{.attributes = attributes,
                                                      .consent_text_version = consent_text_version,
                                                      .return_code = HashOf(return_code)},
                     .credential = HashOf(call.credential),
                     .once = once};
      }));
  GrantedConsent answer{.state = applied.record.state};
  if (applied.record.flow == session::Flow::kOneDevice) {
    MUSUBI_ASSIGN_OR_RETURN(
        const base::Secret256 code,
        OpenSecret256(request_id.RevealBytes(), call.session_id, applied.sealed_answer));
    answer.ticket = MakeReturnTicket(*relying_party, applied.record, code);
  }
  return answer;
}

}  // namespace musubi::prelink
