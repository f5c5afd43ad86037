#include "lib/revocation/crl_fetcher.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "lib/base/status.h"
#include "lib/revocation/crl_loader.h"

namespace musubi::revocation {
namespace {

// A file beside the one that it may become; removed unless Keep is called.
class NewFile {
 public:
  explicit NewFile(const std::string& path) : path_(path), temporary_(path + ".XXXXXX") {
    file_ = mkostemp(temporary_.data(), O_CLOEXEC);
  }
  ~NewFile() {
    if (file_ < 0) return;
    close(file_);
    if (!kept_) unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  const std::string& temporary() const { return temporary_; }
  bool Write(std::string_view piece) {
    while (!piece.empty()) {
      const ssize_t n = write(file_, piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      piece.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  bool Keep() {
    kept_ = fsync(file_) == 0 && std::rename(temporary_.c_str(), path_.c_str()) == 0;
    return kept_;
  }

 private:
  const std::string path_;
  std::string temporary_;
  int file_ = -1;
  bool kept_ = false;
};

FetchOutcome OutcomeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return FetchOutcome::kTimeout;
    case absl::StatusCode::kResourceExhausted:
      return FetchOutcome::kTooLarge;
    case absl::StatusCode::kAborted:
      return FetchOutcome::kNotWritten;
    default:
      return FetchOutcome::kUnreachable;
  }
}

}  // namespace

CrlFetcher::CrlFetcher(Dependencies dependencies, Options options)
    : dependencies_(dependencies), options_(std::move(options)) {}

absl::StatusOr<size_t> CrlFetcher::Fetch() {
  base::MutexLock lock(mutex_);
  MUSUBI_ASSIGN_OR_RETURN(const std::vector<CrlSource> sources,
                          ReadCrlManifest(options_.directory, options_.issuers));
  size_t fetched = 0;
  for (const CrlSource& source : sources) {
    if (source.url.empty()) continue;
    MUSUBI_ASSIGN_OR_RETURN(const FetchEvent event, FetchOne(source));
    dependencies_.observer.OnFetch(event);
    if (event.outcome == FetchOutcome::kFetched) ++fetched;
  }
  return fetched;
}

absl::StatusOr<FetchEvent> CrlFetcher::FetchOne(const CrlSource& source) {
  FetchEvent event{.anchor = source.anchor, .file = source.file};
  const std::string path = options_.directory + "/" + source.file;
  NewFile file(path);
  http::Request request{.url = source.url,
                        .timeout = options_.timeout,
                        .max_response_size = options_.max_size,
                        .body_sink = [&file](std::string_view piece) { return file.Write(piece); }};
  // Only if the file is still there.
  if (const auto etag = etags_.find(source.url);
      etag != etags_.end() && access(path.c_str(), R_OK) == 0) {
    request.if_none_match = etag->second;
  }
  const auto response = dependencies_.http.Send(request);
  if (absl::IsCancelled(response.status())) return response.status();
  if (!response.ok()) {
    event.outcome = OutcomeOf(response.status());
    return event;
  }
  event.http_status = response->status_code;
  if (response->status_code == 304 && !request.if_none_match.empty()) {
    event.outcome = FetchOutcome::kNotModified;
    return event;
  }
  if (response->status_code != 200) {
    event.outcome = FetchOutcome::kHttpStatus;
    return event;
  }
  const LoadedCrl loaded = LoadCrl(file.temporary(), source.signer);
  event.crl_outcome = loaded.outcome;
  if (!loaded.list) {
    event.outcome = loaded.readable ? FetchOutcome::kRefused : FetchOutcome::kNotWritten;
    return event;
  }
  event.outcome = file.Keep() ? FetchOutcome::kFetched : FetchOutcome::kNotWritten;
  if (event.outcome != FetchOutcome::kFetched || response->etag.empty()) {
    etags_.erase(source.url);
  } else {
    etags_[source.url] = response->etag;
  }
  return event;
}

}  // namespace musubi::revocation
