// `musubictl keys`: the life of a keyring's keys, from the new one's first line to the old one's
// last. docs/keys.md has the procedure.
#ifndef MUSUBI_SERVICES_MUSUBICTL_KEYS_H_
#define MUSUBI_SERVICES_MUSUBICTL_KEYS_H_

#include "absl/status/statusor.h"
#include "services/musubictl/commands.h"

namespace musubi::services::musubictl {

// AddKey puts a fresh key behind the others of a file, ActivateKey an existing one in front.
absl::StatusOr<int> AddKey(const Flags& flags, const Context& context);
absl::StatusOr<int> ActivateKey(const Flags& flags, const Context& context);

// KeyStatus prints how many values need each key. RotateKeys moves them to the active one, in
// batches, while servers run; kExitBroken if some had to stay. RetireKey takes a key out of store
// and file; kExitBroken, and nothing done, if it is still needed.
absl::StatusOr<int> KeyStatus(const Flags& flags, const Context& context);
absl::StatusOr<int> RotateKeys(const Flags& flags, const Context& context);
absl::StatusOr<int> RetireKey(const Flags& flags, const Context& context);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_KEYS_H_
