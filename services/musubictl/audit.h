// The commands about the audit of links (lib/link), in SQLite and in PostgreSQL.
#ifndef MUSUBI_SERVICES_MUSUBICTL_AUDIT_H_
#define MUSUBI_SERVICES_MUSUBICTL_AUDIT_H_

#include "absl/status/statusor.h"
#include "services/musubictl/commands.h"

namespace musubi::services::musubictl {

// `audit head`, `audit verify` and `audit export`: exit codes; an error is kExitError.
absl::StatusOr<int> PrintAuditHead(const Flags& flags, const Context& context);
absl::StatusOr<int> VerifyAudit(const Flags& flags, const Context& context);
absl::StatusOr<int> ExportAudit(const Flags& flags, const Context& context);

}  // namespace musubi::services::musubictl

#endif  // MUSUBI_SERVICES_MUSUBICTL_AUDIT_H_
