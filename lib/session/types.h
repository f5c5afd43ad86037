// The words of a journey: act, flow, state and what a session is opened with. Values only, no
// rules: those are in state_machine.h.
#ifndef MUSUBI_LIB_SESSION_TYPES_H_
#define MUSUBI_LIB_SESSION_TYPES_H_

#include <optional>
#include <string>
#include <string_view>

#include "lib/base/bytes.h"

namespace musubi::session {

// A session's identifier: 128 bits that nobody can guess, and yet no credential.
using SessionId = base::Id128;

// Numbers of these enums are those of musubi.v1: never renumber.

// What the journey is for.
enum class Act { kUnspecified = 0, kLink = 1, kUnlink = 2, kVerify = 3, kReplace = 4 };

// How browser and phone come together. Unspecified until the first ClaimQr or CreateHandoff.
enum class Flow { kUnspecified = 0, kCrossDevice = 1, kOneDevice = 2 };

// Which flows the opener of a session permits.
enum class FlowPolicy { kUnspecified = 0, kAny = 1, kCrossDeviceOnly = 2, kOneDeviceOnly = 3 };

// Where a session stands. The way between states is state_machine.h.
enum class State {
  kUnspecified = 0,
  kCreated = 1,    // Open; no phone has claimed it.
  kClaimed = 2,    // A phone has scanned the QR; the code is not typed yet.
  kPaired = 3,     // Browser and phone belong together.
  kProven = 4,     // The card has signed, and the certificate is valid and not revoked.
  kConsented = 5,  // One device: consent is given, the browser has not come back yet.
  kReady = 6,      // The outcome may be used, once.
  kUsed = 7,
  kCancelled = 8,
  kExpired = 9,
  kFailed = 10,  // Too many wrong codes or proofs.
};
inline constexpr int kNumStates = 11;

// Who ended a session, and why.
enum class Party { kUnspecified = 0, kBrowser = 1, kDevice = 2, kServer = 3 };
enum class CancelReason {
  kUnspecified = 0,
  kUserCancelled = 1,
  kNotMe = 2,  // "I did not start this": the owner of the phone calls it foreign.
  kConsentWithheld = 3,
};

// True if the state accepts no event any more.
constexpr bool IsTerminal(State state) { return state >= State::kUsed; }

std::string_view Name(Act act);
std::string_view Name(Flow flow);
std::string_view Name(State state);
std::optional<Act> ParseAct(std::string_view name);    // Of "LINK", "UNLINK", "VERIFY", "REPLACE".
std::optional<Flow> ParseFlow(std::string_view name);  // Of "CROSS_DEVICE", "ONE_DEVICE".

// The account that a session is for, as the identity provider names it.
struct AccountBinding {
  std::string issuer;
  std::string subject;      // Opaque; personal data.
  std::string masked_hint;  // What a person may be shown before READY, as in "ma***@example.ac.jp".

  // The account is issuer and subject; the hint is decoration.
  bool SameAccount(const AccountBinding& other) const {
    return issuer == other.issuer && subject == other.subject;
  }

  friend bool operator==(const AccountBinding&, const AccountBinding&) = default;
};

// What front saw of the browser: shown on the phone so that its owner can tell a foreign PC.
struct ClientContext {
  std::string browser;
  std::string operating_system;
  std::string network;  // Coarse: a region or an organisation, never an address.

  friend bool operator==(const ClientContext&, const ClientContext&) = default;
};

}  // namespace musubi::session

#endif  // MUSUBI_LIB_SESSION_TYPES_H_
