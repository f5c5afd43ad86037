#include "lib/link/sqlite_audit.h"

#include <string>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/status.h"
#include "lib/link/link_rows.h"

namespace musubi::link {
namespace {

using sqlite::Statement;

}  // namespace

absl::StatusOr<AuditHead> LastAuditHead(sqlite::Database& db) {
  Statement query = db.Query("SELECT sequence, mac FROM audit ORDER BY sequence DESC LIMIT 1");
  MUSUBI_ASSIGN_OR_RETURN(const bool found, query.Step());
  if (!found) return AuditHead{};
  return AuditHead{query.Int(0), query.Array<32>(1)};
}

absl::Status AppendFact(sqlite::Database& db, AuditFact fact, const crypto::Keyring& keyring) {
  MUSUBI_ASSIGN_OR_RETURN(const AuditHead head, LastAuditHead(db));
  const AuditEntry entry = AppendTo(head, std::move(fact), keyring);
  return db.Execute(
      "INSERT INTO audit (sequence, at, event, relying_party_id, link_id, session_id, act, flow,"
      " commitment, key_id, previous_mac, mac)"
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
      {entry.sequence, absl::ToUnixMicros(entry.fact.at), static_cast<int>(entry.fact.event),
       entry.fact.relying_party_id, entry.fact.link_id, entry.fact.session_id,
       entry.fact.journey.act, entry.fact.journey.flow, entry.fact.commitment, entry.key_id,
       entry.previous_mac, entry.mac});
}

absl::StatusOr<AuditReport> VerifyStoredChain(sqlite::Database& db, AuditVerifier verifier,
                                              OnAuditEntry on_entry) {
  Statement query =
      db.Query("SELECT " + std::string(kAuditColumns) + " FROM audit ORDER BY sequence");
  while (true) {
    MUSUBI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    const AuditEntry entry = ReadEntry(query);
    if (!verifier.Feed(entry)) break;
    on_entry(entry);
  }
  AuditReport report = verifier.Finish();
  if (report.ok && report.count > 0) report.chains = {{"", report.head}};
  return report;
}

}  // namespace musubi::link
