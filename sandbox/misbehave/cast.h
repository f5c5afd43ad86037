// Who takes part in the plays of misbehaviours: connections in every role, a supply of cards and of
// accounts; and Scene, one journey of fresh people that a play leads astray.
#ifndef MUSUBI_SANDBOX_MISBEHAVE_CAST_H_
#define MUSUBI_SANDBOX_MISBEHAVE_CAST_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/journey/connection.h"
#include "sandbox/journey/journey.h"
#include "sandbox/misbehave/misbehaviour.h"
#include "sandbox/stage/stage.h"
#include "sandbox/virtual_card.h"

namespace musubi::sandbox {

// Setting is how musubid is set for a play: which mode of revocation journeys use, and what the
// CRLs are that it reads at its start.
struct Setting {
  std::string revocation_mode = "OCSP_THEN_CRL";
  CrlMisbehaviour crls = CrlMisbehaviour::kNone;

  bool operator==(const Setting&) const = default;
};

// Cast is for one thread, as its stage is.
class Cast {
 public:
  // `stage` has started, and outlives the cast. Every connection has `listener`.
  explicit Cast(Stage& stage, Connection::Listener listener = {});

  Stage& stage() { return stage_; }
  Connection& As(const std::string& role);
  Connection& front() { return As("front"); }

  // A card that nothing was done with yet. Cards come from a supply with shared keys: making keys
  // takes long, and no play looks at them.
  absl::StatusOr<std::unique_ptr<VirtualCard>> NewCard();
  // Its file, for those who want it revoked.
  absl::StatusOr<std::string> NewCardPath();
  // "shiken-001", "shiken-002", ...
  std::string NewAccount();

  // Set makes musubid what a play needs, and starts it anew if it is something else.
  absl::Status Set(const Setting& setting);
  // Restart starts musubid anew as it is set: it reads the CRLs that are there now.
  absl::Status Restart();

 private:
  Stage& stage_;
  const Connection::Listener listener_;
  std::map<std::string, std::unique_ptr<Connection>> connections_;
  std::vector<std::string> cards_;
  int accounts_ = 0;
  Setting setting_;
};

// What a scene begins with.
struct SceneOptions {
  v1::Act act = v1::ACT_LINK;
  v1::Flow flow = v1::FLOW_CROSS_DEVICE;
  std::string relying_party = Stage::kRelyingParty;
  bool any_flow = false;
  // Empty: new ones.
  std::string account;
  std::string card;  // Path.
  Setting setting = {};
};

// Scene is a journey with a card and an account of its own, and what plays need around it.
class Scene {
 public:
  static absl::StatusOr<std::unique_ptr<Scene>> Create(Cast& cast,
                                                       const SceneOptions& options = {});
  // The same, led to `state`.
  static absl::StatusOr<std::unique_ptr<Scene>> At(Cast& cast, v1::SessionState state,
                                                   const SceneOptions& options = {});

  Journey& journey() { return *journey_; }
  Browser& browser() { return journey_->browser(); }
  Phone& phone() { return journey_->phone(); }
  VirtualCard& card() { return *card_; }
  const std::string& card_path() const { return card_path_; }
  const std::string& account() const { return account_; }
  Connection& front() { return cast_.front(); }
  Cast& cast() { return cast_; }
  std::string NewRequestId() { return sandbox::NewRequestId(cast_.stage().random()); }

  // Signed is the proof of a fresh challenge by this scene's card, as `change` made the challenge.
  absl::StatusOr<v1::SubmitProofRequest> Signed(void (*change)(v1::Challenge&) = nullptr);
  // Submit is the end of a play that submits a proof.
  Observed Submit(const v1::SubmitProofRequest& proof);

  // How a play ends: by what a call came to, with the session's state as it is then.
  Observed End(const absl::Status& status);
  Observed End(Outcome::Kind kind, const absl::Status& status = absl::OkStatus());
  Observed End(const v1::Verdict& verdict);

 private:
  explicit Scene(Cast& cast) : cast_(cast) {}

  v1::SessionState State();

  Cast& cast_;
  std::string account_;
  std::string card_path_;
  std::unique_ptr<VirtualCard> card_;
  std::unique_ptr<Journey> journey_;
};

// The end of a play in which no session has come to be.
Observed EndWithoutSession(const absl::Status& status);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_MISBEHAVE_CAST_H_
