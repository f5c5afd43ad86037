#include "bench/load/engine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/bytes.h"
#include "lib/base/status.h"
#include "lib/crypto/signature_batcher.h"
#include "lib/jpki/card_validator.h"
#include "lib/jpki/hierarchy.h"
#include "lib/pki/trust_store.h"
#include "lib/prelink/certificate_validation.h"
#include "lib/revocation/crl_store.h"
#include "lib/revocation/observer.h"
#include "lib/revocation/revocation_checker.h"

namespace musubi::bench {
namespace {

// Questions of other algorithms are not made.
constexpr auto kAlgorithm = crypto::SignatureAlgorithm::kRsaPkcs1Sha256;
// For the network, which no question needs.
constexpr absl::Duration kNetworkTime = absl::Seconds(1);

prelink::CardValidationQuery ToQuery(const v1::LoadQuestion& question, absl::Time deadline) {
  const musubi::v1::CertificateQuery& query = question.query();
  return {.certificate_der = base::AsBytes(query.certificate()),
          .proof = jpki::Proof{base::AsBytes(query.proof().message()),
                               base::AsBytes(query.proof().signature()), kAlgorithm},
          .revocation_mode = static_cast<revocation::RevocationMode>(query.revocation_mode()),
          .deadline = deadline};
}

}  // namespace

struct LoadEngine::Parts {
  explicit Parts(const base::Clock& clock_in) : clock(clock_in) {}

  const base::Clock& clock;
  revocation::Observer observer;
  std::optional<jpki::CardValidator> validator;
  std::unique_ptr<revocation::CrlStore> crls;
  std::unique_ptr<revocation::RevocationChecker> checker;
  std::unique_ptr<crypto::SignatureVerifier> verifier;
  std::optional<crypto::PlainBatchVerifier> batches;
  std::unique_ptr<crypto::SignatureBatcher> signatures;
  std::optional<prelink::CertificateValidation> validation;
};

LoadEngine::LoadEngine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LoadEngine::~LoadEngine() = default;

absl::StatusOr<std::unique_ptr<LoadEngine>> LoadEngine::Create(const base::Clock& clock,
                                                               const std::string& directory,
                                                               crypto::SignatureDispatch dispatch) {
  auto parts = std::make_unique<Parts>(clock);
  const std::string world = directory + "/world";
  MUSUBI_ASSIGN_OR_RETURN(const pki::TrustStore anchors,
                          pki::TrustStore::Load(world + "/anchors.json"));
  MUSUBI_ASSIGN_OR_RETURN(jpki::Hierarchy hierarchy,
                          jpki::Hierarchy::Load(world + "/hierarchy.json"));
  MUSUBI_ASSIGN_OR_RETURN(parts->validator,
                          jpki::CardValidator::Create(anchors, std::move(hierarchy)));
  revocation::Issuers issuers;
  for (const pki::TrustAnchor& anchor : anchors.anchors()) {
    issuers.emplace(anchor.id, anchor.certificate);
  }
  MUSUBI_ASSIGN_OR_RETURN(
      parts->crls, revocation::CrlStore::Create({clock, parts->observer},
                                                {.directory = world + "/crl", .issuers = issuers}));
  MUSUBI_ASSIGN_OR_RETURN(
      parts->checker,
      revocation::RevocationChecker::Create({clock, parts->crls.get(), nullptr, parts->observer}));
  MUSUBI_ASSIGN_OR_RETURN(parts->verifier,
                          crypto::SignatureVerifier::Create({.dispatch = dispatch}));
  parts->batches.emplace(*parts->verifier);
  MUSUBI_ASSIGN_OR_RETURN(parts->signatures,
                          crypto::SignatureBatcher::Create(*parts->batches, clock, {}));
  parts->validation.emplace(
      prelink::CertificateValidation::Dependencies{.clock = clock,
                                                   .card_validator = *parts->validator,
                                                   .revocation_checker = *parts->checker,
                                                   .signatures = parts->signatures.get()});
  return std::unique_ptr<LoadEngine>(new LoadEngine(std::move(parts)));
}

absl::Status LoadEngine::Judge(std::span<const v1::LoadQuestion> questions) const {
  std::array<prelink::CardValidationQuery, jpki::kCardsAtOnce> queries;
  std::array<pki::Verdict, jpki::kCardsAtOnce> verdicts;
  for (size_t from = 0; from < questions.size(); from += queries.size()) {
    const size_t count = std::min(queries.size(), questions.size() - from);
    const absl::Time deadline = parts_->clock.Now() + kNetworkTime;
    for (size_t i = 0; i < count; ++i) queries[i] = ToQuery(questions[from + i], deadline);
    MUSUBI_RETURN_IF_ERROR(parts_->validation->ValidateMany(std::span(queries).first(count),
                                                            std::span(verdicts).first(count)));
    for (size_t i = 0; i < count; ++i) {
      const v1::LoadQuestion& due = questions[from + i];
      const pki::Verdict& verdict = verdicts[i];
      // Numbers are those of musubi.v1.
      if (static_cast<int>(verdict.status) == due.status() &&
          static_cast<int>(verdict.reason) == due.reason()) {
        continue;
      }
      return absl::InternalError(absl::StrCat("question ", from + i, " got ",
                                              base::ToAbsl(pki::Name(verdict.status)), " ",
                                              base::ToAbsl(pki::Name(verdict.reason)), ", due is ",
                                              musubi::v1::VerdictStatus_Name(due.status()), " ",
                                              musubi::v1::VerdictReason_Name(due.reason())));
    }
  }
  return absl::OkStatus();
}

absl::Status LoadEngine::ReloadCrls() { return parts_->crls->Reload(); }

uint64_t LoadEngine::crl_epoch() const { return parts_->crls->snapshot_epoch(); }

bool LoadEngine::uses_lanes() const { return parts_->verifier->uses_lanes(); }

}  // namespace musubi::bench
