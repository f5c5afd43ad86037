// Whether two views hold the same octets. Not for secrets: see ConstantTimeEqual in bytes.h.
#ifndef MUSUBI_LIB_BASE_SAME_OCTETS_H_
#define MUSUBI_LIB_BASE_SAME_OCTETS_H_

#include <cstring>

#include "lib/base/bytes.h"

namespace musubi::base {

// By memcmp, which std::ranges::equal over spans is not.
inline bool SameOctets(ByteView a, ByteView b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace musubi::base

#endif  // MUSUBI_LIB_BASE_SAME_OCTETS_H_
