// The plays of the table: each leads one journey, or several, to its misbehaviour and reports what
// came of it. In the order of misbehaviours.inc; what a play does is the row's "deed".
#ifndef MUSUBI_SANDBOX_MISBEHAVE_PLAYS_H_
#define MUSUBI_SANDBOX_MISBEHAVE_PLAYS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/certificate_profile.h"
#include "sandbox/crl_publisher.h"
#include "sandbox/forged_card.h"
#include "sandbox/misbehave/cast.h"
#include "sandbox/misbehave/misbehaviour.h"
#include "sandbox/ocsp_responder.h"

namespace musubi::sandbox {

using Play = absl::StatusOr<Observed>;

// opening.cc
Play StartCodeAgain(Cast& cast, bool other_browser);
Play StartCodeLate(Cast& cast);
Play OpenWith(Cast& cast, const std::string& role, v1::Act act, v1::Flow flow,
              void (*change)(v1::CreateSessionRequest&) = nullptr);
Play OpenAgain(Cast& cast, bool another_body);
Play OpenTooOften(Cast& cast);
Play LookAtNothing(Cast& cast);
Play ExpiredIn(Cast& cast, v1::SessionState state, absl::Duration after = absl::Minutes(30));
Play CancelledIn(Cast& cast, v1::SessionState state, bool by_device);
Play CancelledBy(Cast& cast, bool by_device, v1::CancelReason reason, v1::SessionState in);

// pairing.cc
Play FrameLate(Cast& cast, absl::Duration by);
Play FrameChanged(Cast& cast, void (*change)(base::Bytes& frame));
Play FrameOfEarlierQr(Cast& cast);
Play QrPageLeftOpen(Cast& cast);
Play QrRefreshedTooOften(Cast& cast);
Play SecondPhone(Cast& cast, v1::SessionState in);
Play SamePhoneAgain(Cast& cast);
Play WrongCodes(Cast& cast, int times);
Play CodeTyped(Cast& cast, const std::string& code);
Play CodeLate(Cast& cast);
Play CodeOfEarlierRefresh(Cast& cast);
Play HandoffInOtherSession(Cast& cast);
Play HandoffAgain(Cast& cast);
Play HandoffLate(Cast& cast);
Play HandoffVoided(Cast& cast);
Play HandoffAfterQr(Cast& cast);
Play QrAfterHandoff(Cast& cast);
Play ReturnInOtherBrowser(Cast& cast);
Play ReturnAgain(Cast& cast);
Play ReturnLate(Cast& cast);
Play ReturnVoided(Cast& cast);
Play ReplacedBrowserCredential(Cast& cast);

// proofs.cc
Play ProofAgain(Cast& cast);
Play NonceAgain(Cast& cast);
Play ProofLate(Cast& cast);
Play ChallengeVoided(Cast& cast);
Play ProofOfOtherSession(Cast& cast);
Play ProofFor(Cast& cast, void (*change)(v1::Challenge&));
Play ProofChanged(Cast& cast, void (*change)(v1::SubmitProofRequest&));
Play ThreeBadProofs(Cast& cast);
Play AppElsewhere(Cast& cast);
Play NameOfOtherCard(Cast& cast);
Play NameNobodyAskedFor(Cast& cast);
Play WrongPin(Cast& cast, int times);
Play ConsentTo(Cast& cast, const std::string& text_version, v1::Attribute attribute);

// cards.cc
Play RevokedCard(Cast& cast, RevocationReason reason);
Play ForgedCard(Cast& cast, Forgery forgery);
Play CardOfKind(Cast& cast, CardKind kind);
Play CardOfGeneration(Cast& cast, const std::string& generation);
Play PlatformMessage(Cast& cast, const std::string& message);

// revocation.cc
Play OcspMisbehaves(Cast& cast, OcspMisbehaviour misbehaviour);
Play OcspBackAfterAPause(Cast& cast);
Play CrlsMisbehave(Cast& cast, CrlMisbehaviour misbehaviour);
Play OlderCrlAfterRevocation(Cast& cast);

// links.cc
Play LinkAgain(Cast& cast);
Play LinkRaced(Cast& cast);
Play LinkRetried(Cast& cast);
Play LinkWithRequestIdOfAnother(Cast& cast);
Play CardLinkedElsewhere(Cast& cast);
Play AccountLinkedAlready(Cast& cast);
Play LinkIn(Cast& cast, v1::Act act, v1::SessionState state);
Play LinkWith(Cast& cast, void (*change)(v1::SignIn&));
Play LinkBeforeAccount(Cast& cast);
Play BindOtherAccount(Cast& cast, const std::string& relying_party);
Play UnlinkWithOtherCard(Cast& cast);
Play UnlinkNothing(Cast& cast);
Play UnlinkOfAnother(Cast& cast);
Play UnlinkAgain(Cast& cast);
Play ReplaceNothing(Cast& cast);
Play ResolveAgain(Cast& cast);
Play ResolveByOther(Cast& cast);
Play ResolveWithWrongCode(Cast& cast);
Play ResolveLate(Cast& cast);
Play ResolveNothing(Cast& cast);
Play ReturnOfOtherJourney(Cast& cast);
Play LinkOfAnotherLookedAt(Cast& cast);
Play NameForRelyingParty(Cast& cast);

// calls.cc: each calls every method that it can be done to; all must refuse alike.
enum class WrongCredential { kNone, kMalformed, kUnknown, kOfOtherSession, kOfOtherSide };
Play EveryMethodWithCredential(Cast& cast, WrongCredential credential);
Play EveryMethodWithDeadline(Cast& cast, absl::Duration deadline);
Play EveryMethodInWrongRole(Cast& cast);
Play EveryMethodTooLarge(Cast& cast);
Play EveryMethodWithShortSessionId(Cast& cast);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_MISBEHAVE_PLAYS_H_
