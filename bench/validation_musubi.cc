#include "bench/validation_musubi.h"

#include <algorithm>
#include <array>
#include <latch>
#include <span>
#include <thread>

#include "absl/container/inlined_vector.h"
#include "bench/allocations.h"
#include "bench/clocks.h"
#include "bench/raw_signature.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/crypto/message_digest.h"
#include "lib/crypto/signature_batcher.h"
#include "lib/crypto/signature_verifier.h"
#include "lib/jpki/card_validator.h"
#include "lib/jpki/gate.h"
#include "lib/jpki/prepared_issuers.h"
#include "lib/pki/certificate.h"
#include "lib/pki/trust_store.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/revocation/crl_store.h"
#include "lib/revocation/revocation_checker.h"
#include "sandbox/private_key.h"
#include "tests/fakes/crl_directory.h"
#include "tests/fakes/simulated_clock.h"

namespace musubi::bench {
namespace {

constexpr char kAnchor[] = "auth-03";
constexpr char kMicroseconds[] = "us";

// Engine is what musubid builds for one anchor and one CRL partition. Thread-safe once created.
class Engine {
 public:
  static absl::StatusOr<std::shared_ptr<Engine>> Create(const Workload& workload,
                                                        crypto::SignatureDispatch dispatch) {
    std::shared_ptr<Engine> engine(new Engine(workload));
    MUSUBI_RETURN_IF_ERROR(engine->Load(workload));
    MUSUBI_RETURN_IF_ERROR(engine->Join(dispatch));
    return engine;
  }

  // How many of the cards it accepts, `at_once` of them in one call.
  size_t Accept(std::span<const SignedCard> cards, size_t at_once) const {
    std::array<prelink::CardValidationQuery, kAtOnce> queries;
    std::array<pki::Verdict, kAtOnce> verdicts;
    size_t accepted = 0;
    for (; !cards.empty(); cards = cards.subspan(std::min(at_once, cards.size()))) {
      const size_t count = std::min(at_once, cards.size());
      for (size_t i = 0; i < count; ++i) {
        queries[i] = {.certificate_der = cards[i].certificate,
                      .proof = jpki::Proof{cards[i].message, cards[i].signature, kAlgorithm},
                      .revocation_mode = revocation::RevocationMode::kCrlOnly,
                      .deadline = now_ + absl::Seconds(1)};
      }
      const auto some = std::span(verdicts).first(count);
      if (!validation_->ValidateMany(std::span(queries).first(count), some).ok()) return 0;
      for (const pki::Verdict& verdict : some) {
        accepted += verdict.valid() && verdict.possession == pki::PossessionOutcome::kProven;
      }
    }
    return accepted;
  }

  // The steps by themselves, each over parsed certificates but the first.
  bool PassesGate(const pki::CertificateView& card) const {
    return gate_->Check(card).plain && issuers_->Find(card).first != nullptr;
  }
  size_t LookUpGood(std::span<const pki::CertificateView> parsed) const {
    const base::Hash256& key_hash = issuers_->FindById(kAnchor)->key_hash;
    std::array<pki::RevocationFinding, jpki::kCardsAtOnce> findings;
    size_t good = 0;
    for (size_t from = 0; from < parsed.size(); from += jpki::kCardsAtOnce) {
      absl::InlinedVector<revocation::CrlQuery, jpki::kCardsAtOnce> queries;
      for (size_t i = from; i < std::min(parsed.size(), from + jpki::kCardsAtOnce); ++i) {
        queries.push_back({key_hash, parsed[i], now_});
      }
      const auto some = std::span(findings).first(queries.size());
      crls_->Lookup(queries, now_, some);
      for (const pki::RevocationFinding& finding : some) {
        good += finding.outcome == pki::RevocationOutcome::kGood;
      }
    }
    return good;
  }
  // Signatures of the issuer and of the card, over hashes that were made before.
  struct Hashes {
    base::Hash256 certificate;
    base::Hash256 message;
  };
  size_t VerifyGood(std::span<const SignedCard> cards, std::span<const pki::CertificateView> parsed,
                    std::span<const Hashes> hashes) const {
    std::array<crypto::SignatureCheck, 2 * jpki::kCardsAtOnce> checks;
    std::array<crypto::SignatureOutcome, 2 * jpki::kCardsAtOnce> outcomes;
    const crypto::PreparedKey* key = issuers_->FindById(kAnchor)->key.get();
    size_t good = 0;
    for (size_t from = 0; from < cards.size(); from += jpki::kCardsAtOnce) {
      size_t count = 0;
      for (size_t i = from; i < std::min(cards.size(), from + jpki::kCardsAtOnce); ++i) {
        checks[count++] = {.algorithm = kAlgorithm,
                           .key = key,
                           .digest = hashes[i].certificate,
                           .signature = parsed[i].signature};
        checks[count++] = {.algorithm = kAlgorithm,
                           .spki_der = parsed[i].spki,
                           .digest = hashes[i].message,
                           .signature = cards[i].signature};
      }
      const auto some = std::span(outcomes).first(count);
      if (!verifier_->Verify(std::span(checks).first(count), some).ok()) return 0;
      for (size_t i = 0; i < count; i += 2) {
        good += some[i] == crypto::SignatureOutcome::kGood &&
                some[i + 1] == crypto::SignatureOutcome::kGood;
      }
    }
    return good;
  }

