// Plays of cards that are not, or no longer, what a journey takes.
#include "lib/base/status.h"
#include "musubi/v1/validation.grpc.pb.h"
#include "sandbox/misbehave/plays.h"

namespace musubi::sandbox {
namespace {

Play ProveWith(Cast& cast, const std::string& card) {
  MUSUBI_ASSIGN_OR_RETURN(const auto scene,
                          Scene::At(cast, v1::SESSION_STATE_PAIRED, {.card = card}));
  MUSUBI_ASSIGN_OR_RETURN(const v1::SubmitProofRequest proof, scene->Signed());
  return scene->Submit(proof);
}

Play ProveWithNew(Cast& cast, const World::CardOptions& options) {
  MUSUBI_ASSIGN_OR_RETURN(const auto paths, cast.stage().world().IssueCards(options));
  return ProveWith(cast, paths.front());
}

}  // namespace

Play RevokedCard(Cast& cast, RevocationReason reason) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string card, cast.NewCardPath());
  MUSUBI_RETURN_IF_ERROR(cast.stage().world().RevokeCard(card, reason));
  return ProveWith(cast, card);
}

Play ForgedCard(Cast& cast, Forgery forgery) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string card, cast.stage().world().IssueForgedCard(forgery));
  return ProveWith(cast, card);
}

Play CardOfKind(Cast& cast, CardKind kind) { return ProveWithNew(cast, {.kind = kind}); }

Play CardOfGeneration(Cast& cast, const std::string& generation) {
  return ProveWithNew(cast, {.generation = generation});
}

Play PlatformMessage(Cast& cast, const std::string& message) {
  MUSUBI_ASSIGN_OR_RETURN(const auto card, cast.NewCard());
  MUSUBI_ASSIGN_OR_RETURN(const base::Bytes signature, card->Sign("1234", base::AsBytes(message)));
  v1::ValidateCertificateRequest request;
  v1::CertificateQuery& query = *request.mutable_query();
  query.set_certificate(base::ToString(card->ReadCertificate()));
  query.set_revocation_mode(v1::REVOCATION_MODE_OCSP_THEN_CRL);
  query.set_purpose(v1::CHECK_PURPOSE_SERVICE_TEST);
  query.mutable_proof()->set_message(message);
  query.mutable_proof()->set_signature(base::ToString(signature));
  query.mutable_proof()->set_algorithm(v1::SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256);
  return EndWithoutSession(cast.As("platform")
                               .Call<v1::ValidationService>(
                                   &v1::ValidationService::Stub::ValidateCertificate, request, "")
                               .status());
}

}  // namespace musubi::sandbox
