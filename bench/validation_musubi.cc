#include "bench/validation_musubi.h"

#include <latch>
#include <thread>

#include "bench/allocations.h"
#include "bench/clocks.h"
#include "lib/base/check.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/jpki/card_validator.h"
#include "lib/pki/certificate.h"
#include "lib/pki/trust_store.h"
#include "lib/revocation/crl_store.h"
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
  static absl::StatusOr<std::shared_ptr<Engine>> Create(const Workload& workload) {
    std::shared_ptr<Engine> engine(new Engine(workload));
    MUSUBI_RETURN_IF_ERROR(engine->Load(workload));
    return engine;
  }

  // Chain is everything but proof and revocation.
  bool AcceptsChain(const SignedCard& card) const {
    return validator_->Check(card.certificate, std::nullopt, now_).verdict.valid();
  }
  bool LooksUpGood(const pki::Certificate& certificate) const {
    return crls_->Lookup(certificate, *issuer_, now_).outcome == pki::RevocationOutcome::kGood;
  }
  bool Accepts(const SignedCard& card) const {
    const jpki::CardCheck check = validator_->Check(
        card.certificate,
        jpki::Proof{card.message, card.signature, crypto::SignatureAlgorithm::kRsaPkcs1Sha256},
        now_);
    if (!check.path || check.verdict.possession != pki::PossessionOutcome::kProven) return false;
    return crls_->Lookup(check.path->target(), check.path->issuer(), now_).outcome ==
           pki::RevocationOutcome::kGood;
  }

 private:
  explicit Engine(const Workload& workload)
      : now_(workload.validation_time), clock_(workload.validation_time) {}

  absl::Status Load(const Workload& workload) {
    MUSUBI_ASSIGN_OR_RETURN(issuer_, pki::Certificate::Parse(workload.issuer_certificate));
    MUSUBI_ASSIGN_OR_RETURN(
        const pki::TrustStore anchors,
        pki::TrustStore::Create(
            pki::Environment::kSim,
            {{.id = kAnchor,
              .certificate = *issuer_,
              .sha256 = crypto::Sha256(workload.issuer_certificate),
              .role = pki::AnchorRole::kUserAuthentication,
              .environment = pki::Environment::kSim,
              .not_before_use = issuer_->not_before(),
              .allowed_algorithms = {
                  {crypto::KeyType::kRsa2048, crypto::SignatureAlgorithm::kRsaPkcs1Sha256}}}}));
    using Kind = jpki::CertificateKind;
    MUSUBI_ASSIGN_OR_RETURN(jpki::Hierarchy hierarchy,
                            jpki::Hierarchy::Create(pki::Environment::kSim,
                                                    {{Kind::kUserAuthentication, {"2.999.1.30"}},
                                                     {Kind::kDigitalSignature, {"2.999.1.20"}},
                                                     {Kind::kPhone, {"2.999.1.40"}},
                                                     {Kind::kTest, {"2.999.2.30"}}}));
    MUSUBI_ASSIGN_OR_RETURN(validator_, jpki::CardValidator::Create(anchors, std::move(hierarchy)));
    directory_.Expect(kAnchor, workload.distribution_point, "partition.crl");
    directory_.Write("partition.crl", workload.crl);
    MUSUBI_ASSIGN_OR_RETURN(crls_, revocation::CrlStore::Create(
                                       {clock_, observer_}, {.directory = directory_.path(),
                                                             .issuers = {{kAnchor, *issuer_}}}));
    return absl::OkStatus();
  }

  const absl::Time now_;
  const fakes::SimulatedClock clock_;
  revocation::Observer observer_;
  fakes::CrlDirectory directory_;
  std::optional<pki::Certificate> issuer_;
  std::optional<jpki::CardValidator> validator_;
  std::unique_ptr<revocation::CrlStore> crls_;
};

using Accepts = std::function<bool(const SignedCard&)>;

