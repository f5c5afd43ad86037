#include "services/musubictl/audit.h"

#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/ed25519.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_checkpoint.h"
#include "lib/link/audit_json.h"
#include "lib/link/audit_reader.h"
#include "lib/prelink/evidence.h"

namespace musubi::services::musubictl {
namespace {

using link::AuditReader;
using link::AuditReport;

absl::Status RequireDatabase(const Flags& flags) {
  if (flags.postgres.empty()) {
    return Require(flags.link_db, "link_db",
                   "the link database's file, or --postgres its conninfo");
  }
  if (flags.link_db.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--link_db and --postgres exclude each other: choose one database");
}

absl::StatusOr<std::unique_ptr<AuditReader>> OpenAudit(const Flags& flags) {
  MUSUBI_RETURN_IF_ERROR(RequireDatabase(flags));
  if (!flags.postgres.empty()) return link::OpenPostgresAudit(flags.postgres);
  return link::OpenSqliteAudit(flags.link_db);
}

absl::StatusOr<std::optional<link::AuditHead>> ExpectedHead(const Flags& flags) {
  if (flags.expected_head.empty()) return std::nullopt;
  return link::AuditHead::Parse(flags.expected_head);
}

// One key a line, since checkpoints outlive a change of the key.
absl::StatusOr<link::CheckpointKeys> LoadCheckpointKeys(const std::string& path) {
  MUSUBI_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path));
  link::CheckpointKeys keys;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto key = prelink::EvidencePublicKey::Parse(line);
    // What the line holds is not repeated: it may be a private key, given by mistake.
    if (!key.ok() || !keys.emplace(key->id, key->key).second) {
      return absl::InvalidArgumentError(
          path +
          ": each line must be an id and a public key, as `musubictl audit public-key` prints it, "
          "and each id must be there once");
    }
  }
  if (keys.empty()) return absl::InvalidArgumentError(path + " has no key");
  return keys;
}

void PrintReport(const AuditReport& report, std::ostream& out) {
  if (!report.ok) {
    out << "audit chain: BROKEN at entry " << report.fault_sequence << " ("
        << link::Name(report.fault) << ")\n";
  } else {
    out << "audit chain: OK\n";
  }
  out << "entries that hold: " << report.count << "\n"
      << "head: " << report.head.ToHex() << "\n"
      << report.what << "\n";
}

void PrintReport(const link::CheckpointReport& report, std::ostream& out) {
  out << (report.ok ? "checkpoints: OK\n" : "checkpoints: BROKEN\n")
      << "checkpoints that hold: " << report.count << "\n";
  if (report.newest.has_value()) {
    out << "newest of them: "
        << absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *report.newest, absl::UTCTimeZone()) << "\n";
  }
  for (const link::CheckpointFinding& finding : report.findings) {
    out << "line " << finding.first_line << " (" << link::Name(finding.fault) << ", "
        << finding.lines << " of this kind): " << finding.what << "\n";
  }
}

}  // namespace

absl::StatusOr<int> PrintAuditHead(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, OpenAudit(flags));
  MUSUBI_ASSIGN_OR_RETURN(const link::AuditHead head, reader->Head(context.clock.Now()));
  context.out << head.ToHex() << "\n";
  return kExitOk;
}

absl::StatusOr<int> VerifyAudit(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const auto expected, ExpectedHead(flags));
  MUSUBI_RETURN_IF_ERROR(RequireDatabase(flags));
  const bool with_checkpoints = !flags.checkpoints.empty();
  if (with_checkpoints == flags.checkpoint_key.empty()) {
    return absl::InvalidArgumentError(
        "--checkpoints, the file that musubid wrote, and --checkpoint_key, the public part of the "
        "key that signed it, are given together or not at all");
  }
  // Without the keyring checkpoints can be compared still, but that is all.
  if (!with_checkpoints || expected.has_value()) {
    MUSUBI_RETURN_IF_ERROR(
        Require(flags.audit_keyring, "audit_keyring", "the audit keyring's file"));
  }
  std::optional<crypto::Keyring> keyring;
  if (!flags.audit_keyring.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(keyring, crypto::Keyring::Load(flags.audit_keyring));
  }
  link::CheckpointKeys keys;
  if (with_checkpoints) {
    MUSUBI_ASSIGN_OR_RETURN(keys, LoadCheckpointKeys(flags.checkpoint_key));
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, OpenAudit(flags));
  bool ok = true;
  if (keyring.has_value()) {
    MUSUBI_ASSIGN_OR_RETURN(const AuditReport report, reader->Verify(*keyring, expected));
    PrintReport(report, context.out);
    ok = report.ok;
  } else {
    context.out << "audit chain: NOT CHECKED, without --audit_keyring\n";
  }
  if (with_checkpoints) {
    MUSUBI_ASSIGN_OR_RETURN(const link::CheckpointReport report,
                            link::VerifyCheckpoints(flags.checkpoints, keys, *reader));
    PrintReport(report, context.out);
    ok = ok && report.ok;
  }
  return ok ? kExitOk : kExitBroken;
}

absl::StatusOr<int> ExportAudit(const Flags& flags, const Context& context) {
  MUSUBI_ASSIGN_OR_RETURN(const auto expected, ExpectedHead(flags));
  MUSUBI_RETURN_IF_ERROR(RequireDatabase(flags));
  MUSUBI_RETURN_IF_ERROR(Require(flags.audit_keyring, "audit_keyring", "the audit keyring's file"));
  MUSUBI_ASSIGN_OR_RETURN(const crypto::Keyring keyring,
                          crypto::Keyring::Load(flags.audit_keyring));
  std::optional<crypto::Ed25519PrivateKey> key;
  if (!flags.signing_key.empty()) {
    MUSUBI_ASSIGN_OR_RETURN(key, crypto::Ed25519PrivateKey::Load(flags.signing_key));
  }
  MUSUBI_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, OpenAudit(flags));
  MUSUBI_ASSIGN_OR_RETURN(const AuditReport report,
                          reader->Verify(keyring, expected, [&](const link::AuditEntry& entry) {
                            context.out << link::EntryAsJson(entry) << "\n";
                          }));
  if (!report.ok) {
    PrintReport(report, context.err);
    return kExitBroken;
  }
  // Only of chains that hold.
  for (const link::ChainHead& chain : report.chains) {
    if (!key.has_value()) break;
    context.out << link::SignCheckpoint(chain, context.clock.Now(), *key).ToJson() << "\n";
  }
  return kExitOk;
}

}  // namespace musubi::services::musubictl
