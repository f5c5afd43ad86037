// Plays of the session: opening, looking, ending.
#include "absl/strings/str_cat.h"
#include "lib/base/status.h"
#include "musubi/v1/session.grpc.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {

using State = v1::SessionState;
using Service = v1::SessionService;

Play StartCodeAgain(Cast& cast, bool other_browser) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene,
                          Scene::At(cast, v1::SESSION_STATE_CREATED,
                                    {.act = v1::ACT_VERIFY, .flow = v1::FLOW_ONE_DEVICE}));
  Browser other(cast.front(), cast.stage().random());
  Browser& browser = other_browser ? other : scene->browser();
  return scene->End(
      browser.ClaimStart(scene->browser().session_id(), scene->journey().start().start_code()));
}

Play StartCodeLate(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(
      const auto scene, Scene::Create(cast, {.act = v1::ACT_VERIFY, .flow = v1::FLOW_ONE_DEVICE}));
  RelyingParty relying_party(cast.As(absl::StrCat("relying-party/", Stage::kRelyingParty)),
                             cast.stage().random());
  MUSUBI_ASSIGN_OR_RETURN(const v1::CreateSessionResponse opened,
                          relying_party.CreateSession(scene->journey().Opening()));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Seconds(60)));
  return scene->End(scene->browser().ClaimStart(opened.session_id(), opened.start().start_code()));
}

Play OpenWith(Cast& cast, const std::string& role, v1::Act act, v1::Flow flow,
              void (*change)(v1::CreateSessionRequest&)) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::Create(cast, {.act = act, .flow = flow}));
  v1::CreateSessionRequest request = scene->journey().Opening();
  request.set_request_id(scene->NewRequestId());
  if (act == v1::ACT_VERIFY) request.set_state("the caller's own");
  if (change != nullptr) change(request);
  return EndWithoutSession(
      cast.As(role).Call<Service>(&Service::Stub::CreateSession, request, "").status());
}

Play OpenAgain(Cast& cast, bool another_body) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::Create(cast));
  v1::CreateSessionRequest request = scene->journey().Opening();
  request.set_request_id(scene->NewRequestId());
  MUSUBI_ASSIGN_OR_RETURN(const v1::CreateSessionResponse first,
                          cast.front().Call<Service>(&Service::Stub::CreateSession, request, ""));
  if (another_body) request.set_locale("en");
  const auto second = cast.front().Call<Service>(&Service::Stub::CreateSession, request, "");
  if (second.ok() && second->browser_credential() != first.browser_credential()) {
    return absl::InternalError("the repeated call was given another credential");
  }
  return EndWithoutSession(second.status());
}

Play OpenTooOften(Cast& cast) {
  constexpr int kSessionsAnHour = 10;
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::Create(cast));
  v1::CreateSessionRequest request = scene->journey().Opening();
  auto open = [&] {
    request.set_request_id(scene->NewRequestId());
    return cast.front().Call<Service>(&Service::Stub::CreateSession, request, "").status();
  };
  for (int i = 0; i < kSessionsAnHour; ++i) MUSUBI_RETURN_IF_ERROR(open());
  return EndWithoutSession(open());
}

Play LookAtNothing(Cast& cast) {
  v1::GetSessionRequest request;
  request.set_session_id(NewRequestId(cast.stage().random()));
  return EndWithoutSession(
      cast.front()
          .Call<Service>(&Service::Stub::GetSession, request, std::string(32, 'x'))
          .status());
}

namespace {

SceneOptions OptionsFor(State state) {
  return {.flow =
              state == v1::SESSION_STATE_CONSENTED ? v1::FLOW_ONE_DEVICE : v1::FLOW_CROSS_DEVICE};
}

// What the people of a journey would do next.
absl::Status NextStep(Scene& scene, State state) {
  switch (state) {
    case v1::SESSION_STATE_CREATED:
      return scene.journey().ShowQr();
    case v1::SESSION_STATE_CLAIMED:
      return scene.journey().Confirm();
    case v1::SESSION_STATE_PAIRED:
      return scene.journey().Prove();
    case v1::SESSION_STATE_PROVEN:
      return scene.journey().Consent();
    case v1::SESSION_STATE_CONSENTED:
      return scene.journey().Return();
    default:
      return scene.journey().Use();
  }
}

}  // namespace

Play ExpiredIn(Cast& cast, State state, absl::Duration after) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, state, OptionsFor(state)));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(after));
  return scene->End(NextStep(*scene, state));
}

Play CancelledIn(Cast& cast, State state, bool by_device) {
  return CancelledBy(cast, by_device, v1::CANCEL_REASON_USER_CANCELLED, state);
}

Play CancelledBy(Cast& cast, bool by_device, v1::CancelReason reason, State in) {
  const bool ended = in == v1::SESSION_STATE_CANCELLED;
  const State before = ended ? v1::SESSION_STATE_PAIRED : in;
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, before, OptionsFor(before)));
  if (ended) {
    MUSUBI_RETURN_IF_ERROR(scene->browser().Cancel(v1::CANCEL_REASON_USER_CANCELLED));
  }
  return scene->End(by_device ? scene->phone().Cancel(reason) : scene->browser().Cancel(reason));
}

}  // namespace musubi::sandbox
