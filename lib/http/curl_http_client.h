// HttpClient on libcurl: one event thread for all transfers, connections kept alive between them.
#ifndef MUSUBI_LIB_HTTP_CURL_HTTP_CLIENT_H_
#define MUSUBI_LIB_HTTP_CURL_HTTP_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "lib/http/http_client.h"

namespace musubi::http {

// CurlHttpClient owns its thread; the destructor does what Stop does and waits for the thread and
// for the calls of Send that it ended. None may begin once it has.
class CurlHttpClient final : public HttpClient {
 public:
  struct Options {
    // Connections that stay open when idle: one responder and a spare need few.
    int max_idle_connections = 16;
    // Time to connect, within the request's timeout.
    absl::Duration connect_timeout = absl::Seconds(2);
  };

  // INTERNAL if libcurl cannot be initialised.
  static absl::StatusOr<std::unique_ptr<CurlHttpClient>> Create(Options options);
  static absl::StatusOr<std::unique_ptr<CurlHttpClient>> Create() { return Create(Options{}); }
  ~CurlHttpClient() override;

  absl::StatusOr<Response> Send(const Request& request) override;

  // Stop makes every Send CANCELLED, those that are under way too, for good: their callers may take
  // minutes otherwise, and the process is about to end. Waits for nothing.
  void Stop();

 private:
  class Loop;
  explicit CurlHttpClient(std::unique_ptr<Loop> loop);

  std::unique_ptr<Loop> loop_;
};

}  // namespace musubi::http

#endif  // MUSUBI_LIB_HTTP_CURL_HTTP_CLIENT_H_
