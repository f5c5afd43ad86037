// Plays of the way together and back: QR frames, codes, hand-offs, return codes.
#include <algorithm>
#include <string>

#include "absl/strings/str_format.h"
#include "lib/base/encoding.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "musubi/v1/pairing.grpc.pb.h"
#include "musubi/v1/session.grpc.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

constexpr v1::SessionState kCreated = v1::SESSION_STATE_CREATED;
constexpr v1::SessionState kClaimed = v1::SESSION_STATE_CLAIMED;
constexpr v1::SessionState kConsented = v1::SESSION_STATE_CONSENTED;
const SceneOptions kOneDevice = {.flow = v1::FLOW_ONE_DEVICE};

// A session in CREATED whose browser shows `frame`.
absl::StatusOr<std::unique_ptr<Scene>> ShowingQr(Cast& cast, const SceneOptions& options = {}) {
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Scene> scene, Scene::At(cast, kCreated, options));
  MUSUBI_RETURN_IF_ERROR(scene->journey().ShowQr());
  return scene;
}

// A session in CREATED whose browser has asked for a hand-off.
absl::StatusOr<std::unique_ptr<Scene>> HandingOff(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Scene> scene, Scene::At(cast, kCreated, kOneDevice));
  MUSUBI_RETURN_IF_ERROR(scene->journey().HandOff());
  return scene;
}

std::string AnotherCode(const std::string& code) {
  return absl::StrFormat("%06d", (std::stoi(code) + 1) % 1'000'000);
}

}  // namespace

Play FrameLate(Cast& cast, absl::Duration by) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, ShowingQr(cast));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(by));
  return scene->End(scene->journey().Claim());
}

Play FrameChanged(Cast& cast, void (*change)(base::Bytes& frame)) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, ShowingQr(cast));
  MUSUBI_ASSIGN_OR_RETURN(base::Bytes frame,
                          base::Base64UrlDecode(scene->journey().frame().payload()));
  change(frame);
  return scene->End(scene->phone().ClaimQr(base::Base64UrlEncode(frame)).status());
}

Play FrameOfEarlierQr(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, ShowingQr(cast));
  MUSUBI_RETURN_IF_ERROR(scene->browser().RefreshQr().status());
  return scene->End(scene->journey().Claim());
}

Play QrPageLeftOpen(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, ShowingQr(cast));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Minutes(5)));
  return scene->End(scene->journey().ShowQr());
}

Play QrRefreshedTooOften(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, ShowingQr(cast));
  for (int i = 0; i < 3; ++i) MUSUBI_RETURN_IF_ERROR(scene->browser().RefreshQr().status());
  return scene->End(scene->browser().RefreshQr().status());
}

Play SecondPhone(Cast& cast, v1::SessionState in) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, in));
  MUSUBI_ASSIGN_OR_RETURN(const auto other_card, cast.NewCard());
  Phone other(cast.front(), cast.stage().random(), *other_card, Stage::kOrigin);
  const absl::Status claimed = other.ClaimQr(scene->journey().frame().payload()).status();
  MUSUBI_ASSIGN_OR_RETURN(const v1::SessionView view, scene->browser().GetSession());
  if (in == kClaimed && !view.second_phone_tried()) {
    return absl::InternalError("the browser is not told of the second phone");
  }
  return scene->End(claimed);
}

Play SamePhoneAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kClaimed));
  const std::string credential = scene->phone().credential();
  const auto code = scene->phone().ClaimQr(scene->journey().frame().payload());
  if (code.ok() &&
      (*code != scene->journey().pairing_code() || scene->phone().credential() != credential)) {
    return absl::InternalError("the same phone was given another code or credential");
  }
  return scene->End(code.status());
}

Play WrongCodes(Cast& cast, int times) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kClaimed));
  const std::string wrong = AnotherCode(scene->journey().pairing_code());
  absl::Status last;
  for (int i = 0; i < times; ++i) last = scene->browser().ConfirmCode(wrong).status();
  return scene->End(last);
}

