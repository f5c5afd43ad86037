// Who takes part in a journey, each with what it alone knows: the browser (a PC's or the phone's
// own, with front behind it), the app on a phone with a card, the relying party. A method is one
// call to musubid, so that tests can leave steps out, repeat them, or hand things to the wrong
// party. Order and pace: journey.h.
#ifndef MUSUBI_SANDBOX_JOURNEY_PARTIES_H_
#define MUSUBI_SANDBOX_JOURNEY_PARTIES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/secure_random.h"
#include "musubi/v1/link.pb.h"
#include "musubi/v1/pairing.pb.h"
#include "musubi/v1/session.pb.h"
#include "musubi/v1/validation.pb.h"
#include "sandbox/journey/connection.h"
#include "sandbox/virtual_card.h"

namespace musubi::sandbox {

// NewRequestId makes the 16 octets that stand for one request.
std::string NewRequestId(base::SecureRandom& random);

// Browser is a browser with front behind it: it holds the session's browser credential. Not
// thread-safe. All errors are the server's.
class Browser {
 public:
  // Both outlive the browser. The connection's role is front.
  Browser(const Connection& front, base::SecureRandom& random) : front_(front), random_(random) {}

  absl::Status CreateSession(v1::CreateSessionRequest request);
  // Enters a VERIFY session with what the relying party's redirect carried.
  absl::Status ClaimStart(const std::string& session_id, const std::string& start_code);

  absl::StatusOr<v1::QrFrame> GetQrFrame();
  absl::StatusOr<v1::QrFrame> RefreshQr();
  absl::StatusOr<v1::SessionState> ConfirmCode(const std::string& pairing_code);
  absl::StatusOr<std::string> CreateHandoff();
  // Watches the session until it is in `state`, and returns that view. FAILED_PRECONDITION if the
  // session ends in another one.
  absl::StatusOr<v1::SessionView> WaitFor(v1::SessionState state);
  absl::StatusOr<v1::SessionView> GetSession();
  absl::Status BindAccount(const v1::AccountBinding& account);
  // `return_code` is empty in the PC flow.
  absl::StatusOr<v1::CompleteReturnResponse> CompleteReturn(const std::string& return_code);
  absl::Status Cancel(v1::CancelReason reason);

  absl::StatusOr<v1::CreateLinkResponse> CreateLink(const v1::SignIn& sign_in);
  // Ends the link of the session's card.
  absl::StatusOr<v1::DeleteLinkResponse> DeleteLink(const v1::SignIn& sign_in);

  const std::string& session_id() const { return session_id_; }
  const std::string& credential() const { return credential_; }

 private:
  const Connection& front_;
  base::SecureRandom& random_;
  std::string session_id_;
  std::string credential_;
};

// What the person types into the phone.
struct Pins {
  std::string authentication;
  std::string card_info;
};

// Phone is the app. It believes nothing that the server says about the challenge: it encodes the
// fields itself, with the origin that it is connected to, and refuses what does not fit. Not
// thread-safe.
class Phone {
 public:
  // All outlive the phone. `origin` is that of the app's own connection, as in
  // "https://prelink.example".
  Phone(const Connection& front, base::SecureRandom& random, VirtualCard& card, std::string origin);

  // Scans a QR code. Answers the 6 digits that the phone shows.
  absl::StatusOr<std::string> ClaimQr(const std::string& payload);
  absl::Status ClaimHandoff(const std::string& session_id, const std::string& handoff_token);
  absl::StatusOr<std::string> RefreshCode();

  absl::StatusOr<v1::GetChallengeResponse> GetChallenge();
  // ReadCard holds the card to the phone: encodes the challenge, lets the card sign, and reads the
  // name if it is requested. FAILED_PRECONDITION if the challenge is for another origin, session,
  // act or flow than the app's; the card's errors (virtual_card.h).
  absl::StatusOr<v1::SubmitProofRequest> ReadCard(const v1::Challenge& challenge, const Pins& pins);
  // SignAnything is ReadCard by an app that looks at nothing: the card signs what it is given, for
  // the session that the phone is in.
  absl::StatusOr<v1::SubmitProofRequest> SignAnything(const v1::Challenge& challenge,
                                                      const Pins& pins);
  absl::StatusOr<v1::SubmitProofResponse> SubmitProof(const v1::SubmitProofRequest& proof);
  absl::StatusOr<v1::GrantConsentResponse> GrantConsent(const v1::ConsentRequest& shown);
  absl::StatusOr<v1::ReturnTicket> RefreshReturnCode();
  absl::StatusOr<v1::SessionView> GetSession();
  absl::Status Cancel(v1::CancelReason reason);

  const std::string& session_id() const { return session_id_; }
  const std::string& credential() const { return credential_; }

 private:
  const Connection& front_;
  base::SecureRandom& random_;
  VirtualCard& card_;
  const std::string origin_;
  const std::string claim_key_;
  std::string session_id_;
  std::string credential_;
  v1::Act act_ = v1::ACT_UNSPECIFIED;
  v1::Flow flow_ = v1::FLOW_UNSPECIFIED;
};

// RelyingParty is a service that asks for VERIFY journeys. Not thread-safe.
class RelyingParty {
 public:
  // Both outlive it. The connection's role is that of the relying party.
  RelyingParty(const Connection& connection, base::SecureRandom& random)
      : connection_(connection), random_(random) {}

  // Opens a VERIFY session with a fresh state; the start goes to the browser's redirect.
  absl::StatusOr<v1::CreateSessionResponse> CreateSession(v1::CreateSessionRequest request);
  // The browser is back. PERMISSION_DENIED if the state is not the one of this journey.
  absl::StatusOr<v1::ResolveLinkResponse> Resolve(const v1::VerifyReturn& verify_return);

 private:
  const Connection& connection_;
  base::SecureRandom& random_;
  std::string session_id_;
  std::string state_;
};

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_JOURNEY_PARTIES_H_
