#include "lib/jpki/card_validator.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/pki/certificate.h"
#include "lib/pki/der.h"
#include "lib/pki/name.h"

namespace musubi::jpki {
namespace {

using pki::CertificateView;
using pki::PossessionOutcome;
using pki::VerdictReason;
using pki::VerdictStatus;

constexpr int kTarget = 0;
constexpr int kIssuer = 1;

using crypto::SignatureOutcome;

void Refuse(pki::Verdict& verdict, VerdictReason reason, int cert_index = kTarget) {
  verdict.status = VerdictStatus::kInvalid;
  verdict.reason = reason;
  verdict.cert_index = cert_index;
}

// Of the RelativeDistinguishedNames of a parsed Name.
size_t CountRdns(base::ByteView name) {
  size_t count = 0;
  for (pki::DerReader rdns(pki::DerReader(name).Read()->content); rdns.Read();) ++count;
  return count;
}

// OpenSSL has rules of its own for these, so the slow path judges them.
bool IsSelfIssued(const CertificateView& certificate) {
  return CountRdns(certificate.subject) == CountRdns(certificate.issuer) &&
         pki::SameName(certificate.subject, certificate.issuer);
}

bool IsEc(const CertificateView& certificate) {
  return certificate.key_type == crypto::KeyType::kEcP256 ||
         certificate.key_type == crypto::KeyType::kEcP384;
}

}  // namespace

ProvenCard ProvenCardOf(const pki::ValidatedPath& path) {
  const pki::Certificate& target = path.target();
  return ProvenCard{.issuer_key_hash = crypto::Sha256(path.issuer().spki_der()),
                    .serial = base::ToBytes(target.serial()),
                    .not_after = target.not_after(),
                    .certificate_der = base::ToBytes(target.der()),
                    .name = std::nullopt};
}

absl::Status VerifyOneByOne(std::span<const crypto::SignatureCheck> checks,
                            std::span<SignatureOutcome> outcomes) {
  for (size_t i = 0; i < checks.size(); ++i) {
    const crypto::SignatureCheck& check = checks[i];
    const base::ByteView key = check.key == nullptr ? check.spki_der : check.key->spki_der();
    const bool good = crypto::VerifySignature(check.algorithm, key, check.message, check.signature);
    outcomes[i] = good ? SignatureOutcome::kGood : SignatureOutcome::kBad;
  }
  return absl::OkStatus();
}

absl::StatusOr<CardValidator> CardValidator::Create(const pki::TrustStore& trust_store,
                                                    Hierarchy hierarchy, Options options) {
  if (trust_store.environment() != hierarchy.environment()) {
    return absl::InvalidArgumentError(
        "the anchors are of environment " + std::string(pki::Name(trust_store.environment())) +
        ", the hierarchy of " + std::string(pki::Name(hierarchy.environment())) +
        ": give two files of one environment");
  }
  std::vector<pki::TrustAnchor> anchors;
  for (const pki::TrustAnchor& anchor : trust_store.anchors()) {
    if (anchor.environment == trust_store.environment() &&
        anchor.role == pki::AnchorRole::kUserAuthentication) {
      anchors.push_back(anchor);
    }
  }
  if (anchors.empty()) {
    return absl::InvalidArgumentError(
        "no anchor of environment " + std::string(pki::Name(trust_store.environment())) +
        " has the role user_authentication: no card could be accepted");
  }
  MUSUBI_ASSIGN_OR_RETURN(CardGate gate, CardGate::Create(hierarchy));
  pki::ValidationProfile profile = CardProfile(hierarchy);
  profile.time_rule = options.time_rule;
  MUSUBI_ASSIGN_OR_RETURN(
      PreparedIssuers issuers,
      PreparedIssuers::Create(trust_store, pki::AnchorRole::kUserAuthentication));
  return CardValidator(options, std::move(gate), std::move(issuers),
                       pki::PathValidator(std::move(anchors), std::move(profile)));
}

bool CardValidator::TakesAlgorithm(const Proof& proof, const CertificateView& certificate) const {
  const bool pss = proof.algorithm.scheme == crypto::SignatureScheme::kRsaPss;
  return (!pss || options_.accept_pss_proofs) && certificate.key_type &&
         crypto::Fits(proof.algorithm, *certificate.key_type);
}

// Up to kCardsAtOnce cards on their way through the published order.
class CardValidator::Batch {
 public:
  Batch(const CardValidator& validator, std::span<const CardQuestion> questions,
        std::span<CardFinding> findings, VerifySignatures verify, SlowPathPool* slow_paths)
      : validator_(validator),
        questions_(questions),
        findings_(findings),
        verify_(verify),
        slow_paths_(slow_paths) {}

