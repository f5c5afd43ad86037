#include "tests/fakes/loopback_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>
#include <utility>

#include "lib/base/check.h"

namespace musubi::fakes {

class LoopbackServer::Impl {
 public:
  explicit Impl(Handler handler) : handler_(std::move(handler)) {
    auto serve = [this](const httplib::Request& from, httplib::Response& to) {
      http::Request request;
      request.method = from.method == "POST" ? http::Method::kPost : http::Method::kGet;
      request.url = from.path;
      request.content_type = from.get_header_value("Content-Type");
      request.body = from.body;
      request.traceparent = from.get_header_value("traceparent");
      request.if_none_match = from.get_header_value("If-None-Match");
      const Answer answer = handler_(request);
      to.status = answer.status_code;
      if (!answer.location.empty()) to.set_header("Location", answer.location);
      if (!answer.etag.empty()) to.set_header("ETag", answer.etag);
      to.set_content(answer.body, answer.content_type);
    };
    server_.set_tcp_nodelay(true);  // Or the client waits 40 ms for the second write.
    server_.Get(".*", serve);
    server_.Post(".*", serve);
    port_ = server_.bind_to_any_port("127.0.0.1");
    MUSUBI_CHECK(port_ > 0, "no loopback port");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // stop() before the loop has begun would be lost.
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Impl() {
    server_.stop();
    thread_.join();
  }
  int port() const { return port_; }

 private:
  const Handler handler_;
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

LoopbackServer::LoopbackServer(Handler handler)
    : impl_(std::make_unique<Impl>(std::move(handler))),
      url_("http://127.0.0.1:" + std::to_string(impl_->port())) {}
LoopbackServer::~LoopbackServer() = default;

UnservedUrl::UnservedUrl() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  MUSUBI_CHECK(bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                   getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
               "no loopback port");
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}
UnservedUrl::~UnservedUrl() { close(socket_); }

}  // namespace musubi::fakes
