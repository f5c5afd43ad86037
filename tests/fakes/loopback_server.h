// A real HTTP server for tests, on 127.0.0.1 and a port that the kernel picks.
#ifndef MUSUBI_TESTS_FAKES_LOOPBACK_SERVER_H_
#define MUSUBI_TESTS_FAKES_LOOPBACK_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "lib/http/http_client.h"

namespace musubi::fakes {

// LoopbackServer answers every request by its handler, on threads of its own, until it goes.
class LoopbackServer {
 public:
  struct Answer {
    int status_code = 200;
    std::string content_type = "application/octet-stream";
    std::string body = {};
    std::string location = {};  // If not empty, a Location header.
    std::string etag = {};      // If not empty, an ETag header.
  };
  // `request.url` is the path.
  using Handler = std::function<Answer(const http::Request& request)>;

  explicit LoopbackServer(Handler handler);
  ~LoopbackServer();

  // "http://127.0.0.1:PORT", without a slash.
  const std::string& url() const { return url_; }

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
  std::string url_;
};

// UnservedUrl is a URL whose port is taken, but by nobody who listens: connecting is refused.
class UnservedUrl {
 public:
  UnservedUrl();
  ~UnservedUrl();
  UnservedUrl(const UnservedUrl&) = delete;
  UnservedUrl& operator=(const UnservedUrl&) = delete;
  const std::string& url() const { return url_; }

 private:
  int socket_ = -1;
  std::string url_;
};

}  // namespace musubi::fakes

#endif  // MUSUBI_TESTS_FAKES_LOOPBACK_SERVER_H_
