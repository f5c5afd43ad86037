// Keeps the audit chain (audit_chain.h) in the link database's table `audit`: appends,
// verifies. Knows neither locks nor transactions. Internal to lib/link: for
// sqlite_link_store.cc and what it is made of.
#ifndef MUSUBI_LIB_LINK_SQLITE_AUDIT_H_
#define MUSUBI_LIB_LINK_SQLITE_AUDIT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_chain.h"
#include "lib/sqlite/database.h"

namespace musubi::link {

// LastAuditHead is the head of an empty chain if there is no entry.
absl::StatusOr<AuditHead> LastAuditHead(sqlite::Database& db);
// AppendFact reads the head and writes the entry after it: both in the caller's transaction.
absl::Status AppendFact(sqlite::Database& db, AuditFact fact, const crypto::Keyring& keyring);
// VerifyStoredChain feeds the whole chain to `verifier`, up to the first fault.
absl::StatusOr<AuditReport> VerifyStoredChain(sqlite::Database& db, AuditVerifier verifier,
                                              OnAuditEntry on_entry);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_SQLITE_AUDIT_H_
