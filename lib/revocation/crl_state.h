// What must outlive the process, so that a restart forgets nothing: of every scope the highest
// cRLNumber and thisUpdate that were in force, the revocations that later lists no longer had, and
// the file of what the last list listed (see crl_kept_tables.h). One small file, replaced whole.
#ifndef MUSUBI_LIB_REVOCATION_CRL_STATE_H_
#define MUSUBI_LIB_REVOCATION_CRL_STATE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/bytes.h"
#include "lib/revocation/crl_snapshot.h"
#include "lib/revocation/crl_table.h"

namespace musubi::revocation {

// cRLNumbers are counted per key that signs and scope (RFC 5280 section 5.2.3).
using CrlMarkKey = std::pair<CrlScopeKey, base::Hash256>;

struct CrlMark {
  base::Bytes number;  // Content octets, for pki::CompareCrlNumbers.
  absl::Time this_update;
  base::Hash256 identity{};                  // Of the list that had them.
  std::shared_ptr<const CrlTable> vanished;  // Null: none.
  // The kept table of that list. Only where it was the last of the scope, whoever signed.
  std::optional<base::Hash256> kept;
};

using CrlMarks = std::map<CrlMarkKey, CrlMark>;

// ReadCrlState reads what WriteCrlState wrote; a file that is not there holds no marks. DATA_LOSS,
// naming the file and the fix, if it was damaged or is of another make: without it an old CRL
// could not be told from a new one.
absl::StatusOr<CrlMarks> ReadCrlState(const std::string& path);

// WriteCrlState replaces the file; it is on the disk when this returns.
absl::Status WriteCrlState(const std::string& path, const CrlMarks& marks);

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_STATE_H_