  absl::Status Run(absl::Time validation_time) {
    // In whole seconds, as in certificates and on the slow path.
    time_ = absl::FromUnixSeconds(absl::ToUnixSeconds(validation_time));
    for (size_t i = 0; i < questions_.size(); ++i) {
      findings_[i] = CardFinding();
      findings_[i].verdict.checked_at = validation_time;
      Open(i);
    }
    MUSUBI_RETURN_IF_ERROR(VerifyAdded());
    for (size_t i = 0; i < questions_.size(); ++i) {
      if (cards_[i].state == State::kFast) CloseFast(i);
      if (cards_[i].state == State::kSlow) MUSUBI_RETURN_IF_ERROR(CloseSlowly(i));
      if (findings_[i].verdict.valid()) AskPossession(i);
    }
    MUSUBI_RETURN_IF_ERROR(VerifyAdded());
    for (size_t i = 0; i < questions_.size(); ++i) {
      if (findings_[i].verdict.valid()) ClosePossession(i);
    }
    return absl::OkStatus();
  }

 private:
  enum class State { kDecided, kFast, kSlow };
  struct Card {
    State state = State::kDecided;
    PreparedIssuers::Candidates candidates;
    const SignatureOutcome* issuer_signature = nullptr;
    const SignatureOutcome* proof = nullptr;
  };

  // Returns where the outcome will be. A card has two checks at most.
  const SignatureOutcome* Add(const crypto::SignatureCheck& check) {
    checks_.push_back(check);
    return &outcomes_[checks_.size() - 1];
  }
  absl::Status VerifyAdded() {
    const size_t from = std::exchange(verified_, checks_.size());
    const auto added = std::span(checks_).subspan(from);
    if (added.empty()) return absl::OkStatus();
    return verify_(added, std::span(outcomes_).subspan(from, added.size()));
  }

  // Size, parse, profile and candidates; and the signatures that the fast path wants.
  void Open(size_t i) {
    CardFinding& finding = findings_[i];
    const CertificateView& certificate = finding.certificate;
    const auto parsed =
        pki::ParseCertificateView(questions_[i].certificate_der, finding.certificate);
    if (!parsed.ok()) {
      finding.verdict.diagnostic = parsed.what;
      return Refuse(finding.verdict, parsed.fault == pki::CertificateFault::kTooLarge
                                         ? VerdictReason::kTooLarge
                                         : VerdictReason::kMalformed);
    }
    const GateFinding gate = validator_.gate_.Check(certificate);
    if (gate.reason) return Refuse(finding.verdict, *gate.reason);
    Card& card = cards_[i];
    card.candidates = validator_.issuers_.Find(certificate);
    if (card.candidates.other_environment) {
      return Refuse(finding.verdict, VerdictReason::kTestHierarchy);
    }
    if (card.candidates.first == nullptr) {
      return Refuse(finding.verdict, VerdictReason::kIssuerUnknown);
    }
    const PreparedIssuer& issuer = *card.candidates.first;
    if (validator_.options_.paths == Paths::kSlowOnly || !issuer.plain || !gate.plain ||
        IsSelfIssued(certificate) || !issuer.Allows(*certificate.signature_algorithm)) {
      card.state = State::kSlow;
      return;
    }
    card.state = State::kFast;
    card.issuer_signature = Add({.algorithm = *certificate.signature_algorithm,
                                 .key = issuer.key.get(),
                                 .message = certificate.tbs,
                                 .signature = certificate.signature});
    if (!IsEc(certificate)) AddProof(i);
  }

  // If there is one that is worth checking.
  void AddProof(size_t i) {
    const auto& proof = questions_[i].proof;
    const CertificateView& certificate = findings_[i].certificate;
    if (!proof || !validator_.TakesAlgorithm(*proof, certificate)) return;
    cards_[i].proof = Add({.algorithm = proof->algorithm,
                           .spki_der = certificate.spki,
                           .message = proof->message,
                           .signature = proof->signature});
  }

  void CloseFast(size_t i) {
    CardFinding& finding = findings_[i];
    pki::Verdict& verdict = finding.verdict;
    Card& card = cards_[i];
    const PreparedIssuer& issuer = *card.candidates.first;
    card.state = State::kDecided;
    if (*card.issuer_signature != SignatureOutcome::kGood) {
      Refuse(verdict, VerdictReason::kBadIssuerSignature);
    } else if (time_ < finding.certificate.not_before) {
      Refuse(verdict, VerdictReason::kNotYetValid);
    } else if (time_ > finding.certificate.not_after) {
      Refuse(verdict, VerdictReason::kExpired);
    } else if (time_ < issuer.valid_from || time_ > issuer.valid_through) {
      Refuse(verdict, issuer.WhyNotAt(time_), kIssuer);
    } else {
      verdict.status = VerdictStatus::kValid;
      finding.issuer = &issuer;
      return;
    }
    // Another issuer may do better.
    if (card.candidates.count > 1) card.state = State::kSlow;
  }

