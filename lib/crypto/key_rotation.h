// How what a store keeps under one key of a keyring comes to another key while servers run. The
// stores' own parts are in lib/link and lib/person; docs/keys.md has the whole procedure. Knows no
// database.
#ifndef MUSUBI_LIB_CRYPTO_KEY_ROTATION_H_
#define MUSUBI_LIB_CRYPTO_KEY_ROTATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/crypto/keyring.h"

namespace musubi::crypto {

using KeyIds = std::set<std::string, std::less<>>;
KeyIds IdsOf(const Keyring& keyring);

// CheckRegistered holds the keys that a store's table names against those of a process that is
// about to say that something is not there, or to write it. UNAVAILABLE if the table has a key that
// the process lacks (it was not started again with the new keyring, and may not see what others
// wrote), or lacks the active one (it was retired). `keyring` names it, as in "account keyring".
absl::Status CheckRegistered(std::string_view keyring, const KeyIds& registered,
                             const KeyIds& known, std::string_view active);

// How many values of a store need each key.
using KeyCounts = std::map<std::string, int64_t, std::less<>>;

// Rows of one transaction: short enough that no server waits for it for long.
inline constexpr int kRotationBatch = 50;

// KeyedRows is what one store has under one keyring. Not thread-safe; several objects, and the
// servers' stores, may work on one database. Errors of every method: those of the store, and
// DATA_LOSS if a value does not open.
class KeyedRows {
 public:
  struct Batch {
    int64_t moved = 0;  // Values.
    bool last = false;  // Of this pass over the rows.
  };

  virtual ~KeyedRows() = default;

  virtual absl::StatusOr<KeyCounts> Count() = 0;
  // MoveBatch takes the next rows that are not under the active key to it, in one transaction: all
  // or none. A row that somebody else writes at the moment is left for the next pass. After the
  // last batch it begins anew. FAILED_PRECONDITION if no server has made the key its active one.
  virtual absl::StatusOr<Batch> MoveBatch() = 0;
  // Retire makes servers that would still write under the key refuse to. FAILED_PRECONDITION,
  // with their number, if values need it. OK if it was retired before.
  virtual absl::Status Retire(std::string_view key_id) = 0;
};

// MoveAll passes over the rows until nothing is left that can be moved, and returns how many values
// were. `after_batch` gets their number so far; its error ends the work. Interrupted at any moment,
// it is simply called again.
absl::StatusOr<int64_t> MoveAll(KeyedRows& rows,
                                const std::function<absl::Status(int64_t moved)>& after_batch);

// FAILED_PRECONDITION of Retire and MoveBatch.
absl::Status StillNeeded(std::string_view key_id, int64_t values);
absl::Status NotYetActive(std::string_view key_id);

}  // namespace musubi::crypto

#endif  // MUSUBI_LIB_CRYPTO_KEY_ROTATION_H_
