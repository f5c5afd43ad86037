// Death on a broken invariant. Never for input, configuration or the network: those are a Status.
#ifndef MUSUBI_LIB_BASE_CHECK_H_
#define MUSUBI_LIB_BASE_CHECK_H_

#include <string_view>

namespace musubi::base {

// Die prints the place and `why` on standard error and aborts.
[[noreturn]] void Die(const char* file, int line, std::string_view condition, std::string_view why);

}  // namespace musubi::base

#define MUSUBI_CHECK(condition, why)                                            \
  do {                                                                          \
    if (!(condition)) ::musubi::base::Die(__FILE__, __LINE__, #condition, why); \
  } while (false)

#endif  // MUSUBI_LIB_BASE_CHECK_H_
