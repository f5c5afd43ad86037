// The operator's commands, apart from the flags of the command line. Each prints what it found and
// returns the process's exit code. Starts no server; of stores it changes only the schema, by
// `migrate`, and which key values are under, by `keys rotate`.
#ifndef MUSUBI_SERVICES_MUSUBICTL_COMMANDS_H_
#define MUSUBI_SERVICES_MUSUBICTL_COMMANDS_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
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
  std::string person_db;
  std::string postgres;
  std::string audit_keyring;
  std::string expected_head;
  std::string checkpoints;
  std::string checkpoint_key;
  std::string signing_key;
  std::string check_log;
  int64_t first_segment = 1;
  std::string keyring;
  std::string file;
  std::string data_keyring;
  std::string active_since;
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

// INVALID_ARGUMENT, naming the flag and `what` it is, if `value` was not given.
absl::Status Require(const std::string& value, std::string_view flag, std::string_view what);

// What --help prints above the flags.
std::string Usage();

// Run does what `words` say, as in {"audit", "verify"}.
int Run(const std::vector<std::string>& words, const Flags& flags, const Context& context);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_COMMANDS_H_
