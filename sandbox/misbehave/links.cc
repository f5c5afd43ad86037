// Plays of links: made, resolved and ended twice, too late, or by somebody else.
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "musubi/v1/link.grpc.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

using Service = v1::LinkService;
constexpr v1::SessionState kReady = v1::SESSION_STATE_READY;
constexpr v1::SessionState kUsed = v1::SESSION_STATE_USED;

v1::CreateLinkRequest LinkRequest(Scene& scene) {
  v1::CreateLinkRequest request;
  request.set_session_id(scene.browser().session_id());
  request.set_request_id(scene.NewRequestId());
  *request.mutable_sign_in() = scene.journey().SignedIn();
  return request;
}

absl::StatusOr<v1::CreateLinkResponse> CreateLink(Cast& cast,
                                                  const v1::CreateLinkRequest& request) {
  return cast.front().Call<Service>(&Service::Stub::CreateLink, request, "");
}

// Ends a link by id, as the account of `scene`.
absl::Status DeleteById(Scene& scene, const std::string& link_id) {
  v1::DeleteLinkRequest request;
  request.set_link_id(link_id);
  request.set_request_id(scene.NewRequestId());
  *request.mutable_sign_in() = scene.journey().SignedIn();
  return scene.front().Call<Service>(&Service::Stub::DeleteLink, request, "").status();
}

// A VERIFY journey at `state` with the card of a link that was just made.
absl::StatusOr<std::unique_ptr<Scene>> VerifyingLinkedCard(Cast& cast, v1::SessionState state) {
  MUSUBI_ASSIGN_OR_RETURN(const auto linked, Scene::At(cast, kUsed));
  return Scene::At(
      cast, state,
      {.act = v1::ACT_VERIFY, .flow = v1::FLOW_ONE_DEVICE, .card = linked->card_path()});
}

absl::Status Resolve(Scene& scene, const std::string& role, const std::string& result_code) {
  v1::ResolveLinkRequest request;
  request.set_session_id(scene.browser().session_id());
  request.set_request_id(scene.NewRequestId());
  request.set_result_code(result_code);
  return scene.cast().As(role).Call<Service>(&Service::Stub::ResolveLink, request, "").status();
}

std::string RoleOf(const std::string& relying_party) {
  return absl::StrCat("relying-party/", relying_party);
}

}  // namespace

Play LinkAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kUsed));
  return scene->End(CreateLink(cast, LinkRequest(*scene)).status());
}

Play LinkRaced(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady));
  constexpr int kRunners = 8;
  std::vector<v1::CreateLinkRequest> requests;
  for (int i = 0; i < kRunners; ++i) requests.push_back(LinkRequest(*scene));
  Connection& front = cast.front();
  std::vector<absl::Status> outcomes(kRunners);
  std::vector<std::thread> runners;
  for (int i = 0; i < kRunners; ++i) {
    runners.emplace_back([&, i] {
      outcomes[i] = front.Call<Service>(&Service::Stub::CreateLink, requests[i], "").status();
    });
  }
  for (std::thread& runner : runners) runner.join();
  int winners = 0;
  absl::Status loser;
  for (const absl::Status& outcome : outcomes) {
    if (outcome.ok()) {
      ++winners;
    } else if (loser.ok() || base::ReasonOf(outcome) != base::ErrorReason::kSessionAlreadyUsed) {
      loser = outcome;
    }
  }
  if (winners != 1) return absl::InternalError(absl::StrCat(winners, " winners"));
  return scene->End(loser);
}

Play LinkRetried(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady));
  const v1::CreateLinkRequest request = LinkRequest(*scene);
  MUSUBI_ASSIGN_OR_RETURN(const v1::CreateLinkResponse first, CreateLink(cast, request));
  const auto second = CreateLink(cast, request);
  if (second.ok() && second->link().link_id() != first.link().link_id()) {
    return absl::InternalError("the repeated call made another link");
  }
  return scene->End(second.status());
}

Play LinkWithRequestIdOfAnother(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto first, Scene::At(cast, kReady));
  const v1::CreateLinkRequest used = LinkRequest(*first);
  MUSUBI_RETURN_IF_ERROR(CreateLink(cast, used).status());
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady));
  v1::CreateLinkRequest request = LinkRequest(*scene);
  request.set_request_id(used.request_id());
  return scene->End(CreateLink(cast, request).status());
}

Play CardLinkedElsewhere(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto first, Scene::At(cast, kUsed));
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady, {.card = first->card_path()}));
  return scene->End(CreateLink(cast, LinkRequest(*scene)).status());
}

Play AccountLinkedAlready(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto first, Scene::At(cast, kUsed));
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady, {.account = first->account()}));
  return scene->End(CreateLink(cast, LinkRequest(*scene)).status());
}