// OneByOne is a validator that knows no batches.
Validator OneByOne(std::string name, Accepts accepts, std::vector<std::string> does_not_see = {}) {
  return {.name = std::move(name),
          .validate =
              [accepts = std::move(accepts)](std::span<const SignedCard> cards) {
                size_t accepted = 0;
                for (const SignedCard& card : cards) accepted += accepts(card) ? 1 : 0;
                return accepted;
              },
          .does_not_see = std::move(does_not_see)};
}

OurRow CpuRow(Validator validator, const Workload& workload) {
  std::string name = validator.name;
  return {.task = {std::move(name), kMicroseconds, [validator = std::move(validator), &workload] {
                     return MeasureCpu(validator, workload);
                   }}};
}

OurRow NotThereYet(std::string name, std::string unit) {
  return {.task = {std::move(name), std::move(unit), nullptr}, .absent = "not there yet"};
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

// The scalar path as it is, and its steps.
absl::Status AddScalarRows(const Workload& workload, std::vector<OurRow>& rows) {
  MUSUBI_ASSIGN_OR_RETURN(const std::shared_ptr<Engine> engine, Engine::Create(workload));
  const Validator scalar =
      OneByOne("musubi_scalar", [engine](const SignedCard& card) { return engine->Accepts(card); });
  MUSUBI_RETURN_IF_ERROR(SelfCheck(scalar, workload));
  rows.push_back(CpuRow(scalar, workload));

  // Shares: each step for itself, so that they need not add up to the row above.
  rows.push_back(CpuRow(OneByOne("musubi_scalar_share_parse",
                                 [](const SignedCard& card) {
                                   return pki::Certificate::Parse(card.certificate).ok();
                                 }),
                        workload));
  rows.push_back(
      CpuRow(OneByOne("musubi_scalar_share_parse_and_chain",
                      [engine](const SignedCard& card) { return engine->AcceptsChain(card); }),
             workload));
  auto parsed = std::make_shared<std::vector<pki::Certificate>>();
  for (const SignedCard& card : workload.cards) {
    MUSUBI_ASSIGN_OR_RETURN(pki::Certificate certificate,
                            pki::Certificate::Parse(card.certificate));
    parsed->push_back(std::move(certificate));
  }
  rows.push_back(CpuRow({.name = "musubi_scalar_share_look_up",
                         .validate =
                             [engine, parsed](std::span<const SignedCard>) {
                               size_t good = 0;
                               for (const pki::Certificate& certificate : *parsed) {
                                 good += engine->LooksUpGood(certificate) ? 1 : 0;
                               }
                               return good;
                             }},
                        workload));

  rows.push_back(ThreadsRow("musubi_scalar_1_thread", 1, scalar, workload));
  rows.push_back(ThreadsRow("musubi_scalar_2_threads", 2, scalar, workload));
  rows.push_back(AllocationsRow("musubi_scalar_allocations", scalar, workload));
  return absl::OkStatus();
}

// The engine in lanes, filled and with a lone request.
void AddLanesRows(std::vector<OurRow>& rows) {
  rows.push_back(NotThereYet("musubi_lanes", kMicroseconds));
  rows.push_back(NotThereYet("musubi_lanes_lone", kMicroseconds));
  rows.push_back(NotThereYet("musubi_lanes_share_parse", kMicroseconds));
  rows.push_back(NotThereYet("musubi_lanes_share_hash", kMicroseconds));
  rows.push_back(NotThereYet("musubi_lanes_share_signatures", kMicroseconds));
  rows.push_back(NotThereYet("musubi_lanes_share_look_up", kMicroseconds));
  rows.push_back(NotThereYet("musubi_lanes_1_thread", "validations/s"));
  rows.push_back(NotThereYet("musubi_lanes_2_threads", "validations/s"));
  rows.push_back(NotThereYet("musubi_lanes_allocations", "allocations"));
}

// The kernels alone: one signature under a prepared key and one under a fresh key, whose constants
// count.
void AddRawRows(std::vector<OurRow>& rows) {
  rows.push_back(NotThereYet("raw_lanes", kMicroseconds));
  rows.push_back(NotThereYet("raw_scalar", kMicroseconds));
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
  AddLanesRows(rows);
  MUSUBI_RETURN_IF_ERROR(AddScalarRows(workload, rows));
  AddRawRows(rows);
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
