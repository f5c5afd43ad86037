// Asking an HTTP server once. Knows no redirects, no cookies, no proxies and no retries: who asks
// decides what an answer means and whether to ask again.
#ifndef MUSUBI_LIB_HTTP_HTTP_CLIENT_H_
#define MUSUBI_LIB_HTTP_HTTP_CLIENT_H_

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace musubi::http {

enum class Method { kGet, kPost };

struct Request {
  Method method = Method::kGet;
  std::string url = {};           // Absolute, http or https, without user and password.
  std::string content_type = {};  // Of `body`; empty: no Content-Type header.
  std::string body = {};          // POST only.
  std::string traceparent = {};   // Header of W3C Trace Context; empty: none.
  // Header of RFC 9110 section 13.1.2: an ETag as a server sent it, so that an unchanged body is
  // not sent again (status 304). Empty: none.
  std::string if_none_match = {};
  // From now until the last octet of the answer.
  absl::Duration timeout = absl::Seconds(5);
  size_t max_response_size = 64 * 1024;  // Octets of the body.
  // If set, the body of an answer of status 200 goes here piece by piece, for a body too large to
  // be held, and Response::body stays empty. Called on any thread, before the answer is handed on;
  // false ends the request.
  std::function<bool(std::string_view piece)> body_sink = {};
};

struct Response {
  int status_code = 0;  // Any: 404 and 302 are answers too.
  std::string body = {};
  std::string etag = {};  // Header ETag; empty: none.
};

// HttpClient sends requests. Implementations are thread-safe.
class HttpClient {
 public:
  using Done = std::function<void(absl::StatusOr<Response>)>;

  virtual ~HttpClient() = default;

  // AddTrace sets Request::traceparent to that of the calling thread, if the implementation knows
  // one: before a request that another thread is going to send.
  virtual void AddTrace(Request&) const {}

  // SendAsync waits for nothing. `done` is called once: on the client's thread or, before SendAsync
  // returns, on the caller's; under no lock. It must not block, since all other transfers wait for
  // it; it may send, but not end the client. INVALID_ARGUMENT: the request breaks a rule of
  // Request. DEADLINE_EXCEEDED: `timeout` passed. UNAVAILABLE: no connection, or it broke.
  // RESOURCE_EXHAUSTED: the body exceeds `max_response_size`. ABORTED: `body_sink` said so.
  // CANCELLED: the client is at its end; nothing was learned about the server.
  virtual void SendAsync(Request request, Done done) = 0;

  // Send is SendAsync for callers that may block until the whole answer is there. Not for a `done`.
  absl::StatusOr<Response> Send(Request request);
};

// CheckRequest is the part of sending that every implementation shares: INVALID_ARGUMENT unless the
// request keeps the rules of Request, DEADLINE_EXCEEDED if it has no time.
absl::Status CheckRequest(const Request& request);

}  // namespace musubi::http

#endif  // MUSUBI_LIB_HTTP_HTTP_CLIENT_H_
