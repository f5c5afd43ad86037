// What a musubid needs beside a simulated world: keyrings, relying parties, and the flags that name
// it all. Starts nothing, and chooses no transport.
#ifndef MUSUBI_SANDBOX_STAGE_SERVER_FILES_H_
#define MUSUBI_SANDBOX_STAGE_SERVER_FILES_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "lib/base/secure_random.h"

namespace musubi::sandbox {

// Flags of musubid, by name, without dashes.
using ServerFlags = std::map<std::string, std::string>;

// Two relying parties. The first is that of the demo. The second allows what the first does not:
// REPLACE, VERIFY across devices; and it is configured card first.
inline constexpr char kDemoRelyingParty[] = "demo-university";
inline constexpr char kCardFirstRelyingParty[] = "mihon-library";

// WriteServerFiles makes D/keys/*.keyring and D/relying-parties.json in `directory`, which exists
// and is closed to others, and returns the flags of a server of that world whose stores lie in D
// too. The caller adds how it listens, and --responders.
absl::StatusOr<ServerFlags> WriteServerFiles(const std::string& world_directory,
                                             const std::string& directory,
                                             base::SecureRandom& random);

}  // namespace musubi::sandbox

#endif  // MUSUBI_SANDBOX_STAGE_SERVER_FILES_H_
