// ParseCrl on any octets: no crash, no read beyond the end, and of what it takes every entry is
// found again. OpenSSL takes it too, and reads the same; so it does for lists of all forms.
#include <cstddef>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/pki/crl.h"
#include "tests/fuzz/openssl_agreement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  const pki::CrlParseResult parsed = pki::ParseCrl(base::Bytes(data, data + size));
  MUSUBI_CHECK(parsed.crl.has_value() == (parsed.outcome == pki::CrlOutcome::kUsable),
               "a CRL is there if and only if it is usable");
  const pki::CrlParseResult of_any_form =
      pki::ParseCrl(base::Bytes(data, data + size), pki::CrlForms::kAll);
  MUSUBI_CHECK(of_any_form.crl.has_value() || !parsed.crl, "any form is more than one");
  if (of_any_form.crl) fuzz::CheckCrlAgainstOpenSsl(*of_any_form.crl);
  if (!parsed.crl) return 0;
  const pki::Crl& crl = *parsed.crl;
  MUSUBI_CHECK(crl.der().size() == size, "a CRL is its whole input");
  for (const pki::CrlEntry& entry : crl.entries()) {
    MUSUBI_CHECK(crl.Find(entry.serial).has_value(), "an entry is found by its serial");
  }
  if (crl.number()) {
    MUSUBI_CHECK(pki::CompareCrlNumbers(*crl.number(), *crl.number()) == 0,
                 "a number equals itself");
  }
  (void)pki::CheckCrlTime(crl, crl.this_update(), absl::ZeroDuration());
  return 0;
}