  // As many as ValidateMany judges together.
  static constexpr size_t kAtOnce = jpki::kCardsAtOnce;

 private:
  static constexpr auto kAlgorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256;

  explicit Engine(const Workload& workload)
      : now_(workload.validation_time), clock_(workload.validation_time) {}

  absl::Status Load(const Workload& workload) {
    MUSUBI_ASSIGN_OR_RETURN(const pki::Certificate issuer,
                            pki::Certificate::Parse(workload.issuer_certificate));
    MUSUBI_ASSIGN_OR_RETURN(
        const pki::TrustStore anchors,
        pki::TrustStore::Create(
            pki::Environment::kSim,
            {{.id = kAnchor,
              .certificate = issuer,
              .sha256 = crypto::Sha256(workload.issuer_certificate),
              .role = pki::AnchorRole::kUserAuthentication,
              .environment = pki::Environment::kSim,
              .not_before_use = issuer.not_before(),
              .allowed_algorithms = {{crypto::KeyType::kRsa2048, kAlgorithm}}}}));
    using Kind = jpki::CertificateKind;
    MUSUBI_ASSIGN_OR_RETURN(jpki::Hierarchy hierarchy,
                            jpki::Hierarchy::Create(pki::Environment::kSim,
                                                    {{Kind::kUserAuthentication, {"2.999.1.30"}},
                                                     {Kind::kDigitalSignature, {"2.999.1.20"}},
                                                     {Kind::kPhone, {"2.999.1.40"}},
                                                     {Kind::kTest, {"2.999.2.30"}}}));
    MUSUBI_ASSIGN_OR_RETURN(gate_, jpki::CardGate::Create(hierarchy));
    MUSUBI_ASSIGN_OR_RETURN(
        issuers_, jpki::PreparedIssuers::Create(anchors, pki::AnchorRole::kUserAuthentication));
    MUSUBI_ASSIGN_OR_RETURN(validator_, jpki::CardValidator::Create(anchors, std::move(hierarchy)));
    directory_.Expect(kAnchor, workload.distribution_point, "partition.crl");
    directory_.Write("partition.crl", workload.crl);
    MUSUBI_ASSIGN_OR_RETURN(
        crls_, revocation::CrlStore::Create({clock_, observer_}, {.directory = directory_.path(),
                                                                  .issuers = {{kAnchor, issuer}}}));
    MUSUBI_ASSIGN_OR_RETURN(
        checker_, revocation::RevocationChecker::Create({clock_, crls_.get(), nullptr, observer_}));
    return absl::OkStatus();
  }

  absl::Status Join(crypto::SignatureDispatch dispatch) {
    MUSUBI_ASSIGN_OR_RETURN(verifier_, crypto::SignatureVerifier::Create({.dispatch = dispatch}));
    batches_.emplace(*verifier_);
    MUSUBI_ASSIGN_OR_RETURN(signatures_, crypto::SignatureBatcher::Create(*batches_, clock_, {}));
    validation_.emplace(
        prelink::CertificateValidation::Dependencies{.clock = clock_,
                                                     .card_validator = *validator_,
                                                     .revocation_checker = *checker_,
                                                     .signatures = signatures_.get()});
    return absl::OkStatus();
  }

