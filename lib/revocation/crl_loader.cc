#include "lib/revocation/crl_loader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "lib/crypto/hash.h"
#include "lib/pki/crl_stream.h"

namespace musubi::revocation {
namespace {

// Read, hashed and parsed while it is in the second-level cache.
constexpr size_t kChunkSize = size_t{256} << 10;
// Octets of the shortest entry: a serial of one octet and a UTCTime.
constexpr size_t kMinEntrySize = 20;

class TableSink final : public pki::CrlEntrySink {
 public:
  void OnHead(absl::Time this_update, size_t entries_size) override {
    builder_.emplace(this_update, entries_size / kMinEntrySize);
  }
  void OnEntry(const pki::CrlEntry& entry) override {
    builder_->Add(entry.serial, {entry.revoked_at, entry.reason});
  }
  std::shared_ptr<const CrlTable> Build() { return builder_->Build(); }

 private:
  std::optional<CrlTable::Builder> builder_;
};

// Feeds the whole file, or what of it comes before a fault. False if it cannot be read.
bool FeedFile(const std::string& path, pki::CrlStream& stream) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  base::Bytes chunk(kChunkSize);
  ssize_t size = 0;
  do {
    size = read(file, chunk.data(), chunk.size());
    if (size < 0 && errno == EINTR) continue;
  } while (size > 0 && stream.Feed(base::ByteView(chunk).first(static_cast<size_t>(size))) ==
                           pki::CrlOutcome::kUsable);
  close(file);
  return size >= 0;
}

}  // namespace

LoadedCrl LoadCrl(const std::string& path, const pki::Certificate& signer) {
  LoadedCrl loaded;
  TableSink sink;
  pki::CrlStream stream(sink);
  if (!FeedFile(path, stream)) return loaded;
  loaded.readable = true;
  loaded.outcome = stream.Finish();
  if (loaded.outcome == pki::CrlOutcome::kUsable) loaded.outcome = stream.CheckSignature(signer);
  if (loaded.outcome != pki::CrlOutcome::kUsable) return loaded;
  loaded.list = stream.list();
  loaded.identity = crypto::Sha256LengthPrefixed({stream.digest(), stream.list().der()});
  loaded.table = sink.Build();
  return loaded;
}

}  // namespace musubi::revocation
