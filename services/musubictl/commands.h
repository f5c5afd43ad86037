// The operator's commands, apart from the flags of the command line. Each prints what it found and
// returns the process's exit code. Starts no server and changes no store.
#ifndef MUSUBI_SERVICES_MUSUBICTL_COMMANDS_H_
#define MUSUBI_SERVICES_MUSUBICTL_COMMANDS_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/secure_random.h"
#include "services/musubictl/validate.h"

namespace musubi::services::musubictl {

inline constexpr int kExitOk = 0;
inline constexpr int kExitBroken = 1;  // Done, and the answer is no.
inline constexpr int kExitError = 2;   // Could not be done: usage, files, keys.

// The flags that were given; empty if not.
struct Flags {
  std::string link_db;
  std::string audit_keyring;
  std::string expected_head;
  std::string id;
  std::string out;
  std::string key;
  std::string record;
  ValidateFlags validate;
};

struct Context {
  base::SecureRandom& random;
  const base::Clock& clock;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

// What --help prints above the flags.
std::string Usage();

// Run does what `words` say, as in {"audit", "verify"}.
int Run(const std::vector<std::string>& words, const Flags& flags, const Context& context);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_COMMANDS_H_