  const absl::Time now_;
  const fakes::SimulatedClock clock_;
  revocation::Observer observer_;
  fakes::CrlDirectory directory_;
  std::optional<jpki::CardGate> gate_;
  std::optional<jpki::PreparedIssuers> issuers_;
  std::optional<jpki::CardValidator> validator_;
  std::unique_ptr<revocation::CrlStore> crls_;
  std::unique_ptr<revocation::RevocationChecker> checker_;
  std::unique_ptr<crypto::SignatureVerifier> verifier_;
  std::optional<crypto::PlainBatchVerifier> batches_;
  std::unique_ptr<crypto::SignatureBatcher> signatures_;
  std::optional<prelink::CertificateValidation> validation_;
};

// A validator that gets the cards `at_once` at a time.
Validator Whole(std::string name, std::shared_ptr<const Engine> engine, size_t at_once) {
  return {.name = std::move(name),
          .validate = [engine = std::move(engine), at_once](std::span<const SignedCard> cards) {
            return engine->Accept(cards, at_once);
          }};
}

OurRow CpuRow(Validator validator, const Workload& workload) {
  std::string name = validator.name;
  return {.task = {std::move(name), kMicroseconds, [validator = std::move(validator), &workload] {
                     return MeasureCpu(validator, workload);
                   }}};
}

// Validations a second of `threads` threads that each validate all cards, by the steady clock, from
// the moment when all have begun.
OurRow ThreadsRow(std::string name, size_t threads, const Validator& validator,
                  const Workload& workload) {
  return {.task = {std::move(name), "validations/s",
                   [threads, validator, &workload]() -> absl::StatusOr<double> {
                     std::latch begin(static_cast<ptrdiff_t>(threads + 1));
                     std::vector<size_t> accepted(threads);
                     std::vector<std::thread> running;
                     for (size_t i = 0; i < threads; ++i) {
                       running.emplace_back([&, i] {
                         begin.arrive_and_wait();
                         accepted[i] = validator.validate(workload.cards);
                       });
                     }
                     begin.arrive_and_wait();
                     const absl::Duration from = SteadyTime();
                     for (std::thread& thread : running) thread.join();
                     const absl::Duration took = SteadyTime() - from;
                     for (const size_t count : accepted) {
                       if (count != workload.cards.size()) {
                         return absl::InternalError("refuses good cards");
                       }
                     }
                     return static_cast<double>(threads * workload.cards.size()) /
                            absl::ToDoubleSeconds(took);
                   }}};
}

// Heap allocations a validation, of operator new and of OpenSSL together.
OurRow AllocationsRow(std::string name, const Validator& validator, const Workload& workload) {
  return {.task = {std::move(name), "allocations", [validator, &workload] {
                     const Allocations before = AllocationsOfThread();
                     validator.validate(workload.cards);
                     const Allocations after = AllocationsOfThread();
                     return static_cast<double>(after.by_new - before.by_new + after.by_openssl -
                                                before.by_openssl) /
                            static_cast<double>(workload.cards.size());
                   }}};
}

// The whole, on `threads` threads too, and what it allocates.
absl::Status AddRows(const Validator& validator, const Workload& workload,
                     std::vector<OurRow>& rows) {
  MUSUBI_RETURN_IF_ERROR(SelfCheck(validator, workload));
  rows.push_back(CpuRow(validator, workload));
  rows.push_back(ThreadsRow(validator.name + "_1_thread", 1, validator, workload));
  rows.push_back(ThreadsRow(validator.name + "_2_threads", 2, validator, workload));
  rows.push_back(AllocationsRow(validator.name + "_allocations", validator, workload));
  return absl::OkStatus();
}

// Shares: each step for itself, on what the steps before it found; they need not add up.
void AddShareRows(std::shared_ptr<const Engine> engine, const Workload& workload,
                  std::vector<OurRow>& rows) {
  struct Before {
    std::vector<pki::CertificateView> parsed;
    std::vector<Engine::Hashes> hashes;
  };
  auto before = std::make_shared<Before>();
  before->parsed.resize(workload.cards.size());
  before->hashes.resize(workload.cards.size());
  auto hash = [before](const SignedCard& card, size_t i) {
    before->hashes[i] = {crypto::Sha256(before->parsed[i].tbs), crypto::Sha256(card.message)};
  };
  for (size_t i = 0; i < workload.cards.size(); ++i) {
    MUSUBI_CHECK(pki::ParseCertificateView(workload.cards[i].certificate, before->parsed[i]).ok(),
                 "the workload holds good certificates");
    hash(workload.cards[i], i);
  }
  auto each = [&](std::string name, auto step) {
    rows.push_back(CpuRow({.name = std::move(name),
                           .validate =
                               [step](std::span<const SignedCard> cards) {
                                 size_t good = 0;
                                 for (size_t i = 0; i < cards.size(); ++i) {
                                   good += step(cards[i], i) ? 1 : 0;
                                 }
                                 return good;
                               }},
                          workload));
  };
  each("musubi_lanes_share_parse", [](const SignedCard& card, size_t) {
    pki::CertificateView view;
    return pki::ParseCertificateView(card.certificate, view).ok();
  });
  each("musubi_lanes_share_gate", [engine, before](const SignedCard&, size_t i) {
    return engine->PassesGate(before->parsed[i]);
  });
  each("musubi_lanes_share_hash", [before](const SignedCard& card, size_t i) {
    const auto hashed = crypto::DigestOf(crypto::SignatureHash::kSha256, {before->parsed[i].tbs});
    const auto message = crypto::DigestOf(crypto::SignatureHash::kSha256, {card.message});
    return hashed.size == message.size;
  });
  rows.push_back(CpuRow({.name = "musubi_lanes_share_signatures",
                         .validate =
                             [engine, before](std::span<const SignedCard> cards) {
                               return engine->VerifyGood(cards, before->parsed, before->hashes);
                             }},
                        workload));
  rows.push_back(CpuRow(
      {.name = "musubi_lanes_share_look_up",
       .validate = [engine, before](
                       std::span<const SignedCard>) { return engine->LookUpGood(before->parsed); }},
      workload));
}

// The engine in lanes, filled and with a lone request.
absl::Status AddLanesRows(const Workload& workload, std::vector<OurRow>& rows) {
  if (!HasRawLanes()) {
    for (const char* name : {"musubi_lanes", "musubi_lanes_lone", "raw_lanes"}) {
      rows.push_back(
          {.task = {name, kMicroseconds, nullptr}, .absent = "no AVX-512 IFMA on this processor"});
    }
    return absl::OkStatus();
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine,
                          Engine::Create(workload, crypto::SignatureDispatch::kAuto));
  MUSUBI_RETURN_IF_ERROR(AddRows(Whole("musubi_lanes", engine, Engine::kAtOnce), workload, rows));
  const Validator lone = Whole("musubi_lanes_lone", engine, 1);
  MUSUBI_RETURN_IF_ERROR(SelfCheck(lone, workload));
  rows.push_back(CpuRow(lone, workload));
  AddShareRows(engine, workload, rows);
  rows.push_back({.task = {"raw_lanes", kMicroseconds, [] { return RawLanesMicroseconds(); }}});
  return absl::OkStatus();
}

absl::Status AddScalarRows(const Workload& workload, std::vector<OurRow>& rows) {
  MUSUBI_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine,
                          Engine::Create(workload, crypto::SignatureDispatch::kScalar));
  MUSUBI_RETURN_IF_ERROR(AddRows(Whole("musubi_scalar", engine, 1), workload, rows));
  rows.push_back({.task = {"raw_scalar", kMicroseconds, [] { return RawScalarMicroseconds(); }}});
  return absl::OkStatus();
}

// One signature of the card that is planned for 2028, by a key that is in hand as octets.
void AddP384Row(std::vector<OurRow>& rows) {
  constexpr int kChecks = 200;
  const auto key = sandbox::PrivateKey::Generate(sandbox::KeyType::kEcP384);
  const base::Bytes message(256, 'm'), signature = key.Sign(message), spki = key.Public().info;
  rows.push_back(
      {.task = {"p384_signature", "us a signature", [=]() -> absl::StatusOr<double> {
                  const absl::Duration before = ThreadCpuTime();
                  for (int i = 0; i < kChecks; ++i) {
                    if (!crypto::VerifySignature(crypto::SignatureAlgorithm::kEcdsaP384Sha384, spki,
                                                 message, signature)) {
                      return absl::InternalError("refuses a good signature");
                    }
                  }
                  return absl::ToDoubleMicroseconds(ThreadCpuTime() - before) / kChecks;
                }}});
}

}  // namespace

