// Two Names of any octets: no crash, no read beyond the end; what is a common Name OpenSSL takes as
// such, and two are the same for both of us or for none.
#include <cstddef>
#include <cstdint>

#include "lib/base/check.h"
#include "lib/pki/der.h"
#include "lib/pki/name.h"
#include "tests/fuzz/openssl_agreement.h"

// The first Name is the first element, the second is the rest.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace musubi;
  const base::ByteView octets(data, size);
  const auto element = pki::DerReader(octets).Read();
  const base::ByteView a = element ? element->whole : octets;
  const base::ByteView b = octets.subspan(a.size());
  const bool same = pki::SameName(a, b);
  MUSUBI_CHECK(same == pki::SameName(b, a), "sameness has no direction");
  for (const base::ByteView name : {a, b}) {
    MUSUBI_CHECK(pki::IsName(name) || !pki::IsCommonName(name), "a common Name is a Name");
    MUSUBI_CHECK(pki::IsName(name) == pki::SameName(name, name), "a Name is the same as itself");
    if (pki::IsCommonName(name)) fuzz::CheckNameAgainstOpenSsl(name);
  }
  if (pki::IsCommonName(a) && pki::IsCommonName(b)) fuzz::CheckSameNameAgainstOpenSsl(a, b);
  return 0;
}
