// What names a certificate in the maps of lib/revocation: its issuer's key and its serial.
#ifndef MUSUBI_LIB_REVOCATION_SERIAL_KEY_H_
#define MUSUBI_LIB_REVOCATION_SERIAL_KEY_H_

#include <algorithm>
#include <utility>

#include "lib/base/bytes.h"

namespace musubi::revocation {

// SHA-256 of the issuer's SubjectPublicKeyInfo, and the serial's content octets.
using SerialKey = std::pair<base::Hash256, base::Bytes>;
using SerialKeyView = std::pair<const base::Hash256&, base::ByteView>;

// For a map of SerialKey that is searched by SerialKeyView, without a copy.
struct SerialKeyLess {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    if (a.first != b.first) return a.first < b.first;
    return std::ranges::lexicographical_compare(a.second, b.second);
  }
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_SERIAL_KEY_H_
