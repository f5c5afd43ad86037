// Certificate::Parse on any octets: no crash, no read beyond the end, and what it takes can be
// read, compared and validated. OpenSSL takes it too, and reads the same.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/base/check.h"
#include "lib/pki/certificate.h"
#include "lib/pki/certificate_view.h"
#include "lib/pki/name.h"
#include "lib/pki/openssl_path.h"
#include "lib/pki/path_rules.h"
#include "lib/pki/path_validator.h"
#include "tests/fuzz/openssl_agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  const auto certificate = pki::Certificate::Parse({data, size});
  pki::CertificateView view;
  MUSUBI_CHECK(pki::ParseCertificateView({data, size}, view).ok() == certificate.ok(),
               "one parser");
  if (!certificate.ok()) return 0;
  fuzz::CheckCertificateAgainstOpenSsl(view);
  MUSUBI_CHECK(certificate->der().size() == size, "a certificate is its whole input");
  MUSUBI_CHECK(pki::SameName(certificate->subject_der(), certificate->subject_der()),
               "a name is the same as itself");
  // It is its own anchor, as in a self-signed certificate. No signature of the input will verify,
  // so what comes after signatures is called by itself.
  const pki::TrustAnchor anchor{.id = "self",
                                .certificate = *certificate,
                                .sha256 = {},
                                .role = pki::AnchorRole::kUserAuthentication,
                                .environment = pki::Environment::kSim,
                                .not_before_use = absl::InfinitePast(),
                                .distrust_after = std::nullopt,
                                .allowed_algorithms = {}};
  const pki::PathValidator validator({anchor}, pki::ValidationProfile::Rfc5280());
  const auto result = validator.Validate(*certificate, {}, certificate->not_before());
  MUSUBI_CHECK(!result.verdict.valid(), "the anchor may sign with no algorithm");
  const std::vector<pki::Certificate> path = {*certificate, *certificate, *certificate};
  pki::CheckConformance(*certificate);
  pki::CheckNamesOfPath(path, /*anchor_is_held=*/true);
  pki::OpenSslAnchor(anchor).Validate(path, {.initial_explicit_policy = true});
  return 0;
}
