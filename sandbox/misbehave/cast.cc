#include "sandbox/misbehave/cast.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/base/error.h"
#include "lib/base/status.h"
#include "sandbox/world.h"

namespace musubi::sandbox {
namespace {

constexpr int kCardsAtOnce = 50;
constexpr int kKeys = 3;

Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return {.kind = Outcome::Kind::kAnswered};
  return {.kind = Outcome::Kind::kRefused, .reason = base::ReasonOf(status)};
}

}  // namespace

Cast::Cast(Stage& stage, Connection::Listener listener)
    : stage_(stage), listener_(std::move(listener)) {}

Connection& Cast::As(const std::string& role) {
  std::unique_ptr<Connection>& connection = connections_[role];
  if (connection == nullptr) {
    connection = stage_.Connect(role);
    connection->Listen(listener_);
  }
  return *connection;
}

absl::StatusOr<std::string> Cast::NewCardPath() {
  if (cards_.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(cards_,
                            stage_.world().IssueCards({.count = kCardsAtOnce, .key_pool = kKeys}));
  }
  std::string path = std::move(cards_.back());
  cards_.pop_back();
  return path;
}

absl::StatusOr<std::unique_ptr<VirtualCard>> Cast::NewCard() {
  MUSUBI_ASSIGN_OR_RETURN(const std::string path, NewCardPath());
  return VirtualCard::Load(path);
}

std::string Cast::NewAccount() { return absl::StrFormat("shiken-%03d", ++accounts_); }

absl::Status Cast::Set(const Setting& setting) {
  if (setting == setting_) return absl::OkStatus();
  MUSUBI_RETURN_IF_ERROR(stage_.world().PublishCrls(setting.crls).status());
  stage_.flags()["revocation_mode"] = setting.revocation_mode;
  setting_ = setting;
  return Restart();
}

absl::Status Cast::Restart() {
  // They lead to the port of before.
  connections_.clear();
  return stage_.Restart();
}

absl::StatusOr<std::unique_ptr<Scene>> Scene::Create(Cast& cast, const SceneOptions& options) {
  MUSUBI_RETURN_IF_ERROR(cast.Set(options.setting));
  std::unique_ptr<Scene> scene(new Scene(cast));
  scene->account_ = options.account.empty() ? cast.NewAccount() : options.account;
  scene->card_path_ = options.card;
  if (options.card.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(scene->card_path_, cast.NewCardPath());
  }
  MUSUBI_ASSIGN_OR_RETURN(scene->card_, VirtualCard::Load(scene->card_path_));
  JourneyOptions journey = cast.stage().JourneyOf(options.act, options.flow, scene->account_);
  journey.relying_party_id = options.relying_party;
  journey.account_first = options.relying_party != Stage::kCardFirstRelyingParty;
  journey.any_flow = options.any_flow;
  scene->journey_ = std::make_unique<Journey>(
      JourneyDependencies{.clock = cast.stage().clock(),
                          .random = cast.stage().random(),
                          .front = cast.front(),
                          .relying_party = &cast.As("relying-party/" + options.relying_party),
                          .card = *scene->card_},
      std::move(journey));
  return scene;
}

absl::StatusOr<std::unique_ptr<Scene>> Scene::At(Cast& cast, v1::SessionState state,
                                                 const SceneOptions& options) {
  MUSUBI_ASSIGN_OR_RETURN(std::unique_ptr<Scene> scene, Create(cast, options));
  if (absl::Status reached = scene->journey().Reach(state); !reached.ok()) {
    return base::Annotate(reached, "on the way to " + v1::SessionState_Name(state));
  }
  return scene;
}

absl::StatusOr<v1::SubmitProofRequest> Scene::Signed(void (*change)(v1::Challenge&)) {
  MUSUBI_ASSIGN_OR_RETURN(v1::GetChallengeResponse challenge, phone().GetChallenge());
  if (change != nullptr) change(*challenge.mutable_challenge());
  return phone().SignAnything(challenge.challenge(), journey().options().pins);
}

Observed Scene::Submit(const v1::SubmitProofRequest& proof) {
  const auto answer = phone().SubmitProof(proof);
  return answer.ok() ? End(answer->verdict()) : End(answer.status());
}

v1::SessionState Scene::State() {
  auto view = browser().GetSession();
  // Without a credential that is good any more, the other side looks.
  if (!view.ok()) view = phone().GetSession();
  return view.ok() ? view->state() : v1::SESSION_STATE_UNSPECIFIED;
}

Observed Scene::End(const absl::Status& status) {
  return {.outcome = OutcomeOf(status), .state = State(), .said = std::string(status.message())};
}

Observed Scene::End(Outcome::Kind kind, const absl::Status& status) {
  return {.outcome = {.kind = kind}, .state = State(), .said = std::string(status.message())};
}

Observed Scene::End(const v1::Verdict& verdict) {
  return {.outcome = {.kind = Outcome::Kind::kJudged,
                      .status = verdict.status(),
                      .verdict_reason = verdict.reason()},
          .state = State(),
          .said = {}};
}

Observed EndWithoutSession(const absl::Status& status) {
  return {.outcome = OutcomeOf(status),
          .state = v1::SESSION_STATE_UNSPECIFIED,
          .said = std::string(status.message())};
}

}  // namespace musubi::sandbox