Play CodeTyped(Cast& cast, const std::string& code) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kClaimed));
  const absl::Status refused = scene->browser().ConfirmCode(code).status();
  MUSUBI_ASSIGN_OR_RETURN(const v1::SessionView view, scene->browser().GetSession());
  if (view.code_tries_left() != 5) return absl::InternalError("it cost a try");
  return scene->End(refused);
}

Play CodeLate(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kClaimed));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Seconds(120)));
  return scene->End(scene->journey().Confirm());
}

Play CodeOfEarlierRefresh(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kClaimed));
  // One draw in a million gives the same code again.
  std::string fresh = scene->journey().pairing_code();
  while (fresh == scene->journey().pairing_code()) {
    MUSUBI_ASSIGN_OR_RETURN(fresh, scene->phone().RefreshCode());
  }
  return scene->End(scene->journey().Confirm());
}

Play HandoffInOtherSession(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, HandingOff(cast));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, HandingOff(cast));
  return scene->End(
      other->phone().ClaimHandoff(other->browser().session_id(), scene->journey().handoff_token()));
}

Play HandoffAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_PAIRED, kOneDevice));
  MUSUBI_ASSIGN_OR_RETURN(const auto other_card, cast.NewCard());
  Phone other(cast.front(), cast.stage().random(), *other_card, Stage::kOrigin);
  return scene->End(
      other.ClaimHandoff(scene->browser().session_id(), scene->journey().handoff_token()));
}

Play HandoffLate(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, HandingOff(cast));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Seconds(60)));
  return scene->End(scene->journey().Claim());
}

Play HandoffVoided(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, HandingOff(cast));
  MUSUBI_RETURN_IF_ERROR(scene->browser().CreateHandoff().status());
  return scene->End(scene->journey().Claim());
}

Play HandoffAfterQr(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kClaimed, {.any_flow = true}));
  return scene->End(scene->browser().CreateHandoff().status());
}

Play QrAfterHandoff(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, ShowingQr(cast, {.any_flow = true}));
  MUSUBI_RETURN_IF_ERROR(scene->browser().CreateHandoff().status());
  return scene->End(scene->journey().Claim());
}

Play ReturnInOtherBrowser(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kConsented, kOneDevice));
  MUSUBI_ASSIGN_OR_RETURN(const auto other, Scene::At(cast, kCreated, kOneDevice));
  v1::CompleteReturnRequest request;
  request.set_session_id(scene->browser().session_id());
  request.set_request_id(scene->NewRequestId());
  request.set_return_code(scene->journey().ticket().return_code());
  const absl::Status refused =
      cast.front()
          .Call<v1::PairingService>(&v1::PairingService::Stub::CompleteReturn, request,
                                    other->browser().credential())
          .status();
  Observed observed = scene->End(refused);
  // The code was not consumed: in the right browser it still works.
  MUSUBI_RETURN_IF_ERROR(scene->journey().Return());
  return observed;
}

Play ReturnAgain(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_READY, kOneDevice));
  return scene->End(scene->journey().Return());
}

Play ReturnLate(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kConsented, kOneDevice));
  MUSUBI_RETURN_IF_ERROR(cast.stage().Advance(absl::Seconds(60)));
  return scene->End(scene->journey().Return());
}

Play ReturnVoided(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, kConsented, kOneDevice));
  MUSUBI_RETURN_IF_ERROR(scene->phone().RefreshReturnCode().status());
  return scene->End(scene->journey().Return());
}

Play ReplacedBrowserCredential(Cast& cast) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene, Scene::At(cast, v1::SESSION_STATE_READY));
  const std::string old = scene->browser().credential();
  MUSUBI_RETURN_IF_ERROR(scene->journey().Return());
  v1::GetSessionRequest request;
  request.set_session_id(scene->browser().session_id());
  return scene->End(
      cast.front()
          .Call<v1::SessionService>(&v1::SessionService::Stub::GetSession, request, old)
          .status());
}

}  // namespace musubi::sandbox
