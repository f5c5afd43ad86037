// Brings the CRLs that scopes.json gives a "url" into its directory, where CrlStore reads them.
// Asks configured locations only: never what a certificate or a CRL names. Puts nothing in force.
#ifndef MUSUBI_LIB_REVOCATION_CRL_FETCHER_H_
#define MUSUBI_LIB_REVOCATION_CRL_FETCHER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "lib/http/http_client.h"
#include "lib/pki/crl_stream.h"
#include "lib/revocation/crl_manifest.h"
#include "lib/revocation/observer.h"

namespace musubi::revocation {

// CrlFetcher replaces a file only by a list that is whole, well-formed and signed by the scope's
// signer, and only at once (rename), so that neither a broken transfer nor a stranger's server
// takes away what a restart would load. Thread-safe.
class CrlFetcher {
 public:
  struct Dependencies {
    http::HttpClient& http;
    Observer& observer;
  };
  struct Options {
    std::string directory;
    Issuers issuers;
    // For one list, to its last octet.
    absl::Duration timeout = absl::Minutes(10);
    size_t max_size = pki::kMaxStreamedCrlSize;
  };

  CrlFetcher(Dependencies dependencies, Options options);

  // Fetch reads the manifest and asks every "url" once, one after the other; what became of each
  // goes to the observer. Returns how many files it replaced, or an error of the manifest;
  // CANCELLED if the HTTP client is at its end, of which the observer hears nothing. It blocks for
  // as long as the servers take: for a thread of its own. Concurrent calls wait for each other.
  absl::StatusOr<size_t> Fetch();

 private:
  // CANCELLED is its only error.
  absl::StatusOr<FetchEvent> FetchOne(const CrlSource& source)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Dependencies dependencies_;
  const Options options_;
  base::Mutex mutex_;  // Held for a whole Fetch.
  // By URL: the ETag of what is in the file.
  std::map<std::string, std::string> etags_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace musubi::revocation

#endif  // MUSUBI_LIB_REVOCATION_CRL_FETCHER_H_
