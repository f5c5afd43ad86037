// The whole validation of a card's certificate: chain, profile and possession (lib/jpki), the name
// statement's outcome, then revocation (lib/revocation). One order, one verdict, for journeys and
// for ValidateCertificate alike.
#ifndef MUSUBI_LIB_PRELINK_CERTIFICATE_VALIDATION_H_
#define MUSUBI_LIB_PRELINK_CERTIFICATE_VALIDATION_H_

#include <functional>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/crypto/signature_batcher.h"
#include "lib/jpki/card_validator.h"
#include "lib/person/person_store.h"
#include "lib/pki/verdict.h"
#include "lib/revocation/revocation_checker.h"

namespace musubi::prelink {

// Though a query's time for the network be over, it may wait so long for others' signatures: about
// what callers keep for the answer.
inline constexpr absl::Duration kSignatureTime = absl::Milliseconds(200);

struct CardValidationQuery {
  base::ByteView certificate_der;
  std::optional<jpki::Proof> proof;
  // What the check of the name statement came to: kUnspecified if it was good or none was due.
  // Reported in the place of possession, after it.
  pki::VerdictReason statement_failure = pki::VerdictReason::kUnspecified;
  revocation::RevocationMode revocation_mode = revocation::RevocationMode::kUnspecified;
  absl::Time deadline;  // For the network, on the server's clock.
};

struct CardValidationResult {
  pki::Verdict verdict;
  // Set if everything but revocation holds and possession is proven, whatever revocation came to.
  std::optional<person::CardRecord> card;
  // Which card it is; set if everything but revocation holds, possession where it was asked about.
  std::optional<person::CardIdentity> identity;
};

// CardDecision is the same for callers that keep the query's octets, who need no copy of them.
struct CardDecision {
  // Of status UNSPECIFIED while a responder has to be asked.
  pki::Verdict verdict;
  bool needs_responder = false;
  // Which card it is, as CardValidationResult::identity: null if that is not set. The issuer lives
  // as long as the CardValidator, the serial is in the query's octets.
  const jpki::PreparedIssuer* issuer = nullptr;
  base::ByteView serial;
};

// DecisionEngine is what a queue of questions needs of CertificateValidation. Thread-safe.
class DecisionEngine {
 public:
  virtual ~DecisionEngine() = default;
  // DecideMany judges at most jpki::kCardsAtOnce queries as CertificateValidation::Validate does,
  // but asks no responder and waits for none: whose verdict depends on one has needs_responder.
  // `decisions` has the size of `queries`. On an error none is decided.
  virtual absl::Status DecideMany(std::span<const CardValidationQuery> queries,
                                  std::span<CardDecision> decisions) const = 0;
  // AskResponder goes on with a decision of DecideMany that needs a responder, and calls `done`
  // with it, once: on this thread or on that of the HTTP client, where it must not block. The
  // query's octets must live until then.
  virtual void AskResponder(const CardValidationQuery& query, CardDecision decision,
                            std::function<void(CardDecision)> done) const = 0;
};

// ValidationObserver hears of every judgement, on the thread that makes it: first OnStart, then
// OnVerdict, of status UNSPECIFIED if nothing could be decided. Must not block. The default methods
// ignore.
class ValidationObserver {
 public:
  virtual ~ValidationObserver() = default;
  virtual void OnStart() {}
  virtual void OnVerdict(const pki::Verdict&) {}
};

// How old a CRL may be that no longer is in force and still counts under kDegradedWithProof, unless
// configured otherwise: an outage over a long weekend, while lists are made daily.
inline constexpr absl::Duration kDegradedCrlAge = absl::Hours(72);

// CertificateValidation is thread-safe. What it refers to must outlive it.
class CertificateValidation final : public DecisionEngine {
 public:
  struct Dependencies {
    const base::Clock& clock;
    const jpki::CardValidator& card_validator;
    revocation::RevocationChecker& revocation_checker;
    ValidationObserver* observer = nullptr;  // Null: nobody counts.
    // Joins the signatures of all threads. Null: each is checked by itself.
    crypto::SignatureBatcher* signatures = nullptr;
    absl::Duration degraded_crl_age = kDegradedCrlAge;
  };

  explicit CertificateValidation(Dependencies dependencies) : dependencies_(dependencies) {}

  // Validate judges at the present time. Nothing goes over the network before chain, possession and
  // name statement hold. Without a usable answer about revocation the verdict is INDETERMINATE,
  // REVOCATION_UNAVAILABLE; under kDegradedWithProof it is VALID if possession is proven and
  // a CRL not older than `degraded_crl_age` does not list the certificate. Dies if
  // the mode is unspecified: callers refuse that. Fails as SignatureBatcher::Verify: overload, the
  // deadline, or lanes that computed something wrong.
  absl::StatusOr<CardValidationResult> Validate(const CardValidationQuery& query) const;

  // ValidateMany judges all, faster than one by one: their signatures go together, and what their
  // CRLs will be asked is fetched meanwhile. `verdicts` has the size of `queries`. Fails as
  // Validate does, for all. Allocates nothing for RSA cards that CRLs answer for.
  absl::Status ValidateMany(std::span<const CardValidationQuery> queries,
                            std::span<pki::Verdict> verdicts) const;

  absl::Status DecideMany(std::span<const CardValidationQuery> queries,
                          std::span<CardDecision> decisions) const override;
  void AskResponder(const CardValidationQuery& query, CardDecision decision,
                    std::function<void(CardDecision)> done) const override;

  // RecheckRevocation judges a card again whose possession was proven a moment ago: chain and
  // revocation, for a proof that waited for the latter. Fails as Validate does.
  absl::StatusOr<CardValidationResult> RecheckRevocation(person::CardRecord card,
                                                         revocation::RevocationMode mode,
                                                         absl::Time deadline) const;

 private:
  // All but revocation, of at most jpki::kCardsAtOnce queries: a finding keeps its issuer only if
  // everything holds.
  absl::Status JudgeCards(std::span<const CardValidationQuery> queries, absl::Time now,
                          std::span<jpki::CardFinding> findings) const;
  absl::StatusOr<CardValidationResult> Judge(const CardValidationQuery& query) const;
  absl::StatusOr<CardValidationResult> JudgeAgain(person::CardRecord card,
                                                  revocation::RevocationMode mode,
                                                  absl::Time deadline) const;
  // Runs `judge` between the observer's two calls.
  template <typename F>
  absl::StatusOr<CardValidationResult> Observed(F judge) const;
  // To the findings that have an issuer.
  void AddRevocations(std::span<const CardValidationQuery> queries, absl::Time now,
                      std::span<jpki::CardFinding> findings) const;
  void AddRevocation(const CardValidationQuery& query, const revocation::CrlQuery& crl_query,
                     const pki::RevocationFinding& crl, jpki::CardFinding& finding) const;
  // What the verdict's revocation makes of it.
  void JudgeRevocation(revocation::RevocationMode mode, pki::Verdict& verdict) const;
  void DecideRevocations(std::span<const CardValidationQuery> queries, absl::Time now,
                         std::span<jpki::CardFinding> findings,
                         std::span<CardDecision> decisions) const;
  void Tell(const pki::Verdict& verdict) const;

  Dependencies dependencies_;
};

}  // namespace musubi::prelink

#endif  // MUSUBI_LIB_PRELINK_CERTIFICATE_VALIDATION_H_
