#include "lib/pki/name.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

namespace musubi::pki {
namespace {

struct NameDeleter {
  void operator()(X509_NAME* name) const { X509_NAME_free(name); }
};

std::unique_ptr<X509_NAME, NameDeleter> Parse(base::ByteView der) {
  const uint8_t* at = der.data();
  std::unique_ptr<X509_NAME, NameDeleter> name(
      d2i_X509_NAME(nullptr, &at, static_cast<long>(der.size())));
  if (name == nullptr) ERR_clear_error();
  if (at != der.data() + der.size()) return nullptr;
  return name;
}

}  // namespace

bool SameName(base::ByteView a, base::ByteView b) {
  const auto name_a = Parse(a);
  if (name_a == nullptr) return false;
  if (std::ranges::equal(a, b)) return true;
  const auto name_b = Parse(b);
  return name_b != nullptr && X509_NAME_cmp(name_a.get(), name_b.get()) == 0;
}

}  // namespace musubi::pki
