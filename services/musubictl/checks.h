// The commands about the log of certificate checks (lib/checklog). Read only.
#ifndef MUSUBI_SERVICES_MUSUBICTL_CHECKS_H_
#define MUSUBI_SERVICES_MUSUBICTL_CHECKS_H_

#include "absl/status/statusor.h"
#include "services/musubictl/commands.h"

namespace musubi::services::musubictl {

// `checks verify` and `checks export`: exit codes; an error is kExitError.
absl::StatusOr<int> VerifyChecks(const Flags& flags, const Context& context);
absl::StatusOr<int> ExportChecks(const Flags& flags, const Context& context);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_CHECKS_H_
