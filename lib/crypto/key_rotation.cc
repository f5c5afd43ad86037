#include "lib/crypto/key_rotation.h"

#include "lib/base/error.h"
#include "lib/base/status.h"

namespace musubi::crypto {

KeyIds IdsOf(const Keyring& keyring) {
  KeyIds ids;
  for (const auto& [id, key] : keyring.all()) ids.insert(id);
  return ids;
}

absl::Status CheckRegistered(std::string_view keyring, const KeyIds& registered,
                             const KeyIds& known, std::string_view active) {
  for (const std::string& id : registered) {
    if (known.contains(id)) continue;
    return base::Error(base::ErrorReason::kUnavailable,
                       "key " + id + " is in use, which this process's " + std::string(keyring) +
                           " lacks: put it back, and start the process again");
  }
  if (registered.contains(active)) return absl::OkStatus();
  return base::Error(base::ErrorReason::kUnavailable,
                     "key " + std::string(active) +
                         " was retired, and is the active one of this "
                         "process's " +
                         std::string(keyring) + ": start it again with the new one in front");
}

absl::StatusOr<int64_t> MoveAll(KeyedRows& rows,
                                const std::function<absl::Status(int64_t moved)>& after_batch) {
  int64_t moved = 0;
  for (int64_t before = -1; moved != before;) {
    before = moved;
    for (bool last = false; !last;) {
      MUSUBI_ASSIGN_OR_RETURN(const KeyedRows::Batch batch, rows.MoveBatch());
      moved += batch.moved;
      last = batch.last;
      MUSUBI_RETURN_IF_ERROR(after_batch(moved));
    }
  }
  return moved;
}

absl::Status StillNeeded(std::string_view key_id, int64_t values) {
  return absl::FailedPreconditionError("key " + std::string(key_id) + " is still needed by " +
                                       std::to_string(values) +
                                       " values: they would be lost with it");
}

absl::Status NotYetActive(std::string_view key_id) {
  return absl::FailedPreconditionError(
      "no musubid uses key " + std::string(key_id) +
      " yet: give all of them the keyring with it behind the first key, then the one with it in "
      "front, each time starting them again");
}

}  // namespace musubi::crypto
