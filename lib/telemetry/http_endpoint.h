// A small HTTP server for operators' tools: metrics and health by GET, each path a function. Plain
// HTTP without authentication, so only for what anybody on that network may read. The only user of
// civetweb.
#ifndef MUSUBI_LIB_TELEMETRY_HTTP_ENDPOINT_H_
#define MUSUBI_LIB_TELEMETRY_HTTP_ENDPOINT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace musubi::telemetry {

// HttpEndpoint serves from Create to its destructor, which waits for requests under way.
class HttpEndpoint {
 public:
  struct Answer {
    int status_code = 200;
    std::string content_type;
    std::string body;
  };
  // By path, as in "/metrics". Called from several threads, with GET and HEAD only; other methods
  // are 405, other paths 404.
  using Routes = std::map<std::string, std::function<Answer()>>;

  // `address` is HOST:PORT with a literal address; port 0 takes a free one. UNAVAILABLE, naming
  // it, if it is taken.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Create(const std::string& address,
                                                              Routes routes);
  ~HttpEndpoint();

  int port() const { return port_; }

 private:
  struct Server;
  HttpEndpoint(std::unique_ptr<Server> server, int port);

  const std::unique_ptr<Server> server_;
  const int port_;
};

}  // namespace musubi::telemetry

#endif  // MUSUBI_LIB_TELEMETRY_HTTP_ENDPOINT_H_