absl::StatusOr<std::vector<OurRow>> MakeOurRows(const Workload& workload) {
  std::vector<OurRow> rows;
  MUSUBI_RETURN_IF_ERROR(AddLanesRows(workload, rows));
  MUSUBI_RETURN_IF_ERROR(AddScalarRows(workload, rows));
  AddP384Row(rows);
  return rows;
}

std::vector<Target> OurTargets() {
  using enum Target::Bound;
  return {
      {.row = "musubi_lanes", .factor = 1.0 / 12, .of = "openssl_crl_once"},
      {.row = "musubi_lanes", .factor = 1.0 / 4, .of = "jdk_cold"},
      {.row = "musubi_lanes", .of = "raw_lanes", .plus = 3.0},
      {.row = "musubi_scalar", .factor = 1.0 / 3, .of = "openssl_crl_once"},
      {.row = "musubi_lanes_lone", .of = "musubi_scalar"},
      {.row = "musubi_lanes_2_threads",
       .bound = kAtLeast,
       .factor = 1.8,
       .of = "musubi_lanes_1_thread"},
      {.row = "musubi_scalar_2_threads",
       .bound = kAtLeast,
       .factor = 1.8,
       .of = "musubi_scalar_1_thread"},
      {.row = "musubi_lanes_allocations", .plus = 0},
      {.row = "musubi_scalar_allocations", .plus = 0},
  };
}

}  // namespace musubi::bench
