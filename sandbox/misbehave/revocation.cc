// Plays of responders and revocation lists that misbehave.
#include "lib/base/status.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

constexpr v1::SessionState kPaired = v1::SESSION_STATE_PAIRED;
constexpr absl::Duration kCrlReloadInterval = absl::Minutes(5);  // musubid's default.
// As revocation::CircuitBreaker::kOpenFor: after so many bad plays musubid asks the responder no
// more.
constexpr absl::Duration kBreakerOpenFor = absl::Seconds(10);

Setting OcspOnly() { return {.revocation_mode = "OCSP_ONLY"}; }
Setting CrlOnly(CrlMisbehaviour crls) { return {.revocation_mode = "CRL_ONLY", .crls = crls}; }

// A responder that misbehaves as long as this lives.
class Misbehaving {
 public:
  Misbehaving(OcspServer& server, OcspMisbehaviour misbehaviour) : server_(server) {
    server_.Misbehave(misbehaviour);
  }
  ~Misbehaving() { server_.Misbehave(OcspMisbehaviour::kNone); }

 private:
  OcspServer& server_;
};

}  // namespace

Play OcspMisbehaves(Cast& cast, OcspMisbehaviour misbehaviour) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired, {.setting = OcspOnly()}));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed());
  const Misbehaving misbehaving(cast.stage().ocsp(), misbehaviour);
  auto end = scene->Submit(proof);
  // The next play is to reach the responder again.
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(kBreakerOpenFor));
  return end;
}

Play OcspBackAfterAPause(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kPaired, {.setting = OcspOnly()}));
  MUSUBI_ASSIGN_OR_RETURN(v1::SubmitProofRequest proof, scene->Signed());
  {
    const Misbehaving misbehaving(cast.stage().ocsp(), OcspMisbehaviour::kDead);
    MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofResponse answer,
                            scene->phone().SubmitProof(proof));
    if (!answer.has_proof_kept_until()) return absl::InternalError("the proof was not kept");
  }
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Seconds(60)));
  proof.set_request_id(scene->NewRequestId());
  proof.clear_nonce();
  const auto resumed = scene->phone().SubmitProof(proof);
  if (resumed.ok() && resumed->proof_tries_left() != 2) {
    return absl::InternalError("resuming cost a try");
  }
  return resumed.ok() ? scene->End(resumed->verdict()) : scene->End(resumed.status());
}

Play CrlsMisbehave(Cast& cast, CrlMisbehaviour misbehaviour) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene,
                          Scene::At(cast, kPaired, {.setting = CrlOnly(misbehaviour)}));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed());
  return scene->Submit(proof);
}

Play OlderCrlAfterRevocation(Cast& cast) {
  const Setting setting = CrlOnly(CrlMisbehaviour::kOlderNumber);
  MUSUBI_RETURN_IF_ERROR(cast.Set(setting));
  MUSUBI_ASSIGN_OR_RETURN(const std::string card, cast.NewCardPath());
  World& world = cast.stage().world();
  MUSUBI_RETURN_IF_ERROR(world.RevokeCard(card, RevocationReason::kKeyCompromise));
  MUSUBI_RETURN_IF_ERROR(world.PublishCrls().status());
  MUSUBI_RETURN_IF_ERROR(cast.Restart());
  MUSUBI_RETURN_IF_ERROR(world.PublishCrls(CrlMisbehaviour::kOlderNumber).status());
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(kCrlReloadInterval));
  MUSUBI_RETURN_IF_ERROR(cast.stage().WaitForOutput("\"outcome\":\"OLDER\""));
  MUSUBI_ASSIGN_OR_RETURN(const auto scene,
                          Scene::At(cast, kPaired, {.card = card, .setting = setting}));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed());
  return scene->Submit(proof);
}

}  // namespace musubi::sandbox
