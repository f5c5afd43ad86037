#include "lib/revocation/crl_kept_tables.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>
#include <system_error>

#include "lib/base/encoding.h"
#include "lib/base/file.h"
#include "lib/base/status.h"
#include "lib/crypto/hash.h"
#include "lib/revocation/state_lines.h"

namespace musubi::revocation {
namespace {

// What a list may have in memory it may have on the disk.
constexpr size_t kAnySize = std::numeric_limits<size_t>::max();

constexpr size_t kNameSize = 2 * sizeof(base::Hash256);

}  // namespace

std::string CrlKeptTables::PathOf(const base::Hash256& name) const {
  return folder_ + "/" + base::HexEncode(name);
}

absl::StatusOr<base::Hash256> CrlKeptTables::Keep(const CrlTable& table) const {
  if (mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return absl::ErrnoToStatus(errno, base::ToAbsl("cannot make the folder " + folder_));
  }
  const base::Bytes octets = table.Serialize();
  const base::Hash256 name = crypto::Sha256(octets);
  const std::string path = PathOf(name), temporary = path + ".new";
  std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
  file << base::AsText(octets);
  file.close();
  if (!file || rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, base::ToAbsl("cannot write " + path));
  }
  return name;
}

absl::Status CrlKeptTables::Sync() const {
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && syncfs(folder) == 0;
  const int error = errno;
  if (folder >= 0) close(folder);
  if (synced) return absl::OkStatus();
  return absl::ErrnoToStatus(error, base::ToAbsl("cannot sync " + folder_));
}

bool CrlKeptTables::Has(const base::Hash256& name) const {
  return access(PathOf(name).c_str(), F_OK) == 0;
}

absl::StatusOr<std::shared_ptr<const CrlTable>> CrlKeptTables::Read(
    const base::Hash256& name) const {
  const std::string path = PathOf(name);
  const auto octets = base::ReadFile(path, kAnySize);
  if (octets.ok() && crypto::Sha256(base::AsBytes(*octets)) == name) {
    if (auto table = CrlTable::Deserialize(base::AsBytes(*octets))) return table;
  }
  return absl::DataLossError(
      path + (octets.ok() ? ": damaged" : ": missing, or not readable") +
      "; it has what the last CRL of the scope listed, which stays revoked whatever a newer one "
      "leaves out. Put back a copy of it, or load the CRL that was in force last before the newer "
      "one; only if there is neither, and the CA is known to have taken nothing back, move this "
      "folder away, and the state file beside it");
}

void CrlKeptTables::RemoveOthers(const std::set<base::Hash256>& names) const {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    // A temporary file of Keep has its table's name and more.
    const std::string file = at->path().filename().string();
    base::Hash256 name;
    if (!ParseHash(std::string_view(file).substr(0, kNameSize), name)) continue;
    if (file.size() == kNameSize && names.contains(name)) continue;
    std::error_code ignored;
    std::filesystem::remove(at->path(), ignored);
  }
}

}  // namespace musubi::revocation
