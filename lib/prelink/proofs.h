// What the card signs, judging it, and the person's consent: the journey's middle, use cases of
// ValidationService. Certificate validation itself is certificate_validation.h.
#ifndef MUSUBI_LIB_PRELINK_PROOFS_H_
#define MUSUBI_LIB_PRELINK_PROOFS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"
#include "lib/crypto/signature.h"
#include "lib/jpki/challenge.h"
#include "lib/jpki/name_statement.h"
#include "lib/pki/verdict.h"
#include "lib/prelink/caller.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/prelink/consent.h"
#include "lib/prelink/journey.h"
#include "lib/prelink/pairings.h"
#include "lib/revocation/revocation_checker.h"
#include "lib/session/record.h"

namespace musubi::prelink {

// The challenge's fields, and what the app shows beside them.
struct IssuedChallenge {
  jpki::Challenge challenge;
  absl::Time expires_at;
  int proof_tries_left = 0;
  const RelyingParty* relying_party = nullptr;
  session::SessionRecord record;  // Act, flow, account binding, client context.
};

struct SubmitProofArgs {
  RequestId request_id;
  base::Hash256 nonce{};  // All zero when the proof is submitted again for its revocation.
  base::Bytes certificate_der;
  crypto::SignatureAlgorithm algorithm{};
  base::Bytes signature;
  std::optional<jpki::NameStatement> name_statement;
};

// Largest signature that is looked at: RSA-4096.
inline constexpr size_t kMaxSignatureSize = 512;

// A replica that has not read a list so long after another did makes no links: some reloads of
// --crl_reload_interval's default have failed, or its folder is not what the others' is.
inline constexpr absl::Duration kMaxCrlLag = absl::Minutes(15);

struct ProofAnswer {
  pki::Verdict verdict;
  session::State state = session::State::kUnspecified;
  int proof_tries_left = 0;
  std::optional<ConsentRequest> consent;       // In PROVEN.
  std::optional<absl::Time> proof_kept_until;  // The same proof may come again until then.
};

struct GrantedConsent {
  session::State state = session::State::kUnspecified;
  std::optional<ReturnTicket> ticket;  // One device.
};

// ProofUseCases is thread-safe. What it refers to must outlive it. Besides the reasons named, each
// call has those of the state machine (lib/session/state_machine.h).
class ProofUseCases {
 public:
  struct Dependencies {
    const Journey& journey;
    const CertificateValidation& validation;
    const jpki::NameIssuers& name_issuers;
    // Of every journey. kDegradedWithProof is for VERIFY alone: what else a journey does lasts, so
    // there it is kOcspThenCrl.
    revocation::RevocationMode revocation_mode;
    // For how long another replica has had newer CRLs than this one. Null: there is no other.
    std::function<absl::Duration()> crl_lag = nullptr;
    absl::Duration max_crl_lag = kMaxCrlLag;
  };

  explicit ProofUseCases(Dependencies dependencies) : dependencies_(dependencies) {}

  // GetChallenge makes a challenge and voids the last one, and a proof that waits. RATE_LIMITED.
  absl::StatusOr<IssuedChallenge> GetChallenge(const SessionCall& call) const;

  // SubmitProof takes the nonce out, then judges the proof. A verdict other than VALID is an
  // answer, not an error; the state says whether another try is left. `deadline` bounds the
  // network. CHALLENGE_INVALID, MY_NUMBER_PRESENT (nothing is consumed), FIELD_INVALID,
  // FIELD_NOT_ALLOWED (a name that nobody asked for). REPLICA_BEHIND: what LINK and REPLACE make
  // lasts, and this replica's CRLs lag; nothing is consumed.
  absl::StatusOr<ProofAnswer> SubmitProof(const SessionCall& call, const SubmitProofArgs& args,
                                          absl::Time deadline) const;

  // GrantConsent gives the attributes to the relying party. CONSENT_TEXT_MISMATCH if the text is
  // not the one in force; FIELD_INVALID for an attribute that was not asked for.
  absl::StatusOr<GrantedConsent> GrantConsent(const SessionCall& call, const RequestId& request_id,
                                              const std::string& consent_text_version,
                                              const std::vector<std::string>& attributes) const;

 private:
  const Journey& journey() const { return dependencies_.journey; }

  absl::Status CheckCrlLag(session::Act act) const;
  absl::Status CheckArgs(const SubmitProofArgs& args, const RelyingParty& relying_party) const;
  revocation::RevocationMode RevocationModeOf(session::Act act) const;
  absl::StatusOr<session::Applied> BeginAttempt(const SessionCall& call,
                                                const SubmitProofArgs& args,
                                                const session::Once& once) const;
  absl::StatusOr<CardValidationResult> Judge(const session::SessionRecord& record,
                                             const RelyingParty& relying_party,
                                             const SubmitProofArgs& args,
                                             absl::Time deadline) const;

  Dependencies dependencies_;
};

// The transcript of a session's pairing, as docs/challenge-encoding.md defines it. Dies if the
// session is not paired.
base::Hash256 TranscriptOf(const session::SessionRecord& record);

// The account-binding hash, or nothing.
base::Bytes AccountBindingHash(const std::optional<session::AccountBinding>& account);

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_PROOFS_H_
