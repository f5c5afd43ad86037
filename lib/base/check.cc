#include "lib/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace musubi::base {

void Die(const char* file, int line, std::string_view condition, std::string_view why) {
  std::fprintf(stderr, "%s:%d: broken invariant: %.*s (%.*s)\n", file, line,
               static_cast<int>(why.size()), why.data(), static_cast<int>(condition.size()),
               condition.data());
  std::abort();
}

}  // namespace musubi::base
