// CheckOcspResponse on any octets: no crash, no read beyond the end, and nothing that the issuer
// did not sign is an answer. What is well-formed OpenSSL takes too.
#include <cstddef>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/pki/ocsp.h"
#include "tests/fakes/test_ca.h"
#include "tests/fuzz/openssl_agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  // Keys are made anew in each process: no input can hold a signature by them.
  static const fakes::TestCa ca({.key_kind = fakes::KeyKind::kEcP384});
  static const pki::Certificate issuer = ca.certificate();
  static const pki::Certificate target = fakes::ParseCertificate(
      ca.Issue(ca.CardSpec(fakes::TestKey::Get(fakes::KeyKind::kEcP384, 1))));
  static const pki::OcspPolicy policy;
  const pki::OcspResult result =
      pki::CheckOcspResponse({data, size}, target, issuer, {}, policy,
                             absl::FromCivil(absl::CivilDay(2026, 4, 1), absl::UTCTimeZone()));
  MUSUBI_CHECK(result.outcome != pki::OcspOutcome::kUnspecified, "there is always an outcome");
  MUSUBI_CHECK(result.outcome != pki::OcspOutcome::kAnswered && !result.cert_status,
               "nobody but the issuer answers");
  fuzz::CheckOcspAgainstOpenSsl({data, size}, target.serial(), result);
  return 0;
}
