// What the last list of each scope listed, on the disk, so that a newer list which comes while no
// process runs is held against it too. A folder of CrlTables, each in a file that has the SHA-256
// of its octets as its name: which of them count is for the state file to say (crl_state.h). A file
// that the state does not name yet, or no longer, is of no consequence.
#ifndef MUSUBI_LIB_REVOCATION_CRL_KEPT_TABLES_H_
#define MUSUBI_LIB_REVOCATION_CRL_KEPT_TABLES_H_

#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/bytes.h"
#include "lib/revocation/crl_table.h"

namespace musubi::revocation {

// CrlKeptTables is one folder, of one process alone. Not thread-safe.
class CrlKeptTables {
 public:
  // Touches nothing. The folder is made by the first Keep.
  explicit CrlKeptTables(std::string folder) : folder_(std::move(folder)) {}

  // Keep writes the table and returns its name. It holds the table's octets in memory meanwhile.
  absl::StatusOr<base::Hash256> Keep(const CrlTable& table) const;

  // Sync waits until all that was kept is on the disk. Once for many tables: one by one, those of a
  // country's partitions took as long as everything else of a load.
  absl::Status Sync() const;

  // Has tells whether the file is there; not whether it is whole.
  bool Has(const base::Hash256& name) const;

  // Read gives what Keep wrote. DATA_LOSS, naming the file, the rule and the fix, if it is not
  // there or not the same any more.
  absl::StatusOr<std::shared_ptr<const CrlTable>> Read(const base::Hash256& name) const;

  // RemoveOthers removes the files of all other tables. What cannot be removed only takes room.
  void RemoveOthers(const std::set<base::Hash256>& names) const;

 private:
  std::string PathOf(const base::Hash256& name) const;

  const std::string folder_;
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_KEPT_TABLES_H_
