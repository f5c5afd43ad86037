// HttpClient on libcurl: one event thread for all transfers, connections kept alive between them.
#ifndef MUSUBI_LIB_HTTP_CURL_HTTP_CLIENT_H_
#define MUSUBI_LIB_HTTP_CURL_HTTP_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "lib/http/http_client.h"

namespace musubi::http {

// CurlHttpClient owns its thread, and no other: what waits costs a socket at most. The destructor
// does what Stop does, and returns when every `done` has. It must not run in one.
class CurlHttpClient final : public HttpClient {
 public:
  struct Options {
    // A request beyond them waits, within its timeout, until one is free. At 40 ms an answer these
    // are 3000 answers a second, more than a responder gives; and one that hangs leaves as many for
    // the others, and descriptors for the process, which may have 1024.
    int max_connections_per_host = 128;
    int max_connections = 256;
    // Connections that stay open when idle: those of a burst serve the next.
    int max_idle_connections = 128;
    // Time to connect, within the request's timeout.
    absl::Duration connect_timeout = absl::Seconds(2);
  };

  // INTERNAL if libcurl cannot be initialised.
  static absl::StatusOr<std::unique_ptr<CurlHttpClient>> Create(Options options);
  static absl::StatusOr<std::unique_ptr<CurlHttpClient>> Create() { return Create(Options{}); }
  ~CurlHttpClient() override;

  void SendAsync(Request request, Done done) override;

  // Stop makes every request CANCELLED, those that are under way too, for good: they may take
  // minutes otherwise, and the process is about to end. Waits for nothing.
  void Stop();

 private:
  class Loop;
  explicit CurlHttpClient(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace musubi::http

#endif  // MUSUBI_LIB_HTTP_CURL_HTTP_CLIENT_H_
