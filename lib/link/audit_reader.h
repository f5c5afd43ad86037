// The audit of a link database, for operators: read without the key of accounts, on SQLite and on
// PostgreSQL alike. Changes nothing but the checkpoint that Head leaves in PostgreSQL.
#ifndef MUSUBI_LIB_LINK_AUDIT_READER_H_
#define MUSUBI_LIB_LINK_AUDIT_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/crypto/keyring.h"
#include "lib/link/audit_chain.h"

namespace musubi::link {

// What stands at one place of a chain now, whether it holds or not.
struct AuditPlace {
  int64_t last = 0;                  // Sequence of the chain's last entry; 0: it has none.
  std::optional<base::Hash256> mac;  // Of the entry asked for, unless it is missing.
};

// AuditReader is for one thread at a time.
class AuditReader {
 public:
  virtual ~AuditReader() = default;

  // LinkStore's ExportHead, at `now`.
  virtual absl::StatusOr<AuditHead> Head(absl::Time now) = 0;

  // LinkStore's VerifyChain, with this keyring. `on_entry` gets every entry that holds, chain after
  // chain, one batch in memory at a time.
  virtual absl::StatusOr<AuditReport> Verify(const crypto::Keyring& keyring,
                                             const std::optional<AuditHead>& expected_head,
                                             OnAuditEntry on_entry) = 0;
  absl::StatusOr<AuditReport> Verify(const crypto::Keyring& keyring,
                                     const std::optional<AuditHead>& expected_head) {
    return Verify(keyring, expected_head, [](const AuditEntry&) {});
  }

  // Find needs no key. `relying_party_id` is a chain's, as in ChainHead; a store that has no such
  // chain has nothing there.
  virtual absl::StatusOr<AuditPlace> Find(const std::string& relying_party_id,
                                          int64_t sequence) = 0;
};

// Of a file that exists: NOT_FOUND if it is absent, else as CreateSqliteLinkStore; also
// FAILED_PRECONDITION if its schema is older than this binary's.
absl::StatusOr<std::unique_ptr<AuditReader>> OpenSqliteAudit(const std::string& path);

// With a login of the role musubi_audit. Errors as of CreatePostgresLinkStore.
absl::StatusOr<std::unique_ptr<AuditReader>> OpenPostgresAudit(const std::string& conninfo);

// One question to a reader that is opened for it.
absl::StatusOr<AuditReport> VerifySqliteAudit(const std::string& path,
                                              const crypto::Keyring& keyring,
                                              const std::optional<AuditHead>& expected_head);
absl::StatusOr<AuditReport> VerifyPostgresAudit(const std::string& conninfo,
                                                const crypto::Keyring& keyring,
                                                const std::optional<AuditHead>& expected_head);
absl::StatusOr<AuditHead> ReadSqliteAuditHead(const std::string& path);

}  // namespace musubi::link

#endif  // MUSUBI_LIB_LINK_AUDIT_READER_H_