  absl::Status CloseSlowly(size_t i) {
    std::optional<SlowPathPool::Place> place;
    if (slow_paths_ != nullptr) {
      MUSUBI_ASSIGN_OR_RETURN(SlowPathPool::Place taken, slow_paths_->Take());
      place.emplace(std::move(taken));
    }
    CardFinding& finding = findings_[i];
    const auto certificate = pki::Certificate::Parse(questions_[i].certificate_der);
    MUSUBI_CHECK(certificate.ok(), "it was parsed before");
    pki::PathResult result =
        validator_.path_validator_.Validate(*certificate, {}, finding.verdict.checked_at);
    finding.verdict = std::move(result.verdict);
    if (!finding.verdict.valid()) return absl::OkStatus();
    finding.issuer = validator_.issuers_.FindById(result.path->anchor_id);
    MUSUBI_CHECK(finding.issuer != nullptr, "a path ends at an anchor that is not configured");
    return absl::OkStatus();
  }

  // An EC proof costs much, so it waits until everything else holds.
  void AskPossession(size_t i) {
    if (cards_[i].proof == nullptr) AddProof(i);
  }

  void ClosePossession(size_t i) {
    if (!questions_[i].proof) return;
    CardFinding& finding = findings_[i];
    const SignatureOutcome* proof = cards_[i].proof;
    if (proof != nullptr && *proof == SignatureOutcome::kGood) {
      finding.verdict.possession = PossessionOutcome::kProven;
      return;
    }
    Refuse(finding.verdict, proof == nullptr ? VerdictReason::kProofAlgorithmNotAllowed
                                             : VerdictReason::kPossessionFailed);
    finding.verdict.possession = PossessionOutcome::kFailed;
    finding.issuer = nullptr;
  }

  const CardValidator& validator_;
  const std::span<const CardQuestion> questions_;
  const std::span<CardFinding> findings_;
  absl::Time time_;
  // On the stack, and only as much of it as there are cards.
  absl::InlinedVector<Card, kCardsAtOnce> cards_{questions_.size()};
  const VerifySignatures verify_;
  SlowPathPool* const slow_paths_;
  absl::InlinedVector<crypto::SignatureCheck, 2 * kCardsAtOnce> checks_;
  std::array<SignatureOutcome, 2 * kCardsAtOnce> outcomes_;
  size_t verified_ = 0;
};

absl::Status CardValidator::CheckBatch(std::span<const CardQuestion> questions,
                                       absl::Time validation_time, std::span<CardFinding> findings,
                                       VerifySignatures verify) const {
  return CheckBatch(questions, validation_time, findings, verify, options_.slow_paths);
}

absl::Status CardValidator::CheckBatch(std::span<const CardQuestion> questions,
                                       absl::Time validation_time, std::span<CardFinding> findings,
                                       VerifySignatures verify, SlowPathPool* slow_paths) const {
  MUSUBI_CHECK(questions.size() == findings.size(), "every question has a place for its finding");
  for (size_t from = 0; from < questions.size(); from += kCardsAtOnce) {
    const size_t count = std::min(kCardsAtOnce, questions.size() - from);
    const absl::Status status = Batch(*this, questions.subspan(from, count),
                                      findings.subspan(from, count), verify, slow_paths)
                                    .Run(validation_time);
    if (status.ok()) continue;
    std::ranges::fill(findings, CardFinding());
    return status;
  }
  return absl::OkStatus();
}

CardCheck CardValidator::Check(base::ByteView certificate_der, const std::optional<Proof>& proof,
                               absl::Time validation_time) const {
  const CardQuestion question{certificate_der, proof};
  CardFinding finding;
  MUSUBI_CHECK(
      CheckBatch({&question, 1}, validation_time, {&finding, 1}, VerifyOneByOne, nullptr).ok(),
      "checking one by one without a pool cannot fail");
  CardCheck check{std::move(finding.verdict), std::nullopt};
  if (finding.issuer == nullptr) return check;
  auto certificate = pki::Certificate::Parse(certificate_der);
  MUSUBI_CHECK(certificate.ok(), "it was parsed before");
  check.path = pki::ValidatedPath{{*std::move(certificate), finding.issuer->anchor.certificate},
                                  finding.issuer->anchor.id};
  return check;
}

}  // namespace musubi::jpki
