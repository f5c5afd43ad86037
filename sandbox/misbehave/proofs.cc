// Plays of the proof and of consent: challenges, signatures, names, PINs.
#include "lib/base/status.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

constexpr v1::SessionState kPaired = v1::SESSION_STATE_PAIRED;
constexpr v1::SessionState kProven = v1::SESSION_STATE_PROVEN;

void Spoil(std::string& octets) { octets.back() = static_cast<char>(octets.back() ^ 1); }

}  // namespace

Play ProofAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kProven));
  v1::SubmitProofRequest proof = scene->journey().proof();
  proof.set_request_id(scene->NewRequestId());
  return scene->Submit(proof);
}

Play NonceAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest good, scene->Signed());
  v1::SubmitProofRequest bad = good;
  bad.set_request_id(scene->NewRequestId());
  Spoil(*bad.mutable_signature());
  MUSUBI_RETURN_IF_ERROR(scene->phone().SubmitProof(bad).status());
  return scene->Submit(good);
}

Play ProofLate(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed());
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Minutes(5)));
  return scene->Submit(proof);
}

Play ChallengeVoided(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed());
  MUSUBI_RETURN_IF_ERROR(scene->phone().GetChallenge().status());
  return scene->Submit(proof);
}

Play ProofOfOtherSession(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(v1::SubmitProofRequest proof, other->Signed());
  proof.set_session_id(scene->browser().session_id());
  return scene->Submit(proof);
}

Play ProofFor(Cast& cast, void (*change)(v1::Challenge&)) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed(change));
  return scene->Submit(proof);
}

Play ProofChanged(Cast& cast, void (*change)(v1::SubmitProofRequest&)) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(v1::SubmitProofRequest proof, scene->Signed());
  change(proof);
  return scene->Submit(proof);
}

Play ThreeBadProofs(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  Observed last;
  for (int i = 0; i < 3; ++i) {
    MUSUBI_ASSIGN_OR_RETURN(v1::SubmitProofRequest proof, scene->Signed());
    Spoil(*proof.mutable_signature());
    last = scene->Submit(proof);
  }
  return last;
}

Play AppElsewhere(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_CREATED));
  MUSUBI_RETURN_IF_ERROR(scene->journey().ShowQr());
  Phone phone(cast.front(), cast.stage().random(), scene->card(), "https://link.evil.example");
  MUSUBI_ASSIGN_OR_RETURN(const std::string code,
                          phone.ClaimQr(scene->journey().frame().payload()));
  MUSUBI_RETURN_IF_ERROR(scene->browser().ConfirmCode(code).status());
  MUSUBI_ASSIGN_OR_RETURN(const v1::GetChallengeResponse challenge, phone.GetChallenge());
  const absl::Status read =
      phone.ReadCard(challenge.challenge(), scene->journey().options().pins).status();
  if (read.ok()) return absl::InternalError("the app let the card sign");
  return scene->End(Outcome::Kind::kRefusedByApp, read);
}

Play NameOfOtherCard(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, Scene::Create(cast));
  MUSUBI_ASSIGN_OR_RETURN(const v1::GetChallengeResponse challenge, scene->phone().GetChallenge());
  const Pins& pins = scene->journey().options().pins;
  MUSUBI_ASSIGN_OR_RETURN(v1::SubmitProofRequest proof,
                          scene->phone().SignAnything(challenge.challenge(), pins));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest of_other,
                          other->phone().SignAnything(challenge.challenge(), pins));
  *proof.mutable_name_statement() = of_other.name_statement();
  return scene->Submit(proof);
}

Play NameNobodyAskedFor(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(
      const auto scene, Scene::At(cast, kPaired, {.relying_party = Stage::kCardFirstRelyingParty}));
  MUSUBI_ASSIGN_OR_RETURN(v1::SubmitProofRequest proof, scene->Signed());
  v1::NameStatement& statement = *proof.mutable_name_statement();
  statement.set_name("試験\u3000一号");
  statement.set_issuer_key_id("sim-1");
  statement.set_challenge_hash(std::string(32, 'c'));
  statement.set_certificate_hash(std::string(32, 'h'));
  statement.set_signature(std::string(64, 'x'));
  return scene->Submit(proof);
}

Play WrongPin(Cast& cast, int times) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired));
  MUSUBI_ASSIGN_OR_RETURN(const v1::GetChallengeResponse challenge, scene->phone().GetChallenge());
  for (int i = 0; i < times; ++i) {
    const auto read = scene->phone().ReadCard(challenge.challenge(),
                                              {.authentication = "9999", .card_info = "5678"});
    if (read.ok()) return absl::InternalError("the card took a wrong PIN");
  }
  // Once locked, the right one does not help.
  const bool locked = times >= kPinTries;
  const auto read =
      locked ? scene->phone().ReadCard(challenge.challenge(), scene->journey().options().pins)
             : scene->phone().ReadCard(challenge.challenge(),
                                       {.authentication = "9998", .card_info = "5678"});
  if (read.ok()) return absl::InternalError("the card signed");
  return scene->End(Outcome::Kind::kRefusedByCard, read.status());
}

Play ConsentTo(Cast& cast, const std::string& text_version, v1::Attribute attribute) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kProven));
  v1::ConsentRequest shown = scene->journey().consent();
  if (!text_version.empty()) shown.set_consent_text_version(text_version);
  if (shown.attributes_size() == 0) return absl::InternalError("nothing was asked for");
  shown.mutable_attributes(0)->set_attribute(attribute);
  return scene->End(scene->phone().GrantConsent(shown).status());
}

}  // namespace musubi::sandbox