Play LinkIn(Cast& cast, v1::Act act, v1::SessionState state) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, state, {.act = act}));
  return scene->End(CreateLink(cast, LinkRequest(*scene)).status());
}

Play LinkWith(Cast& cast, void (*change)(v1::SignIn&)) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady));
  v1::CreateLinkRequest request = LinkRequest(*scene);
  change(*request.mutable_sign_in());
  return scene->End(CreateLink(cast, request).status());
}

Play LinkBeforeAccount(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(
      const auto scene, Scene::At(cast, kReady, {.relying_party = Stage::kCardFirstRelyingParty}));
  return scene->End(CreateLink(cast, LinkRequest(*scene)).status());
}

Play BindOtherAccount(Cast& cast, const std::string& relying_party) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene,
                          Scene::At(cast, kReady, {.relying_party = relying_party}));
  // The first binding, or the same account again.
  MUSUBI_RETURN_IF_ERROR(scene->browser().BindAccount(scene->journey().Account()));
  v1::AccountBinding other = scene->journey().Account();
  other.set_subject(cast.NewAccount());
  return scene->End(scene->browser().BindAccount(other));
}

Play UnlinkWithOtherCard(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto linked, Scene::At(cast, kUsed));
  MUSUBI_ASSIGN_OR_RETURN(
      const auto scene,
      Scene::At(cast, kReady, {.act = v1::ACT_UNLINK, .account = linked->account()}));
  return scene->End(scene->journey().Use());
}

Play UnlinkNothing(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kReady, {.act = v1::ACT_UNLINK}));
  return scene->End(scene->journey().Use());
}

Play UnlinkOfAnother(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto linked, Scene::At(cast, kUsed));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, Scene::Create(cast));
  return linked->End(DeleteById(*other, linked->journey().result().link_id));
}

Play UnlinkAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kUsed));
  const std::string link_id = scene->journey().result().link_id;
  MUSUBI_RETURN_IF_ERROR(DeleteById(*scene, link_id));
  return scene->End(DeleteById(*scene, link_id));
}

Play ReplaceNothing(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(
      const auto scene,
      Scene::At(cast, kReady,
                {.act = v1::ACT_REPLACE, .relying_party = Stage::kCardFirstRelyingParty}));
  return scene->End(scene->journey().Use());
}

Play ResolveAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, VerifyingLinkedCard(cast, kUsed));
  return scene->End(Resolve(*scene, RoleOf(Stage::kRelyingParty),
                            scene->journey().verify_return().result_code()));
}

Play ResolveByOther(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, VerifyingLinkedCard(cast, kReady));
  return scene->End(Resolve(*scene, RoleOf(Stage::kCardFirstRelyingParty),
                            scene->journey().verify_return().result_code()));
}

Play ResolveWithWrongCode(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, VerifyingLinkedCard(cast, kReady));
  return scene->End(Resolve(*scene, RoleOf(Stage::kRelyingParty), std::string(32, 'x')));
}

Play ResolveLate(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, VerifyingLinkedCard(cast, kReady));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Seconds(60)));
  return scene->End(scene->journey().Use());
}

Play ResolveNothing(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(
      const auto scene,
      Scene::At(cast, kReady, {.act = v1::ACT_VERIFY, .flow = v1::FLOW_ONE_DEVICE}));
  return scene->End(scene->journey().Use());
}

Play ReturnOfOtherJourney(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, VerifyingLinkedCard(cast, kReady));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, VerifyingLinkedCard(cast, kReady));
  const absl::Status refused =
      scene->journey().relying_party().Resolve(other->journey().verify_return()).status();
  if (refused.ok()) return absl::InternalError("the relying party took a stranger's return");
  return scene->End(Outcome::Kind::kRefusedByRelyingParty, refused);
}

Play LinkOfAnotherLookedAt(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto linked, Scene::At(cast, kUsed));
  v1::GetLinkRequest request;
  request.set_link_id(linked->journey().result().link_id);
  request.mutable_account()->set_issuer(linked->journey().Account().issuer());
  request.mutable_account()->set_subject(cast.NewAccount());
  return linked->End(cast.front().Call<Service>(&Service::Stub::GetLink, request, "").status());
}

Play NameForRelyingParty(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto linked, Scene::At(cast, kUsed));
  v1::GetLinkRequest request;
  request.set_link_id(linked->journey().result().link_id);
  request.set_include_name(true);
  return linked->End(cast.As(RoleOf(Stage::kRelyingParty))
                         .Call<Service>(&Service::Stub::GetLink, request, "")
                         .status());
}

}  // namespace musubi::sandbox
