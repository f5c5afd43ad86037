#include "services/musubictl/checks.h"

#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "lib/base/status.h"
#include "lib/checklog/verify.h"
#include "lib/crypto/keyring.h"

namespace musubi::services::musubictl {
namespace {

using checklog::VerifyReport;

absl::StatusOr<VerifyReport> Walk(const Flags& flags,
                                  absl::FunctionRef<void(std::string_view)> on_row) {
  checklog::VerifyOptions options{.first_segment = flags.first_segment};
  if (options.first_segment < 1) {
    return absl::InvalidArgumentError("--first_segment must be at least 1");
  }
  if (!flags.expected_head.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(options.expected_head,
                            checklog::ChainPoint::Parse(flags.expected_head));
  }
  MUSUBI_RETURN_IF_ERROR(Require(flags.check_log, "check_log", "the folder of the check log"));
  MUSUBI_RETURN_IF_ERROR(Require(flags.audit_keyring, "audit_keyring", "the audit keyring's file"));
  MUSUBI_ASSIGN_OR_RETURN(const crypto::Keyring keyring,
                          crypto::Keyring::Load(flags.audit_keyring));
  MUSUBI_ASSIGN_OR_RETURN(const auto segments, checklog::OpenSegmentsToRead(flags.check_log));
  return checklog::VerifySegments(*segments, keyring, options, on_row);
}

void PrintReport(const VerifyReport& report, std::ostream& out) {
  if (report.ok) {
    out << "check log: OK\n";
  } else {
    out << "check log: BROKEN (" << checklog::Name(report.fault) << ")\n";
  }
  out << "rows that hold: " << report.head.rows << "\n"
      << "checks among them: " << report.checks << "\n"
      << "processes that were killed, and may have taken rows along: " << report.broken_runs << "\n"
      << "head: " << report.head.ToText() << "\n"
      << (report.path.empty() ? "" : report.path + ": ") << report.what << "\n";
}

}  // namespace

absl::StatusOr<int> VerifyChecks(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const VerifyReport report, Walk(flags, [](std::string_view) {}));
  PrintReport(report, context.out);
  return report.ok ? kExitOk : kExitBroken;
}

absl::StatusOr<int> ExportChecks(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const VerifyReport report,
                          Walk(flags, [&](std::string_view json) { context.out << json << "\n"; }));
  if (report.ok) return kExitOk;
  PrintReport(report, context.err);
  return kExitBroken;
}

}  // namespace musubi::services::musubictl
