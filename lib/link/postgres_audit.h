// Keeps the audit chains (audit_chain.h) in PostgreSQL: one for each relying party, so that those
// of different ones do not wait for each other. Head and checkpoint stand for all of them: the
// head's sequence is the number of entries, its mac the SHA-256 of the chains' heads, which a
// checkpoint keeps. Knows no pool. Internal to lib/link: for postgres_link_store.cc and what it is
// made of.
#ifndef MUSUBI_LIB_LINK_POSTGRES_AUDIT_H_
#define MUSUBI_LIB_LINK_POSTGRES_AUDIT_H_

#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_chain.h"
#include "lib/postgres/connection.h"

namespace musubi::link {

// AppendFacts writes the entries of one transaction to their relying party's chain, all the same
// one's, and keeps others from that chain until the transaction ends: so it comes last in it.
absl::Status AppendFacts(postgres::Connection& db, std::span<const AuditFact> facts,
                         const crypto::Keyring& keyring);

// Checkpoint notes the heads of all chains as they are, and names them.
absl::StatusOr<AuditHead> Checkpoint(postgres::Connection& db, absl::Time now);

// ListStoredHeads: LinkStore's ListHeads.
absl::StatusOr<std::vector<ChainHead>> ListStoredHeads(postgres::Connection& db);

// VerifyChains reads every chain, in a transaction of its own that sees one moment, each batch of
// entries within a deadline of its own.
absl::StatusOr<AuditReport> VerifyChains(postgres::Connection& db, const crypto::Keyring& keyring,
                                         const std::optional<AuditHead>& expected_head,
                                         OnAuditEntry on_entry);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_POSTGRES_AUDIT_H_
